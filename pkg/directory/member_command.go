package directory

import (
	"maps"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// MaxMemberRoles is how many roles the API assigns a member at most.
	MaxMemberRoles = 50
	// InvitationLife is how long an invitation is open.
	InvitationLife = 30 * 24 * time.Hour
	// MaxInvitations is how often one is sent at most.
	MaxInvitations = 100
)

type (
	// NewMembership is what is said of a person who is put into an organization.
	NewMembership struct {
		Organization string            `json:"organization"`
		Roles        []string          `json:"roles,omitempty"` // names
		Metadata     map[string]string `json:"metadata,omitempty"`
		InviterEmail string            `json:"inviter_email,omitempty"`
		// Invite asks the person to come instead of putting it there at once.
		Invite bool `json:"invite,omitempty"`
	}
	// CreateMembership puts a person into an organization.
	CreateMembership struct {
		Person     PersonRef     `json:"person"`
		Membership NewMembership `json:"membership"`
	}
	// UpdateMembership sets what is not empty.
	UpdateMembership struct {
		Organization string            `json:"organization"`
		Person       PersonRef         `json:"person"`
		Roles        []string          `json:"roles,omitempty"` // names, all of them
		Metadata     map[string]string `json:"metadata,omitempty"`
	}
	// ChangeMemberRoles assigns roles, and takes others away that the API had
	// assigned.
	ChangeMemberRoles struct {
		Organization string    `json:"organization"`
		Person       PersonRef `json:"person"`
		Add          []string  `json:"add,omitempty"`
		Remove       []string  `json:"remove,omitempty"`
	}
	// DeleteMembership takes a person out of an organization.
	DeleteMembership struct {
		Organization string    `json:"organization"`
		Person       PersonRef `json:"person"`
		// Cascade ends the person, too, if it is in no other organization.
		Cascade bool `json:"cascade,omitempty"`
	}
	// SendInvitation sends an open invitation again, or AcceptInvitation takes it.
	SendInvitation struct {
		Organization string    `json:"organization"`
		Person       PersonRef `json:"person"`
	}
	// AcceptInvitation says that an invited person has come.
	AcceptInvitation struct {
		Organization string    `json:"organization"`
		Person       PersonRef `json:"person"`
	}
)

func (CreateMembership) name() string  { return "CreateMembership" }
func (UpdateMembership) name() string  { return "UpdateMembership" }
func (ChangeMemberRoles) name() string { return "ChangeMemberRoles" }
func (DeleteMembership) name() string  { return "DeleteMembership" }
func (SendInvitation) name() string    { return "SendInvitation" }
func (AcceptInvitation) name() string  { return "AcceptInvitation" }

// state checks what is said, and returns it as it is kept.
func (n NewMembership) state(d *decision) (s events.MembershipState, err error) {
	if s.Roles, err = roleIDs(d.view, n.Organization, n.Roles); err != nil {
		return s, err
	}
	if n.InviterEmail != "" {
		if err := checkEmail("inviter_email", n.InviterEmail); err != nil {
			return s, err
		}
	}
	s.Metadata, s.InviterEmail = n.Metadata, n.InviterEmail
	if n.Invite {
		s.Invitation = &events.Invitation{Expires: d.stamp.At.Add(InvitationLife), Sent: 1, Last: d.stamp.At}
	}
	return s, checkPairs("metadata", n.Metadata)
}

func (c CreateMembership) decide(d *decision) error {
	org := c.Membership.Organization
	if _, err := organization(d.view, org); err != nil {
		return err
	}
	p, err := d.person(c.Person)
	if err != nil {
		return err
	}
	if _, in, err := MemberOf(d.view, p, org); err != nil {
		return err
	} else if in {
		return fault.New(fault.Conflict, "The user is a member of the organization already.")
	}
	if p.Email != "" {
		if err := addressFree(d.view, org, p.Email, p.ID); err != nil {
			return err
		}
	}
	if len(p.Organizations) >= MaxMemberships {
		return fault.New(fault.FailedPrecondition, "The user is in %d organizations, which is the limit.", len(p.Organizations))
	}
	if err := roomForUser(d.view, org); err != nil {
		return err
	}
	s, err := c.Membership.state(d)
	if err != nil {
		return err
	}
	if err := d.adopt(p); err != nil {
		return err
	}
	d.resource = Make(TablePerson, p.ID)
	return d.about(p, org, events.MembershipCreated{MembershipState: s})
}

func (c UpdateMembership) decide(d *decision) error {
	m, err := d.member(c.Organization, c.Person)
	if err != nil {
		return err
	}
	s := m.said()
	if len(c.Roles) > 0 {
		if s.Roles, err = roleIDs(d.view, c.Organization, c.Roles); err != nil {
			return err
		}
	}
	if len(c.Metadata) > 0 {
		s.Metadata = c.Metadata
	}
	if err := checkPairs("metadata", s.Metadata); err != nil {
		return err
	}
	return d.say(m, s)
}

func (c ChangeMemberRoles) decide(d *decision) error {
	m, err := d.member(c.Organization, c.Person)
	if err != nil {
		return err
	}
	add, err := roleIDs(d.view, c.Organization, c.Add)
	if err != nil {
		return err
	}
	remove, err := roleIDs(d.view, c.Organization, c.Remove)
	if err != nil {
		return err
	}
	s := m.said()
	kept := make([]string, 0, len(s.Roles)+len(add))
	taken := map[string]bool{}
	for _, id := range s.Roles {
		r, ok, err := RoleOf(d.view, id) // as which it counts now
		if err != nil {
			return err
		}
		if ok && slices.Contains(remove, r.ID) {
			taken[r.ID] = true
			continue
		}
		kept = append(kept, id)
	}
	for i, id := range remove {
		if !taken[id] {
			return fault.New(fault.FailedPrecondition, "The role %q is not one that was assigned to the member; a role of a group is taken away with the group.", c.Remove[i])
		}
	}
	for _, id := range add {
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	if len(kept) > MaxMemberRoles {
		return fault.New(fault.Invalid, "The member would have %d roles; at most %d are allowed.", len(kept), MaxMemberRoles)
	}
	s.Roles = kept
	return d.say(m, s)
}

func (c DeleteMembership) decide(d *decision) error {
	m, err := d.member(c.Organization, c.Person)
	if err != nil {
		return err
	}
	d.resource = ""
	p := m.Person
	if part, ok := p.Part(c.Organization); ok {
		return provisioned(part)
	}
	if err := d.leave(p, c.Organization); err != nil || !c.Cascade || len(p.In()) > 1 {
		return err
	}
	return d.about(p, "", events.PersonDeleted{Email: p.Email, ExternalID: p.ExternalID})
}

func (c SendInvitation) decide(d *decision) error {
	m, err := d.invited(c.Organization, c.Person)
	if err != nil {
		return err
	}
	s := m.said()
	if s.Invitation.Sent >= MaxInvitations {
		return fault.New(fault.FailedPrecondition, "The invitation was sent %d times, which is the limit.", s.Invitation.Sent)
	}
	s.Invitation = &events.Invitation{Expires: d.stamp.At.Add(InvitationLife), Sent: s.Invitation.Sent + 1, Last: d.stamp.At}
	return d.say(m, s)
}

func (c AcceptInvitation) decide(d *decision) error {
	m, err := d.invited(c.Organization, c.Person)
	if err != nil {
		return err
	}
	s := m.said()
	if !d.stamp.At.Before(s.Invitation.Expires) {
		return fault.New(fault.FailedPrecondition, "The invitation is out of date; send it again.")
	}
	s.Invitation = nil
	return d.say(m, s)
}

// invited finds a member whose invitation is open.
func (d *decision) invited(org string, r PersonRef) (Member, error) {
	m, err := d.member(org, r)
	if err == nil && m.Status() != MemberInvited {
		err = fault.New(fault.FailedPrecondition, "The user has no open invitation to the organization.")
	}
	return m, err
}

// member finds a person in an organization. Whoever is in another one is nobody
// here.
func (d *decision) member(org string, r PersonRef) (Member, error) {
	if _, err := organization(d.view, org); err != nil {
		return Member{}, err
	}
	p, ok, err := FindPerson(d.view, r.ID, r.Directory)
	if err != nil {
		return Member{}, err
	}
	var m Member
	if ok {
		own := *p
		m, ok, err = MemberOf(d.view, &own, org)
	}
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no user %q in this organization.", r.ID)
	}
	if err == nil {
		d.resource = Make(TablePerson, r.ID)
	}
	return m, err
}

// said returns what the API says of the member.
func (m Member) said() events.MembershipState {
	if m.API == nil {
		return events.MembershipState{}
	}
	return m.API.MembershipState
}

// say changes what the API says of a member. Of one whom a directory put there
// it may be the first word.
func (d *decision) say(m Member, s events.MembershipState) error {
	p := m.Person
	if was := m.said(); slices.Equal(was.Roles, s.Roles) && maps.Equal(was.Metadata, s.Metadata) && was.Invitation == s.Invitation {
		return nil
	}
	if m.API != nil {
		return d.about(p, m.Organization, events.MembershipUpdated{MembershipState: s})
	}
	if len(p.Organizations) >= MaxMemberships {
		return fault.New(fault.FailedPrecondition, "The user is in %d organizations, which is the limit.", len(p.Organizations))
	}
	if err := d.adopt(p); err != nil {
		return err
	}
	return d.about(p, m.Organization, events.MembershipCreated{MembershipState: s, Provisioned: true})
}

// leave takes a person out of an organization.
func (d *decision) leave(p *Person, org string) error {
	m, ok, err := get[*OrgMember](d.view, Make(TableOrgMember, org, p.ID))
	if err != nil || !ok {
		return err
	}
	return d.about(p, org, events.MembershipDeleted{Roles: m.Roles})
}

// roleIDs finds roles that an organization can give, by name, each once.
func roleIDs(v View, org string, names []string) ([]string, error) {
	if len(names) > MaxMemberRoles {
		return nil, fault.New(fault.Invalid, "%d roles are named; at most %d are allowed.", len(names), MaxMemberRoles)
	}
	var ids []string
	for _, name := range names {
		r, ok, err := RoleNamed(v, org, name)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fault.New(fault.NotFound, "There is no role %q.", name)
		}
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

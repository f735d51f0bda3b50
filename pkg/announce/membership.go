package announce

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// membership tells of a person in an organization of whom the API says something
// there. Of the others the events of directory users tell all that there is.
func (t *telling) membership(before, after *directory.OrgMember) error {
	row, view := after, t.view
	if row == nil {
		row, view = before, t.before // shown as it was
	}
	if row == nil || t.later {
		return nil
	}
	id := row.Organization + "/" + row.Person
	was, err := t.told(id)
	if err != nil {
		return err
	}
	p, ok, err := directory.Get[*directory.Person](view, directory.Make(directory.TablePerson, row.Person))
	if err != nil || !ok {
		return err
	}
	m, ok, err := directory.MemberOf(view, p, row.Organization)
	if err != nil || !ok {
		return err
	}
	data, roles, err := Member(view, m)
	if err != nil {
		return err
	}
	about := subject{id: id, organization: row.Organization}
	show := func(v uint64) (any, error) {
		data.Version = v
		return data, nil
	}
	if after == nil {
		data.Membership = public.MemberStanding{Status: directory.MemberInactive, Roles: []public.RoleRef{}}
		if was.Live {
			t.say(about, was, told{}, public.MembershipDeleted, show)
		}
		t.count(row.Organization, was.Roles, nil)
		t.forget(id)
		return nil
	}
	if m.User != nil {
		roles = nil // counted with the directory user
	}
	t.count(row.Organization, was.Roles, roles)
	now := told{live: true, digest: memberDigest(data), roles: roles}
	switch {
	case !was.Live:
		t.say(about, was, now, public.MembershipCreated, show)
	case was.Digest != now.digest:
		t.say(about, was, now, public.MembershipUpdated, show)
	case !slices.Equal(was.Roles, roles):
		same := *was
		same.Roles = roles
		t.changes = append(t.changes, directory.Change{Key: directory.Make(directory.TableAnnounced, id), Row: &same})
	}
	if invited(before, after) {
		t.say(about, t.latest(id, was), now, public.MembershipInvited, show)
	}
	return nil
}

// latest returns what receivers know of a resource with what this event told.
func (t *telling) latest(id string, was *directory.Announced) *directory.Announced {
	k := directory.Make(directory.TableAnnounced, id)
	for _, c := range slices.Backward(t.changes) {
		if a, ok := c.Row.(*directory.Announced); ok && c.Key == k {
			return a
		}
	}
	return was
}

// invited reports whether an invitation was sent.
func invited(before, after *directory.OrgMember) bool {
	if after.Invitation == nil {
		return false
	}
	return before == nil || before.Invitation == nil || after.Invitation.Sent > before.Invitation.Sent
}

// Member returns what receivers see of a member, except for its version, and the
// ids of its roles.
func Member(v directory.View, m directory.Member) (public.OrgMembership, []string, error) {
	out := public.OrgMembership{
		ID:           m.Organization + "/" + m.Person.ID,
		Organization: public.MemberOrg{ID: m.Organization},
		User: public.MemberUser{
			ID: m.Person.ID, Email: m.Person.Email, ExternalID: m.Person.ExternalID, Metadata: m.Person.Metadata, Profile: memberProfile(m.Person.Profile),
		},
		Membership: public.MemberStanding{Status: m.Status(), Roles: []public.RoleRef{}},
	}
	o, ok, err := directory.Get[*directory.Organization](v, directory.Make(directory.TableOrganization, m.Organization))
	if err != nil {
		return out, nil, err
	}
	if ok {
		out.Organization.DisplayName, out.Organization.ExternalID = o.DisplayName, o.ExternalID
	}
	if a := m.API; a != nil {
		out.Membership.Metadata, out.Membership.InviterEmail = a.Metadata, a.InviterEmail
		if a.Invitation != nil {
			out.Membership.ExpiresAt = timeOf(a.Invitation.Expires)
		}
	}
	out.Membership.JoinTime = timeOf(Joined(m))
	roles, err := m.Roles(v)
	if err != nil {
		return out, nil, err
	}
	var ids []string
	for _, r := range roles {
		ids = append(ids, r.ID)
		out.Membership.Roles = append(out.Membership.Roles, public.RoleRef{RoleName: r.Name})
	}
	return out, ids, nil
}

// Joined returns since when a member is there, the zero time for one who was
// invited and has not come.
func Joined(m directory.Member) time.Time {
	var at time.Time
	if m.User != nil {
		at = m.User.Created
	}
	if a := m.API; a != nil && !a.Provisioned && !a.Joined.IsZero() && (at.IsZero() || a.Joined.Before(at)) {
		at = a.Joined
	}
	return at
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func memberProfile(p events.PersonProfile) public.MemberProfile {
	return public.MemberProfile{
		Name: WholeName(p), GivenName: p.GivenName, FamilyName: p.FamilyName, PreferredUsername: p.PreferredUsername, PhoneNumber: p.PhoneNumber, Picture: p.Picture,
		Locale: p.Locale, Gender: p.Gender, Groups: p.Groups, CustomAttributes: p.CustomAttributes, Metadata: p.Metadata,
	}
}

// WholeName is a person's name as it is shown: put together from its parts where
// nobody wrote one.
func WholeName(p events.PersonProfile) string {
	if p.Name != "" {
		return p.Name
	}
	return strings.TrimSpace(p.GivenName + " " + p.FamilyName)
}

// memberDigest covers what makes an event due: not what the organization is
// called, which its own events tell, and not until when an invitation is open.
func memberDigest(m public.OrgMembership) [16]byte {
	var d digest
	p := m.User.Profile
	for _, s := range []string{
		m.User.Email, m.User.ExternalID, p.Name, p.GivenName, p.FamilyName, p.PreferredUsername, p.PhoneNumber, p.Picture, p.Locale, p.Gender,
		m.Membership.Status, m.Membership.InviterEmail,
	} {
		d.add(s)
	}
	for _, r := range m.Membership.Roles {
		d.add(r.RoleName)
	}
	d.add("groups")
	for _, g := range p.Groups {
		d.add(g)
	}
	for _, pairs := range []map[string]string{m.User.Metadata, p.CustomAttributes, p.Metadata, m.Membership.Metadata} {
		d.add("pairs")
		for _, k := range slices.Sorted(maps.Keys(pairs)) {
			d.add(k)
			d.add(pairs[k])
		}
	}
	return d.sum()
}

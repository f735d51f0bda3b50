package directory

import (
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/events"
)

func foldMembershipCreated(f *folding, p events.MembershipCreated) error {
	m := &OrgMember{
		Organization: f.e.Organization, Person: f.e.Resource, Provisioned: p.Provisioned,
		Created: f.e.At, Updated: f.e.At, MembershipState: p.MembershipState,
	}
	if m.Invitation == nil {
		m.Joined = f.e.At
	}
	f.put(Make(TableOrgMember, m.Organization, m.Person), m)
	f.assign(m, nil, m.Roles)
	if err := f.person(m.Person, func(p *Person) {
		p.Revision = f.e.Revision
		p.Organizations = append(slices.Clone(p.Organizations), m.Organization)
		slices.Sort(p.Organizations)
	}); err != nil {
		return err
	}
	what := []string{"membership"}
	if m.Provisioned {
		what = differing(events.MembershipState{}, m.MembershipState)
	}
	return f.trail(m.Person, PersonWrite{Organization: m.Organization, Attributes: what})
}

func foldMembershipUpdated(f *folding, p events.MembershipUpdated) error {
	k := Make(TableOrgMember, f.e.Organization, f.e.Resource)
	old, ok, err := get[*OrgMember](f.view, k)
	if err != nil || !ok {
		return err
	}
	m := *old
	m.Updated, m.MembershipState = f.e.At, p.MembershipState
	if m.Invitation == nil && m.Joined.IsZero() {
		m.Joined = f.e.At
	}
	f.put(k, &m)
	f.assign(&m, old.Roles, m.Roles)
	if err := f.person(m.Person, func(p *Person) { p.Revision = f.e.Revision }); err != nil {
		return err
	}
	return f.trail(m.Person, PersonWrite{Organization: m.Organization, Attributes: differing(old.MembershipState, m.MembershipState)})
}

func foldMembershipDeleted(f *folding) error {
	m, ok, err := get[*OrgMember](f.view, Make(TableOrgMember, f.e.Organization, f.e.Resource))
	if err != nil || !ok {
		return err
	}
	if err := f.trail(m.Person, PersonWrite{Organization: m.Organization, Attributes: []string{"membership"}}); err != nil {
		return err
	}
	if err := f.person(m.Person, func(p *Person) { p.Revision = f.e.Revision }); err != nil {
		return err
	}
	return f.leave(m)
}

// differing names in what two words about a member differ.
func differing(a, b events.MembershipState) (names []string) {
	if !slices.Equal(a.Roles, b.Roles) {
		names = append(names, "membership.roles")
	}
	if !maps.Equal(a.Metadata, b.Metadata) {
		names = append(names, "membership.metadata")
	}
	if a.Invitation != b.Invitation && (a.Invitation == nil || b.Invitation == nil || *a.Invitation != *b.Invitation) {
		names = append(names, "membership.invitation")
	}
	return names
}

// leave ends what the API says of a member.
func (f *folding) leave(m *OrgMember) error {
	f.drop(Make(TableOrgMember, m.Organization, m.Person))
	f.assign(m, m.Roles, nil)
	return f.person(m.Person, func(p *Person) { p.Organizations = without(p.Organizations, m.Organization) })
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(o string) bool { return o == s })
}

// assign keeps the index of the members to whom a role is assigned.
func (f *folding) assign(m *OrgMember, before, after []string) {
	for _, id := range before {
		if !slices.Contains(after, id) {
			f.drop(Make(TableRoleMember, id, m.Organization, m.Person))
		}
	}
	for _, id := range after {
		if !slices.Contains(before, id) {
			f.refer("", Make(TableRoleMember, id, m.Organization, m.Person))
		}
	}
}

// memberKeys returns the keys of a member, and of the user that it is, for a key
// of the tables of members.
func memberKeys(v View, k Key) ([]Key, error) {
	parts := k.parts()
	if len(parts) < 2 {
		return nil, nil
	}
	org, id := parts[len(parts)-2], parts[len(parts)-1]
	keys := []Key{Make(TableOrgMember, org, id)}
	p, ok, err := get[*Person](v, Make(TablePerson, id))
	if err != nil || !ok {
		return keys, err
	}
	if part, is := p.Part(org); is {
		keys = append(keys, Make(TableUser, part.Directory, part.User))
	}
	return keys, nil
}

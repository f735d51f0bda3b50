package api

import (
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/commons"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// userMessage shows a user with its memberships, or with that in one organization
// for a caller who sees no other.
func (c *core) userMessage(v directory.View, p *directory.Person, only string) (*users.User, error) {
	env, err := environmentOf(v)
	if err != nil {
		return nil, err
	}
	f := p.Profile
	m := &users.User{
		Id: p.ID, EnvironmentId: env, CreateTime: stamp(p.Created), UpdateTime: stamp(p.Updated), Email: p.Email, ExternalId: text(p.ExternalID), Metadata: p.Metadata,
		UserProfile: &commons.UserProfile{
			Id: "usp_" + p.ID[len(directory.PrefixPerson):], GivenName: f.GivenName, FamilyName: f.FamilyName, FirstName: f.GivenName, LastName: f.FamilyName,
			Name: announce.WholeName(f), Locale: f.Locale, PhoneNumber: f.PhoneNumber, PreferredUsername: f.PreferredUsername, Picture: f.Picture, Gender: f.Gender,
			Groups: f.Groups, CustomAttributes: f.CustomAttributes, Metadata: f.Metadata,
		},
	}
	for _, org := range p.In() {
		if only != "" && org != only {
			continue
		}
		member, ok, err := directory.MemberOf(v, p, org)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		o, ok, err := directory.Get[*directory.Organization](v, directory.Make(directory.TableOrganization, org))
		if err != nil {
			return nil, err
		}
		if !ok { // deleted, and taken apart step by step
			continue
		}
		shown, err := c.memberMessage(v, member)
		if err != nil {
			return nil, err
		}
		shown.DisplayName = text(o.DisplayName)
		m.Memberships = append(m.Memberships, shown)
	}
	return m, nil
}

func (c *core) memberMessage(v directory.View, m directory.Member) (*commons.OrganizationMembership, error) {
	out := &commons.OrganizationMembership{
		OrganizationId: m.Organization, JoinTime: stamp(announce.Joined(m)), MembershipStatus: commons.MembershipStatus(commons.MembershipStatus_value[m.Status()]),
	}
	method := "scim"
	if a := m.API; a != nil {
		out.Metadata, out.InviterEmail, out.CreatedAt = a.Metadata, text(a.InviterEmail), stamp(a.Created)
		if !a.Provisioned {
			method = "api"
		}
		if i := a.Invitation; i != nil && m.User == nil {
			out.ExpiresAt = stamp(i.Expires)
			if !c.cfg.Now().Before(i.Expires) {
				out.MembershipStatus = commons.MembershipStatus_INVITE_EXPIRED
			}
		}
		if a.Joined.After(a.Created) {
			out.AcceptedAt = stamp(a.Joined)
		}
	}
	if m.User != nil {
		method = "scim"
		if m.API == nil || m.API.Provisioned {
			out.CreatedAt = stamp(m.User.Created)
		}
	}
	out.ProvisioningMethod = &method
	roles, err := m.Roles(v)
	if err != nil {
		return nil, err
	}
	out.Roles = roleRefs(roles)
	held, err := permissionsOf(v, roles)
	for _, p := range held {
		out.Permissions = append(out.Permissions, p.Name)
	}
	return out, err
}

func roleRefs(roles []*directory.Role) []*commons.Role {
	var out []*commons.Role
	for _, r := range roles {
		out = append(out, &commons.Role{Id: r.ID, Name: r.Name, DisplayName: r.DisplayName})
	}
	return out
}

// environmentOf returns the environment's id.
func environmentOf(v directory.View) (id string, err error) {
	err = v.Scan(directory.Make(directory.TableEnvironment), "", func(k directory.Key, _ directory.Row) bool {
		id = k.Last()
		return false
	})
	return id, err
}

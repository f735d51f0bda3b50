package directorytest

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// Somebody returns a random person: one who is stored, a directory user of whom
// the API wrote nothing so far, or nobody.
func (c Commands) Somebody() directory.PersonRef {
	if c.chance("a stored person") {
		return directory.PersonRef{ID: c.any(directory.TablePerson)}
	}
	dir := c.directory()
	id := c.any(directory.TableUser, dir.ID)
	return directory.PersonRef{ID: directory.PrefixPerson + strings.TrimPrefix(id, directory.PrefixUser), Directory: dir.ID}
}

// Persons draws a command about persons and their memberships.
func (c Commands) Persons() directory.Command {
	org := c.any(directory.TableOrganization)
	maybe := func(label string, from ...string) *string {
		if c.chance(label + "?") {
			return nil
		}
		s := c.pick(label, from)
		return &s
	}
	roles := rapid.SliceOfN(rapid.SampledFrom([]string{"admin", "editor", "member"}), 0, 2)
	membership := func() directory.NewMembership {
		return directory.NewMembership{
			Organization: org, Roles: roles.Draw(c.T, "member's roles"), Invite: c.chance("invite"),
			Metadata: rapid.SampledFrom([]map[string]string{nil, {"seat": "<7>"}}).Draw(c.T, "seat"),
		}
	}
	switch rapid.IntRange(0, 12).Draw(c.T, "persons") {
	case 0, 1, 2:
		return directory.CreatePerson{
			Email: c.pick("person", names) + "@" + c.pick("person's domain", domains), ExternalID: c.pick("person's external", []string{"", "u-1", "u-2"}),
			Profile: events.PersonProfile{GivenName: c.pick("person's given name", names), PhoneNumber: c.pick("phone", []string{"", "+1", "+2"})}, Membership: membership(),
		}
	case 3, 4, 5:
		return directory.UpdatePerson{
			Person: c.Somebody(), ExternalID: maybe("new person's external", "", "u-1", "u-2"), GivenName: maybe("new given name", names...),
			Name: maybe("new name", names...), Picture: maybe("picture", "", "https://a.example/?a=1&b=2"), PhoneNumber: maybe("new phone", "", "+1", "+2"),
			Metadata: rapid.SampledFrom([]map[string]string{nil, {"tier": "<gold>"}}).Draw(c.T, "person's metadata"),
		}
	case 6:
		return directory.DeletePerson{Person: c.Somebody()}
	case 7, 8:
		return directory.CreateMembership{Person: c.Somebody(), Membership: membership()}
	case 9:
		return directory.UpdateMembership{Organization: org, Person: c.Somebody(), Roles: roles.Draw(c.T, "new roles")}
	case 10:
		return directory.ChangeMemberRoles{Organization: org, Person: c.Somebody(), Add: roles.Draw(c.T, "further roles")}
	case 11:
		return directory.AcceptInvitation{Organization: org, Person: c.Somebody()}
	default:
		return directory.DeleteMembership{Organization: org, Person: c.Somebody(), Cascade: c.chance("cascade")}
	}
}

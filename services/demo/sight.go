package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events/public"
)

// A sight is what a receiver reads off an event, as one line of text: the
// model writes the line that it expects, the receiver the one that it sees.

func sightOfUser(login, given, family, title, department string, groups []string) string {
	slices.Sort(groups)
	return fmt.Sprintf("%s: %s %s, %s, %s; in %s", login, given, family, title, department, strings.Join(groups, ", "))
}

func (u *user) sight(m *model) string {
	names := make([]string, 0, len(u.groups))
	for g := range u.groups {
		names = append(names, m.group(g).name)
	}
	p := u.person
	return sightOfUser(p.login, p.given, p.family, p.title, p.department, names)
}

// arrivalKey finds the want that an event fulfils.
type arrivalKey struct {
	id      string
	version uint64
}

// envelope is what every public event has, with its data not yet read.
type envelope struct {
	ID   string          `json:"id"`
	Type public.Type     `json:"type"`
	Data json.RawMessage `json:"data"`
}

// look reads what an event is about and what it shows.
func look(e envelope) (key arrivalKey, sight string, err error) {
	var head public.Head
	switch e.Type {
	case public.UserCreated, public.UserUpdated:
		var u public.User
		err = json.Unmarshal(e.Data, &u)
		names := make([]string, 0, len(u.Groups))
		for _, g := range u.Groups {
			names = append(names, g.Name)
		}
		login, _, _ := strings.Cut(u.PreferredUsername, "@")
		head, sight = u.Head, sightOfUser(login, u.GivenName, u.FamilyName, u.Title, u.Department, names)
		if !u.Active {
			sight += " (inactive)"
		}
	case public.UserDeleted:
		var u public.DeletedUser
		err = json.Unmarshal(e.Data, &u)
		head, sight = u.Head, u.Reason
	case public.GroupCreated, public.GroupUpdated:
		var g public.Group
		err = json.Unmarshal(e.Data, &g)
		head, sight = g.Head, g.DisplayName
	case public.GroupDeleted:
		var g public.DeletedGroup
		err = json.Unmarshal(e.Data, &g)
		head, sight = g.Head, g.DisplayName
	default:
		err = json.Unmarshal(e.Data, &head)
	}
	return arrivalKey{head.ID, head.Version}, sight, err
}

package announce_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// history is what the events of a log say about roles, kept as plainly as can be.
type history struct {
	users    map[string]person
	within   map[string]map[string]bool // group -> members
	groups   map[string]bool
	mapping  map[string][]events.RoleAssignment
	roles    map[string]events.RoleProfile
	heirs    map[string]string
	defaults map[string]string
	// persons are who users are, assigned what the API gave them, by organization
	// and person; provided are those of a directory.
	persons  map[string]string
	assigned map[string][]string
	provided map[string]bool
}

type person struct {
	org, dir string
	active   bool
}

func tell(t directorytest.TB, log []events.Event) *history {
	t.Helper()
	h := &history{
		users: map[string]person{}, within: map[string]map[string]bool{}, groups: map[string]bool{}, mapping: map[string][]events.RoleAssignment{},
		roles: map[string]events.RoleProfile{}, heirs: map[string]string{}, defaults: map[string]string{},
		persons: map[string]string{}, assigned: map[string][]string{}, provided: map[string]bool{},
	}
	for _, e := range log {
		var p struct {
			Active      bool
			Members     []string
			Assignments []events.RoleAssignment
			Heir        string
			Member      string
			Person      string
			Roles       []string
			Provisioned bool
			events.RoleProfile
		}
		if err := json.Unmarshal(e.Payload, &p); err != nil {
			t.Fatalf("read %s: %v", e.Type, err)
		}
		id := e.Resource
		switch e.Type {
		case events.TypeUserCreated, events.TypeUserUpdated:
			h.users[id] = person{e.Organization, e.Directory, p.Active}
			if p.Person != "" {
				h.persons[id] = p.Person
			}
		case events.TypePersonCreated:
			if e.Directory != "" {
				h.persons[directory.PrefixUser+id[len(directory.PrefixPerson):]] = id
			}
		case events.TypeMembershipCreated, events.TypeMembershipUpdated:
			h.assigned[e.Organization+id] = append([]string{}, p.Roles...)
			h.provided[e.Organization+id] = h.provided[e.Organization+id] || p.Provisioned
		case events.TypeMembershipDeleted:
			delete(h.assigned, e.Organization+id)
			delete(h.provided, e.Organization+id)
		case events.TypeOrganizationDeleted:
			for m := range h.assigned {
				if strings.HasPrefix(m, id) {
					delete(h.assigned, m)
					delete(h.provided, m)
				}
			}
		case events.TypeUserDeleted:
			h.end(id)
			delete(h.users, id)
			h.leave(id)
		case events.TypeGroupCreated:
			h.groups[id], h.within[id] = true, map[string]bool{}
		case events.TypeGroupDeleted:
			delete(h.groups, id)
			delete(h.within, id)
			h.leave(id)
			h.mapping[e.Directory] = slices.DeleteFunc(slices.Clone(h.mapping[e.Directory]), func(a events.RoleAssignment) bool { return a.Group == id })
		case events.TypeGroupMembersAdded:
			for _, m := range p.Members {
				h.within[id][m] = true
			}
		case events.TypeGroupMembersRemoved:
			for _, m := range p.Members {
				delete(h.within[id], m)
			}
		case events.TypeDirectoryDeleted:
			for u, x := range h.users {
				if x.dir == id {
					h.end(u)
					delete(h.users, u)
				}
			}
			delete(h.mapping, id)
		case events.TypeDirectoryRolesAssigned:
			h.mapping[e.Directory] = p.Assignments
		case events.TypeRoleCreated, events.TypeRoleUpdated:
			h.roles[id] = p.RoleProfile
		case events.TypeRoleDeleted:
			delete(h.roles, id)
			h.heirs[id] = p.Heir
		case events.TypeDefaultRolesChanged:
			h.defaults[e.Organization] = p.Member
		default: // says nothing about roles
		}
	}
	return h
}

func (h *history) leave(id string) {
	for _, members := range h.within {
		delete(members, id)
	}
}

// end ends what the API added to a directory's user.
func (h *history) end(user string) {
	if m := h.users[user].org + h.persons[user]; h.provided[m] {
		delete(h.assigned, m)
		delete(h.provided, m)
	}
}

// role follows heirs to a role's name, empty if there is none.
func (h *history) role(id string) string {
	for id != "" {
		if r, ok := h.roles[id]; ok {
			return r.Name
		}
		id = h.heirs[id]
	}
	return ""
}

func (h *history) of(user string) []string {
	u := h.users[user]
	out := []string{}
	if !u.active {
		return out
	}
	in := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for g, members := range h.within {
			for m := range members {
				if (m == user || in[m]) && !in[g] && h.groups[g] {
					in[g], changed = true, true
				}
			}
		}
	}
	for _, id := range h.assigned[u.org+h.persons[user]] {
		if name := h.role(id); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, a := range h.mapping[u.dir] {
		if name := h.role(a.Role); in[a.Group] && name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		if name := cmp.Or(h.role(h.defaults[u.org]), h.role(h.defaults[""])); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// TestRoles says that after any history of memberships, nesting, mappings, roles
// and defaults the roles of every user are the same in the rows, in the last
// public event, and derived from nothing but the log; and that the counts agree.
func TestRoles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, p := directorytest.Setup(t), newProjector()
		last := map[string][]string{}
		listen := func() {
			for _, a := range p.fold(t, w) {
				switch d := data(t, a).(type) {
				case public.User:
					names := []string{}
					for _, r := range d.Roles {
						names = append(names, r.RoleName)
					}
					if was, ok := last[d.ID]; ok && a.Type == public.UserCreated {
						t.Fatalf("%s is created twice, with %v before", d.ID, was)
					}
					last[d.ID] = names
				case public.DeletedUser:
					delete(last, d.ID)
				case public.OrgMembership:
					names := []string{}
					for _, r := range d.Membership.Roles {
						names = append(names, r.RoleName)
					}
					last[d.ID] = names
				}
			}
		}
		c := directorytest.Commands{T: t, W: w}
		if rapid.Bool().Draw(t, "a scene") {
			c.RoleScene()
			listen()
		}
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			var cmd directory.Command
			switch rapid.IntRange(0, 7).Draw(t, "about roles") {
			case 0, 1:
				cmd = c.Roles()
			case 2:
				cmd = c.Persons()
			case 3, 4:
				cmd = c.Standing()
			default:
				cmd = c.Next()
			}
			_, _ = w.Try(cmd)
			listen()
		}
		directorytest.Finish(t, w)
		listen()
		h := tell(t, w.Log)
		counts := map[string]uint64{}
		for id, u := range h.users {
			row, ok, err := directory.Get[*directory.User](p.rows, directory.Make(directory.TableUser, u.dir, id))
			if err != nil || !ok {
				t.Fatalf("user %s: %v, %v", id, ok, err)
			}
			s, err := announce.StandingOf(p.rows, row)
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, r := range s.Roles {
				got = append(got, r.RoleName)
			}
			want := h.of(id)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("%s has other roles than its history says (-want +got):\n%s", id, diff)
			}
			told, live := last[id]
			if u.active && !live {
				t.Fatalf("%s is active, and receivers have heard of no such user", id)
			}
			if live {
				if diff := gocmp.Diff(want, told); diff != "" {
					t.Fatalf("receivers were told other roles of %s (-want +got):\n%s", id, diff)
				}
				has, err := directory.RolesOf(p.rows, row)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range has {
					counts[fmt.Sprint(r.ID, " ", u.org)]++
				}
			}
		}
		// Of the members whom no directory has, the API's word is all.
		for m := range h.assigned {
			org, id := m[:strings.Index(m, directory.PrefixPerson)], m[strings.Index(m, directory.PrefixPerson):]
			there := false
			for user, who := range h.persons {
				there = there || who == id && h.users[user].org == org
			}
			if there {
				continue
			}
			row, ok, err := directory.FindPerson(p.rows, id, "")
			if err != nil || !ok {
				t.Fatalf("person %s: %v, %v", id, ok, err)
			}
			member, ok, err := directory.MemberOf(p.rows, row, org)
			if err != nil || !ok {
				t.Fatalf("member %s: %v, %v", m, ok, err)
			}
			roles, err := member.Roles(p.rows)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{}
			for _, r := range h.assigned[m] {
				if name := h.role(r); name != "" && !slices.Contains(want, name) {
					want = append(want, name)
				}
			}
			if name := cmp.Or(h.role(h.defaults[org]), h.role(h.defaults[""])); len(want) == 0 && name != "" {
				want = append(want, name)
			}
			names := []string{}
			for _, r := range roles {
				names = append(names, r.Name)
				counts[fmt.Sprint(r.ID, " ", org)]++
			}
			if diff := gocmp.Diff(want, names); diff != "" {
				t.Fatalf("%s has other roles than its history says (-want +got):\n%s", m, diff)
			}
			if diff := gocmp.Diff(want, last[org+"/"+id]); diff != "" {
				t.Fatalf("receivers were told other roles of %s (-want +got):\n%s", m, diff)
			}
		}
		got := map[string]uint64{}
		if err := p.rows.Scan(directory.Make(directory.TableRoleCount), "", func(k directory.Key, r directory.Row) bool {
			rest := string(k[1:])
			for i := range rest {
				if rest[i] == 0 {
					got[rest[:i]+" "+k.Last()] = r.(*directory.RoleCount).Users
					break
				}
			}
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(counts, got); diff != "" {
			t.Fatalf("the counts are wrong (-want +got):\n%s", diff)
		}
	})
}

// TestRolesFanout gives a group of many users a role, takes one of them out while
// that is under way, and then lets the role's heir take its place: everybody is
// told once each time, and nobody who has nothing new.
func TestRolesFanout(t *testing.T) {
	t.Parallel()
	const users = 2*directory.FanoutBatch + 100
	s := newStage(t, directory.DeactivationDeletes)
	var members []string
	for i := range users {
		members = append(members, directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User(fmt.Sprintf("user%d@acme.example", i), nil)})))
	}
	inner := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Inner"), Members: members[:users-10]}))
	outer := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Outer"), Members: append([]string{inner}, members[users-20:]...)}))
	for _, name := range []string{"editor", "owner"} {
		s.Must(t, directory.CreateRole{Name: name, DisplayName: name})
	}
	s.fold(t, s.World)
	times := map[string]int{}
	hear := func(as []announce.Announcement, role string) {
		t.Helper()
		for _, a := range as {
			u, ok := data(t, a).(public.User)
			if !ok {
				continue
			}
			times[u.ID]++
			if len(u.Roles) != 1 || u.Roles[0].RoleName != role {
				t.Errorf("%s is told with the roles %v, want %s", u.ID, u.Roles, role)
			}
		}
	}
	once := func(what string, but ...string) {
		t.Helper()
		for _, id := range members {
			if want := 1; !slices.Contains(but, id) && times[id] != want {
				t.Errorf("%s: %s is told %d times, want once", what, id, times[id])
			}
		}
		clear(times)
	}

	s.Must(t, directory.AssignRoles{Organization: s.scope.Organization, Directory: s.scope.Directory, Assignments: []directory.Assignment{{Group: outer, Role: "editor"}}})
	hear(s.fold(t, s.World), "editor")
	if n := len(times); n == 0 || n > directory.FanoutBatch {
		t.Errorf("the first step tells %d users, want some and at most %d", n, directory.FanoutBatch)
	}
	last := members[users-11] // in both groups, and not told yet
	s.Must(t, directory.DeleteUser{Scope: s.scope, ID: last})
	s.fold(t, s.World)
	directorytest.Finish(t, s.World)
	hear(s.fold(t, s.World), "editor")
	once("the mapping", last)

	s.Must(t, directory.DeleteRole{Name: "editor", Heir: "owner"})
	directorytest.Finish(t, s.World)
	hear(s.fold(t, s.World), "owner")
	once("the heir", last)

	s.Must(t, directory.AssignRoles{
		Organization: s.scope.Organization, Directory: s.scope.Directory,
		Assignments: []directory.Assignment{{Group: outer, Role: "owner"}, {Group: inner, Role: "owner"}},
	})
	directorytest.Finish(t, s.World)
	hear(s.fold(t, s.World), "owner")
	if len(times) != 0 {
		t.Errorf("a mapping that changes nobody's roles tells %d users", len(times))
	}
}

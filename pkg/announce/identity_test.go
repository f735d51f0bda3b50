package announce_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// previous returns what an announcement says of whom its resource was before.
func previous(t *testing.T, a announce.Announcement) string {
	t.Helper()
	body, err := a.Body("env_1")
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Data struct {
			PreviousID string `json:"previous_id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	return e.Data.PreviousID
}

// TestComesBack says that receivers can follow somebody through deletions: every
// creation names whom it continues, under both policies.
func TestComesBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{directory.DeactivationDeletes, directory.DeactivationUpdates} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, policy)
			before := map[string]string{"user": "", "group": ""}
			for range 3 {
				user := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("ada@acme.example")}))
				group := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Editors")}))
				s.Must(t, directory.PatchUser{Scope: s.scope, ID: user, Patch: patched(t, `{"op":"replace","path":"active","value":false}`)})
				s.Must(t, directory.PatchUser{Scope: s.scope, ID: user, Patch: patched(t, `{"op":"replace","path":"active","value":true}`)})
				s.Must(t, directory.DeleteUser{Scope: s.scope, ID: user})
				s.Must(t, directory.DeleteGroup{Scope: s.scope, ID: group})
				created := 0
				for _, a := range s.fold(t, s.World) {
					want := ""
					switch a.Type {
					case public.UserCreated, public.UserUpdated:
						want = before["user"]
					case public.GroupCreated:
						want = before["group"]
					default:
					}
					if a.Type == public.UserCreated || a.Type == public.GroupCreated {
						created++
					}
					if got := previous(t, a); got != want {
						t.Errorf("%s names %q as the one before, want %q", a.Type, got, want)
					}
				}
				if created < 2 {
					t.Fatalf("%d creations are told", created)
				}
				before["user"], before["group"] = user, group
			}
		})
	}
}

// TestJoinsWhenItAppears says that somebody whom groups waited for is told of
// once, with these groups; what waits is told to nobody.
func TestJoinsWhenItAppears(t *testing.T) {
	t.Parallel()
	create := func(state events.UserState) func(*stage) string {
		return func(s *stage) string {
			return directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: state}))
		}
	}
	patch := func(operation string) func(s *stage, id string) {
		return func(s *stage, id string) {
			s.Must(t, directory.PatchUser{Scope: s.scope, ID: id, Patch: patched(t, operation)})
		}
	}
	named := func(more map[string]any) events.UserState { return directorytest.User("ada@acme.example", more) }
	for name, c := range map[string]struct {
		policy string
		groups [][]string // the members that each was sent with; "$" is the user
		first  func(*stage) string
		then   func(*stage, string) // the command that counts, if it is not first
		want   []string
		in     []int // of the groups
	}{
		"in one group":     {groups: [][]string{{"Ada@acme.example"}}, first: create(named(nil)), want: []string{"user_created v1"}, in: []int{0}},
		"in several":       {groups: [][]string{{"ada@acme.example"}, {"nobody"}, {"a7"}, {"a7", "ada@acme.example"}}, first: create(named(map[string]any{"externalId": "a7"})), want: []string{"user_created v1"}, in: []int{0, 2, 3}},
		"in none":          {groups: [][]string{{"nobody"}}, first: create(named(nil)), want: []string{"user_created v1"}},
		"says it itself":   {groups: [][]string{{"nobody"}}, first: create(named(map[string]any{"urn:x:y:1.0:z": map[string]any{"continues": true}})), want: []string{"user_created v1"}},
		"by a new name":    {groups: [][]string{{"a8"}, {"a8"}}, first: create(named(nil)), then: patch(`{"op":"add","path":"externalId","value":"a8"}`), want: []string{"user_updated v2"}, in: []int{0, 1}},
		"a member already": {groups: [][]string{{"$", "a8"}}, first: create(named(nil)), then: patch(`{"op":"add","path":"externalId","value":"a8"}`), want: []string{"user_updated v3"}, in: []int{0}},
		"a member of the last already": {
			groups: [][]string{{"a8"}, {"$", "a8"}}, first: create(named(nil)), then: patch(`{"op":"add","path":"externalId","value":"a8"}`), want: []string{"user_updated v3"}, in: []int{0, 1},
		},
		"inactive where that is told as a deletion": {groups: [][]string{{"ada@acme.example"}}, first: create(named(map[string]any{"active": false}))},
		"inactive where that is told":               {policy: directory.DeactivationUpdates, groups: [][]string{{"ada@acme.example"}}, first: create(named(map[string]any{"active": false})), want: []string{"user_created v1"}, in: []int{0}},
		"active at last": {
			groups: [][]string{{"ada@acme.example"}, {"ada@acme.example"}}, first: create(named(map[string]any{"active": false})), then: patch(`{"op":"replace","path":"active","value":true}`),
			want: []string{"user_created v1"}, in: []int{0, 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, cmp.Or(c.policy, directory.DeactivationDeletes))
			user := ""
			if c.then != nil && slices.Contains(slices.Concat(c.groups...), "$") {
				user = c.first(s)
			}
			var groups []string
			for i, members := range c.groups {
				sent := slices.Clone(members)
				for j, m := range sent {
					if m == "$" {
						sent[j] = user
					}
				}
				groups = append(groups, directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group(fmt.Sprint("Editors ", i)), Members: sent})))
			}
			s.fold(t, s.World)
			if user == "" {
				user = c.first(s)
			}
			if c.then != nil {
				s.fold(t, s.World)
				c.then(s, user)
			}
			all := s.fold(t, s.World)
			var got []string
			for _, a := range all {
				h := read(t, a)
				got = append(got, fmt.Sprintf("%s v%d", strings.TrimPrefix(string(a.Type), "organization.directory."), h.Version))
			}
			if d := gocmp.Diff(c.want, got); d != "" {
				t.Fatalf("is told as (-want +got):\n%s", d)
			}
			if len(all) == 0 {
				return
			}
			want := []public.GroupRef{}
			for _, i := range c.in {
				want = append(want, public.GroupRef{ID: groups[i], Name: fmt.Sprint("Editors ", i)})
			}
			if d := gocmp.Diff(want, read(t, all[0]).Groups); d != "" {
				t.Errorf("with other groups (-want +got):\n%s", d)
			}
			where, _, err := directory.Get[directory.Ref](s.rows, directory.Make(directory.TableUserDirectory, user))
			if err != nil || string(where) != s.scope.Directory {
				t.Errorf("the user's directory is kept as %q, %v", where, err)
			}
		})
	}
}

package announce_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestJoinsWhenItAppears says that somebody a group waited for is told of as a
// user, and then as its member; what waits is told to nobody.
func TestJoinsWhenItAppears(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationDeletes)
	number := func(id string) string { return strings.TrimLeft(id[strings.Index(id, "_")+1:], "10") }
	group := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Editors"), Members: []string{"ada@acme.example"}}))
	got := told(t, s.fold(t, s.World))
	if len(got) != 1 {
		t.Errorf("a group that waits for somebody is told as %v", got)
	}
	user := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("Ada@acme.example")}))
	all := s.fold(t, s.World)
	want := []string{"directory.user_created " + number(user) + " v1", "directory.user_updated " + number(user) + " v2"}
	if d := cmp.Diff(want, told(t, all)); d != "" {
		t.Errorf("somebody who was waited for (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]public.GroupRef{{ID: group, Name: "Editors"}}, read(t, all[1]).Groups); d != "" {
		t.Errorf("they are told with other groups (-want +got):\n%s", d)
	}
}

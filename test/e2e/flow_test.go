package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/test/harness"
)

// TestFlow follows joiners, movers and leavers from SCIM through the log to a
// receiver that verifies them, on one process and on separate services.
func TestFlow(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		s := harness.NewServer(t).MustStart()
		flow(t, s.Installation)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		compareStreams(t, harness.OpenStore(t.Context(), t, s.Data))
	})
	t.Run("separate services", func(t *testing.T) {
		t.Parallel()
		c := harness.NewCluster(t)
		flow(t, c.Installation)
		compareStreams(t, c.Streams(t.Context(), t))
	})
}

// step is what a receiver must be told of next.
type step struct {
	typ  public.Type
	id   string
	data map[string]any // by path
}

func flow(t *testing.T, in harness.Installation) {
	t.Helper()
	r := harness.NewReceiver(t)
	in.API.Endpoint(t, r, nil)
	x := in.API.Tenant(t, in.SCIM, "acme.example", "OKTA")
	domain := in.API.Must(t, http.StatusOK, http.MethodGet, "/api/v1/organizations/"+x.Organization+"/domains", nil).Text("domains.0.id")
	steps := []step{
		{public.OrganizationCreated, x.Organization, map[string]any{"display_name": "acme.example", "version": 1.0}},
		{public.DomainCreated, domain, map[string]any{"domain": "acme.example", "organization_id": x.Organization, "verification_status": "AUTO_VERIFIED"}},
		{public.DirectoryEnabled, x.Directory, map[string]any{"enabled": true, "version": 1.0}},
	}

	mara := x.SCIM.Create(t, "/Users", harness.User("mara@acme.example", map[string]any{"externalId": "ext-mara"}))
	steps = append(steps, step{public.UserCreated, mara, map[string]any{
		"email": "mara@acme.example", "dp_id": "ext-mara", "active": true, "version": 1.0, "directory_id": x.Directory,
		"roles": []any{map[string]any{"role_name": "member"}}, "groups": []any{},
	}})
	ines := x.SCIM.Create(t, "/Users", harness.User("ines@acme.example", nil))
	steps = append(steps, step{public.UserCreated, ines, nil})

	x.SCIM.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+mara, harness.Patch(harness.Op("replace", "title", "Editor")))
	steps = append(steps, step{public.UserUpdated, mara, map[string]any{"title": "Editor", "version": 2.0}})

	// A membership change is told as a change of the users.
	group := x.SCIM.Create(t, "/Groups", harness.Group("Editors", mara))
	steps = append(steps,
		step{public.GroupCreated, group, map[string]any{"display_name": "Editors", "version": 1.0, "directory_id": x.Directory}},
		step{public.UserUpdated, mara, map[string]any{"version": 3.0, "groups": []any{map[string]any{"id": group, "name": "Editors"}}}},
	)
	x.SCIM.Must(t, http.StatusNoContent, http.MethodPatch, "/Groups/"+group, harness.Patch(harness.Op("replace", "displayName", "Desk")))
	steps = append(steps,
		step{public.GroupUpdated, group, map[string]any{"display_name": "Desk", "version": 2.0}},
		step{public.UserUpdated, mara, map[string]any{"version": 4.0, "groups": []any{map[string]any{"id": group, "name": "Desk"}}}},
	)

	// A change that changes nothing tells nobody, so the next step follows.
	x.SCIM.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+mara, harness.Patch(harness.Op("replace", "title", "Editor")))

	x.SCIM.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+ines, harness.Patch(harness.Op("replace", "active", false)))
	steps = append(steps, step{public.UserDeleted, ines, map[string]any{"reason": "deactivated", "version": 2.0, "email": "ines@acme.example"}})
	x.SCIM.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+ines, harness.Patch(harness.Op("replace", "active", true)))
	steps = append(steps, step{public.UserCreated, ines, map[string]any{"version": 3.0, "active": true}})
	x.SCIM.Must(t, http.StatusNoContent, http.MethodDelete, "/Users/"+ines, nil)
	steps = append(steps, step{public.UserDeleted, ines, map[string]any{"reason": "deleted", "version": 4.0}})

	x.SCIM.Must(t, http.StatusNoContent, http.MethodDelete, "/Groups/"+group, nil)
	steps = append(steps,
		step{public.GroupDeleted, group, map[string]any{"version": 3.0}},
		step{public.UserUpdated, mara, map[string]any{"version": 5.0, "groups": []any{}}},
	)
	in.API.Must(t, http.StatusOK, http.MethodPatch, x.Path()+":disable", nil)
	steps = append(steps, step{public.DirectoryDisabled, x.Directory, map[string]any{"enabled": false, "version": 2.0}})

	last := r.Await(t, soon, "the directory disabled", func(d harness.Delivery) bool { return d.Type == string(public.DirectoryDisabled) })
	harness.Eventually(t, soon, "every webhook", func() error {
		if n := len(byID(r)); n < len(steps) {
			return fmt.Errorf("%d of %d", n, len(steps))
		}
		return nil
	})
	got := byID(r)
	if len(got) != len(steps) {
		t.Errorf("%d events were sent, want %d", len(got), len(steps))
	}
	if got[len(got)-1].ID != last.ID {
		t.Errorf("the last event is a %s, want the directory's", got[len(got)-1].Type)
	}
	for i, want := range steps {
		if i >= len(got) {
			t.Fatalf("nothing was sent for step %d, %s", i, want.typ)
		}
		d := got[i]
		if d.Type != string(want.typ) || d.Data("id") != want.id {
			t.Fatalf("event %d is %s of %v, want %s of %s", i, d.Type, d.Data("id"), want.typ, want.id)
		}
		for path, v := range want.data {
			if diff := cmp.Diff(v, d.Data(path)); diff != "" {
				t.Errorf("event %d, %s, data.%s (-want +got):\n%s", i, want.typ, path, diff)
			}
		}
	}
}

// byID returns each event once, in the order of their ids, which is the log's.
func byID(r *harness.Receiver) []harness.Delivery {
	var once []harness.Delivery
	for _, d := range r.Deliveries() {
		if d.Nth == 1 {
			once = append(once, d)
		}
	}
	sortByID(once)
	return once
}

// compareStreams holds that EVENTS is exactly what LOG causes, byte for byte,
// and returns how many events that is.
func compareStreams(t *testing.T, s *harness.Streams) int {
	t.Helper()
	var want, got []string
	line := func(p harness.Public) string {
		return fmt.Sprint(p.Number, " ", p.ID, " ", p.Type, " ", string(p.Body))
	}
	if err := s.Expected(t.Context(), func(directory.View, events.Event, uint64) error { return nil }, func(p harness.Public) error {
		want = append(want, line(p))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Events(t.Context(), func(p harness.Public) error {
		got = append(got, line(p))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("EVENTS is not what LOG causes (-want +got):\n%s", diff)
	}
	return len(got)
}

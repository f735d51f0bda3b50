package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/harness"
)

// TestGoneEndpoint says that a receiver that answers 410 is left alone, that the
// API says why, and that the other receivers are told.
func TestGoneEndpoint(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	gone, other := harness.NewReceiver(t), harness.NewReceiver(t)
	gone.Answer(func(harness.Delivery) int { return http.StatusGone })
	id := s.API.Endpoint(t, gone, nil)
	s.API.Endpoint(t, other, map[string]any{"event_types": []string{"webhook_endpoint.*"}})
	s.API.Tenant(t, s.SCIM, "gone.example", "OKTA")
	harness.Eventually(t, soon, "the endpoint to be disabled", func() error {
		m, _ := s.API.Must(t, http.StatusOK, http.MethodGet, "/api/v1/webhook_endpoints/"+id, nil).At("endpoint").(map[string]any)
		if m["enabled"] != false || m["disabled_because"] != "gone" {
			return fmt.Errorf("it is shown as %v", m)
		}
		return nil
	})
	harness.Eventually(t, soon, "the other receiver to be told", func() error {
		for _, d := range other.Deliveries() {
			if d.Type == string(public.EndpointDisabled) && d.Data("id") == id && d.Data("reason") == "gone" {
				return nil
			}
		}
		return fmt.Errorf("it got %d events", len(other.Deliveries()))
	})
}

// TestAttempts says that a failing receiver can be looked into: each attempt with
// its times and what the receiver answered, the next one, and how the endpoint
// fares.
func TestAttempts(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	r := harness.NewReceiver(t)
	r.Answer(func(d harness.Delivery) int {
		if d.Type == string(public.DirectoryEnabled) {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	})
	path := "/api/v1/webhook_endpoints/" + s.API.Endpoint(t, r, nil)
	s.API.Tenant(t, s.SCIM, "attempts.example", "OKTA")
	var id string
	harness.Eventually(t, soon, "a failed attempt", func() error {
		list, _ := s.API.Must(t, http.StatusOK, http.MethodGet, path+"/deliveries?status=RETRYING&event_type="+string(public.DirectoryEnabled), nil).At("deliveries").([]any)
		if len(list) != 1 {
			return fmt.Errorf("%d are listed", len(list))
		}
		m, _ := list[0].(map[string]any)
		id, _ = m["id"].(string)
		if m["next_attempt_time"] == nil || m["create_time"] == nil || m["last_status_code"] != 503.0 {
			return fmt.Errorf("it is shown as %v", m)
		}
		return nil
	})
	attempts, _ := s.API.Must(t, http.StatusOK, http.MethodGet, path+"/deliveries/"+id+"/attempts", nil).At("attempts").([]any)
	if len(attempts) == 0 {
		t.Fatal("no attempts")
	}
	first, _ := attempts[0].(map[string]any)
	if first["first_byte_us"] == 0.0 || first["status_code"] != 503.0 || len(first["response_headers"].([]any)) == 0 {
		t.Errorf("the first attempt is %v", first)
	}
	harness.Eventually(t, soon, "the endpoint's health", func() error {
		h, _ := s.API.Must(t, http.StatusOK, http.MethodGet, path, nil).At("health").(map[string]any)
		if h["waiting"] != 1.0 || h["behind"] != 0.0 || h["last_failure_time"] == nil || h["last_success_time"] == nil {
			return fmt.Errorf("it is %v", h)
		}
		return nil
	})
}

// TestReplay says that an endpoint that is made late gets what happened before,
// marked and under the same ids, and that the job shows how far it is.
func TestReplay(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	early, late := harness.NewReceiver(t), harness.NewReceiver(t)
	s.API.Endpoint(t, early, nil)
	s.API.Tenant(t, s.SCIM, "replay.example", "OKTA")
	early.Await(t, soon, "the directory", func(d harness.Delivery) bool { return d.Type == string(public.DirectoryEnabled) })
	path := "/api/v1/webhook_endpoints/" + s.API.Endpoint(t, late, nil) + "/replays"
	id, _ := s.API.Must(t, http.StatusCreated, http.MethodPost, path, map[string]any{"range": map[string]any{"since": "2020-01-01T00:00:00Z"}, "event_types": []string{"organization.*"}}).At("replay.id").(string)
	harness.Eventually(t, soon, "the end of the replay", func() error {
		m, _ := s.API.Must(t, http.StatusOK, http.MethodGet, path+"/"+id, nil).At("replay").(map[string]any)
		if m["status"] != "FINISHED" || m["queued"] == 0.0 || m["queued"] != m["delivered"] {
			return fmt.Errorf("it is %v", m)
		}
		return nil
	})
	want, _ := early.Sums()
	if got, _ := late.Sums(); !maps.Equal(got, want) {
		t.Errorf("the late receiver got %d events, the early one %d", len(got), len(want))
	}
}

// TestBackfill says that a new endpoint can ask for everyone: each user and group
// once, with the version that the others know, and then what happens live, while
// the others hear nothing of it; and that a test event reaches whom it tests.
func TestBackfill(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	early, late := harness.NewReceiver(t), harness.NewReceiver(t)
	s.API.Endpoint(t, early, nil)
	x := s.API.Tenant(t, s.SCIM, "backfill.example", "OKTA")
	const users = 600 // two steps of the job
	for i := range users {
		x.SCIM.Create(t, "/Users", harness.User(fmt.Sprintf("u%d@backfill.example", i), nil))
	}
	early.Await(t, soon, "the last user", func(d harness.Delivery) bool { return d.Data("email") == fmt.Sprintf("u%d@backfill.example", users-1) })
	versions := map[any]any{}
	for _, d := range early.Deliveries() {
		if d.Type == string(public.UserCreated) {
			versions[d.Data("id")] = d.Data("version")
		}
	}
	path := "/api/v1/webhook_endpoints/" + s.API.Endpoint(t, late, map[string]any{"event_types": []string{"organization.directory.*"}})
	id := s.API.Must(t, http.StatusCreated, http.MethodPost, path+"/replays", map[string]any{"everyone": map[string]any{}}).Text("replay.id")
	x.SCIM.Create(t, "/Users", harness.User("live@backfill.example", nil))
	late.Await(t, soon, "the live user", func(d harness.Delivery) bool { return d.Data("email") == "live@backfill.example" })
	harness.Eventually(t, soon, "the end of the back-fill", func() error {
		m, _ := s.API.Must(t, http.StatusOK, http.MethodGet, path+"/replays/"+id, nil).At("replay").(map[string]any)
		if m["status"] != "FINISHED" || m["delivered"] != m["queued"] {
			return fmt.Errorf("it is %v", m)
		}
		return nil
	})
	got := map[any]any{}
	for _, d := range late.Deliveries() {
		if d.Type == string(public.UserCreated) && d.Data("email") != "live@backfill.example" {
			got[d.Data("id")] = d.Data("version")
		}
	}
	if len(versions) != users || !maps.Equal(got, versions) {
		t.Errorf("%d users came with their versions, want %d", len(got), len(versions))
	}
	before, _ := early.Sums()
	s.API.Must(t, http.StatusOK, http.MethodPost, path+":test", map[string]any{})
	late.Await(t, soon, "the test event", func(d harness.Delivery) bool { return d.Type == string(public.EndpointTest) })
	x.SCIM.Create(t, "/Users", harness.User("last@backfill.example", nil))
	early.Await(t, soon, "the last user", func(d harness.Delivery) bool { return d.Data("email") == "last@backfill.example" })
	if after, _ := early.Sums(); len(after) > len(before)+2 {
		t.Errorf("the other endpoint got %d more events, want at most the last two users", len(after)-len(before))
	}
}

// TestPull says that whoever pulls gets what webhooks carry, in order, once, and
// that a pull waits for what is not there yet.
func TestPull(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	r := harness.NewReceiver(t)
	s.API.Endpoint(t, r, nil)
	x := s.API.Tenant(t, s.SCIM, "pull.example", "OKTA")
	x.SCIM.Create(t, "/Users", harness.User("mara@pull.example", nil))
	last := r.Await(t, soon, "the user", func(d harness.Delivery) bool { return d.Type == string(public.UserCreated) })
	seen, cursor, end := map[any]bool{}, "", ""
	harness.Eventually(t, soon, "the user to be pulled", func() error {
		res := s.API.Must(t, http.StatusOK, http.MethodGet, "/api/v1/events?limit=3&wait_seconds=1&cursor="+cursor, nil)
		list, _ := res.At("events").([]any)
		for _, e := range list {
			m, _ := e.(map[string]any)
			if seen[m["id"]] {
				t.Errorf("%v came twice", m["id"])
			}
			seen[m["id"]] = true
			end, _ = m["id"].(string)
		}
		if cursor = res.Text("cursor"); end != last.ID {
			return fmt.Errorf("at %s", end)
		}
		return nil
	})
	for _, d := range r.Deliveries() {
		if !seen[d.ID] {
			t.Errorf("%s was sent and not pulled", d.ID)
		}
	}
}

package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/harness"
)

// ladder is a short one over the real thing; the steps differ so that each can
// be told from the others.
var ladder = []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}

// TestReceiverDown holds that a receiver that fails holds up neither SCIM nor
// other receivers, is tried again exactly when the ladder says, and that what
// was given up is visible.
func TestReceiverDown(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--webhook-ladder", "0s,1s,2s,3s", "--log-level", "info").MustStart()
	x := s.API.Tenant(t, s.SCIM, "down.example", "OKTA")
	healthy := harness.NewReceiver(t)
	s.API.Endpoint(t, healthy, nil)
	failing := harness.NewReceiver(t)
	endpoint := s.API.Endpoint(t, failing, map[string]any{"event_types": []string{string(public.UserCreated)}})

	up := createLatency(t, x.SCIM, "up")
	harness.Eventually(t, soon, "all webhooks while the receiver is up", func() error {
		if n := len(failing.Deliveries()); n < samples {
			return fmt.Errorf("%d of %d", n, samples)
		}
		return nil
	})

	failing.Answer(func(harness.Delivery) int { return http.StatusInternalServerError })
	down := createLatency(t, x.SCIM, "down")
	t.Logf("median of a SCIM create: %v with the receiver up, %v with it down", up, down)
	// A millisecond is what the scheduler of a busy machine may add to either.
	if down > 2*up+time.Millisecond {
		t.Errorf("a SCIM create takes %v while a receiver is down, %v otherwise", down, up)
	}
	harness.Eventually(t, soon, "the healthy receiver to get everything", func() error {
		n := 0
		for _, d := range healthy.Deliveries() {
			if d.Type == string(public.UserCreated) {
				n++
			}
		}
		if n < 2*samples {
			return fmt.Errorf("%d of %d", n, 2*samples)
		}
		return nil
	})

	// The first event after the failure began climbs the ladder by itself.
	var head string
	attempts := func() []time.Time {
		var at []time.Time
		for _, d := range failing.Deliveries() {
			if d.Data("preferred_username") == "down-0@down.example" {
				at, head = append(at, d.At), d.ID
			}
		}
		return at
	}
	harness.Eventually(t, 30*time.Second, "every rung", func() error {
		if n := len(attempts()); n < len(ladder) {
			return fmt.Errorf("%d attempts of %d", n, len(ladder))
		}
		return nil
	})
	at := attempts()
	if len(at) != len(ladder) {
		t.Fatalf("%d attempts, want %d: %v", len(at), len(ladder), at)
	}
	for i := 1; i < len(at); i++ {
		gap, want := at[i].Sub(at[i-1]), ladder[i]
		// Never early; late by what a busy machine takes to get to it.
		if gap < want*8/10 || gap > want*12/10+3*time.Second {
			t.Errorf("attempt %d came %v after the one before, want %v ±20%%", i+1, gap.Round(time.Millisecond), want)
		}
	}
	harness.Eventually(t, soon, "the dead letter", func() error {
		d, err := delivery(t, s.API, endpoint, head)
		if err == nil && (d["status"] != "DEAD" || d["attempts"] != float64(len(ladder)) || d["last_status_code"] != 500.0) {
			err = fmt.Errorf("the delivery is shown as %v", d)
		}
		return err
	})
	d, err := delivery(t, s.API, endpoint, head)
	if err != nil {
		t.Fatal(err)
	}
	log, _ := d["attempt_log"].([]any)
	if len(log) != len(ladder) {
		t.Fatalf("%d attempts are shown, want %d: %v", len(log), len(ladder), log)
	}
	for i := range ladder {
		if harness.At(log[i], "attempt") != float64(i+1) || harness.At(log[i], "status_code") != 500.0 {
			t.Errorf("attempt %d is shown as %v", i+1, log[i])
		}
	}
	if len(attempts()) != len(ladder) {
		t.Errorf("%d attempts, want %d", len(attempts()), len(ladder))
	}
}

// samples is how many creates a median is of.
const samples = 60

// createLatency is the median time of a SCIM create.
func createLatency(t *testing.T, scim *harness.SCIM, name string) time.Duration {
	t.Helper()
	took := make([]time.Duration, samples)
	for i := range took {
		body := harness.User(fmt.Sprintf("%s-%d@down.example", name, i), nil)
		began := time.Now()
		scim.Must(t, http.StatusCreated, http.MethodPost, "/Users", body)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[samples/2]
}

// delivery looks for an event's delivery, page by page.
func delivery(t *testing.T, api *harness.API, endpoint, event string) (map[string]any, error) {
	t.Helper()
	token := ""
	for {
		a := api.Must(t, http.StatusOK, http.MethodGet, "/api/v1/webhook_endpoints/"+endpoint+"/deliveries?page_size=100&page_token="+token, nil)
		list, _ := a.At("deliveries").([]any)
		for _, d := range list {
			if m, _ := d.(map[string]any); m["event_id"] == event {
				return m, nil
			}
		}
		if token = a.Text("next_page_token"); token == "" {
			return nil, fmt.Errorf("no delivery of %s is shown", event)
		}
	}
}

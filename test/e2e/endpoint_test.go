package e2e_test

import (
	"fmt"
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

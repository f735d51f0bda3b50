package bench_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

// BenchmarkRevocation measures how long somebody keeps a role that the customer
// has taken away: from the answer to the SCIM request that removes a member from
// a group that gives a role, to the verified webhook that shows the user without
// it, at 200 changes a second through `rollcall serve`. p50-ms and p99-ms; late-ms
// is the longest.
func BenchmarkRevocation(b *testing.B) {
	const perSecond, people = 200, 2000
	s := harness.NewServer(b, "--log-level", "warn").MustStart()
	t := s.API.Tenant(b, s.SCIM, "revoked.example", "OKTA")
	ids := make([]string, people)
	for i := range ids {
		ids[i] = t.SCIM.Create(b, "/Users", harness.User(fmt.Sprintf("user%d@revoked.example", i), nil))
	}
	for b.Loop() {
		r := harness.NewReceiver(b)
		var mu sync.Mutex
		editors := map[string]bool{}   // who were told to have the role
		told := map[string]time.Time{} // when the first event without the role came after that
		r.Lean(func(d harness.Delivery) {
			id, _ := d.Data("id").(string)
			has := d.Data("roles.0.role_name") == "editor"
			mu.Lock()
			defer mu.Unlock()
			if _, again := told[id]; has {
				editors[id] = true
			} else if editors[id] && !again {
				told[id] = d.At
			}
		})
		endpoint := s.API.Endpoint(b, r, map[string]any{"event_types": []string{"organization.directory.user_updated"}, "enabled": true})
		group := t.SCIM.Create(b, "/Groups", harness.Group("Editors", ids...))
		s.API.Must(b, http.StatusOK, http.MethodPut, t.Path()+"/groups/-/roles:assign",
			map[string]any{"assignments": []any{map[string]any{"group_id": group, "role_name": "editor"}}})
		harness.Eventually(b, time.Minute, "everybody to have the role", func() error {
			mu.Lock()
			defer mu.Unlock()
			if len(editors) < people {
				return fmt.Errorf("%d of %d", len(editors), people)
			}
			return nil
		})
		answered := make(map[string]time.Time, people)
		var wg sync.WaitGroup
		tick := time.NewTicker(time.Second / perSecond)
		for _, id := range ids {
			<-tick.C
			wg.Go(func() {
				res, err := t.SCIM.Do(b.Context(), http.MethodPatch, "/Groups/"+group, harness.Patch(harness.Op("remove", `members[value eq "`+id+`"]`, nil)))
				at := time.Now()
				if err != nil || res.Status/100 != 2 {
					b.Errorf("a member was not removed: %d %v", res.Status, err)
					return
				}
				mu.Lock()
				answered[id] = at
				mu.Unlock()
			})
		}
		tick.Stop()
		wg.Wait()
		harness.Eventually(b, time.Minute, "every revocation to arrive", func() error {
			mu.Lock()
			defer mu.Unlock()
			if n := len(answered) - len(told); n > 0 {
				return fmt.Errorf("%d are missing", n)
			}
			return nil
		})
		mu.Lock()
		took := make([]time.Duration, 0, people)
		for id, at := range answered {
			took = append(took, max(told[id].Sub(at), 0)) // a webhook may overtake the answer
		}
		mu.Unlock()
		b.ReportMetric(percentile(took, 0.5), "p50-ms")
		b.ReportMetric(percentile(took, 0.99), "p99-ms")
		b.ReportMetric(percentile(took, 1), "late-ms")
		s.API.Must(b, http.StatusOK, http.MethodDelete, "/api/v1/webhook_endpoints/"+endpoint, nil)
	}
	b.ReportMetric(0, "ns/op")
}

package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	// defaultBackfill is how many users a new endpoint asks for, unless
	// ROLLCALL_BACKFILL says otherwise: 100000 is what the goals are about.
	defaultBackfill = 3000
	// livePerSecond is how many users change a second meanwhile.
	livePerSecond = 50
)

// The receivers of BenchmarkBackfill.
const (
	steadyReceiver = iota
	newReceiverOf
)

// BenchmarkBackfill has a new endpoint ask for everyone while users change.
// x-p50 and x-p99 say how late the changes reach another endpoint meanwhile,
// against before (goal 2); own-p99-ms is how late they reach the new endpoint,
// where they have their place among the others. users/s is how fast the back-fill
// was delivered, steps how many different values its progress showed. It fails if
// progress ever falls, anybody is missing, or the new endpoint gets a version of a
// user behind a later one.
func BenchmarkBackfill(b *testing.B) {
	s := newBackfill(b, size(b, "ROLLCALL_BACKFILL", defaultBackfill))
	s.live(b, make(chan struct{}), time.Second) // EVENTS tells of everybody first
	s.await(b)
	for b.Loop() {
		s.reset()
		s.live(b, make(chan struct{}), 5*time.Second)
		s.await(b)
		before := s.got[steadyReceiver].latencies()

		s.reset()
		done, stopped := make(chan struct{}), make(chan struct{})
		id := s.endpoint(b, newReceiverOf, "organization.directory.*")
		go func() {
			defer close(stopped)
			s.live(b, done, time.Hour)
		}()
		took, steps := s.backfill(b, id)
		close(done)
		<-stopped
		s.await(b)
		s.check(b)
		during := s.got[steadyReceiver].latencies()
		b.ReportMetric(percentile(during, 0.5)/percentile(before, 0.5), "x-p50")
		b.ReportMetric(percentile(during, 0.99)/percentile(before, 0.99), "x-p99")
		b.ReportMetric(percentile(during, 0.5), "p50-ms")
		b.ReportMetric(percentile(during, 0.99), "p99-ms")
		b.ReportMetric(percentile(s.got[newReceiverOf].latencies(), 0.99), "own-p99-ms")
		b.ReportMetric(float64(len(s.users))/took.Seconds(), "users/s")
		b.ReportMetric(float64(steps), "steps")
		s.server.API.Must(b, http.StatusOK, http.MethodDelete, id, nil)
	}
	b.ReportMetric(0, "ns/op")
}

// backfill is a server with a large directory whose users change.
type backfill struct {
	server  *harness.Server
	tenant  *harness.Tenant
	crowd   *crowd
	users   []string
	changed int           // how many users were changed so far
	got     [2]recipients // changes only

	mu       sync.Mutex
	seen     map[string]bool   // webhook-ids at the new endpoint
	versions map[string]uint64 // the last version of each user there
	behind   int               // versions that came behind a later one
}

func newBackfill(b *testing.B, users int) *backfill {
	b.Helper()
	s := &backfill{}
	data := filepath.Join(b.TempDir(), "data")
	s.server = harness.NewServerIn(b, data, "--store-limit", strconv.FormatInt(scaleLimit, 10), "--log-level", "warn").MustStart()
	s.tenant = s.server.API.Tenant(b, s.server.SCIM, "backfill.example", "OKTA")
	s.crowd = newCrowd(b, s.take)
	s.reset()
	s.endpoint(b, steadyReceiver, "organization.directory.user_updated")
	check(b, s.server.Stop())
	l := newLoader(b, data)
	s.users = l.users(s.tenant, users)
	l.close()
	check(b, s.server.Start())
	check(b, harness.Poll(b.Context(), 10*time.Minute, func() error {
		res, err := s.server.API.Call(b.Context(), http.MethodGet, s.tenant.Path()+"/users?page_size=1", nil)
		if err != nil {
			return err
		}
		if n, _ := res.At("total_size").(float64); int(n) != users {
			return fmt.Errorf("status %d with %v of %d users", res.Status, n, users)
		}
		return nil
	}))
	return s
}

// endpoint registers a receiver and returns the endpoint's path.
func (s *backfill) endpoint(b *testing.B, receiver int, types string) string {
	b.Helper()
	ids := register(b, s.server.API, 1, func(int) map[string]any {
		return map[string]any{"url": s.crowd.url(receiver), "event_types": []string{types}, "enabled": true}
	})
	return "/api/v1/webhook_endpoints/" + ids[0]
}

func (s *backfill) reset() {
	for i := range s.got {
		s.got[i].reset()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.versions, s.behind = map[string]bool{}, map[string]uint64{}, 0
}

// take is the receivers' side.
func (s *backfill) take(receiver int, p parcel) int {
	var e struct {
		Type string `json:"type"`
		Data struct {
			Version json.Number `json:"version"`
		} `json:"data"`
	}
	version, err := uint64(0), json.Unmarshal(p.body, &e)
	if err == nil {
		version, err = strconv.ParseUint(e.Data.Version.String(), 10, 64)
	}
	if err != nil {
		return http.StatusBadRequest
	}
	if e.Type == "organization.directory.user_updated" {
		s.got[receiver].got(p)
	}
	if receiver == newReceiverOf {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.seen[p.id] {
			s.seen[p.id] = true
			if version < s.versions[p.resource] {
				s.behind++
			}
			s.versions[p.resource] = max(version, s.versions[p.resource])
		}
	}
	return http.StatusNoContent
}

// live changes users, each once, until done is closed or the time is over.
func (s *backfill) live(b *testing.B, done <-chan struct{}, long time.Duration) {
	tick, end := time.NewTicker(time.Second/livePerSecond), time.After(long)
	defer tick.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for s.changed < len(s.users) {
		select {
		case <-done:
			return
		case <-end:
			return
		case <-tick.C:
		}
		id := s.users[s.changed*7919%len(s.users)] // all over the directory
		s.changed++
		wg.Go(func() {
			res, err := s.tenant.SCIM.Do(b.Context(), http.MethodPatch, "/Users/"+id, harness.Patch(harness.Op("replace", "title", "Changed")))
			at := time.Now()
			if err != nil || res.Status/100 != 2 {
				b.Errorf("a user was not changed: %d %v %s", res.Status, err, res.Body)
				return
			}
			for i := range s.got {
				s.got[i].hired(id, at)
			}
		})
	}
}

// await waits until the steady endpoint knows of all changes.
func (s *backfill) await(b *testing.B) {
	b.Helper()
	harness.Eventually(b, time.Minute, "every change to arrive", func() error {
		g := &s.got[steadyReceiver]
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.arrived) < len(g.answered) || len(g.answered) == 0 {
			return fmt.Errorf("%d of %d", len(g.arrived), len(g.answered))
		}
		return nil
	})
}

// backfill asks for everyone, waits until all are delivered and watches the
// progress meanwhile.
func (s *backfill) backfill(b *testing.B, endpoint string) (took time.Duration, steps int) {
	b.Helper()
	started, last := time.Now(), -1.0
	id := s.server.API.Must(b, http.StatusCreated, http.MethodPost, endpoint+"/replays", map[string]any{"everyone": map[string]any{}}).Text("replay.id")
	harness.Eventually(b, 10*time.Minute, "the end of the back-fill", func() error {
		m, _ := s.server.API.Must(b, http.StatusOK, http.MethodGet, endpoint+"/replays/"+id, nil).At("replay").(map[string]any)
		delivered, _ := m["delivered"].(float64)
		if delivered < last {
			b.Errorf("%v were delivered, and %v before", delivered, last)
		}
		if delivered > last {
			steps++
		}
		last = delivered
		if m["status"] != "FINISHED" || m["delivered"] != m["queued"] || int(delivered) < len(s.users) {
			return fmt.Errorf("it is %v", m)
		}
		return nil
	})
	return time.Since(started), steps
}

// check fails unless the new endpoint has everyone, in order.
func (s *backfill) check(b *testing.B) {
	b.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.users {
		if s.versions[id] == 0 {
			b.Errorf("user %s did not come", id)
			break
		}
	}
	if s.behind > 0 {
		b.Errorf("%d versions came behind a later one", s.behind)
	}
}

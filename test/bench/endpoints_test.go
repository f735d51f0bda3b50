package bench_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/test/harness"
)

// defaultEndpoints is how many endpoints two workers share, unless
// ROLLCALL_ENDPOINTS says otherwise: 10000 is what Rollcall is meant for.
const defaultEndpoints = 200

// BenchmarkEndpoints has two delivery workers share endpoints that all want new
// users, and of which one wants changed users too. all/s and one/s are deliveries
// a second of either. ready-s is how long a worker takes to start with all of them,
// anon-MiB what it occupies then beside the page cache. takeover-s is from the kill
// of a worker until an event that was caused right after it has reached every
// endpoint.
func BenchmarkEndpoints(b *testing.B) {
	f := newFleet(b, size(b, "ROLLCALL_ENDPOINTS", defaultEndpoints))
	for b.Loop() {
		f.matching(b)
		f.start(b)
		f.takeover(b)
	}
	b.ReportMetric(0, "ns/op")
}

// fleet is two workers and their endpoints.
type fleet struct {
	cluster *harness.Cluster
	second  *harness.Process
	tenant  *harness.Tenant
	crowd   *crowd
	n       int
	created atomic.Int64 // webhooks about new users
	changed atomic.Int64 // and about changed ones
}

func newFleet(b *testing.B, n int) *fleet {
	b.Helper()
	f := &fleet{cluster: harness.NewCluster(b, "--log-level", "warn"), n: n}
	f.second = f.cluster.Worker("delivery-2", "--log-level", "warn")
	f.second.MustStart()
	f.tenant = f.cluster.API.Tenant(b, f.cluster.SCIM, "fleet.example", "OKTA")
	f.crowd = newCrowd(b, func(_ int, p parcel) int {
		var e struct {
			Type string `json:"type"`
		}
		switch err := json.Unmarshal(p.body, &e); {
		case err != nil:
			return http.StatusBadRequest
		case e.Type == "organization.directory.user_created":
			f.created.Add(1)
		default:
			f.changed.Add(1)
		}
		return http.StatusNoContent
	})
	register(b, f.cluster.API, n, func(i int) map[string]any {
		types := []string{"organization.directory.user_created"}
		if i == 0 {
			types = append(types, "organization.directory.user_updated")
		}
		return map[string]any{"url": f.crowd.url(i), "event_types": types, "enabled": true}
	})
	f.shared(b, 2)
	return f
}

// hire creates users and returns how long it took until every endpoint knew.
func (f *fleet) hire(b *testing.B, users int) time.Duration {
	b.Helper()
	started, want := time.Now(), f.created.Load()+int64(users*f.n)
	hire(b, f.tenant, users, 0, func(id string, _ time.Time) {})
	f.await(b, &f.created, want)
	return time.Since(started)
}

func (f *fleet) await(b *testing.B, n *atomic.Int64, want int64) {
	b.Helper()
	harness.Eventually(b, 10*time.Minute, "all webhooks", func() error {
		if got := n.Load(); got < want {
			return fmt.Errorf("%d of %d", got, want)
		}
		return nil
	})
}

// matching reports deliveries of events that all endpoints want, and that one
// does.
func (f *fleet) matching(b *testing.B) {
	b.Helper()
	f.hire(b, 1) // connections, and the place of each endpoint
	users := max(5, 5000/f.n)
	b.ReportMetric(float64(users*f.n)/f.hire(b, users).Seconds(), "all/s")

	const changes = 500
	known := f.created.Load() + int64(f.n)
	id := f.tenant.SCIM.Create(b, "/Users", harness.User("changing@fleet.example", nil))
	f.await(b, &f.created, known) // that is everybody's event, not the one's
	var next atomic.Int64
	started, want := time.Now(), f.changed.Load()+changes
	clientsUntilDone(8, func() bool {
		n := next.Add(1)
		if n > changes || b.Failed() {
			return false
		}
		f.tenant.SCIM.Must(b, http.StatusOK, http.MethodPatch, "/Users/"+id, harness.Patch(harness.Op("replace", "title", fmt.Sprint(n, started))))
		return true
	})
	f.await(b, &f.changed, want)
	b.ReportMetric(changes/time.Since(started).Seconds(), "one/s")
}

// start reports how long a worker takes that begins with all endpoints.
func (f *fleet) start(b *testing.B) {
	b.Helper()
	check(b, f.second.Stop())
	check(b, f.cluster.Delivery.Stop())
	started := time.Now()
	f.cluster.Delivery.MustStart()
	f.shared(b, 1)
	b.ReportMetric(time.Since(started).Seconds(), "ready-s")
	f.hire(b, 1)
	m, err := f.cluster.Delivery.Memory()
	check(b, err)
	b.ReportMetric(float64(m.Anon>>20), "anon-MiB")
	f.second.MustStart()
	f.shared(b, 2)
}

// takeover kills one of the workers.
func (f *fleet) takeover(b *testing.B) {
	b.Helper()
	started := time.Now()
	f.second.Kill()
	f.hire(b, 1)
	b.ReportMetric(time.Since(started).Seconds(), "takeover-s")
	f.second.MustStart()
	f.shared(b, 2)
}

// shared waits until so many workers have all slots between them, evenly.
func (f *fleet) shared(b *testing.B, workers int) {
	b.Helper()
	harness.Eventually(b, 2*time.Minute, "all slots to be shared", func() error {
		res, err := http.Get(f.cluster.Delivery.URL() + "/slots") //nolint:noctx // Eventually bounds it
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		var shown struct {
			Workers []struct {
				Slots []int `json:"slots"`
			} `json:"workers"`
		}
		if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&shown); err != nil {
			return err
		}
		slots := 0
		for _, w := range shown.Workers {
			if len(w.Slots) < attempts.Slots/workers {
				return fmt.Errorf("a worker has %d slots", len(w.Slots))
			}
			slots += len(w.Slots)
		}
		if len(shown.Workers) != workers || slots != attempts.Slots {
			return fmt.Errorf("%d workers with %d slots", len(shown.Workers), slots)
		}
		return nil
	})
}

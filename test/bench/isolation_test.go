package bench_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

// defaultIsolated is how many endpoints the isolation is measured with, unless
// ROLLCALL_ENDPOINTS says otherwise: 1000 is what the goals are about.
const defaultIsolated = 100

// BenchmarkIsolation sends to endpoints of which one in ten hangs until the time
// limit and one in ten refuses connections, and compares the other eight with
// the same eight of a second `rollcall serve` that has only those. x-throughput is
// what they get a second of a burst (goal 0.9), x-p50 and x-p99 are the times from
// SCIM answer to receipt at a steady rate (goal for p99: 2). Rounds alternate, and
// the figures are medians of them.
func BenchmarkIsolation(b *testing.B) {
	n := size(b, "ROLLCALL_ENDPOINTS", defaultIsolated)
	good, bad := n-2*(n/10), n/10
	alone, among := newIsolated(b, good, 0), newIsolated(b, good, bad)
	var rates, p50s, p99s [2][]float64
	for b.Loop() {
		for range 3 {
			for i, s := range []*isolated{alone, among} {
				rates[i] = append(rates[i], s.burst(b))
				p50, p99 := s.steady(b)
				p50s[i], p99s[i] = append(p50s[i], p50), append(p99s[i], p99)
			}
		}
	}
	if among.crowd.held.Load() == 0 {
		b.Error("no request was held")
	}
	b.ReportMetric(median(rates[1])/median(rates[0]), "x-throughput")
	b.ReportMetric(median(p50s[1])/median(p50s[0]), "x-p50")
	b.ReportMetric(median(p99s[1])/median(p99s[0]), "x-p99")
	b.ReportMetric(median(rates[1]), "deliveries/s")
	b.ReportMetric(median(p50s[1]), "p50-ms")
	b.ReportMetric(median(p99s[1]), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// isolated is a server with good endpoints and bad ones.
type isolated struct {
	tenant *harness.Tenant
	crowd  *crowd
	good   int
	recipients
}

// newIsolated starts one, with bad endpoints of either kind.
func newIsolated(b *testing.B, good, bad int) *isolated {
	b.Helper()
	s := &isolated{good: good}
	s.crowd = newCrowd(b, func(receiver int, p parcel) int {
		if receiver >= good {
			return hold
		}
		s.got(p)
		return http.StatusNoContent
	})
	server := harness.NewServer(b, "--log-level", "warn").MustStart()
	s.tenant = server.API.Tenant(b, server.SCIM, "isolated.example", "OKTA")
	dead := closedPort(b)
	register(b, server.API, good+2*bad, func(i int) map[string]any {
		url := s.crowd.url(i)
		if i >= good+bad {
			url = fmt.Sprint(dead, i)
		}
		return map[string]any{"url": url, "event_types": []string{"organization.directory.user_created"}, "enabled": true}
	})
	return s
}

// hire sends webhooks about n users to every endpoint and waits until the good
// ones have them.
func (s *isolated) hire(b *testing.B, n, perSecond int) {
	b.Helper()
	s.reset()
	hire(b, s.tenant, n, perSecond, s.hired)
	harness.Eventually(b, 10*time.Minute, "the good endpoints to have everything", func() error {
		if got := s.count(); got < n*s.good {
			return fmt.Errorf("%d of %d", got, n*s.good)
		}
		return nil
	})
}

// burst returns how many webhooks a second the good endpoints get at most.
func (s *isolated) burst(b *testing.B) float64 {
	b.Helper()
	n := max(50, 8000/s.good)
	started := time.Now()
	s.hire(b, n, 0)
	return float64(n*s.good) / s.last().Sub(started).Seconds()
}

// steady returns how late webhooks are when there is time enough for all.
func (s *isolated) steady(b *testing.B) (p50, p99 float64) {
	b.Helper()
	perSecond := max(1, 1600/s.good)
	s.hire(b, 5*perSecond, perSecond)
	took := s.latencies()
	return percentile(took, 0.5), percentile(took, 0.99)
}

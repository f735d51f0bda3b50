package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/pkg/synclog/history"
	"github.com/rollcallhq/rollcall/pkg/synclog/requestlog"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
)

// BenchmarkSyncLog measures what the sync log costs those who are answered:
// creates from 32 clients to 50 directories through an edge with it and through
// one without, by turns, with bodies as the RFCs have them and with bodies that
// need tolerance, each of which is recorded. Goal: both ratios of the rate at
// least 0.97, of the median latency at most 1.03, within the noise between equal
// rounds. x-cpu is the processor time of a create, which a busy machine blurs
// less; synced is how many messages a second were synced to disk for it.
func BenchmarkSyncLog(b *testing.B) {
	const callers = 32
	r := newReceiver(b)
	s := newStack(b, 50)
	s.subscribe(b, r, "organization.directory.user_*")
	quiet := slog.New(slog.DiscardHandler)
	h, err := history.Open(filepath.Join(b.TempDir(), "synclog.db"), requestlog.New(s.js), quiet)
	check(b, err)
	ctx, cancel := context.WithCancel(b.Context())
	var following sync.WaitGroup
	following.Go(func() { _ = h.Follow(ctx) })
	b.Cleanup(func() { cancel(); following.Wait(); check(b, h.Close()) })
	recorder := requestlog.Start(b.Context(), s.js, requestlog.Options{})
	b.Cleanup(func() { _ = recorder.Stop() })

	edge := func(cfg scimhttp.Config) []target {
		srv := port(b)
		cfg.Base, cfg.Logger = func() string { return s.base }, quiet
		scimhttp.New(s.ingress, cfg).Register(srv.Echo)
		check(b, srv.Serve())
		var out []target
		for _, d := range s.dirs {
			out = append(out, target{"http://" + srv.Addr().String() + strings.TrimPrefix(d.url, s.base), d.token, d.directory})
		}
		return out
	}
	edges := map[string][]target{
		"off": edge(scimhttp.Config{}), "off2": edge(scimhttp.Config{}),
		"on": edge(scimhttp.Config{Recorder: recorder, Metrics: scimhttp.NewMetrics(prometheus.NewRegistry())}),
	}
	c := browser(callers)
	rates, medians, cpu := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	began := time.Now()
	order := []string{"off fine", "on fine", "off2 fine", "off deviant", "on deviant", "off2 deviant"}
	shuffle := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		// Whoever comes second inherits the first one's webhooks.
		shuffle.Shuffle(len(order), func(i, k int) { order[i], order[k] = order[k], order[i] })
		for _, name := range order {
			s.settle(b)
			which, kind, _ := strings.Cut(name, " ")
			rate, p50, each := s.creates(b, c, callers, edges[which], kind == "deviant")
			rates[name], medians[name], cpu[name] = append(rates[name], rate), append(medians[name], p50), append(cpu[name], each)
		}
	}
	for _, kind := range []string{"fine", "deviant"} {
		off := append(slices.Clone(rates["off "+kind]), rates["off2 "+kind]...)
		b.ReportMetric(median(rates["on "+kind]), kind+"-creates/s")
		b.ReportMetric(median(rates["on "+kind])/median(off), kind+"-x-rate")
		b.ReportMetric(median(rates["off2 "+kind])/median(rates["off "+kind]), kind+"-x-rate-noise")
		b.ReportMetric(median(medians["on "+kind])/median(append(slices.Clone(medians["off "+kind]), medians["off2 "+kind]...)), kind+"-x-p50")
		b.ReportMetric(median(cpu["on "+kind])/median(append(slices.Clone(cpu["off "+kind]), cpu["off2 "+kind]...)), kind+"-x-cpu")
		b.ReportMetric(median(cpu["off2 "+kind])/median(cpu["off "+kind]), kind+"-x-cpu-noise")
	}
	e, err := requestlog.New(s.js).Extent(b.Context())
	check(b, err)
	b.ReportMetric(float64(e.Last)/time.Since(began).Seconds(), "synced/s")
	b.ReportMetric(float64(recorder.Dropped()), "dropped")
	b.ReportMetric(0, "ns/op")
}

// creates makes users for half a second and returns how many a second, the
// median time of one in milliseconds, and the processor's time for one.
func (s *stack) creates(b *testing.B, c *http.Client, callers int, to []target, deviant bool) (rate, p50, cpu float64) {
	b.Helper()
	before := processorTime(b)
	const round = 500 * time.Millisecond
	var mu sync.Mutex
	var took []float64
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			var mine []float64
			for time.Since(began) < round {
				n := s.next.Add(1)
				body := userBody(n)
				if deviant {
					body = fmt.Appendf(nil, `{"userName":"user%d@bench.example","active":"True","manager":"1","name.givenName":"Mara"}`, n)
				}
				at := time.Now()
				if err := post(c, to[n%int64(len(to))], body); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, float64(time.Since(at).Microseconds())/1000)
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	rate = float64(len(took)) / time.Since(began).Seconds()
	slices.Sort(took)
	return rate, took[len(took)/2], (processorTime(b) - before).Seconds() / float64(len(took))
}

// processorTime is what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
// rounds.
func BenchmarkSyncLog(b *testing.B) {
	const callers = 32
	r := newReceiver(b)
	s := newStack(b, 50, r.url, r.secret)
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
			out = append(out, target{"http://" + srv.Addr().String() + strings.TrimPrefix(d.url, s.base), d.token})
		}
		return out
	}
	edges := map[string][]target{
		"off": edge(scimhttp.Config{}), "off2": edge(scimhttp.Config{}),
		"on": edge(scimhttp.Config{Recorder: recorder, Metrics: scimhttp.NewMetrics(prometheus.NewRegistry())}),
	}
	c := browser(callers)
	rates, medians := map[string][]float64{}, map[string][]float64{}
	order := []string{"off fine", "on fine", "off2 fine", "off deviant", "on deviant", "off2 deviant"}
	for i := 0; b.Loop(); i++ {
		for k := range order {
			name := order[(k+i)%len(order)]
			which, kind, _ := strings.Cut(name, " ")
			rate, p50 := s.creates(b, c, callers, edges[which], kind == "deviant")
			rates[name], medians[name] = append(rates[name], rate), append(medians[name], p50)
		}
	}
	for _, kind := range []string{"fine", "deviant"} {
		off := append(slices.Clone(rates["off "+kind]), rates["off2 "+kind]...)
		b.ReportMetric(median(rates["on "+kind]), kind+"-creates/s")
		b.ReportMetric(median(rates["on "+kind])/median(off), kind+"-x-rate")
		b.ReportMetric(median(rates["off2 "+kind])/median(rates["off "+kind]), kind+"-x-rate-noise")
		b.ReportMetric(median(medians["on "+kind])/median(append(slices.Clone(medians["off "+kind]), medians["off2 "+kind]...)), kind+"-x-p50")
	}
	b.ReportMetric(float64(recorder.Dropped()), "dropped")
	b.ReportMetric(0, "ns/op")
}

// creates makes users for half a second and returns how many a second, and the
// median time of one in milliseconds.
func (s *stack) creates(b *testing.B, c *http.Client, callers int, to []target, deviant bool) (rate, p50 float64) {
	b.Helper()
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
	return rate, took[len(took)/2]
}

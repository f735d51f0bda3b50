package bench_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
)

// BenchmarkSCIM measures SCIM creates over HTTP from 64 clients to 50
// directories, with projector and delivery at work, against a handler on the
// same router that only decodes and encodes the same body. Goal: x-codec at
// least 0.4. emitted/s is how fast EVENTS grew meanwhile, and lag is how long it
// took after the last create until EVENTS held everything, in seconds. cpu-us
// and codec-cpu-us are the processor time of one create and one request, the
// client's and the receiver's shares included: they say where a ratio comes from
// on a machine that does other things.
//
// With one endpoint every create is also a webhook to a receiver in this very
// process: a second HTTP exchange that the same processors pay for.
func BenchmarkSCIM(b *testing.B) {
	b.Run("endpoints=0", func(b *testing.B) { createsAgainstCodec(b, "") })
	b.Run("endpoints=1", func(b *testing.B) { createsAgainstCodec(b, "organization.directory.user_*") })
}

func createsAgainstCodec(b *testing.B, eventTypes string) {
	const callers = 64
	r := newReceiver(b)
	s := newStack(b, 50)
	if eventTypes != "" {
		s.subscribe(b, r, eventTypes)
	}
	plain := codec(b)
	c := browser(callers)
	var ours, theirs, emitted, lag, cost, plainCost []float64
	for b.Loop() {
		before, used := s.projector.At().Ordinal, processorTime(b)
		started := time.Now()
		ours = append(ours, clients(callers, func() bool {
			n := s.next.Add(1)
			if err := post(c, s.dirs[n%int64(len(s.dirs))], userBody(n)); err != nil {
				b.Error(err)
				return false
			}
			return true
		}))
		written := time.Now()
		s.settle(b)
		created := float64(s.projector.At().Ordinal - before)
		emitted = append(emitted, created/time.Since(started).Seconds())
		lag = append(lag, time.Since(written).Seconds())
		cost = append(cost, float64((processorTime(b)-used).Microseconds())/created)
		used, started = processorTime(b), time.Now()
		theirs = append(theirs, clients(callers, func() bool {
			n := s.next.Add(1)
			if err := post(c, plain, userBody(n)); err != nil {
				b.Error(err)
				return false
			}
			return true
		}))
		plainCost = append(plainCost, float64((processorTime(b)-used).Microseconds())/(theirs[len(theirs)-1]*time.Since(started).Seconds()))
	}
	if r.bad.Load() > 0 {
		b.Errorf("%d webhooks did not verify", r.bad.Load())
	}
	b.ReportMetric(median(cost), "cpu-us")
	b.ReportMetric(median(plainCost), "codec-cpu-us")
	b.ReportMetric(median(ours), "creates/s")
	b.ReportMetric(median(ours)/median(theirs), "x-codec")
	b.ReportMetric(median(emitted), "emitted/s")
	b.ReportMetric(median(lag), "lag-s")
	b.ReportMetric(0, "ns/op")
}

// settle waits until EVENTS holds every public event of what was written.
func (s *stack) settle(b *testing.B) {
	b.Helper()
	check(b, s.projector.Wait(b.Context(), s.ingress.At().Seq))
	last := uint64(public.NumberOf(s.projector.At().Ordinal, 0))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.projector.Emitted() < last {
		<-tick.C
	}
}

// BenchmarkWebhook measures the time from the moment a SCIM create is sent to
// the arrival of its verified webhook, at 500 changes a second.
func BenchmarkWebhook(b *testing.B) {
	const perSecond = 500
	r := newReceiver(b)
	s := newStack(b, 50)
	s.subscribe(b, r, "organization.directory.user_*")
	c := browser(64)
	for b.Loop() {
		var mu sync.Mutex
		sent := map[string]time.Time{}
		var took []time.Duration
		arrived := make(chan struct{}, 1)
		on := func(user string) {
			now := time.Now()
			mu.Lock()
			if at, ok := sent[user]; ok {
				took = append(took, now.Sub(at))
				delete(sent, user)
			}
			mu.Unlock()
			select {
			case arrived <- struct{}{}:
			default:
			}
		}
		r.on.Store(&on)
		var wg sync.WaitGroup
		tick := time.NewTicker(time.Second / perSecond)
		for range 5 * perSecond {
			<-tick.C
			n := s.next.Add(1)
			wg.Go(func() {
				body := userBody(n)
				mu.Lock()
				sent[fmt.Sprintf("user%d@bench.example", n)] = time.Now()
				mu.Unlock()
				if err := post(c, s.dirs[n%int64(len(s.dirs))], body); err != nil {
					b.Error(err)
				}
			})
		}
		tick.Stop()
		wg.Wait()
		deadline := time.After(30 * time.Second)
		for waiting := true; waiting; {
			mu.Lock()
			waiting = len(sent) > 0
			mu.Unlock()
			if !waiting {
				break
			}
			select {
			case <-arrived:
			case <-deadline:
				b.Fatalf("%d webhooks are missing", len(sent))
			}
		}
		slices.Sort(took)
		at := func(p float64) float64 {
			return float64(took[min(len(took)-1, int(p*float64(len(took))))].Microseconds()) / 1000
		}
		b.ReportMetric(at(0.50), "p50-ms")
		b.ReportMetric(at(0.99), "p99-ms")
	}
	if r.bad.Load() > 0 {
		b.Errorf("%d webhooks did not verify", r.bad.Load())
	}
	b.ReportMetric(0, "ns/op")
}

package bench_test

import (
	"fmt"
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

// BenchmarkWebhook measures how long it takes until the verified webhook of a
// SCIM create is there: p50-ms and p99-ms from the moment the create is sent,
// answered-p50-ms and answered-p99-ms from its answer, which a webhook may
// overtake. Goals at 1,000 changes a second: 5 and 50 from the answer.
func BenchmarkWebhook(b *testing.B) {
	for _, perSecond := range []int{500, 1000} {
		b.Run(fmt.Sprintf("rate=%d", perSecond), func(b *testing.B) { webhookLatency(b, perSecond) })
	}
}

func webhookLatency(b *testing.B, perSecond int) {
	r := newReceiver(b)
	s := newStack(b, 50)
	s.subscribe(b, r, "organization.directory.user_*")
	c := browser(64)
	for b.Loop() {
		var mu sync.Mutex
		arrived := map[string]time.Time{}
		on := func(user string) {
			now := time.Now()
			mu.Lock()
			defer mu.Unlock()
			arrived[user] = now
		}
		r.on.Store(&on)
		type write struct {
			user           string
			sent, answered time.Time
		}
		writes := make([]write, 5*perSecond)
		var wg sync.WaitGroup
		began := time.Now()
		for i := range writes {
			// By the clock, not by a ticker, which leaves out what it is late for.
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))))
			n := s.next.Add(1)
			wg.Go(func() {
				body := userBody(n)
				w := write{user: fmt.Sprintf("user%d@bench.example", n), sent: time.Now()}
				if err := post(c, s.dirs[n%int64(len(s.dirs))], body); err != nil {
					b.Error(err)
				}
				w.answered = time.Now()
				writes[i] = w
			})
		}
		wg.Wait()
		end := time.Now().Add(time.Minute)
		for there := false; !there; {
			time.Sleep(time.Millisecond)
			mu.Lock()
			there = len(arrived) >= len(writes)
			mu.Unlock()
			if time.Now().After(end) {
				b.Fatalf("%d of %d webhooks arrived", len(arrived), len(writes))
			}
		}
		var fromSent, fromAnswer []time.Duration
		for _, w := range writes {
			at := arrived[w.user]
			fromSent, fromAnswer = append(fromSent, at.Sub(w.sent)), append(fromAnswer, max(0, at.Sub(w.answered)))
		}
		report := func(prefix string, took []time.Duration) {
			b.ReportMetric(percentile(took, 0.50), prefix+"p50-ms")
			b.ReportMetric(percentile(took, 0.99), prefix+"p99-ms")
		}
		report("", fromSent)
		report("answered-", fromAnswer)
	}
	if r.bad.Load() > 0 {
		b.Errorf("%d webhooks did not verify", r.bad.Load())
	}
	b.ReportMetric(0, "ns/op")
}

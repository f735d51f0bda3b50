package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/test/harness"
)

// inFlight is how many requests both contenders have under way.
const inFlight = 16

// created is the type of the events that are delivered.
const created = "organization.directory.user_created"

// BenchmarkDeliveries measures webhooks a second, with a durable record of every
// attempt, against a loop that only decodes, signs and POSTs the same bodies to
// the same receiver over kept-alive connections, 16 in flight.
//
//	from=EVENTS  a worker that finds the stream filled, from its start on; goal:
//	             x-loop at least 0.5
//	from=SCIM    creates over HTTP, from 64 clients, until the last webhook is
//	             there; goal: x-loop at least 0.3
//	from=Bulk    the same in SCIM Bulk requests of 100 creates, from 8 clients
//
// The receiver is in this process and verifies every signature, for both.
// cpu-us and loop-cpu-us are the processor time of one delivery.
func BenchmarkDeliveries(b *testing.B) {
	b.Run("from=EVENTS", func(b *testing.B) {
		const backlog = 20_000
		r := newReceiver(b)
		s := newReadingStack(b, 1)
		s.subscribe(b, r, created)
		(&loader{b: b, in: s.ingress}).users(&harness.Tenant{Directory: s.dirs[0].directory, Domain: "bench.example"}, backlog)
		s.settle(b)
		contend(b, r, s.bodies(b, created), func() (after func()) {
			// Every round has a worker of its own, which finds all events.
			w := s.deliver(b)
			for w.Stats().Delivered < backlog {
				check(b, w.Err())
				time.Sleep(time.Millisecond)
			}
			return func() {
				check(b, w.Stop())
				stream, err := s.js.Stream(b.Context(), "ATTEMPTS")
				check(b, err)
				check(b, stream.Purge(b.Context()))
			}
		})
	})
	b.Run("from=SCIM", func(b *testing.B) { fromCreates(b, 64, 1) })
	b.Run("from=Bulk", func(b *testing.B) { fromCreates(b, 8, 100) })
}

// fromCreates has clients create users, so many in a request, in each round.
func fromCreates(b *testing.B, clients int, each int64) {
	b.Helper()
	const creates = 5_000
	r := newReceiver(b)
	s := newStack(b, 50)
	s.subscribe(b, r, created)
	c := browser(clients)
	round := func() func() {
		var left atomic.Int64
		left.Store(creates)
		clientsUntilDone(clients, func() bool {
			if left.Add(-each) < 0 {
				return false
			}
			last := s.next.Add(each)
			err := s.create(c, last-each+1, last)
			if err != nil {
				b.Error(err)
			}
			return err == nil
		})
		arrive(b, r, creates)
		return func() {}
	}
	round()
	contend(b, r, s.bodies(b, created), round)
}

// create creates the users with these numbers in one request to some directory.
func (s *stack) create(c *http.Client, from, to int64) error {
	dir := s.dirs[to%int64(len(s.dirs))]
	if from == to {
		return post(c, dir, userBody(to))
	}
	type operation struct {
		Method string          `json:"method"`
		Path   string          `json:"path"`
		BulkID string          `json:"bulkId"`
		Data   json.RawMessage `json:"data"`
	}
	list := []operation{}
	for n := from; n <= to; n++ {
		list = append(list, operation{http.MethodPost, "/Users", strconv.FormatInt(n, 10), userBody(n)})
	}
	body, err := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:BulkRequest"}, "Operations": list})
	if err != nil {
		return err
	}
	answer, err := send(c, dir, "/Bulk", http.StatusOK, body)
	if err != nil {
		return err
	}
	var told struct {
		Operations []struct {
			Status string `json:"status"`
		}
	}
	if err := json.Unmarshal(answer, &told); err != nil {
		return err
	}
	for _, op := range told.Operations {
		if op.Status != "201" {
			return fmt.Errorf("an operation was answered with %s: %s", op.Status, answer)
		}
	}
	if len(told.Operations) != len(list) {
		return fmt.Errorf("%d of %d operations were answered", len(told.Operations), len(list))
	}
	return nil
}

// contend has both deliver to the receiver, in turns.
func contend(b *testing.B, r *receiver, bodies [][]byte, ours func() (after func())) {
	b.Helper()
	var rate, loopRate, cost, loopCost []float64
	measure := func(run func() (after func())) (perSecond, cpu float64) {
		r.seen.Store(0)
		used, began := processorTime(b), time.Now()
		after := run()
		n := float64(r.seen.Load())
		perSecond, cpu = n/time.Since(began).Seconds(), float64((processorTime(b)-used).Microseconds())/n
		after()
		return perSecond, cpu
	}
	for b.Loop() {
		v, c := measure(ours)
		rate, cost = append(rate, v), append(cost, c)
		v, c = measure(func() func() { loop(b, r, bodies); return func() {} })
		loopRate, loopCost = append(loopRate, v), append(loopCost, c)
	}
	if r.bad.Load() > 0 {
		b.Errorf("%d webhooks did not verify", r.bad.Load())
	}
	b.ReportMetric(median(cost), "cpu-us")
	b.ReportMetric(median(loopCost), "loop-cpu-us")
	b.ReportMetric(median(rate), "deliveries/s")
	b.ReportMetric(median(rate)/median(loopRate), "x-loop")
	b.ReportMetric(0, "ns/op")
}

// loop is the simpler program.
func loop(b *testing.B, r *receiver, bodies [][]byte) {
	b.Helper()
	secret, err := webhook.ParseSecret(r.secret)
	check(b, err)
	c := browser(inFlight)
	defer c.CloseIdleConnections()
	var next atomic.Int64
	clientsUntilDone(inFlight, func() bool {
		n := next.Add(1) - 1
		if n >= int64(len(bodies)) {
			return false
		}
		var e struct {
			ID   string          `json:"id"`
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		body := bodies[n]
		if err := json.Unmarshal(body, &e); err != nil {
			b.Error(err)
			return false
		}
		now := time.Now()
		req, err := http.NewRequest(http.MethodPost, r.url, bytes.NewReader(body)) //nolint:noctx // the round bounds it
		if err != nil {
			b.Error(err)
			return false
		}
		req.Header = http.Header{
			"Webhook-Id": {e.ID}, "Webhook-Timestamp": {webhook.Timestamp(now)}, "Webhook-Signature": {webhook.Sign(e.ID, now, body, secret)},
			"Content-Type": {"application/json"},
		}
		res, err := c.Do(req)
		if err != nil {
			b.Error(err)
			return false
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return true
	})
}

// bodies reads what EVENTS holds of a type.
func (s *stack) bodies(b *testing.B, eventType string) [][]byte {
	b.Helper()
	stream, err := s.js.Stream(b.Context(), "EVENTS")
	check(b, err)
	info, err := stream.Info(b.Context())
	check(b, err)
	consumer, err := stream.OrderedConsumer(b.Context(), jetstream.OrderedConsumerConfig{})
	check(b, err)
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(2048, 4<<20))
	check(b, err)
	defer messages.Stop()
	var list [][]byte
	for {
		m, err := messages.Next(jetstream.NextMaxWait(30 * time.Second))
		check(b, err)
		meta, err := m.Metadata()
		check(b, err)
		if m.Headers().Get(public.HeaderEventType) == eventType {
			list = append(list, m.Data())
		}
		if meta.Sequence.Stream >= info.State.LastSeq {
			return list
		}
	}
}

// arrive waits until the receiver has had so many.
func arrive(b *testing.B, r *receiver, n int64) {
	b.Helper()
	end := time.Now().Add(5 * time.Minute)
	for r.seen.Load() < n {
		if time.Now().After(end) {
			b.Fatalf("%d of %d webhooks arrived", r.seen.Load(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

package delivery_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// counter is a receiver that only counts, so that the worker is what is
// measured.
func counter(b *testing.B) (url string, n *atomic.Int64, arrived chan time.Time) {
	n, arrived = new(atomic.Int64), make(chan time.Time, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at := time.Now()
		_, _ = io.Copy(io.Discard, r.Body)
		n.Add(1)
		select {
		case arrived <- at:
		default:
		}
	}))
	b.Cleanup(srv.Close)
	return srv.URL, n, arrived
}

// BenchmarkDeliver drains a backlog; an operation is one delivery with its
// durable record.
func BenchmarkDeliver(b *testing.B) {
	for _, endpoints := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			w := newWorld(b, natslog.Sizes{})
			url, n, _ := counter(b)
			for i := range endpoints {
				w.endpoint(fmt.Sprintf("whe_%d", i), url, "*")
			}
			each := max(1, b.N/endpoints)
			w.publish("org_1", userUpdated, "diruser_first")
			for left := each; left > 0; left -= 1000 {
				w.publish("org_1", userUpdated, resources("diruser", min(left, 1000))...)
			}
			b.ResetTimer()
			d := w.worker()
			want := uint64(each+1) * uint64(endpoints)
			until(b, "all are recorded", func() bool { return d.Stats().Delivered >= want })
			b.StopTimer()
			if n.Load() != int64(want) {
				b.Errorf("%d requests, want %d", n.Load(), want)
			}
			s := d.Stats()
			b.ReportMetric(float64(want)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(float64(s.Records)/float64(s.Frames), "records/frame")
		})
	}
}

// BenchmarkMatch delivers events that one endpoint wants of many.
func BenchmarkMatch(b *testing.B) {
	for _, endpoints := range []int{200, 10_000} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			w := newWorld(b, natslog.Sizes{})
			url, _, _ := counter(b)
			w.endpoint("whe_one", url, groupCreated)
			created := make([]events.Event, 0, endpoints)
			for i := range endpoints - 1 {
				created = append(created, w.event(events.Event{Resource: fmt.Sprintf("whe_%d", i), Revision: 1}, events.WebhookEndpointCreated{
					WebhookEndpointConfig: events.WebhookEndpointConfig{URL: url, EventTypes: []string{userUpdated}, Enabled: true},
				}))
			}
			for part := range slices.Chunk(created, 1000) {
				w.commit(part...)
			}
			d := w.worker()
			want := uint64(1)
			w.publish("org_1", groupCreated, "dirgroup_first")
			until(b, "the endpoints have their places", func() bool { return d.Stats().Delivered == want && d.Stats().Lagging == 0 })
			b.ResetTimer()
			for left := b.N; left > 0; left -= 1000 {
				w.publish("org_1", groupCreated, resources("dirgroup", min(left, 1000))...)
			}
			want += uint64(b.N)
			until(b, "all are recorded", func() bool { return d.Stats().Delivered == want })
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// BenchmarkLatency is the time from before an event's append to EVENTS to its
// arrival, one at a time.
func BenchmarkLatency(b *testing.B) {
	w := newWorld(b, natslog.Sizes{})
	url, _, arrived := counter(b)
	w.endpoint("whe_1", url, "*")
	w.worker()
	w.publish("org_1", userUpdated, "diruser_warm")
	<-arrived
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		seq, ordinal := w.commit(w.event(events.Event{Resource: "diruser_1"}, events.UserUpdated{}))
		began := time.Now()
		w.emit("org_1", userUpdated, seq, ordinal-1, "diruser_1")
		took = append(took, (<-arrived).Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

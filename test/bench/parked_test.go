package bench_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	// defaultParked is how many retries wait, unless ROLLCALL_PARKED says
	// otherwise: 1000000 is what the goals are about.
	defaultParked = 20_000
	// parkedEach is how many of them one endpoint has.
	parkedEach = 1000
	// dueRetries come due, duePerSecond of them a second; the others wait on.
	dueRetries   = 6000
	duePerSecond = 200
)

// BenchmarkParked starts `rollcall serve` with retries that wait, written to
// ATTEMPTS as a worker writes them. B/retry is the memory that each adds to what
// the process occupies beside the page cache, ready-s how long a start takes,
// late-p50-ms and late-p99-ms how late those come that are due. In the middle of
// them the process is killed: again-s is how long the start after that takes,
// repeats how many came twice. It fails if one is lost, or one comes that is not
// due, or more come twice than one second of them.
func BenchmarkParked(b *testing.B) {
	for b.Loop() {
		p := newParked(b, size(b, "ROLLCALL_PARKED", defaultParked))
		first := p.park(b)

		started := time.Now()
		check(b, p.server.Start())
		check(b, p.server.Ready())
		b.ReportMetric(time.Since(started).Seconds(), "ready-s")
		m, err := p.server.Memory()
		check(b, err)
		b.ReportMetric(float64(m.Anon>>20), "anon-MiB")
		b.ReportMetric(float64(m.Anon-p.without)/float64(p.n), "B/retry")
		if late := time.Since(first); late > 0 {
			b.Errorf("it was ready %v after the first retry was due: the figures for lateness are wrong", late)
		}

		p.await(b, dueRetries/2)
		p.server.Kill()
		started = time.Now()
		check(b, p.server.Start())
		check(b, p.server.Ready())
		ready := time.Now()
		b.ReportMetric(ready.Sub(started).Seconds(), "again-s")
		p.await(b, dueRetries)

		late, repeats := p.result(b, started, ready)
		b.ReportMetric(percentile(late, 0.5), "late-p50-ms")
		b.ReportMetric(percentile(late, 0.99), "late-p99-ms")
		b.ReportMetric(float64(repeats), "repeats")
	}
	b.ReportMetric(0, "ns/op")
}

// retry is a delivery that waits.
type retry struct {
	receiver int
	event    string
}

type parked struct {
	server    *harness.Server
	crowd     *crowd
	n         int
	endpoints []string
	without   int64 // bytes that the process takes without them

	mu      sync.Mutex
	due     map[retry]time.Time
	arrived map[retry][]time.Time
}

// newParked starts a server with endpoints and events, which is stopped then.
func newParked(b *testing.B, n int) *parked {
	b.Helper()
	p := &parked{n: n, due: map[retry]time.Time{}, arrived: map[retry][]time.Time{}}
	p.crowd = newCrowd(b, func(receiver int, c parcel) int {
		p.mu.Lock()
		defer p.mu.Unlock()
		r := retry{receiver, c.id}
		p.arrived[r] = append(p.arrived[r], c.at)
		return http.StatusNoContent
	})
	data := filepath.Join(b.TempDir(), "data")
	p.server = harness.NewServerIn(b, data, "--store-limit", strconv.FormatInt(scaleLimit, 10), "--log-level", "warn").MustStart()
	t := p.server.API.Tenant(b, p.server.SCIM, "parked.example", "OKTA")
	// Nothing comes live: the events that wait are of another type.
	p.endpoints = register(b, p.server.API, max(1, n/parkedEach), func(i int) map[string]any {
		return map[string]any{"url": p.crowd.url(i), "event_types": []string{"organization.directory.user_deleted"}, "enabled": true}
	})
	hire(b, t, parkedEach, 0, func(string, time.Time) {})
	check(b, p.server.Stop())
	check(b, p.server.Start()) // as it is after a start, which is what is compared
	check(b, p.server.Ready())
	m, err := p.server.Memory()
	check(b, err)
	p.without = m.Anon
	check(b, p.server.Stop())
	return p
}

// park writes the retries and returns when the first is due.
func (p *parked) park(b *testing.B) time.Time {
	b.Helper()
	js, shut := openStreams(b, p.server.Data)
	defer shut()
	log, err := attemptlog.Open(b.Context(), js)
	check(b, err)
	events := p.events(b, js)

	// Time to write them, and to start.
	first := time.Now().Add(20*time.Second + time.Duration(p.n/10_000)*time.Second)
	every := max(1, p.n/dueRetries) // those that come due are spread over all
	bySlot, n, due := map[int][]attempts.Record{}, 0, 0
	for i, endpoint := range p.endpoints {
		slot := attempts.SlotOf(endpoint)
		for _, e := range events {
			e.Endpoint = endpoint
			e.Due = first.Add(24 * time.Hour)
			if n++; n%every == 0 && due < dueRetries {
				e.Due = first.Add(time.Duration(due) * time.Second / duePerSecond)
				p.due[retry{i, e.EventID}] = e.Due
				due++
			}
			bySlot[slot] = append(bySlot[slot], e)
		}
	}
	if due < dueRetries {
		b.Fatalf("%d retries are too few", p.n)
	}
	for slot, records := range bySlot {
		write(b, log, slot, records)
	}
	return first
}

// events returns a failed attempt of each new user's event.
func (p *parked) events(b *testing.B, js jetstream.JetStream) (records []attempts.Record) {
	b.Helper()
	stream, err := js.Stream(b.Context(), natslog.EventsStream)
	check(b, err)
	now := time.Now()
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		m, err := stream.GetMsg(b.Context(), seq)
		check(b, err)
		if typ := m.Header.Get("Rollcall-Event-Type"); typ == "organization.directory.user_created" {
			records = append(records, attempts.Record{
				Kind: attempts.KindAttempt, Seq: seq, EventID: m.Header.Get("Rollcall-Event-Id"), EventType: typ, Resource: subject(m.Data),
				At: now, Attempt: 1, Duration: 20 * time.Millisecond, Status: 500, Class: "status", Error: "the receiver answered 500", Outcome: attempts.Failed,
			})
		}
	}
	if len(records) != parkedEach {
		b.Fatalf("EVENTS has %d new users, want %d", len(records), parkedEach)
	}
	return records
}

// write appends records and a checkpoint to a slot, as its worker would.
func write(b *testing.B, log *attemptlog.Log, slot int, records []attempts.Record) {
	b.Helper()
	state, place := attempts.NewState(), attempts.Place{}
	apply := func(seq uint64, f attempts.Frame) (err error) {
		place, err = attempts.Apply(state, place, seq, f)
		return err
	}
	w, err := log.Recover(b.Context(), slot, apply)
	check(b, err)
	put := func(frame []byte) {
		seq, err := w.Append(context.WithoutCancel(b.Context()), frame)
		check(b, err)
		f, err := attempts.Decode(frame)
		check(b, err)
		check(b, apply(seq, f))
	}
	for len(records) > 0 {
		n := min(len(records), attempts.MaxRecords)
		frame, err := attempts.Encode(attempts.Frame{
			Header: attempts.Header{Slot: slot, Index: place.Index + 1, Checkpoint: place.Checkpoint}, Records: records[:n],
		})
		check(b, err)
		put(frame)
		records = records[n:]
	}
	parts, err := state.Checkpoint(slot, place.Index+1, place.Checkpoint)
	check(b, err)
	for _, frame := range parts {
		put(frame)
	}
}

// await waits until so many retries have come.
func (p *parked) await(b *testing.B, want int) {
	b.Helper()
	harness.Eventually(b, 10*time.Minute, "the retries that are due", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.arrived) < want {
			return fmt.Errorf("%d of %d", len(p.arrived), want)
		}
		return nil
	})
}

// result returns how late those came that were not due while the server was
// away, and how many came twice.
func (p *parked) result(b *testing.B, away, back time.Time) (late []time.Duration, repeats int) {
	b.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for r, at := range p.arrived {
		due, ok := p.due[r]
		if !ok || at[0].Before(due) {
			b.Errorf("%v came before it was due", r)
			return nil, 0
		}
		repeats += len(at) - 1
		if at[0].Before(away) || due.After(back) {
			late = append(late, at[0].Sub(due))
		}
	}
	if repeats > duePerSecond {
		b.Errorf("%d retries came twice", repeats)
	}
	return late, repeats
}

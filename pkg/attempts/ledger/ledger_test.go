package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/attempts/ledger"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

type bench struct {
	t     *testing.T
	log   *attemptlog.Log
	w     *attemptlog.Writer
	state *attempts.State
	place attempts.Place
	path  string
}

const endpoint = "whe_100000000000000001"

func start(t *testing.T) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(ctx, js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, state: attempts.NewState(), path: filepath.Join(t.TempDir(), "sub", "deliveries.db")}
	if b.log, err = attemptlog.Open(ctx, js); err != nil {
		t.Fatal(err)
	}
	if b.w, err = b.log.Recover(ctx, attempts.SlotOf(endpoint), func(uint64, attempts.Frame) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) append(raw []byte, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	seq, err := b.w.Append(b.t.Context(), raw)
	if err != nil {
		b.t.Fatal(err)
	}
	f, err := attempts.Decode(raw)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.place, err = attempts.Apply(b.state, b.place, seq, f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) records(recs ...attempts.Record) {
	b.t.Helper()
	b.append(attempts.Encode(attempts.Frame{
		Header: attempts.Header{Slot: attempts.SlotOf(endpoint), Index: b.place.Index + 1, Checkpoint: b.place.Checkpoint}, Records: recs,
	}))
}

func (b *bench) checkpoint() {
	b.t.Helper()
	parts, err := b.state.Checkpoint(attempts.SlotOf(endpoint), b.place.Index+1, b.place.Checkpoint)
	for _, p := range parts {
		b.append(p, err)
	}
}

func (b *bench) remove() {
	b.t.Helper()
	if err := os.Remove(b.path); err != nil {
		b.t.Fatal(err)
	}
}

// open opens the ledger and follows until the end of what was appended.
func (b *bench) open() (l *ledger.Ledger, stop func()) {
	b.t.Helper()
	l, err := ledger.Open(b.t.Context(), b.path, b.log, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Follow(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			b.t.Errorf("follow: %v", err)
		}
		if err := l.Close(); err != nil {
			b.t.Errorf("close: %v", err)
		}
	}
	b.wait(l)
	return l, stop
}

func (b *bench) wait(l *ledger.Ledger) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if err := l.Wait(ctx, b.place.Seq); err != nil {
		b.t.Fatalf("the ledger is at %d, not %d: %v", l.Position(), b.place.Seq, err)
	}
}

func attempt(seq uint64, n int, o attempts.Outcome) attempts.Record {
	r := attempts.Record{
		Kind: attempts.KindAttempt, Endpoint: endpoint, Seq: seq, EventID: fmt.Sprintf("evt_%018d", seq), EventType: "organization.created",
		Resource: "org_1", At: at.Add(time.Duration(seq) * time.Second), Attempt: n, Duration: time.Millisecond, Status: 200, Outcome: o,
	}
	if o != attempts.Delivered {
		r.Status, r.Class, r.Error = 503, "status", "the receiver answered 503 Service Unavailable"
	}
	if o == attempts.Failed {
		r.Due = r.At.Add(time.Minute)
	}
	return r
}

func seqs(list []ledger.Delivery) []uint64 {
	var out []uint64
	for _, d := range list {
		out = append(out, d.Seq)
	}
	return out
}

func list(t *testing.T, l *ledger.Ledger, s attempts.Status) []ledger.Delivery {
	t.Helper()
	p, err := l.List(t.Context(), ledger.Query{Endpoint: endpoint, Status: s, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return p.Deliveries
}

func TestList(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.records(attempt(1, 1, attempts.Delivered), attempt(2, 1, attempts.Failed), attempt(3, 8, attempts.Dead))
	l, stop := b.open()
	defer stop()
	queued := attempts.Record{Kind: attempts.KindQueued, Endpoint: endpoint, Seq: 5, EventID: "evt_5", EventType: "organization.updated", At: at}
	b.records(attempt(4, 1, attempts.Delivered), queued, attempts.Record{Kind: attempts.KindCursor, Endpoint: endpoint, Position: 5})
	b.wait(l)

	for s, want := range map[attempts.Status][]uint64{0: {5, 4, 3, 2, 1}, attempts.Pending: {5}, attempts.Success: {4, 1}, attempts.Retrying: {2}, attempts.Exhausted: {3}} {
		if diff := cmp.Diff(want, seqs(list(t, l, s))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
	}
	want := attempts.Delivery{
		Endpoint: endpoint, Seq: 2, EventID: "evt_000000000000000002", EventType: "organization.created", Resource: "org_1", Status: attempts.Retrying,
		Attempts: 1, LastAt: at.Add(2 * time.Second), Duration: time.Millisecond, StatusCode: 503, Class: "status",
		Error: "the receiver answered 503 Service Unavailable", Due: at.Add(62 * time.Second),
	}
	got, ok, err := l.Delivery(t.Context(), endpoint, 2)
	if diff := cmp.Diff(want, got.Delivery); diff != "" || !ok || err != nil {
		t.Errorf("delivery 2 (%v, %v):\n%s", ok, err, diff)
	}
	due, err := l.Due(t.Context(), at.Add(time.Hour), 10)
	if len(due) != 1 || !cmp.Equal(want, due[0].Delivery) || err != nil {
		t.Errorf("due %+v (%v)", due, err)
	}
	if due, err := l.Due(t.Context(), at.Add(62*time.Second), 10); len(due) != 0 || err != nil {
		t.Errorf("due before its time: %v, %v", due, err)
	}
	ep, ok, err := l.Endpoint(t.Context(), endpoint)
	if diff := cmp.Diff(attempts.Endpoint{ID: endpoint, Position: 5, Dead: 1}, ep); diff != "" || !ok || err != nil {
		t.Errorf("endpoint (%v, %v):\n%s", ok, err, diff)
	}

	var pages [][]uint64
	for q := (ledger.Query{Endpoint: endpoint, Limit: 2}); ; {
		p, err := l.List(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, seqs(p.Deliveries))
		if q.Before = p.Next; q.Before == 0 {
			break
		}
	}
	if diff := cmp.Diff([][]uint64{{5, 4}, {3, 2}, {1}}, pages); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if p, err := l.List(t.Context(), ledger.Query{Endpoint: "whe_1", Limit: 5}); err != nil || len(p.Deliveries) != 0 {
		t.Errorf("an endpoint that is not there: %+v, %v", p, err)
	}

	// A redelivery, and the end of the endpoint.
	queued.Seq, queued.Due = 3, at
	b.records(queued)
	b.wait(l)
	if p, err := l.List(t.Context(), ledger.Query{Endpoint: endpoint, Status: attempts.Retrying, Limit: 1}); err != nil || p.Total != 5 {
		t.Errorf("total %d, want 5 (%v)", p.Total, err)
	}
	if got := list(t, l, attempts.Pending); len(got) != 2 || got[1].Attempts != 0 || !got[1].Due.Equal(at) {
		t.Errorf("after a redelivery: %+v", got)
	}
	b.records(attempts.Record{Kind: attempts.KindDropped, Endpoint: endpoint, At: at})
	b.wait(l)
	if got := list(t, l, 0); len(got) != 0 {
		t.Errorf("after its end: %+v", got)
	}
	if due, err := l.Due(t.Context(), at.Add(time.Hour), 10); len(due) != 0 || err != nil {
		t.Errorf("due after its end: %v, %v", due, err)
	}
}

// The attempts of a delivery are listed in order, the last MaxLog of them, over
// a redelivery too.
func TestLog(t *testing.T) {
	t.Parallel()
	b := start(t)
	for n := range ledger.MaxLog + 3 {
		r := attempt(1, n+1, attempts.Failed)
		r.At = at.Add(time.Duration(n) * time.Minute)
		b.records(r)
	}
	b.records(attempts.Record{Kind: attempts.KindQueued, Endpoint: endpoint, Seq: 1, EventID: "evt_1", At: at, Due: at})
	l, stop := b.open()
	defer stop()
	numbers := func() (list []int) {
		t.Helper()
		if err := l.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		d, _, err := l.Delivery(t.Context(), endpoint, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range d.Log() {
			list = append(list, a.Number)
		}
		return list
	}
	want := []int{5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}
	if diff := cmp.Diff(want, numbers()); diff != "" {
		t.Errorf("asked for again (-want +got):\n%s", diff)
	}
	r := attempt(1, 1, attempts.Delivered)
	r.At = at.Add(time.Hour)
	b.records(r)
	if diff := cmp.Diff(append(want, 1), numbers()); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	d, _, err := l.Delivery(t.Context(), endpoint, 1)
	if err != nil {
		t.Fatal(err)
	}
	log := d.Log()
	if diff := cmp.Diff(ledger.Attempt{Number: 1, At: r.At, Duration: time.Millisecond, StatusCode: 200}, log[len(log)-1]); diff != "" {
		t.Errorf("the last attempt (-want +got):\n%s", diff)
	}
}

// A file that is deleted, damaged, or of another stream is built again.
func TestOpen_rebuilds(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.records(attempt(1, 1, attempts.Delivered), attempt(2, 1, attempts.Failed))
	b.checkpoint()
	b.records(attempt(3, 1, attempts.Failed))
	want := []uint64{3, 2, 1}
	spoil := map[string]func(){
		"first":   func() {},
		"kept":    func() {},
		"deleted": b.remove,
		"damaged": func() {
			f, err := os.OpenFile(b.path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 16<<10), 0); err != nil {
				t.Fatal(err)
			}
		},
		"no database": func() {
			if err := os.WriteFile(b.path, []byte("hello"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another stream": func() {
			other := start(t)
			other.path = b.path
			for seq := range uint64(9) {
				other.records(attempt(seq+100, 1, attempts.Failed))
			}
			b.remove()
			_, stop := other.open()
			stop()
		},
	}
	for _, name := range []string{"first", "kept", "deleted", "damaged", "no database", "another stream"} {
		spoil[name]()
		l, stop := b.open()
		if diff := cmp.Diff(want, seqs(list(t, l, 0))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		stop()
	}
}

// Trimmed frames are not missed: what waits comes from the checkpoint. What was
// delivered stays in a file that has seen it, and is history that is gone
// otherwise.
func TestFollow_trimmed(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.records(attempt(1, 1, attempts.Delivered), attempt(2, 1, attempts.Failed))
	_, stop := b.open()
	stop()
	b.records(attempt(2, 2, attempts.Delivered), attempt(3, 1, attempts.Failed), attempts.Record{Kind: attempts.KindCursor, Endpoint: endpoint, Position: 3})
	b.checkpoint()
	b.records(attempt(4, 1, attempts.Delivered))
	if err := b.log.Trim(t.Context(), attempts.SlotOf(endpoint), b.place.Checkpoint); err != nil {
		t.Fatal(err)
	}
	got := func() [][]uint64 {
		t.Helper()
		l, stop := b.open()
		defer stop()
		return [][]uint64{seqs(list(t, l, attempts.Success)), seqs(list(t, l, attempts.Retrying))}
	}
	if diff := cmp.Diff([][]uint64{{4, 1}, {3}}, got()); diff != "" {
		t.Errorf("it lagged (-want +got):\n%s", diff)
	}
	b.remove()
	if diff := cmp.Diff([][]uint64{{4}, {3}}, got()); diff != "" {
		t.Errorf("it was deleted (-want +got):\n%s", diff)
	}
}

func TestOpen_locked(t *testing.T) {
	t.Parallel()
	b := start(t)
	_, stop := b.open()
	defer stop()
	if _, err := ledger.Open(t.Context(), b.path, b.log, slog.New(slog.DiscardHandler)); !errors.Is(err, ledger.ErrLocked) {
		t.Errorf("error %v", err)
	}
}

// What is listed can be chosen by type, resource and time, and attempts keep
// their details.
func TestList_filters(t *testing.T) {
	t.Parallel()
	b := start(t)
	attempt := func(seq uint64, typ string, after time.Duration, o attempts.Outcome) attempts.Record {
		return attempts.Record{
			Kind: attempts.KindAttempt, Endpoint: endpoint, Seq: seq, EventID: fmt.Sprintf("evt_%d", seq), EventType: typ, Resource: "diruser_1",
			At: at.Add(after), Attempt: 1, Duration: time.Duration(seq) * time.Second, Status: 200, Outcome: o,
			Detail: &attempts.Detail{DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: time.Duration(seq) * time.Millisecond, Head: "Server: x\n", Body: "ok"},
		}
	}
	failed := attempt(3, "b.two", 2*time.Hour, attempts.Failed)
	failed.Status, failed.Due = 500, at.Add(3*time.Hour)
	b.records(attempt(1, "a.one", 0, attempts.Delivered))
	b.records(attempt(2, "b.two", time.Hour, attempts.Delivered))
	b.records(failed)
	again := attempt(3, "b.two", 4*time.Hour, attempts.Delivered)
	again.Attempt = 2
	l, stop := b.open()
	defer stop()
	seqs := func(q ledger.Query) (list []uint64) {
		t.Helper()
		q.Endpoint, q.Limit = endpoint, 10
		p, err := l.List(t.Context(), q)
		if err != nil || p.Total != 3 {
			t.Fatalf("%+v: %d in all, %v", q, p.Total, err)
		}
		for _, d := range p.Deliveries {
			list = append(list, d.Seq)
		}
		return list
	}
	check := func() {
		t.Helper()
		for name, tt := range map[string]struct {
			q    ledger.Query
			want []uint64
		}{
			"all":             {ledger.Query{}, []uint64{3, 2, 1}},
			"type":            {ledger.Query{EventType: "b.two"}, []uint64{3, 2}},
			"no such type":    {ledger.Query{EventType: "b"}, nil},
			"resource":        {ledger.Query{Resource: "diruser_2"}, nil},
			"since":           {ledger.Query{Since: at.Add(time.Hour)}, []uint64{3, 2}},
			"until":           {ledger.Query{Until: at.Add(time.Hour)}, []uint64{1}},
			"since and until": {ledger.Query{Since: at.Add(time.Hour), Until: at.Add(2 * time.Hour)}, []uint64{2}},
		} {
			if diff := cmp.Diff(tt.want, seqs(tt.q)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
	check()
	h, err := l.Health(t.Context(), endpoint, at.Add(time.Minute))
	if err != nil || h.Attempts != 2 || h.Succeeded != 1 || h.P50 != 2*time.Second || h.P99 != 3*time.Second || h.Waiting != 1 || h.Failures != 1 ||
		!h.LastSuccess.Equal(at.Add(time.Hour)) || !h.LastFailure.Equal(at.Add(2*time.Hour)) {
		t.Errorf("health %+v, %v", h, err)
	}
	b.records(again)
	b.wait(l)
	check() // a delivery is from when it was first recorded
	d, _, err := l.Delivery(t.Context(), endpoint, 3)
	if log := d.Log(); err != nil || len(log) != 2 || log[0].StatusCode != 500 || !cmp.Equal(log[0].Detail, failed.Detail) || !cmp.Equal(log[1].Detail, again.Detail) {
		t.Errorf("attempts %+v, %v", d.Log(), err)
	}
	if h, err := l.Health(t.Context(), "whe_none", at); err != nil || h.Attempts != 0 || h.P50 != 0 {
		t.Errorf("an endpoint without attempts: %+v, %v", h, err)
	}
}

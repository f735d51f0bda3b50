package attemptlog_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, limit int64) (jetstream.JetStream, *attemptlog.Log) {
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
	if err := natslog.Ensure(ctx, js, natslog.Config{Sizes: natslog.Sizes{Attempts: limit}}); err != nil {
		t.Fatal(err)
	}
	l, err := attemptlog.Open(ctx, js)
	if err != nil {
		t.Fatal(err)
	}
	return js, l
}

// worker is what a worker keeps of a slot.
type worker struct {
	t     *testing.T
	slot  int
	w     *attemptlog.Writer
	state *attempts.State
	place attempts.Place
}

func recovered(t *testing.T, l *attemptlog.Log, slot int) *worker {
	t.Helper()
	w := &worker{t: t, slot: slot, state: attempts.NewState()}
	var err error
	w.w, err = l.Recover(t.Context(), slot, w.fold)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *worker) fold(seq uint64, f attempts.Frame) (err error) {
	w.place, err = attempts.Apply(w.state, w.place, seq, f)
	return err
}

func (w *worker) frame(recs ...attempts.Record) []byte {
	w.t.Helper()
	b, err := attempts.Encode(attempts.Frame{Header: attempts.Header{Slot: w.slot, Index: w.place.Index + 1, Checkpoint: w.place.Checkpoint}, Records: recs})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *worker) append(b []byte) {
	w.t.Helper()
	seq, err := w.w.Append(w.t.Context(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := attempts.Decode(b)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.fold(seq, f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) checkpoint() {
	w.t.Helper()
	parts, err := w.state.Checkpoint(w.slot, w.place.Index+1, w.place.Checkpoint)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range parts {
		w.append(b)
	}
}

func cursor(endpoint string, position uint64) attempts.Record {
	return attempts.Record{Kind: attempts.KindCursor, Endpoint: endpoint, Position: position}
}

func parked(endpoint string, seq uint64) attempts.Record {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return attempts.Record{
		Kind: attempts.KindAttempt, Endpoint: endpoint, Seq: seq, EventID: "evt_000000000000000000" + at.Add(time.Duration(seq)*time.Minute).Format("0102150405"),
		EventType: "organization.created", At: at, Attempt: 1, Outcome: attempts.Failed, Due: at.Add(time.Hour), Class: "timeout", Error: "late",
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	a, b := recovered(t, l, 3), recovered(t, l, 4)
	check := func(what string) {
		t.Helper()
		again := recovered(t, l, 3)
		if diff := cmp.Diff(a.state.Endpoints(), again.state.Endpoints()); diff != "" {
			t.Errorf("%s (-written +recovered):\n%s", what, diff)
		}
		if diff := cmp.Diff(a.state.Deliveries("x"), again.state.Deliveries("x")); diff != "" {
			t.Errorf("%s (-written +recovered):\n%s", what, diff)
		}
		if again.place != a.place || again.w.Seq() != a.w.Seq() {
			t.Errorf("%s: place %+v, want %+v", what, again.place, a.place)
		}
	}
	check("an empty slot")
	for i := range uint64(5) {
		a.append(a.frame(cursor("x", i+1)))
		b.append(b.frame(cursor("y", i+1)))
	}
	check("no checkpoint")
	a.checkpoint()
	check("a checkpoint of one part at the end")
	// Enough that a checkpoint has several parts.
	var recs []attempts.Record
	for seq := range uint64(12_000) {
		if recs = append(recs, parked("x", seq+10)); len(recs) == attempts.MaxRecords {
			a.append(a.frame(recs...))
			recs = nil
		}
	}
	parts, err := a.state.Checkpoint(3, a.place.Index+1, a.place.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) < 2 {
		t.Fatalf("%d parts", len(parts))
	}
	a.append(parts[0])
	check("a checkpoint that is not complete")
	b.append(b.frame(cursor("y", 100)))
	for _, p := range parts[1:] {
		a.append(p)
	}
	check("a checkpoint of several parts at the end")
	a.append(a.frame(cursor("x", 50)))
	check("a checkpoint and a tail")
	if a.place.Since != 1 {
		t.Errorf("%d records since the checkpoint", a.place.Since)
	}
	if err := l.Trim(t.Context(), 3, a.place.Checkpoint); err != nil {
		t.Fatal(err)
	}
	check("trimmed")
	a.append(a.frame(cursor("x", 51)))
	if got := recovered(t, l, 4).state.Endpoints(); len(got) != 1 || got[0].Position != 100 {
		t.Errorf("the other slot: %+v", got)
	}
}

func TestAppend_fence(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	first := recovered(t, l, 0)
	first.append(first.frame(cursor("x", 1)))
	second := recovered(t, l, 0)
	second.append(second.frame(cursor("x", 2)))
	for range 2 {
		if _, err := first.w.Append(t.Context(), first.frame(cursor("x", 3))); !errors.Is(err, attemptlog.ErrFenced) {
			t.Errorf("the first worker: %v", err)
		}
	}
	second.append(second.frame(cursor("x", 4)))
	if got := recovered(t, l, 0).state.Endpoints(); got[0].Position != 4 {
		t.Errorf("position %d", got[0].Position)
	}
}

// An append whose ack is lost is found when it is repeated.
func TestAppend_lostAck(t *testing.T) {
	t.Parallel()
	js, l := start(t, 0)
	w := recovered(t, l, 7)
	w.append(w.frame(cursor("x", 1)))
	b := w.frame(cursor("x", 2))
	ack, err := js.Publish(t.Context(), attempts.Subject(7), b) // stored, and the writer does not know
	if err != nil {
		t.Fatal(err)
	}
	seq, err := w.w.Append(t.Context(), b)
	if err != nil || seq != ack.Sequence {
		t.Errorf("sequence %d (%v), want %d", seq, err, ack.Sequence)
	}
}

func TestAppend_full(t *testing.T) {
	t.Parallel()
	_, l := start(t, 1<<20)
	w := recovered(t, l, 1)
	var err error
	var recs []attempts.Record
	for seq := range uint64(900) {
		recs = append(recs, parked("x", seq+1))
	}
	w.checkpoint()
	for range 100 {
		b := w.frame(recs...)
		var seq uint64
		if seq, err = w.w.Append(t.Context(), b); err != nil {
			break
		}
		f, derr := attempts.Decode(b)
		if derr != nil {
			t.Fatal(derr)
		}
		if err := w.fold(seq, f); err != nil {
			t.Fatal(err)
		}
	}
	if !errors.Is(err, attemptlog.ErrFull) {
		t.Fatalf("error %v", err)
	}
	u, err := l.Usage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u.Limit != 1<<20 || u.Bytes < u.Limit/2 {
		t.Errorf("usage %+v", u)
	}
	if err := l.Trim(t.Context(), 1, w.place.Seq); err != nil {
		t.Fatal(err)
	}
	w.append(w.frame(cursor("x", 9)))
}

func TestCheckpointBefore(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	w := recovered(t, l, 2)
	at := func(since time.Time) uint64 {
		t.Helper()
		seq, err := l.CheckpointBefore(t.Context(), 2, since)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	if got := at(time.Now()); got != 0 {
		t.Errorf("an empty slot: %d", got)
	}
	w.append(w.frame(cursor("x", 1)))
	w.checkpoint()
	first := w.place.Checkpoint
	w.append(w.frame(cursor("x", 2)))
	between := time.Now()
	w.append(w.frame(cursor("x", 3)))
	w.checkpoint()
	w.append(w.frame(cursor("x", 4)))
	if got := at(between); got != first {
		t.Errorf("between: %d, want %d", got, first)
	}
	if got := at(time.Now().Add(time.Hour)); got != w.place.Checkpoint {
		t.Errorf("everything is older: %d, want %d", got, w.place.Checkpoint)
	}
	if got := at(time.Now().Add(-time.Hour)); got != 0 {
		t.Errorf("nothing is older: %d", got)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	a, b := recovered(t, l, 10), recovered(t, l, 11)
	a.append(a.frame(cursor("x", 1)))
	b.append(b.frame(cursor("y", 1)))
	done := errors.New("seen enough")
	var got []int
	err := l.Follow(t.Context(), 1, func(s attempts.Stored) error {
		got = append(got, s.Frame.Slot)
		switch len(got) {
		case 1:
			a.append(a.frame(cursor("x", 2))) // arrives while it follows
			return nil
		case 2:
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || !cmp.Equal(got, []int{11, 10}) {
		t.Errorf("%v, %v", got, err)
	}
	f, ok, err := l.Frame(t.Context(), 2)
	if err != nil || !ok || f.Slot != 11 {
		t.Errorf("frame %+v, %v, %v", f, ok, err)
	}
	if _, ok, err := l.Frame(t.Context(), 99); ok || err != nil {
		t.Errorf("a frame that is not there: %v, %v", ok, err)
	}
}

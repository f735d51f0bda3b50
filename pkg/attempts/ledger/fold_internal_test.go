package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

var start = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// empty is the stream before anything was attempted.
type empty struct{}

func (empty) Follow(ctx context.Context, _ uint64, _ func(attempts.Stored) error) error {
	<-ctx.Done()
	return ctx.Err()
}

func (empty) Frame(context.Context, uint64) (f attempts.Frame, ok bool, err error) {
	return f, false, nil
}
func (empty) Bounds(context.Context) (first, last uint64, err error) { return 1, 0, nil }

// The rows in the file are what the same records fold to in memory, through
// checkpoints, trims and repeats; and the indexes lead to exactly these rows.
func TestFold_agreesWithState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, strconv.Itoa(n))
		l, err := Open(t.Context(), path, empty{}, slog.New(slog.DiscardHandler))
		if err != nil {
			rt.Fatal(err)
		}
		defer func() {
			l.Close()
			_ = os.Remove(path)
		}()
		l.db.NoSync = true
		state, place, seq := attempts.NewState(), attempts.Place{}, uint64(0)
		trimmed := false // a trim hides the frames until the next checkpoint
		var batch []attempts.Stored
		add := func(b []byte) {
			seq += rapid.Uint64Range(1, 2).Draw(rt, "gap")
			f, err := attempts.Decode(b)
			if err != nil {
				rt.Fatal(err)
			}
			if place, err = attempts.Apply(state, place, seq, f); err != nil {
				rt.Fatal(err)
			}
			if !trimmed {
				batch = append(batch, attempts.Stored{Seq: seq, Frame: f})
			}
		}
		checkpoint := func() {
			parts, err := state.Checkpoint(9, place.Index+1, place.Checkpoint)
			if err != nil {
				rt.Fatal(err)
			}
			trimmed = false
			for _, b := range parts {
				add(b)
			}
		}
		for range rapid.IntRange(1, 10).Draw(rt, "frames") {
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				checkpoint()
			case 1:
				trimmed = true
			case 2:
				if len(batch) > 0 {
					if err := l.write(batch); err != nil {
						rt.Fatal(err)
					}
					batch = batch[len(batch)-1:] // seen again
				}
			default:
				f := attempts.Frame{Header: attempts.Header{Slot: 9, Index: place.Index + 1, Checkpoint: place.Checkpoint}}
				f.Records = rapid.SliceOfN(record(), 1, 10).Draw(rt, "records")
				b, err := attempts.Encode(f)
				if err != nil {
					rt.Fatal(err)
				}
				add(b)
			}
		}
		if trimmed {
			checkpoint()
		}
		if len(batch) == 0 {
			return
		}
		if err := l.write(batch); err != nil {
			rt.Fatal(err)
		}
		if err := l.db.View(func(tx *bolt.Tx) error { return agree(tx, state) }); err != nil {
			rt.Fatal(err)
		}
	})
}

// agree compares the file with the state in memory.
func agree(tx *bolt.Tx, state *attempts.State) error {
	r := newRows(tx, 9)
	for _, want := range state.Endpoints() {
		got, ok, err := r.Endpoint(want.ID)
		if err != nil || !ok || got != want {
			return fmt.Errorf("endpoint %+v, want %+v (%w)", got, want, err)
		}
		var kept []attempts.Delivery
		for s := attempts.Pending; s <= attempts.Exhausted; s++ {
			if s == attempts.Success {
				continue
			}
			for _, seq := range r.seqs(want.ID, s, 0) {
				d, ok, err := r.Delivery(want.ID, seq)
				if err != nil || !ok || d.Status != s {
					return fmt.Errorf("the index of %s leads to %+v (%w)", s, d, err)
				}
				d.Detail = nil // not kept in memory
				kept = append(kept, d)
			}
		}
		byKey := cmp.Transformer("bySeq", func(list []attempts.Delivery) map[uint64]attempts.Delivery {
			m := map[uint64]attempts.Delivery{}
			for _, d := range list {
				if d.Status != attempts.Success {
					m[d.Seq] = d
				}
			}
			return m
		})
		if diff := cmp.Diff(state.Deliveries(want.ID), kept, byKey); diff != "" {
			return fmt.Errorf("deliveries of %s (-memory +file):\n%s", want.ID, diff)
		}
		for _, p := range state.Replays(want.ID) {
			if got, ok, err := r.Replay(want.ID, p.ID); err != nil || !ok || got != p {
				return fmt.Errorf("replay %+v, want %+v (%w)", got, p, err)
			}
		}
		row, err := r.row(want.ID)
		all := 0
		for s := attempts.Pending; s <= attempts.Exhausted; s++ {
			all += len(r.seqs(want.ID, s, 0))
		}
		if err == nil && int(row.total) != all {
			return fmt.Errorf("%d rows counted, %d there", row.total, all)
		}
		if err != nil || int(row.delivered) != len(r.seqs(want.ID, attempts.Success, 0)) {
			return fmt.Errorf("%d delivered counted, %d there (%w)", row.delivered, len(r.seqs(want.ID, attempts.Success, 0)), err)
		}
	}
	waiting, due := 0, 0
	err := tx.Bucket(deliveryBucket).ForEach(func(k, v []byte) error {
		d, err := decodeDelivery(string(k[:len(k)-9]), 0, v)
		if err == nil && !d.Due.IsZero() {
			waiting++
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := tx.Bucket(dueBucket).ForEach(func(_, _ []byte) error { due++; return nil }); err != nil || due != waiting {
		return fmt.Errorf("%d entries are due, %d deliveries wait for a time (%w)", due, waiting, err)
	}
	return nil
}

func record() *rapid.Generator[attempts.Record] {
	return rapid.Custom(func(t *rapid.T) attempts.Record {
		r := attempts.Record{
			Kind:     attempts.Kind(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 3, 4, 5, 5}).Draw(t, "kind")),
			Endpoint: fmt.Sprintf("whe_%d", rapid.IntRange(1, 3).Draw(t, "endpoint")),
		}
		if r.Kind == attempts.KindCursor {
			r.Position = rapid.Uint64Range(0, 9).Draw(t, "position")
			return r
		}
		r.At = start.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "at")) * time.Microsecond)
		switch r.Kind {
		case attempts.KindDropped:
			return r
		case attempts.KindReplay, attempts.KindReplayEnded:
			r.Progress = attempts.Replay{Endpoint: r.Endpoint, ID: fmt.Sprintf("whr_%d", rapid.IntRange(1, 3).Draw(t, "replay")), First: 1, End: 9}
			r.Progress.Position, r.Progress.Queued = rapid.Uint64Range(1, 9).Draw(t, "looked"), rapid.Uint64Range(0, 5).Draw(t, "queued")
			r.Progress.Read = rapid.Bool().Draw(t, "read")
			return r
		default: // below
		}
		r.Seq = rapid.Uint64Range(1, 9).Draw(t, "seq")
		r.EventID = fmt.Sprintf("evt_%d", r.Seq)
		if rapid.Bool().Draw(t, "replayed") {
			r.Replay = fmt.Sprintf("whr_%d", rapid.IntRange(1, 3).Draw(t, "replay"))
		}
		if r.Kind == attempts.KindQueued {
			return r
		}
		if rapid.Bool().Draw(t, "detailed") {
			r.Detail = &attempts.Detail{DNS: time.Millisecond, TLS: time.Second, FirstByte: time.Microsecond, Head: "Server: x\n", Body: rapid.StringN(0, 20, -1).Draw(t, "body")}
		}
		r.Outcome, r.Attempt = attempts.Outcome(rapid.IntRange(1, 3).Draw(t, "outcome")), 1
		if r.Outcome == attempts.Failed {
			r.Due = r.At.Add(time.Hour)
		}
		r.Opens = r.Outcome != attempts.Delivered && rapid.Bool().Draw(t, "opens")
		return r
	})
}

func TestTrim(t *testing.T) {
	t.Parallel()
	l, err := Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), empty{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	index, seq := uint64(0), uint64(0)
	write := func(n int, at time.Time) {
		t.Helper()
		for n > 0 {
			index++
			f := attempts.Frame{Header: attempts.Header{Slot: attempts.SlotOf("whe_1"), Index: index}}
			for range min(n, attempts.MaxRecords) {
				seq++
				f.Records = append(f.Records, attempts.Record{Kind: attempts.KindAttempt, Endpoint: "whe_1", Seq: seq, At: at, Attempt: 1, Status: 200, Outcome: attempts.Delivered})
			}
			n -= len(f.Records)
			if err := l.write([]attempts.Stored{{Seq: index, Frame: f}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	count := func() (n int, last uint64) {
		t.Helper()
		q := Query{Endpoint: "whe_1", Status: attempts.Success, Limit: MaxPage}
		for {
			p, err := l.List(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			n += len(p.Deliveries)
			if len(p.Deliveries) > 0 {
				last = p.Deliveries[len(p.Deliveries)-1].Seq
			}
			if q.Before = p.Next; q.Before == 0 {
				return n, last
			}
		}
	}
	write(MaxDelivered+1500, start)
	if n, last := count(); n != MaxDelivered || last != 1501 {
		t.Errorf("%d are kept, the oldest is %d", n, last)
	}
	write(10, start.Add(MaxAge+time.Second))
	if n, _ := count(); n != 10 {
		t.Errorf("%d are kept after a week, want 10", n)
	}
}

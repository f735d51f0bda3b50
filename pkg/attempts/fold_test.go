package attempts_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// record draws a record of few endpoints and events, so that they meet.
func record() *rapid.Generator[attempts.Record] {
	return rapid.Custom(func(t *rapid.T) attempts.Record {
		r := attempts.Record{
			Kind:     attempts.Kind(rapid.SampledFrom([]int{1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6}).Draw(t, "kind")),
			Endpoint: fmt.Sprintf("whe_%d", rapid.IntRange(1, 3).Draw(t, "endpoint")),
		}
		if r.Kind == attempts.KindCursor {
			r.Position = rapid.Uint64Range(0, 12).Draw(t, "position")
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
		r.Seq = rapid.Uint64Range(1, 12).Draw(t, "seq")
		r.EventID, r.EventType, r.Resource = fmt.Sprintf("evt_%d", r.Seq), "organization.created", fmt.Sprintf("org_%d", r.Seq%3)
		if rapid.Bool().Draw(t, "replayed") {
			r.Replay = fmt.Sprintf("whr_%d", rapid.IntRange(1, 3).Draw(t, "replay"))
		}
		if r.Kind == attempts.KindQueued {
			if rapid.Bool().Draw(t, "again") {
				r.Due = r.At
			}
			return r
		}
		if rapid.Bool().Draw(t, "detailed") {
			r.Detail = &attempts.Detail{DNS: time.Millisecond, TLS: time.Second, FirstByte: time.Microsecond, Head: "Server: x\n", Body: rapid.StringN(0, 20, -1).Draw(t, "body")}
		}
		r.Outcome = attempts.Outcome(rapid.IntRange(1, 3).Draw(t, "outcome"))
		r.Attempt, r.Status = rapid.IntRange(1, 8).Draw(t, "attempt"), rapid.IntRange(0, 599).Draw(t, "status")
		if r.Outcome == attempts.Failed {
			r.Due = r.At.Add(time.Hour)
		}
		r.Opens = r.Outcome != attempts.Delivered && rapid.Bool().Draw(t, "opens")
		return r
	})
}

type view struct {
	Endpoints  []attempts.Endpoint
	Deliveries map[string][]attempts.Delivery
	Replays    map[string][]attempts.Replay
}

func look(s *attempts.State) view {
	v := view{s.Endpoints(), map[string][]attempts.Delivery{}, map[string][]attempts.Replay{}}
	for _, e := range v.Endpoints {
		v.Deliveries[e.ID], v.Replays[e.ID] = s.Deliveries(e.ID), s.Replays(e.ID)
	}
	return v
}

// history writes records and checkpoints as a worker would.
type history struct {
	t      *rapid.T
	state  *attempts.State
	place  attempts.Place
	frames map[uint64][]byte
	seq    uint64
}

func (h *history) add(b []byte) {
	h.t.Helper()
	h.seq += rapid.Uint64Range(1, 3).Draw(h.t, "gap") // other slots write in between
	h.frames[h.seq] = b
	h.place = apply(h.t, h.state, h.place, h.seq, b)
}

func apply(t *rapid.T, s *attempts.State, p attempts.Place, seq uint64, b []byte) attempts.Place {
	t.Helper()
	f, err := attempts.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = attempts.Apply(s, p, seq, f); err != nil {
		t.Fatal(err)
	}
	return p
}

func (h *history) records(recs []attempts.Record) {
	b, err := attempts.Encode(attempts.Frame{
		Header: attempts.Header{Slot: 5, Index: h.place.Index + 1, Checkpoint: h.place.Checkpoint}, Records: recs,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.add(b)
}

func (h *history) checkpoint(whole bool) {
	parts, err := h.state.Checkpoint(5, h.place.Index+1, h.place.Checkpoint)
	if err != nil {
		h.t.Fatal(err)
	}
	if !whole {
		// A worker that stops in between. One part is always a whole checkpoint, so
		// pretend that there were more.
		f, err := attempts.Decode(parts[0])
		if err != nil {
			h.t.Fatal(err)
		}
		f.Parts++
		if parts[0], err = attempts.Encode(f); err != nil {
			h.t.Fatal(err)
		}
	}
	for _, b := range parts {
		h.add(b)
	}
}

func TestFold_checkpointAndTailIsWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := &history{t: t, state: attempts.NewState(), frames: map[uint64][]byte{}}
		for range rapid.IntRange(1, 12).Draw(t, "frames") {
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				h.checkpoint(true)
			case 1:
				h.checkpoint(false)
			default:
				h.records(rapid.SliceOfN(record(), 1, 15).Draw(t, "records"))
			}
		}
		want := look(h.state)
		for _, e := range want.Endpoints {
			dead := uint64(0)
			for _, d := range want.Deliveries[e.ID] {
				if d.Status == attempts.Exhausted {
					dead++
				}
				if d.Status == attempts.Success && d.Seq <= e.Position {
					t.Fatalf("a delivered row below the position is kept: %+v", d)
				}
			}
			if dead != e.Dead {
				t.Fatalf("%s counts %d dead letters and has %d", e.ID, e.Dead, dead)
			}
		}
		// From the checkpoint that the last frame leads to, as a worker starts.
		s, p := attempts.NewState(), attempts.Place{}
		for seq := max(1, h.place.Checkpoint); seq <= h.seq; seq++ {
			if b, ok := h.frames[seq]; ok {
				p = apply(t, s, p, seq, b)
				if again := apply(t, s, p, seq, b); again != p {
					t.Fatalf("a repeat moved %+v to %+v", p, again)
				}
			}
		}
		if diff := cmp.Diff(want, look(s)); diff != "" {
			t.Fatalf("from the checkpoint (-whole +checkpoint and tail):\n%s", diff)
		}
		if p != h.place {
			t.Fatalf("place %+v, want %+v", p, h.place)
		}
	})
}

// Whoever followed before a trim finds a gap and goes on from the checkpoint.
func TestApply_gap(t *testing.T) {
	t.Parallel()
	s := attempts.NewState()
	first := attempts.Frame{Header: attempts.Header{Index: 1}, Records: []attempts.Record{{Kind: attempts.KindCursor, Endpoint: "old", Position: 3}}}
	p, err := attempts.Apply(s, attempts.Place{}, 10, first)
	if err != nil {
		t.Fatal(err)
	}
	late := attempts.Frame{Header: attempts.Header{Index: 8, Checkpoint: 17}, Records: []attempts.Record{{Kind: attempts.KindCursor, Endpoint: "new", Position: 4}}}
	if _, err := attempts.Apply(s, p, 18, late); !errors.Is(err, attempts.ErrGap) {
		t.Errorf("records behind a gap: %v", err)
	}
	second := attempts.Frame{Header: attempts.Header{Index: 7, Part: 2, Parts: 2}}
	if _, err := attempts.Apply(s, p, 17, second); !errors.Is(err, attempts.ErrGap) {
		t.Errorf("part 2 behind a gap: %v", err)
	}
	one := attempts.Frame{Header: attempts.Header{Index: 6, Part: 1, Parts: 2}, Endpoints: []attempts.Endpoint{{ID: "new", Position: 2}}}
	if p, err = attempts.Apply(s, p, 16, one); err != nil {
		t.Fatal(err)
	}
	if !p.Loading || p.Checkpoint != 0 {
		t.Errorf("after part 1: %+v", p)
	}
	if p, err = attempts.Apply(s, p, 17, second); err != nil {
		t.Fatal(err)
	}
	if p, err = attempts.Apply(s, p, 18, late); err != nil {
		t.Fatal(err)
	}
	want := attempts.Place{Seq: 18, Index: 8, Checkpoint: 16, Since: 1}
	if p != want {
		t.Errorf("place %+v, want %+v", p, want)
	}
	if diff := cmp.Diff([]attempts.Endpoint{{ID: "new", Position: 4}}, s.Endpoints()); diff != "" {
		t.Error(diff)
	}
}

func TestFold_circuit(t *testing.T) {
	t.Parallel()
	s := attempts.NewState()
	fold := func(r attempts.Record) {
		t.Helper()
		r.Kind, r.Endpoint = attempts.KindAttempt, "whe_1"
		if err := attempts.Fold(s, r); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range uint64(3) {
		fold(attempts.Record{Seq: seq + 1, At: start, Attempt: 1, Outcome: attempts.Failed, Due: start.Add(time.Hour), Opens: seq == 2})
	}
	if err := attempts.Fold(s, attempts.Record{Kind: attempts.KindQueued, Endpoint: "whe_1", Seq: 4, At: start}); err != nil {
		t.Fatal(err)
	}
	ep, _, _ := s.Endpoint("whe_1")
	if ep.Failures != 3 || !ep.Open() {
		t.Fatalf("after three failures: %+v", ep)
	}
	later := start.Add(30 * time.Minute)
	fold(attempts.Record{Seq: 1, At: later, Attempt: 2, Outcome: attempts.Delivered, Status: 200})
	ep, _, _ = s.Endpoint("whe_1")
	if ep.Failures != 0 || ep.Open() {
		t.Fatalf("after a success: %+v", ep)
	}
	waiting, err := s.Waiting("whe_1")
	if err != nil {
		t.Fatal(err)
	}
	var due []time.Time
	for _, d := range waiting {
		due = append(due, d.Due)
	}
	if diff := cmp.Diff([]time.Time{later, later, {}}, due); diff != "" {
		t.Errorf("what waits is due (-want +got):\n%s", diff)
	}
}

// A checkpoint of much that waits has several parts, each within the bound.
func TestCheckpoint_manyParts(t *testing.T) {
	t.Parallel()
	s := attempts.NewState()
	const n = 20_000
	for seq := range uint64(n) {
		if err := attempts.Fold(s, attempts.Record{
			Kind: attempts.KindAttempt, Endpoint: "whe_1", Seq: seq + 1, EventID: fmt.Sprintf("evt_%018d", seq), EventType: "organization.created",
			Resource: fmt.Sprintf("org_%018d", seq), At: start, Attempt: 1, Outcome: attempts.Failed, Due: start.Add(time.Hour), Class: "timeout", Error: "late",
		}); err != nil {
			t.Fatal(err)
		}
	}
	parts, err := s.Checkpoint(9, 100, 7)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) < 3 {
		t.Fatalf("%d parts", len(parts))
	}
	loaded, p := attempts.NewState(), attempts.Place{}
	for i, b := range parts {
		f, err := attempts.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if p, err = attempts.Apply(loaded, p, uint64(1000+i), f); err != nil {
			t.Fatal(err)
		}
	}
	if !cmp.Equal(look(s), look(loaded)) {
		t.Error("the loaded state differs")
	}
	if p.Checkpoint != 1000 || p.Loading {
		t.Errorf("place %+v", p)
	}
}

func TestFold_boundsDeadLetters(t *testing.T) {
	t.Parallel()
	s := attempts.NewState()
	for seq := range uint64(attempts.MaxDead + 5) {
		if err := attempts.Fold(s, attempts.Record{Kind: attempts.KindAttempt, Endpoint: "whe_1", Seq: seq + 1, At: start, Attempt: 8, Outcome: attempts.Dead}); err != nil {
			t.Fatal(err)
		}
	}
	ep, _, _ := s.Endpoint("whe_1")
	all := s.Deliveries("whe_1")
	if ep.Dead != attempts.MaxDead || len(all) != attempts.MaxDead || all[0].Seq != 6 {
		t.Errorf("%d counted, %d kept, the first at %d", ep.Dead, len(all), all[0].Seq)
	}
}

package delivery

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// TestSlot_next has a slot take its records, whatever EVENTS is known to hold and
// whatever is taken back or dropped meanwhile: each once, those of a lane in
// order, none of an event that EVENTS is not known to hold, and none later than
// that takes.
func TestSlot_next(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			testNext(t, rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // no secret
		})
	}
}

func testNext(t *testing.T, r *rand.Rand) {
	w := &Worker{}
	w.feed = newFeed(w)
	s := &slot{w: w, state: attempts.NewState(), lanes: map[string]*lane{}, holding: map[*lane]struct{}{}, work: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
	w.slots[0].Store(s)
	lanes := make([]*lane, 4)
	for i := range lanes {
		lanes[i] = &lane{slot: s, id: strconv.Itoa(i)}
		s.lanes[lanes[i].id] = lanes[i]
	}
	waiting := map[*lane][]attempts.Record{} // what is to be stored, in order
	number := 0
	for range 400 {
		known := w.feed.known.Load()
		l := lanes[r.IntN(len(lanes))]
		switch r.IntN(8) {
		case 0:
			w.feed.know(known + uint64(r.IntN(20))) //nolint:gosec // small
		case 1: // all of a lane behind an event is taken back
			cut := known + 1 + uint64(r.IntN(20)) //nolint:gosec // small
			s.forget(func(p *pending) bool { return p.lane == l && p.record.Seq >= cut })
			var kept []attempts.Record
			for _, rec := range waiting[l] {
				if rec.Seq < cut {
					kept = append(kept, rec)
				}
			}
			waiting[l] = kept
		case 2, 3:
			select {
			case <-s.work:
			default:
				if len(takeable(waiting, known)) > 0 {
					t.Fatal("there is something to store, and nobody was told")
				}
				continue
			}
			takeNext(t, s, waiting, known)
		default:
			number++
			rec := attempts.Record{Kind: attempts.KindAttempt, Endpoint: l.id, Attempt: number}
			if r.IntN(4) > 0 {
				rec.Seq = max(1, known+uint64(r.IntN(30))) - uint64(r.IntN(2)) //nolint:gosec // small
			}
			s.record(pending{lane: l, record: rec})
			waiting[l] = append(waiting[l], rec)
		}
	}
	w.feed.know(1 << 40)
	takeNext(t, s, waiting, 1<<40)
	if len(s.pending) > 0 || s.held > 0 {
		t.Errorf("%d records are left, %d of them held", len(s.pending), s.held)
	}
}

// takeable returns how many records of each lane can be stored: those before the
// first about an event that EVENTS is not known to hold.
func takeable(waiting map[*lane][]attempts.Record, known uint64) map[*lane]int {
	n := map[*lane]int{}
	for l, list := range waiting {
		for _, rec := range list {
			if rec.Seq > known {
				break
			}
			n[l]++
		}
	}
	return n
}

// takeNext takes frames until there is none, and compares what they hold.
func takeNext(t *testing.T, s *slot, waiting map[*lane][]attempts.Record, known uint64) {
	t.Helper()
	want := takeable(waiting, known)
	for {
		batch, f := s.next()
		if len(f.Records) != len(batch) {
			t.Fatalf("%d records of %d", len(f.Records), len(batch))
		}
		if len(batch) == 0 {
			break
		}
		for _, p := range batch {
			l := p.lane
			if want[l] == 0 || waiting[l][0].Attempt != p.record.Attempt || waiting[l][0].Seq != p.record.Seq {
				t.Fatalf("lane %s: %+v while EVENTS is known to hold %d; it waits for %+v", l.id, p.record, known, waiting[l])
			}
			want[l]--
			waiting[l] = waiting[l][1:]
		}
		s.spare = batch[:0]
	}
	for l, n := range want {
		if n > 0 {
			t.Fatalf("lane %s: %d records are not taken", l.id, n)
		}
	}
}

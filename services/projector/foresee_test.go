package projector

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
)

// TestEmitter_foresee knows the sequences of what was just handed over, or that it
// cannot know them.
func TestEmitter_foresee(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end     place
		leads   bool
		skipped public.Number
		waiting []public.Number
		n       int // of these were just handed over
		want    []public.Number
		seq     uint64
	}{
		"next":                        {end: place{10, 50}, leads: true, waiting: []public.Number{60, 70}, n: 2, want: []public.Number{60, 70}, seq: 11},
		"behind what waits":           {end: place{10, 50}, leads: true, waiting: []public.Number{60, 70, 80}, n: 1, want: []public.Number{80}, seq: 13},
		"some is there already":       {end: place{10, 70}, leads: true, waiting: []public.Number{60, 70, 80}, n: 2, want: []public.Number{80}, seq: 11},
		"all is there already":        {end: place{10, 80}, leads: true, waiting: []public.Number{60, 70, 80}, n: 2},
		"nothing":                     {end: place{10, 80}, leads: true},
		"another emitter may be ours": {end: place{10, 50}, waiting: []public.Number{60}, n: 1},
		"some is in the outbox":       {end: place{10, 50}, leads: true, skipped: 55, waiting: []public.Number{60}, n: 1},
		"none is in the outbox":       {end: place{10, 55}, leads: true, skipped: 55, waiting: []public.Number{60}, n: 1, want: []public.Number{60}, seq: 11},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEmitter(nil, nil, nil, 0, slog.New(slog.DiscardHandler))
			e.end, e.leads, e.skipped, e.waiting = c.end, c.leads, c.skipped, numbered(c.waiting...)
			ms, seq := e.foresee(c.n)
			var got []public.Number
			for i := range ms {
				got = append(got, ms[i].number)
			}
			if !slices.Equal(got, c.want) || seq != c.seq {
				t.Errorf("%v from sequence %d, want %v from %d", got, seq, c.want, c.seq)
			}
		})
	}
}

// TestEmitter_foresee_backlog gives no notice of what is far behind.
func TestEmitter_foresee_backlog(t *testing.T) {
	t.Parallel()
	e := newEmitter(nil, nil, nil, 0, slog.New(slog.DiscardHandler))
	e.leads = true
	for i := range public.Number(public.MaxNoticeAhead + 10) {
		e.waiting = append(e.waiting, message{number: i + 1})
	}
	if ms, seq := e.foresee(20); len(ms) != 10 || seq != public.MaxNoticeAhead-9 {
		t.Errorf("notice of %d from %d", len(ms), seq)
	}
	if ms, _ := e.foresee(10); len(ms) != 0 {
		t.Errorf("notice of %d that are behind a backlog", len(ms))
	}
}

func numbered(numbers ...public.Number) (ms []message) {
	for _, n := range numbers {
		ms = append(ms, message{number: n})
	}
	return ms
}

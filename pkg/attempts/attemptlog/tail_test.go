package attemptlog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
)

var errEnough = errors.New("seen enough")

// tailed collects n calls, each as "sequence/slot/index" with a "!" behind a gap.
func tailed(t *testing.T, l *attemptlog.Log, endpoint string, from uint64, n int, during func(call int)) []string {
	t.Helper()
	var got []string
	err := l.Tail(t.Context(), endpoint, from, func(f attemptlog.Tailed) error {
		text := fmt.Sprintf("%d/%d/%d", f.Seq, f.Frame.Slot, f.Frame.Index)
		if f.Gap {
			text += "!"
		}
		if got = append(got, text); during != nil {
			during(len(got))
		}
		if len(got) == n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("after %v: %v", got, err)
	}
	return got
}

// named returns an endpoint of the slot.
func named(slot int) string {
	for i := 0; ; i++ {
		if id := fmt.Sprint("whe_", i); attempts.SlotOf(id) == slot {
			return id
		}
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	if got := tailed(t, l, "", 0, 1, nil); !cmp.Equal(got, []string{"1/0/0"}) {
		t.Errorf("an empty stream: %v", got)
	}
	a, b := recovered(t, l, 10), recovered(t, l, 11)
	for i := range uint64(3) {
		a.append(a.frame(cursor("x", i+1)))
		b.append(b.frame(cursor("y", i+1)))
	}
	live := func(call int) {
		if call == 1 {
			a.append(a.frame(cursor("x", 9)))
			b.append(b.frame(cursor("y", 9)))
		}
	}
	for name, tt := range map[string]struct {
		endpoint string
		from     uint64
		during   func(int)
		want     []string
	}{
		"again from a frame":        {"", 4, nil, []string{"4/0/0", "4/11/2", "5/10/3", "6/11/3"}},
		"of one endpoint's slot":    {named(10), 2, nil, []string{"2/0/0", "3/10/2", "5/10/3"}},
		"from the beginning":        {"", 1, nil, []string{"1/0/0", "1/10/1", "2/11/1"}},
		"behind the end":            {"", 7, nil, []string{"7/0/0"}},
		"beyond the end of another": {"", 70, nil, []string{"7/0/0!"}},
	} {
		if diff := cmp.Diff(tt.want, tailed(t, l, tt.endpoint, tt.from, len(tt.want), tt.during)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"7/0/0", "7/10/4", "8/11/4"}, tailed(t, l, "", 0, 3, live)); diff != "" {
		t.Errorf("what is recorded from now on (-want +got):\n%s", diff)
	}
}

// Frames that are trimmed while a reader is slow, or away, are told of.
func TestTail_gap(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	w := recovered(t, l, 10)
	for i := range uint64(40) {
		w.append(w.frame(cursor("x", i+1)))
	}
	w.checkpoint()
	var told bool
	err := l.Tail(t.Context(), "", 1, func(f attemptlog.Tailed) error {
		switch {
		case f.Frame.Index == 1: // more are fetched than this one, but not all
			return l.Trim(t.Context(), 10, w.place.Checkpoint)
		case f.Seq == 41:
			told = f.Gap
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || !told {
		t.Errorf("trimmed while the reader is slow: told %v, %v", told, err)
	}
	if got := tailed(t, l, "", 5, 2, nil); !cmp.Equal(got, []string{"5/0/0!", "41/10/41"}) {
		t.Errorf("trimmed while the reader was away: %v", got)
	}
}

// How many frames follow is known, so that a reader can pass over what is old.
func TestTail_behind(t *testing.T) {
	t.Parallel()
	_, l := start(t, 0)
	w := recovered(t, l, 10)
	for i := range uint64(5) {
		w.append(w.frame(cursor("x", i+1)))
	}
	var got []uint64
	err := l.Tail(t.Context(), "", 2, func(f attemptlog.Tailed) error {
		if f.Frame.Index > 0 {
			got = append(got, f.Behind)
		}
		if f.Seq == 5 {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || !cmp.Equal(got, []uint64{3, 2, 1, 0}) {
		t.Errorf("behind: %v, %v", got, err)
	}
}

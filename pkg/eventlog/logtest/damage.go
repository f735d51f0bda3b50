package logtest

import (
	"errors"
	"testing"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// damaged appends three good frames and then raw bytes, and reads them back:
// the three, then the error, and the same error again.
func damaged(t *testing.T, log eventlog.Log, raw func(at eventlog.Position) []byte) error {
	t.Helper()
	foreign, ok := log.(RawAppender)
	if !ok {
		t.Skip("this log takes no raw bytes")
	}
	positions := Fill(t, log, eventlog.Position{}, 3)
	if _, err := foreign.AppendRaw(t.Context(), raw(positions[3])); err != nil {
		t.Fatalf("append raw bytes: %v", err)
	}
	r := reader(t, log, eventlog.Position{})
	for i := range 3 {
		if got := next(t, r).Position; got != positions[i+1] {
			t.Fatalf("before the damage: %+v, want %+v", got, positions[i+1])
		}
	}
	_, first := r.Next(t.Context())
	if _, again := r.Next(t.Context()); first == nil || !errors.Is(again, first) {
		t.Fatalf("the damage reads as %v, then as %v", first, again)
	}
	return first
}

func gap(t *testing.T, log eventlog.Log) {
	err := damaged(t, log, func(at eventlog.Position) []byte {
		return Frame(at.After(at.Seq+1, frame.Hash{1}, 1), "after the gap", 1)
	})
	g, ok := errors.AsType[*eventlog.GapError](err)
	if !ok || g.Want != 4 || g.Found != 5 {
		t.Errorf("a missing frame reads as %v, want a GapError", err)
	}
	if !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("%v is not ErrDamaged", err)
	}
}

func brokenLink(t *testing.T, log eventlog.Log) {
	err := damaged(t, log, func(at eventlog.Position) []byte {
		at.Hash[31] ^= 1
		return Frame(at, "another history", 1)
	})
	l, ok := errors.AsType[*eventlog.LinkError](err)
	if !ok || l.Index != 4 || l.Cause != nil {
		t.Errorf("a frame of another history reads as %v, want a LinkError", err)
	}
	if !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("%v is not ErrDamaged", err)
	}
}

func notAFrame(t *testing.T, log eventlog.Log) {
	err := damaged(t, log, func(eventlog.Position) []byte { return []byte("hello") })
	if _, ok := errors.AsType[*eventlog.LinkError](err); !ok || !errors.Is(err, frame.ErrNotAFrame) {
		t.Errorf("foreign bytes read as %v, want a LinkError because of ErrNotAFrame", err)
	}
}

// newerVersion is no damage: the program is too old for the log.
func newerVersion(t *testing.T, log eventlog.Log) {
	err := damaged(t, log, func(at eventlog.Position) []byte {
		b := Frame(at, "from the future", 1)
		b[4] = frame.Version + 1
		return b
	})
	if v, ok := errors.AsType[*frame.UnknownVersionError](err); !ok || v.Version != frame.Version+1 {
		t.Errorf("a newer frame reads as %v, want an UnknownVersionError", err)
	}
	if errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("%v counts as damage", err)
	}
}

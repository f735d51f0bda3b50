package memlog_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	logtest.Run(t, func(*testing.T) eventlog.Log { return memlog.New() })
}

// TestFailNext says for each planned outcome what the caller is told and what
// the log then holds.
func TestFailNext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome memlog.Outcome
		want    error
		stored  []string
	}{
		"store":             {memlog.Store, nil, []string{"command-0", "mine"}},
		"store but unknown": {memlog.StoreButUnknown, eventlog.ErrUnknown, []string{"command-0", "mine"}},
		"lose but unknown":  {memlog.LoseButUnknown, eventlog.ErrUnknown, []string{"command-0"}},
		"lose to foreign":   {memlog.LoseToForeign, eventlog.ErrConflict, []string{"command-0", memlog.ForeignCommand}},
		"conflict only":     {memlog.ConflictOnly, eventlog.ErrConflict, []string{"command-0"}},
		"full":              {memlog.RefuseFull, eventlog.ErrFull, []string{"command-0"}},
		"unavailable":       {memlog.RefuseUnavailable, eventlog.ErrUnavailable, []string{"command-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memlog.New()
			at := logtest.Fill(t, log, eventlog.Position{}, 1)[1]
			log.FailNext(test.outcome)
			if _, err := log.Append(t.Context(), at, logtest.Frame(at, "mine", 1)); !errors.Is(err, test.want) {
				t.Errorf("the append answers %v, want %v", err, test.want)
			}
			entries := logtest.Read(t, log, eventlog.Position{})
			if len(entries) != len(test.stored) {
				t.Fatalf("the log holds %d frames, want %q", len(entries), test.stored)
			}
			for i, e := range entries {
				if got := e.Frame.Commits[0].Command; got != test.stored[i] {
					t.Errorf("frame %d is of %q, want %q", i+1, got, test.stored[i])
				}
			}
			end := entries[len(entries)-1].Position
			logtest.Append(t, log, end, logtest.Frame(end, "afterwards", 1))
			if got := log.Appends(); got != 3 {
				t.Errorf("%d appends were counted, want 3", got)
			}
		})
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	b := logtest.Frame(eventlog.Position{}, "first", 1)
	log := memlog.New(memlog.WithCapacity(len(b)))
	at := logtest.Append(t, log, eventlog.Position{}, b)
	if _, err := log.Append(t.Context(), at, logtest.Frame(at, "second", 1)); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("an append beyond the capacity answers %v, want ErrFull", err)
	}
	if err := log.Check(t.Context()); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("the check of a full log answers %v, want ErrFull", err)
	}
	if got := logtest.Read(t, log, eventlog.Position{}); len(got) != 1 {
		t.Errorf("a full log reads as %d frames, want 1", len(got))
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	t.Run("a dropped frame is a gap", func(t *testing.T) {
		t.Parallel()
		log := memlog.New()
		positions := logtest.Fill(t, log, eventlog.Position{}, 5)
		if !log.Drop(3) || log.Drop(3) {
			t.Fatal("frame 3 is dropped once")
		}
		entries, err := logtest.TryRead(t, log, eventlog.Position{})
		if _, ok := errors.AsType[*eventlog.GapError](err); !ok || len(entries) != 2 {
			t.Errorf("read %d frames and %v, want 2 and a GapError", len(entries), err)
		}
		if _, ok := errors.AsType[*eventlog.LostError](log.Check(t.Context())); !ok {
			t.Errorf("the check does not report the loss")
		}
		if _, err := log.Open(t.Context(), positions[3]); !errors.As(err, new(*eventlog.MismatchError)) {
			t.Errorf("a checkpoint at the dropped frame answers %v, want a MismatchError", err)
		}
	})
	t.Run("a dropped last frame is found at Open", func(t *testing.T) {
		t.Parallel()
		log := memlog.New()
		logtest.Fill(t, log, eventlog.Position{}, 3)
		log.Drop(3)
		if _, err := log.Open(t.Context(), eventlog.Position{}); !errors.As(err, new(*eventlog.GapError)) {
			t.Errorf("Open answers %v, want a GapError", err)
		}
	})
	t.Run("a cut tail shows in the checkpoint", func(t *testing.T) {
		t.Parallel()
		log := memlog.New()
		positions := logtest.Fill(t, log, eventlog.Position{}, 3)
		log.CutTail(2)
		if _, err := log.Open(t.Context(), positions[3]); !errors.As(err, new(*eventlog.MismatchError)) {
			t.Errorf("a checkpoint beyond the end answers %v, want a MismatchError", err)
		}
		// The number is given out again; the hash tells the frames apart.
		logtest.Append(t, log, positions[2], logtest.Frame(positions[2], "another third", 1))
		if _, err := log.Open(t.Context(), positions[3]); !errors.As(err, new(*eventlog.MismatchError)) {
			t.Errorf("a checkpoint at a replaced frame answers %v, want a MismatchError", err)
		}
	})
}

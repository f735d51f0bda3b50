package eventlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// anyFrame draws the content of a frame behind at.
func anyFrame(t *rapid.T, at eventlog.Position) frame.Frame {
	f := frame.Frame{Header: at.Next(), Commits: []frame.Commit{}}
	for range rapid.IntRange(0, 3).Draw(t, "commits") {
		c := frame.Commit{Command: rapid.String().Draw(t, "command"), Events: []events.Event{}}
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			c.Events = append(c.Events, events.Event{
				Type: events.Type(rapid.String().Draw(t, "type")), ID: rapid.Uint64().Draw(t, "id"),
				At:    time.UnixMicro(rapid.Int64Range(1, 1<<60).Draw(t, "at")).UTC(),
				Actor: rapid.String().Draw(t, "actor"), Organization: rapid.String().Draw(t, "organization"),
				Directory: rapid.String().Draw(t, "directory"), Resource: rapid.String().Draw(t, "resource"),
				Revision: rapid.Uint64().Draw(t, "revision"), Payload: rapid.SliceOf(rapid.Byte()).Draw(t, "payload"),
			})
		}
		f.Commits = append(f.Commits, c)
	}
	return f
}

// anyChain draws a chain of encoded frames whose sequences rise by any steps.
func anyChain(t *rapid.T) (encoded [][]byte, seqs []uint64, frames []frame.Frame) {
	var at eventlog.Position
	for range rapid.IntRange(2, 6).Draw(t, "frames") {
		f := anyFrame(t, at)
		b := frame.Encode(f)
		seq := at.Seq + rapid.Uint64Range(1, 3).Draw(t, "step")
		at = at.After(seq, frame.Sum(b), f.Events())
		encoded, seqs, frames = append(encoded, b), append(seqs, seq), append(frames, f)
	}
	return encoded, seqs, frames
}

// admit feeds a chain and returns how many frames it took, and what stopped it.
func admit(encoded [][]byte, seqs []uint64) (int, error) {
	var c eventlog.Chain
	for i, b := range encoded {
		if _, err := c.Admit(seqs[i], b); err != nil {
			return i, err
		}
	}
	return len(encoded), nil
}

func TestChainAdmitsWhatWasEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		encoded, seqs, frames := anyChain(t)
		var c eventlog.Chain
		ordinal := uint64(0)
		for i, b := range encoded {
			e, err := c.Admit(seqs[i], b)
			if err != nil {
				t.Fatalf("frame %d: %v", i+1, err)
			}
			if diff := cmp.Diff(frames[i], e.Frame); diff != "" {
				t.Fatalf("frame %d (-encoded +admitted):\n%s", i+1, diff)
			}
			ordinal += uint64(frames[i].Events())
			want := eventlog.Position{Seq: seqs[i], Index: uint64(i) + 1, Ordinal: ordinal, Hash: frame.Sum(b)}
			if e.Position != want || c.At != want || e.Size != len(b) {
				t.Fatalf("frame %d is at %+v, want %+v", i+1, e.Position, want)
			}
		}
	})
}

// TestChainFindsDamage alters a chain in every way that a store can: the
// alteration is found at the latest one frame behind it.
func TestChainFindsDamage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		encoded, seqs, _ := anyChain(t)
		i := rapid.IntRange(0, len(encoded)-2).Draw(t, "place")
		kind := rapid.SampledFrom([]string{"flip a bit", "drop", "swap", "repeat"}).Draw(t, "damage")
		switch kind {
		case "flip a bit":
			bit := rapid.IntRange(0, 8*len(encoded[i])-1).Draw(t, "bit")
			encoded[i] = bytes.Clone(encoded[i])
			encoded[i][bit/8] ^= 1 << (bit % 8)
		case "drop":
			encoded, seqs = slices.Delete(encoded, i, i+1), slices.Delete(seqs, i, i+1)
		case "swap":
			encoded[i], encoded[i+1] = encoded[i+1], encoded[i]
		case "repeat":
			encoded, seqs = slices.Insert(encoded, i, encoded[i]), slices.Insert(seqs, i, seqs[i])
		}
		n, err := admit(encoded, seqs)
		if err == nil || n > i+1 {
			t.Fatalf("%s at frame %d: %d frames were taken, %v", kind, i+1, n, err)
		}
		if _, newer := errors.AsType[*frame.UnknownVersionError](err); !newer && !errors.Is(err, eventlog.ErrDamaged) {
			t.Fatalf("%s reads as %v, want ErrDamaged", kind, err)
		}
	})
}

// TestChainStaysOnError holds that a refused frame does not move the chain.
func TestChainStaysOnError(t *testing.T) {
	t.Parallel()
	f := frame.Frame{Header: frame.Header{Index: 1}}
	good := frame.Encode(f)
	for name, test := range map[string]struct {
		seq  uint64
		b    []byte
		says error
	}{
		"another generation": {1, frame.Encode(frame.Frame{Header: frame.Header{Generation: 1, Index: 1}}), eventlog.ErrDamaged},
		"a wrong ordinal":    {1, frame.Encode(frame.Frame{Header: frame.Header{Index: 1, Ordinal: 1}}), eventlog.ErrDamaged},
		"a wrong link":       {1, frame.Encode(frame.Frame{Header: frame.Header{Index: 1, Previous: frame.Hash{1}}}), eventlog.ErrDamaged},
		"sequence 0":         {0, good, eventlog.ErrDamaged},
		"a cut frame":        {1, good[:len(good)-1], frame.ErrMalformed},
	} {
		var c eventlog.Chain
		if _, err := c.Admit(test.seq, test.b); !errors.Is(err, test.says) || err.Error() == "" {
			t.Errorf("%s: %v, want %v", name, err, test.says)
		}
		if c.At != (eventlog.Position{}) {
			t.Errorf("%s moved the chain to %+v", name, c.At)
		}
		if _, err := c.Admit(7, good); err != nil {
			t.Errorf("after %s the good frame is refused: %v", name, err)
		}
	}
}

func TestAdmissible(t *testing.T) {
	t.Parallel()
	at := eventlog.Position{Seq: 9, Index: 4, Ordinal: 12, Hash: frame.Hash{1, 2}}
	good := frame.Encode(frame.Frame{Header: at.Next()})
	if err := eventlog.Admissible(at, good); err != nil {
		t.Errorf("the next frame is refused: %v", err)
	}
	for name, test := range map[string]struct {
		expect eventlog.Position
		b      []byte
		want   error
	}{
		"another position": {eventlog.Position{}, good, eventlog.ErrNotNext},
		"another hash":     {eventlog.Position{Seq: 9, Index: 4, Ordinal: 12}, good, eventlog.ErrNotNext},
		"no frame":         {at, []byte("x"), eventlog.ErrNotNext},
		"too large":        {at, make([]byte, frame.MaxSize+1), eventlog.ErrTooLarge},
	} {
		if err := eventlog.Admissible(test.expect, test.b); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// TestErrorsSpeak holds that every error names the place and, for damage, what
// to do.
func TestErrorsSpeak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err     error
		damaged bool
		says    []string
	}{
		{&eventlog.GapError{Seq: 7, Want: 3, Found: 5}, true, []string{"sequence 7", "frame 3", "frame 5", "restore"}},
		{&eventlog.GapError{Seq: 7, Want: 3}, true, []string{"sequence 7", "frame 3", "restore"}},
		{&eventlog.LinkError{Seq: 7, Index: 3, Want: frame.Hash{0xab}}, true, []string{"sequence 7", "frame 3", "ab0000", "restore"}},
		{&eventlog.LinkError{Seq: 7, Cause: errors.New("torn")}, true, []string{"sequence 7", "torn", "restore"}},
		{&eventlog.LostError{Deleted: 4, FirstSeq: 2}, true, []string{"4 messages", "restore"}},
		{&eventlog.MismatchError{Want: eventlog.Position{Seq: 7}}, false, []string{"sequence 7", "does not hold"}},
		{&eventlog.MismatchError{Want: eventlog.Position{Seq: 7}, Found: frame.Hash{0xcd}}, false, []string{"sequence 7", "cd0000"}},
	} {
		if got := errors.Is(fmt.Errorf("wrapped: %w", test.err), eventlog.ErrDamaged); got != test.damaged {
			t.Errorf("%v: damaged is %t, want %t", test.err, got, test.damaged)
		}
		for _, s := range test.says {
			if !bytes.Contains([]byte(test.err.Error()), []byte(s)) {
				t.Errorf("%v does not say %q", test.err, s)
			}
		}
	}
}

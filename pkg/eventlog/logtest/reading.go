package logtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

func command(i int) string { return fmt.Sprintf("command-%d", i) }

func empty(t *testing.T, log eventlog.Log) {
	if tail, err := log.Tail(t.Context()); tail != 0 || err != nil {
		t.Errorf("the tail of an empty log is %d, %v", tail, err)
	}
	if err := log.Check(t.Context()); err != nil {
		t.Errorf("an empty log fails its check: %v", err)
	}
	if got := Read(t, log, eventlog.Position{}); len(got) != 0 {
		t.Errorf("an empty log holds %d frames", len(got))
	}
}

func appendAndRead(t *testing.T, log eventlog.Log) {
	positions := Fill(t, log, eventlog.Position{}, 20)
	entries := Read(t, log, eventlog.Position{})
	if len(entries) != 20 {
		t.Fatalf("read %d frames, appended 20", len(entries))
	}
	for i, e := range entries {
		if diff := cmp.Diff(positions[i+1], e.Position); diff != "" {
			t.Errorf("position of frame %d (-appended +read):\n%s", i+1, diff)
		}
		want := Frame(positions[i], command(i), 1+i%3)
		if e.Size != len(want) {
			t.Errorf("frame %d has size %d, want %d", i+1, e.Size, len(want))
		}
		f, err := frame.Decode(want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, e.Frame); diff != "" {
			t.Errorf("frame %d (-appended +read):\n%s", i+1, diff)
		}
	}
	if err := log.Check(t.Context()); err != nil {
		t.Errorf("a whole log fails its check: %v", err)
	}
}

func everyPosition(t *testing.T, log eventlog.Log) {
	positions := Fill(t, log, eventlog.Position{}, 6)
	for i, p := range positions {
		var got []eventlog.Position
		for _, e := range Read(t, log, p) {
			got = append(got, e.Position)
		}
		want := positions[i+1:]
		if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
			t.Errorf("behind frame %d (-want +got):\n%s", i, diff)
		}
	}
}

// follow reads frames that come while the reader waits, also after a wait that
// its caller gave up.
func follow(t *testing.T, log eventlog.Log) {
	r := reader(t, log, eventlog.Position{})
	var at eventlog.Position
	for i := range 5 {
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if _, err := r.Next(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a wait without a frame ended with %v", err)
		}
		cancel()
		got := make(chan eventlog.Entry, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			e, err := r.Next(ctx)
			if err != nil {
				t.Errorf("follow: %v", err)
			}
			got <- e
		}()
		at = Append(t, log, at, Frame(at, command(i), 1))
		if diff := cmp.Diff(at, (<-got).Position); diff != "" {
			t.Fatalf("frame %d (-appended +followed):\n%s", i+1, diff)
		}
	}
}

func twoReaders(t *testing.T, log eventlog.Log) {
	positions := Fill(t, log, eventlog.Position{}, 4)
	a, b := reader(t, log, eventlog.Position{}), reader(t, log, positions[2])
	for i := range 4 {
		if got := next(t, a).Position; got != positions[i+1] {
			t.Errorf("the first reader has %+v, want %+v", got, positions[i+1])
		}
	}
	for i := range 2 {
		if got := next(t, b).Position; got != positions[i+3] {
			t.Errorf("the second reader has %+v, want %+v", got, positions[i+3])
		}
	}
}

func readerEnds(t *testing.T, log eventlog.Log) {
	r := reader(t, log, eventlog.Position{})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait ends with %v", err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, eventlog.ErrClosed) {
		t.Errorf("a closed reader answers %v, want ErrClosed", err)
	}
}

// mismatch opens at positions that the log does not hold.
func mismatch(t *testing.T, log eventlog.Log) {
	positions := Fill(t, log, eventlog.Position{}, 3)
	beyond := positions[3]
	beyond.Seq += 5
	altered := positions[2]
	altered.Hash[0] ^= 1
	for name, test := range map[string]struct {
		at    eventlog.Position
		found frame.Hash
	}{
		"beyond the end": {beyond, frame.Hash{}},
		"another hash":   {altered, positions[2].Hash},
	} {
		r, err := log.Open(t.Context(), test.at)
		if err == nil {
			closeReader(t, r)
		}
		m, ok := errors.AsType[*eventlog.MismatchError](err)
		if !ok {
			t.Errorf("%s: Open answers %v, want a MismatchError", name, err)
			continue
		}
		if m.Want != test.at || m.Found != test.found {
			t.Errorf("%s: the error says %+v", name, m)
		}
	}
	if got := Read(t, log, positions[3]); len(got) != 0 {
		t.Errorf("read %d frames behind the last", len(got))
	}
}

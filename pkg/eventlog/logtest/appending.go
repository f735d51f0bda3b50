package logtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

func staleExpectation(t *testing.T, log eventlog.Log) {
	positions := Fill(t, log, eventlog.Position{}, 2)
	for _, at := range positions[:2] {
		if _, err := log.Append(t.Context(), at, Frame(at, "late", 1)); !errors.Is(err, eventlog.ErrConflict) {
			t.Errorf("an append behind frame %d of 2 answers %v, want ErrConflict", at.Index, err)
		}
	}
	ahead := positions[2]
	ahead.Seq++
	if _, err := log.Append(t.Context(), ahead, Frame(ahead, "early", 1)); !errors.Is(err, eventlog.ErrConflict) {
		t.Errorf("an append behind a frame that is not there answers %v, want ErrConflict", err)
	}
	if got := Read(t, log, eventlog.Position{}); len(got) != 2 {
		t.Errorf("the log holds %d frames after refused appends, want 2", len(got))
	}
}

// resend is what a caller does whose append had no answer: the same bytes with
// the same expectation, then a look for the command.
func resend(t *testing.T, log eventlog.Log) {
	at := Fill(t, log, eventlog.Position{}, 1)[1]
	b := Frame(at, "mine", 2)
	Append(t, log, at, b)
	for range 3 {
		if _, err := log.Append(t.Context(), at, b); !errors.Is(err, eventlog.ErrConflict) {
			t.Fatalf("an identical resend answers %v, want ErrConflict", err)
		}
	}
	entries := Read(t, log, at)
	if len(entries) != 1 || entries[0].Frame.Commits[0].Command != "mine" {
		t.Errorf("behind the expectation stands %+v, want the one frame", entries)
	}
}

func notNext(t *testing.T, log eventlog.Log) {
	positions := Fill(t, log, eventlog.Position{}, 2)
	at := positions[2]
	for name, b := range map[string][]byte{
		"of an older position": Frame(positions[1], "x", 1),
		"no frame":             []byte("hello"),
		"nothing":              nil,
	} {
		if _, err := log.Append(t.Context(), at, b); !errors.Is(err, eventlog.ErrNotNext) {
			t.Errorf("%s: %v, want ErrNotNext", name, err)
		}
	}
	Append(t, log, at, Frame(at, "x", 1))
}

func tooLarge(t *testing.T, log eventlog.Log) {
	var at eventlog.Position
	if _, err := log.Append(t.Context(), at, sized(at, "huge", 1, frame.MaxSize)); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("a frame above the limit answers %v, want ErrTooLarge", err)
	}
	if tail, err := log.Tail(t.Context()); tail != 0 || err != nil {
		t.Errorf("the tail is %d, %v after a refused append", tail, err)
	}
}

// largest appends a frame of exactly the limit, and one more: both must also
// be readable and usable as a checkpoint.
func largest(t *testing.T, log eventlog.Log) {
	var at eventlog.Position
	overhead := len(sized(at, "big", 1, 0))
	payload := frame.MaxSize - overhead
	for len(sized(at, "big", 1, payload)) > frame.MaxSize {
		payload--
	}
	b := sized(at, "big", 1, payload)
	if len(b) != frame.MaxSize {
		t.Fatalf("the frame has %d bytes, want %d", len(b), frame.MaxSize)
	}
	at = Append(t, log, at, b)
	last := Append(t, log, at, Frame(at, "small", 1))
	if got := Read(t, log, eventlog.Position{}); len(got) != 2 || got[0].Size != frame.MaxSize {
		t.Errorf("read %d frames, want the largest and a small one", len(got))
	}
	if got := Read(t, log, at); len(got) != 1 || got[0].Position != last {
		t.Errorf("read %d frames behind the largest, want 1", len(got))
	}
}

// rivals lets several appenders race for each position. Exactly one wins each
// round, and the chain holds.
func rivals(t *testing.T, log eventlog.Log) {
	const rounds, writers = 12, 4
	var at eventlog.Position
	for round := range rounds {
		type result struct {
			command string
			err     error
		}
		results := make(chan result, writers)
		var start sync.WaitGroup
		start.Add(1)
		for w := range writers {
			command := fmt.Sprintf("round-%d-writer-%d", round, w)
			go func() {
				start.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := log.Append(ctx, at, Frame(at, command, 1))
				results <- result{command, err}
			}()
		}
		start.Done()
		var winners []string
		for range writers {
			switch r := <-results; {
			case r.err == nil:
				winners = append(winners, r.command)
			case !errors.Is(r.err, eventlog.ErrConflict):
				t.Errorf("round %d: a loser is told %v, want ErrConflict", round, r.err)
			}
		}
		entries := Read(t, log, at)
		if len(winners) != 1 || len(entries) != 1 || entries[0].Frame.Commits[0].Command != winners[0] {
			t.Fatalf("round %d: winners %q, stored %d frames", round, winners, len(entries))
		}
		at = entries[0].Position
	}
}

// tailCounts asks for the tail from many places while frames are acked: no
// answer may be older than the last ack before the question.
func tailCounts(t *testing.T, log eventlog.Log) {
	acked := make(chan uint64, 1)
	acked <- 0
	done := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				before := <-acked
				acked <- before
				tail, err := log.Tail(t.Context())
				if err != nil || tail < before {
					t.Errorf("the tail is %d, %v; sequence %d was acked before the question", tail, err, before)
					return
				}
			}
		})
	}
	var at eventlog.Position
	for i := range 50 {
		at = Append(t, log, at, Frame(at, command(i), 1))
		<-acked
		acked <- at.Seq
	}
	close(done)
	asking.Wait()
	if tail, err := log.Tail(t.Context()); tail != at.Seq || err != nil {
		t.Errorf("the tail is %d, %v; want %d", tail, err, at.Seq)
	}
}

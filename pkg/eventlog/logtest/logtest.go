// Package logtest is the suite that every adapter of the log port passes. An
// adapter's test calls Run with a function that opens an empty partition.
//
// The parts that need damage run only for adapters whose log also implements
// RawAppender. What must not live here: knowledge of any adapter.
package logtest

import (
	"context"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// patience is how long the suite waits for what must happen. A busy machine is
// not a failure.
const patience = time.Minute

// RawAppender stores any bytes behind the partition's last message, as a
// foreign program with access to the log could.
type RawAppender interface {
	AppendRaw(ctx context.Context, b []byte) (uint64, error)
}

// Run tests an adapter. open returns an empty partition of its own for each
// call and cleans up by itself.
func Run(t *testing.T, open func(t *testing.T) eventlog.Log) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, eventlog.Log){
		"empty":                    empty,
		"append and read":          appendAndRead,
		"read from every position": everyPosition,
		"follow live":              follow,
		"two readers":              twoReaders,
		"stale expectation":        staleExpectation,
		"resend":                   resend,
		"not the next frame":       notNext,
		"too large":                tooLarge,
		"the largest":              largest,
		"mismatch":                 mismatch,
		"reader ends":              readerEnds,
		"rivals":                   rivals,
		"tail counts every ack":    tailCounts,
		"gap":                      gap,
		"broken link":              brokenLink,
		"not a frame":              notAFrame,
		"newer version":            newerVersion,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// Frame returns the encoded frame behind at with one commit of n events, and
// the position that it will have at seq.
func Frame(at eventlog.Position, command string, n int) []byte {
	return sized(at, command, n, 0)
}

func sized(at eventlog.Position, command string, n, payload int) []byte {
	body := make([]byte, payload)
	for i := range body {
		body[i] = 'x'
	}
	c := frame.Commit{Command: command}
	for i := range n {
		c.Events = append(c.Events, events.Event{
			Type: "user.created.v1", ID: at.Ordinal + uint64(i) + 1, At: time.UnixMicro(1_700_000_000_000_000).UTC(),
			Actor: "system", Organization: "org_1", Directory: "dir_1", Resource: "diruser_1", Revision: 1, Payload: body,
		})
	}
	return frame.Encode(frame.Frame{Header: at.Next(), Commits: []frame.Commit{c}})
}

// Fill appends n frames of one to three events behind at and returns the
// position behind each, with at first.
func Fill(t testing.TB, log eventlog.Appender, at eventlog.Position, n int) []eventlog.Position {
	t.Helper()
	positions := []eventlog.Position{at}
	for i := range n {
		at = Append(t, log, at, Frame(at, command(i), 1+i%3))
		positions = append(positions, at)
	}
	return positions
}

// Append appends b, which must succeed, and returns the position behind it.
func Append(t testing.TB, log eventlog.Appender, at eventlog.Position, b []byte) eventlog.Position {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seq, err := log.Append(ctx, at, b)
	if err != nil {
		t.Fatalf("append frame %d: %v", at.Index+1, err)
	}
	f, err := frame.Decode(b)
	if err != nil {
		t.Fatalf("decode frame %d: %v", at.Index+1, err)
	}
	return at.After(seq, frame.Sum(b), f.Events())
}

// Read reads every frame from after up to the tail.
func Read(t testing.TB, log eventlog.Log, after eventlog.Position) []eventlog.Entry {
	t.Helper()
	entries, err := TryRead(t, log, after)
	if err != nil {
		t.Fatalf("read behind frame %d: %v", after.Index, err)
	}
	return entries
}

// TryRead is Read that returns the error that stopped it.
func TryRead(t testing.TB, log eventlog.Log, after eventlog.Position) ([]eventlog.Entry, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tail, err := log.Tail(ctx)
	if err != nil {
		return nil, err
	}
	r, err := log.Open(ctx, after)
	if err != nil {
		return nil, err
	}
	defer closeReader(t, r)
	var entries []eventlog.Entry
	for at := after; at.Seq < tail; {
		e, err := r.Next(ctx)
		if err != nil {
			return entries, err
		}
		at = e.Position
		entries = append(entries, e)
	}
	return entries, nil
}

func closeReader(t testing.TB, r eventlog.Reader) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("close the reader: %v", err)
	}
}

func reader(t *testing.T, log eventlog.Log, after eventlog.Position) eventlog.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := log.Open(ctx, after)
	if err != nil {
		t.Fatalf("open behind frame %d: %v", after.Index, err)
	}
	t.Cleanup(func() { closeReader(t, r) })
	return r
}

func next(t *testing.T, r eventlog.Reader) eventlog.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := r.Next(ctx)
	if err != nil {
		t.Fatalf("next frame: %v", err)
	}
	return e
}

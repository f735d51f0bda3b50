// Package attemptlog is the stream ATTEMPTS on NATS JetStream: one exact
// subject a slot, appended under an expectation, read from its last checkpoint.
//
//	w, err := log.Recover(ctx, slot, func(seq uint64, f attempts.Frame) error { … })
//	seq, err := w.Append(ctx, frame)
//
// The expected last sequence of the slot's subject is the fence: of two workers
// that believe to hold a slot, one learns with its next append that it does not.
//
// What must not live here: what the frames mean (pkg/attempts) and when they are
// written (services/delivery).
package attemptlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

var (
	// ErrFenced says that another worker writes to the slot. Stop working on it:
	// whatever is not in the log by now is the other's to decide.
	ErrFenced = errors.New("attemptlog: another worker writes to the slot")
	// ErrFull says that the store has no room. Nothing was stored; trim, or add
	// disk, and append the identical bytes again.
	ErrFull = errors.New("attemptlog: the store is full; raise the store limit or add disk")
	// ErrUnavailable says that the outcome of an append is not known, or that
	// the stream cannot be asked. Append the identical bytes again.
	ErrUnavailable = errors.New("attemptlog: the stream is unavailable")
	// ErrRefused says that the server will not take these bytes, now or later.
	ErrRefused = errors.New("attemptlog: the server refused the frame")
)

// askTimeout bounds one question to the server.
const askTimeout = 5 * time.Second

// Log is the stream. It is safe for concurrent use and needs no closing.
type Log struct {
	js     jetstream.JetStream
	nc     *nats.Conn
	stream jetstream.Stream
}

// Open looks the stream up; natslog.Ensure makes it.
//
// Errors: ErrUnavailable.
func Open(ctx context.Context, js jetstream.JetStream) (*Log, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, attempts.Stream)
	if err != nil {
		return nil, fmt.Errorf("%w: look up the stream %s: %w", ErrUnavailable, attempts.Stream, err)
	}
	return &Log{js: js, nc: js.Conn(), stream: stream}, nil
}

// last returns the last message of a slot, ok false if there is none.
func (l *Log) last(ctx context.Context, slot int) (seq uint64, b []byte, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	m, err := l.stream.GetLastMsgForSubject(ctx, attempts.Subject(slot))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, nil, false, nil
	case err != nil:
		return 0, nil, false, fmt.Errorf("%w: read the end of slot %d: %w", ErrUnavailable, slot, err)
	}
	return m.Sequence, m.Data, true, nil
}

// Recover hands every frame of the slot from its last checkpoint on to fold, in
// order, and returns a writer behind the last one.
//
// Errors: ErrUnavailable, those of attempts.Decode, and those of fold.
func (l *Log) Recover(ctx context.Context, slot int, fold func(seq uint64, f attempts.Frame) error) (*Writer, error) {
	w := &Writer{log: l, slot: slot, subject: attempts.Subject(slot)}
	end, b, ok, err := l.last(ctx, slot)
	if err != nil || !ok {
		return w, err
	}
	w.seq = end
	h, err := attempts.DecodeHeader(b)
	if err != nil {
		return nil, fmt.Errorf("read the last frame of slot %d: %w", slot, err)
	}
	from := h.Checkpoint
	if h.Part > 0 && h.Part == h.Parts {
		// This frame completes a checkpoint; its first part is the frame with the
		// index that many before, and no other slot's frames count.
		if from, err = l.firstPart(ctx, slot, end, h); err != nil {
			return nil, err
		}
	}
	err = l.read(ctx, []string{w.subject}, max(1, from), func(s attempts.Stored) (bool, error) {
		return s.Seq < end, fold(s.Seq, s.Frame)
	})
	if err != nil {
		return nil, fmt.Errorf("recover slot %d: %w", slot, err)
	}
	return w, nil
}

// firstPart finds the first part of the checkpoint that ends at end.
func (l *Log) firstPart(ctx context.Context, slot int, end uint64, last attempts.Header) (uint64, error) {
	if last.Parts == 1 {
		return end, nil
	}
	first := last.Index - uint64(last.Parts) + 1 //nolint:gosec // a count
	var found uint64
	err := l.read(ctx, []string{attempts.Subject(slot)}, max(1, last.Checkpoint), func(s attempts.Stored) (bool, error) {
		if s.Frame.Index == first {
			found = s.Seq
		}
		return s.Frame.Index < first && s.Seq < end, nil
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("%w: the first part of the checkpoint at sequence %d", attempts.ErrGap, end)
	}
	return found, err
}

// Writer appends to one slot. It is for one goroutine.
type Writer struct {
	log     *Log
	slot    int
	subject string
	seq     uint64
	fenced  bool
}

// Seq returns the sequence of the slot's last frame, 0 if there is none.
func (w *Writer) Seq() uint64 { return w.seq }

// Append stores a frame behind the last one and returns its sequence. While
// the outcome of an append is not known, the next call must bring the identical
// bytes.
//
// Errors: ErrFenced (final), ErrFull, ErrUnavailable, ErrRefused.
func (w *Writer) Append(ctx context.Context, b []byte) (uint64, error) {
	if w.fenced {
		return 0, ErrFenced
	}
	seq, err := w.publish(ctx, b)
	if errors.Is(err, errConflict) {
		seq, err = w.settle(ctx, b)
	}
	if err != nil {
		w.fenced = errors.Is(err, ErrFenced)
		return 0, err
	}
	w.seq = seq
	return seq, nil
}

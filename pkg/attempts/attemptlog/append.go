package attemptlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errConflict says that the slot's last frame is not the expected one: it can
// be this frame, stored by an earlier call whose answer was lost.
var errConflict = errors.New("attemptlog: not the expected last sequence")

// What JetStream's error codes say of an append. The library names only some.
const (
	codeAccountExceeded       = 10002
	codeInsufficientResources = 10023
	codeStorageExceeded       = 10047
	codeTooLarge              = 10054
	codeStoreFailed           = 10077
	codeWrongLast             = 10071
	codeWrongLastInFlight     = 10164
)

// A replicated stream answers codeWrongLastInFlight for a moment even to a lone
// writer. Sending the same frame again is always safe.
const (
	rivalAttempts = 12
	rivalPause    = 2 * time.Millisecond
	rivalPauseMax = 32 * time.Millisecond
)

func (w *Writer) publish(ctx context.Context, b []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	pause := rivalPause
	for attempt := 1; ; attempt++ {
		ack, err := w.log.js.PublishMsg(ctx, &nats.Msg{Subject: w.subject, Data: b},
			jetstream.WithExpectLastSequencePerSubject(w.seq), jetstream.WithRetryAttempts(0))
		if err == nil {
			return ack.Sequence, nil
		}
		api, ok := errors.AsType[*jetstream.APIError](err)
		if !ok {
			return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		switch api.ErrorCode {
		case codeWrongLast:
			return 0, errConflict
		case codeWrongLastInFlight:
			if attempt == rivalAttempts || !sleep(ctx, pause) {
				return 0, errConflict
			}
			pause = min(2*pause, rivalPauseMax)
			continue
		case codeInsufficientResources, codeStorageExceeded, codeAccountExceeded, codeStoreFailed:
			return 0, fmt.Errorf("%w: %w", ErrFull, err)
		case codeTooLarge:
			return 0, fmt.Errorf("%w: %w", ErrRefused, err)
		default:
			return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

// settle finds out what a conflict means: our own frame is there, nothing is
// (a rival that was only believed to be there), or somebody else's is.
func (w *Writer) settle(ctx context.Context, b []byte) (uint64, error) {
	seq, stored, ok, err := w.log.last(ctx, w.slot)
	switch {
	case err != nil:
		return 0, err
	case ok && seq > w.seq && bytes.Equal(stored, b):
		return seq, nil
	case seq == w.seq:
		return 0, fmt.Errorf("%w: the server believes that slot %d has another writer, and finds nothing of it", ErrUnavailable, w.slot)
	}
	return 0, fmt.Errorf("%w: slot %d is at sequence %d, expected %d", ErrFenced, w.slot, seq, w.seq)
}

// sleep waits d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package projector

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// tail is the end of EVENTS; the zero value is that of an empty one.
type tail struct {
	seq    uint64        // of its last message
	number public.Number // of the event there
	logSeq uint64        // of the frame in LOG that caused it
}

// eventsTail reads where EVENTS ends.
func eventsTail(ctx context.Context, js jetstream.JetStream) (tail, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	stream, err := js.Stream(ctx, natslog.EventsStream)
	if err != nil {
		return tail{}, fmt.Errorf("%w: look up EVENTS: %w", errNoAnswer, err)
	}
	last := stream.CachedInfo().State.LastSeq
	if last == 0 {
		return tail{}, nil
	}
	m, err := stream.GetMsg(ctx, last)
	if err != nil {
		return tail{}, fmt.Errorf("read the last message of EVENTS (sequence %d), which says how far it is: %w", last, err)
	}
	n, err := strconv.ParseUint(m.Header.Get(public.HeaderNumber), 10, 64)
	if err != nil || m.Header.Get(public.HeaderEventID) != public.Number(n).ID() {
		return tail{}, fmt.Errorf("the last message of EVENTS (sequence %d) is not a public event; something else writes to the stream, or it is damaged", last)
	}
	logSeq, err := strconv.ParseUint(m.Header.Get(public.HeaderLogSeq), 10, 64)
	if err != nil {
		return tail{}, fmt.Errorf("the last message of EVENTS (sequence %d) does not say which frame caused it", last)
	}
	return tail{seq: last, number: public.Number(n), logSeq: logSeq}, nil
}

// fits refuses an EVENTS that tells of more than the log holds. What is written
// to such a log from now on would get numbers that were used before, and would
// never be emitted.
func (t tail) fits(ctx context.Context, log eventlog.Source) error {
	if t.seq == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	end, err := log.Tail(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if t.logSeq > end {
		return fmt.Errorf("%w: EVENTS tells of the frame at sequence %d, the log ends at %d; restore the log from a backup or replica", eventlog.ErrDamaged, t.logSeq, end)
	}
	return nil
}

// tellsAll reports whether the outbox and EVENTS together hold every event that
// the read model was folded from. What keeps EVENTS from being read is left to
// the emitter, which tries again.
func tellsAll(ctx context.Context, js jetstream.JetStream, store *readmodel.Store) (bool, error) {
	snap, err := store.Snapshot()
	if err != nil {
		return false, err
	}
	defer func() { _ = snap.Close() }()
	gone, err := dropped(snap.Tx())
	if err != nil || gone == 0 {
		return err == nil, err
	}
	end, err := eventsTail(ctx, js)
	return err != nil || end.number >= gone, nil
}

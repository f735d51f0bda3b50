package attemptlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// A reader fetches ahead this much: frames are large. The number is a bound too,
// because the library sets the room aside, 8 MB of it for a bound in bytes alone.
const (
	aheadFrames = 128
	aheadBytes  = 8 << 20
)

// consumerIdle is when the server forgets a reader's consumer by itself.
const consumerIdle = time.Minute

// read calls each for the frames from a sequence on, until it answers false.
func (l *Log) read(ctx context.Context, subjects []string, from uint64, each func(attempts.Stored) (bool, error)) error {
	return l.readAhead(ctx, subjects, from, aheadFrames, func(s attempts.Stored, _ uint64) (bool, error) { return each(s) })
}

// readAhead is read with another bound, in frames; each is told besides how many
// frames followed when the server sent this one.
func (l *Log) readAhead(ctx context.Context, subjects []string, from uint64, ahead int, each func(attempts.Stored, uint64) (bool, error)) error {
	consumer, err := l.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, InactiveThreshold: consumerIdle,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(ahead, aheadBytes))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer func() {
		messages.Stop()
		if !l.nc.IsConnected() {
			return
		}
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = l.stream.DeleteConsumer(bound, consumer.CachedInfo().Name)
	}()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		f, err := attempts.Decode(m.Data())
		if err != nil {
			return fmt.Errorf("the message at sequence %d of %s: %w", meta.Sequence.Stream, attempts.Stream, err)
		}
		more, err := each(attempts.Stored{Seq: meta.Sequence.Stream, Frame: f}, meta.NumPending)
		if err != nil || !more {
			return err
		}
	}
}

// Follow calls each for every frame of every slot behind the given sequence, in
// the order of the stream, until ctx ends or each fails.
//
// Errors: ctx's, ErrUnavailable (call again, behind the last frame seen), those
// of attempts.Decode and of each.
func (l *Log) Follow(ctx context.Context, after uint64, each func(attempts.Stored) error) error {
	return l.read(ctx, []string{"attempts.*"}, after+1, func(s attempts.Stored) (bool, error) {
		return true, each(s)
	})
}

// Frame returns the frame at a sequence, ok false if it is not (or no longer)
// there.
//
// Errors: ErrUnavailable, those of attempts.Decode.
func (l *Log) Frame(ctx context.Context, seq uint64) (f attempts.Frame, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	m, err := l.stream.GetMsg(ctx, seq)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return f, false, nil
	case err != nil:
		return f, false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	f, err = attempts.Decode(m.Data)
	return f, err == nil, err
}

// Usage says how full the stream is.
type Usage struct {
	// First and Last are sequences; Last survives trimming.
	First, Last uint64
	// Bytes are stored, Limit is the bound, 0 without one.
	Bytes, Limit uint64
}

// Usage asks the stream's leader.
//
// Errors: ErrUnavailable.
func (l *Log) Usage(ctx context.Context) (Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := l.stream.Info(ctx)
	if err != nil {
		return Usage{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	u := Usage{First: info.State.FirstSeq, Last: info.State.LastSeq, Bytes: info.State.Bytes}
	if info.Config.MaxBytes > 0 {
		u.Limit = uint64(info.Config.MaxBytes)
	}
	return u, nil
}

// Bounds returns the first sequence that is kept and the last that was given.
// Last is at least First-1.
//
// Errors: ErrUnavailable.
func (l *Log) Bounds(ctx context.Context) (first, last uint64, err error) {
	u, err := l.Usage(ctx)
	return u.First, u.Last, err
}

// CheckpointBefore returns the sequence of the checkpoint from which everything
// stored since the given time can be folded: what lies before it may be
// trimmed. 0 is none.
//
// Errors: ErrUnavailable, those of attempts.Decode.
func (l *Log) CheckpointBefore(ctx context.Context, slot int, since time.Time) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	end, b, ok, err := l.last(ctx, slot)
	if err != nil || !ok {
		return 0, err
	}
	h, err := attempts.DecodeHeader(b)
	if err != nil || h.Checkpoint == 0 {
		return 0, err
	}
	m, err := l.stream.GetMsg(ctx, end)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if m.Time.Before(since) {
		return h.Checkpoint, nil
	}
	consumer, err := l.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{attempts.Subject(slot)}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since,
		InactiveThreshold: consumerIdle,
	})
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	first, err := consumer.Next(jetstream.FetchMaxWait(askTimeout))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	_ = l.stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
	h, err = attempts.DecodeHeader(first.Data())
	return h.Checkpoint, err
}

// Trim removes the slot's frames before keep, which must be the first part of a
// whole checkpoint.
//
// Errors: ErrUnavailable.
func (l *Log) Trim(ctx context.Context, slot int, keep uint64) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := l.stream.Purge(ctx, jetstream.WithPurgeSubject(attempts.Subject(slot)), jetstream.WithPurgeSequence(keep)); err != nil {
		return fmt.Errorf("%w: trim slot %d: %w", ErrUnavailable, slot, err)
	}
	return nil
}

package requestlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// Stream is the JetStream stream; natslog.Ensure makes it.
const Stream = "REQUESTS"

// ErrUnavailable says that the stream cannot be asked now.
var ErrUnavailable = errors.New("requestlog: the stream REQUESTS is unavailable")

const (
	// consumerIdle is when the server forgets a reader's consumer by itself.
	consumerIdle = time.Minute
	// pullMessages and pullBytes bound what a reader fetches ahead. Without the
	// first, nats.go sets aside a channel for a million messages.
	pullMessages, pullBytes = 512, 4 << 20
)

// Log reads the stream. It is safe for concurrent use and needs no closing.
type Log struct{ js jetstream.JetStream }

// New returns a reader. It asks nothing of the server.
func New(js jetstream.JetStream) *Log { return &Log{js} }

// Extent asks the stream's leader what is there.
//
// Errors: ErrUnavailable.
func (l *Log) Extent(ctx context.Context) (synclog.Extent, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := l.js.Stream(ctx, Stream)
	if err != nil {
		return synclog.Extent{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	info := stream.CachedInfo()
	return synclog.Extent{Created: info.Created, First: info.State.FirstSeq, Last: info.State.LastSeq}, nil
}

// Follow calls each for every message behind a sequence, in order, until ctx
// ends or each fails. A message that cannot be read is handed on with its error.
//
// Errors: ctx's, each's, ErrUnavailable (call again, behind the last message
// seen).
func (l *Log) Follow(ctx context.Context, after uint64, each func(synclog.Stored) error) error {
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	consumer, err := l.js.OrderedConsumer(asking, Stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, InactiveThreshold: consumerIdle,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(pullMessages, pullBytes))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer func() {
		messages.Stop()
		if !l.js.Conn().IsConnected() {
			return
		}
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = l.js.DeleteConsumer(bound, Stream, consumer.CachedInfo().Name)
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
		b, err := synclog.Decode(m.Data())
		if err := each(synclog.Stored{Seq: meta.Sequence.Stream, Size: len(m.Data()), Batch: b, Err: err}); err != nil {
			return err
		}
	}
}

package bridge

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go/jetstream"
)

// sayAgain is how often a failure that lasts is logged.
const sayAgain = time.Minute

// subscriber gives Watermill's router the events of the bridge's position, one
// after the other. The one of watermill-nats (pkg/jetstream, v2.1.3) closes its
// channel while it may still send on it, and leaves the event under way
// unacknowledged when it is closed, so that every stop repeats one.
type subscriber struct {
	bridge   string
	consumer jetstream.Consumer
	logger   *slog.Logger

	reading context.Context // until Close
	shut    context.CancelFunc
	running sync.WaitGroup
}

var _ message.Subscriber = (*subscriber)(nil)

func newSubscriber(bridge string, c jetstream.Consumer, logger *slog.Logger) *subscriber {
	s := &subscriber{bridge: bridge, consumer: c, logger: logger}
	s.reading, s.shut = context.WithCancel(context.Background())
	return s
}

// Subscribe implements message.Subscriber. The topic is the consumer's, whatever
// it is called.
func (s *subscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	given := make(chan *message.Message)
	s.running.Go(func() {
		defer close(given)
		defer context.AfterFunc(ctx, s.shut)()
		// The router ends ctx before it waits for what is under way.
		whole := context.WithoutCancel(ctx)
		var told time.Time
		for {
			err := s.read(whole, given)
			if s.reading.Err() != nil || errors.Is(err, jetstream.ErrConnectionClosed) {
				return
			}
			if time.Since(told) > sayAgain {
				s.logger.Warn("the position of the bridge cannot be read; trying again", "bridge", s.bridge, "error", err)
				told = time.Now()
			}
			select {
			case <-time.After(firstPause):
			case <-s.reading.Done():
				return
			}
		}
	})
	return given, nil
}

// Close implements message.Subscriber. It gives nothing more, and returns when
// what was given is settled.
func (s *subscriber) Close() error {
	s.shut()
	s.running.Wait()
	return nil
}

// read gives events, which carry ctx, until the subscriber is closed or the
// consumer fails.
func (s *subscriber) read(ctx context.Context, given chan<- *message.Message) error {
	it, err := s.consumer.Messages()
	if err != nil {
		return err
	}
	defer handBack(it)
	for {
		in, err := it.Next(jetstream.NextContext(s.reading)) //nolint:contextcheck // ctx is for what is given, this for giving
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			continue // it asks again by itself
		}
		if err != nil {
			return err
		}
		m := messageOf(in)
		m.SetContext(ctx)
		select {
		case given <- m:
			settle(in, m)
		case <-s.reading.Done():
			_ = in.Nak()
			return nil
		}
	}
}

// handBack ends the reading. What came meanwhile is for whoever reads next, at
// once and not when it is overdue.
func handBack(it jetstream.MessagesContext) {
	it.Drain()
	for {
		in, err := it.Next()
		if err != nil {
			return
		}
		_ = in.Nak()
	}
}

// settle says what became of an event. Nothing that fails here is lost: EVENTS
// gives again what is not acknowledged in time.
func settle(in jetstream.Msg, m *message.Message) {
	late := time.NewTimer(ackWithin)
	defer late.Stop()
	select {
	case <-m.Acked():
		_ = in.Ack()
	case <-m.Nacked():
		times := uint64(1)
		if meta, err := in.Metadata(); err == nil {
			times = meta.NumDelivered
		}
		_ = in.NakWithDelay(pauseAfter(times))
	case <-late.C:
	}
}

// pauseAfter is how long an event waits that failed n times.
func pauseAfter(n uint64) time.Duration {
	return min(firstPause<<min(n-min(n, 1), 10), lastPause)
}

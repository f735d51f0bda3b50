package harness

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

// Streams is what an installation has left in JetStream.
type Streams struct {
	js    jetstream.JetStream
	log   *natslog.Log
	close func() error
}

// OpenStore opens the streams of a server that was stopped. Close them, or leave
// that to the end of the test.
func OpenStore(ctx context.Context, t testing.TB, data string) *Streams {
	t.Helper()
	server, err := embedded.Start(ctx, embedded.Options{Dir: data})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(errors.Join(err, server.Close()))
	}
	closed := sync.OnceValue(func() error {
		nc.Close()
		return server.Close()
	})
	t.Cleanup(func() { _ = closed() })
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s := openStreams(ctx, t, js)
	s.close = closed
	return s
}

// Close lets a server use the store again.
func (s *Streams) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}

func openStreams(ctx context.Context, t testing.TB, js jetstream.JetStream) *Streams {
	t.Helper()
	log, err := natslog.Open(ctx, js, 0, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &Streams{js: js, log: log}
}

// Log calls f with every frame, in order, up to the tail as of the call.
func (s *Streams) Log(ctx context.Context, f func(eventlog.Entry) error) error {
	tail, err := s.log.Tail(ctx)
	if err != nil || tail == 0 {
		return err
	}
	r, err := s.log.Open(ctx, eventlog.Position{})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for {
		e, err := r.Next(ctx)
		if errors.Is(err, eventlog.ErrUnavailable) {
			continue
		}
		if err != nil {
			return err
		}
		if err := f(e); err != nil || e.Position.Seq >= tail {
			return err
		}
	}
}

// Public is one message of EVENTS, or what one has to be.
type Public struct {
	ID, Type, Organization string
	Number                 uint64
	Body                   []byte
}

// Expected folds LOG and calls f with each public event that it causes, in
// order. view is called with every log event and the state behind it.
func (s *Streams) Expected(ctx context.Context, view func(directory.View, events.Event, uint64) error, f func(Public) error) error {
	rows := directory.NewOverlay(directory.Empty{})
	environment := ""
	return s.Log(ctx, func(e eventlog.Entry) error {
		ordinal := e.Frame.Ordinal
		for _, c := range e.Frame.Commits {
			for _, ev := range c.Events {
				ordinal++
				if ev.Type == events.TypeEnvironmentCreated {
					environment = ev.Resource
				}
				due, err := announce.Fold(rows, ev, ordinal)
				if err != nil {
					return err
				}
				if err := view(rows, ev, ordinal); err != nil {
					return err
				}
				for _, a := range due {
					body, err := a.Body(environment)
					if err != nil {
						return err
					}
					if err := f(Public{ID: a.Number.ID(), Type: string(a.Type), Organization: a.Organization, Number: uint64(a.Number), Body: body}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// Events calls f with every message of EVENTS, in the stream's order. It
// refuses a stream that has lost any, and numbers that do not rise.
func (s *Streams) Events(ctx context.Context, f func(Public) error) error {
	stream, err := s.js.Stream(ctx, natslog.EventsStream)
	if err != nil {
		return err
	}
	state := stream.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	if state.FirstSeq != 1 || state.LastSeq != state.Msgs {
		return fmt.Errorf("EVENTS has lost messages: %d from %d to %d", state.Msgs, state.FirstSeq, state.LastSeq)
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	last := uint64(0)
	for range state.Msgs {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		n, err := strconv.ParseUint(m.Headers().Get(public.HeaderNumber), 10, 64)
		if err != nil {
			return fmt.Errorf("a message of EVENTS has no number: %w", err)
		}
		if n <= last {
			return fmt.Errorf("EVENTS is out of order: number %d behind %d", n, last)
		}
		last = n
		if err := f(Public{
			ID: m.Headers().Get(public.HeaderEventID), Type: m.Headers().Get(public.HeaderEventType),
			Organization: m.Headers().Get(public.HeaderOrganization), Number: n, Body: m.Data(),
		}); err != nil {
			return err
		}
	}
	return nil
}

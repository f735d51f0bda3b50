package projector

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
)

// ack is an answer of the server, when the test gives it.
type ack struct {
	ok  chan *jetstream.PubAck
	err chan error
}

func (a ack) Ok() <-chan *jetstream.PubAck { return a.ok }
func (a ack) Err() <-chan error            { return a.err }
func (a ack) Msg() *nats.Msg               { return nil }

var refused = &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence}

// aloft returns an emitter of which the messages 1 to 6 were handed over, with
// EVENTS empty and the first n on their way there.
func aloft(n int) (*emitter, []ack) {
	e := newEmitter(nil, nil, nil, 0, slog.New(slog.DiscardHandler))
	for i := range public.Number(6) {
		e.offer([]message{{number: i + 1}})
	}
	<-e.more
	acks := make([]ack, n)
	for i := range acks {
		acks[i] = ack{make(chan *jetstream.PubAck, 1), make(chan error, 1)}
		e.flights = append(e.flights, flight{number: public.Number(i + 1), ack: acks[i], giveUp: time.Now().Add(answerWithin)}) //nolint:gosec // an index
	}
	return e, acks
}

// next returns the numbers of what is to be sent next.
func next(t *testing.T, e *emitter) []public.Number {
	t.Helper()
	ms, err := e.take()
	if err != nil {
		t.Fatal(err)
	}
	var ns []public.Number
	for i := range ms {
		ns = append(ns, ms[i].number)
	}
	return ns
}

// TestEmitter_land takes one answer at a time: what is on its way is not sent
// twice, and is sent again if it was not stored.
func TestEmitter_land(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, acks := aloft(3)
		if got := next(t, e); !slices.Equal(got, []public.Number{4, 5, 6}) {
			t.Fatalf("with three on their way, %v are next", got)
		}
		acks[1].ok <- &jetstream.PubAck{Sequence: 2} // the order of the answers is not that of the messages
		acks[0].ok <- &jetstream.PubAck{Sequence: 1}
		for want := range uint64(2) {
			if err := e.land(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if e.upTo.Load() != want+1 || e.last != want+1 {
				t.Fatalf("after %d answers EVENTS is said to be at message %d, sequence %d", want+1, e.upTo.Load(), e.last)
			}
		}
		e.nudge()
		if err := e.land(t.Context(), e.more); err != nil || len(e.flights) != 1 {
			t.Fatalf("when more was handed over: %v, %d on their way", err, len(e.flights))
		}
		acks[2].err <- refused
		if err := e.land(t.Context(), nil); !errors.Is(err, errExpectation) {
			t.Fatalf("a refusal gives %v", err)
		}
		if got := next(t, e); e.upTo.Load() != 2 || !slices.Equal(got, []public.Number{3, 4, 5, 6}) {
			t.Errorf("after a refusal EVENTS is said to be at %d, and %v are next", e.upTo.Load(), got)
		}
	})
}

// TestEmitter_landNever gives up in time, and at once when the projector stops.
func TestEmitter_landNever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := aloft(2)
		began := time.Now()
		if err := e.land(t.Context(), nil); !errors.Is(err, errNoAnswer) || time.Since(began) != answerWithin {
			t.Errorf("without an answer: %v after %v", err, time.Since(began))
		}
		e.abandon(t.Context())
		if time.Since(began) != answerWithin || len(e.flights) != 0 {
			t.Errorf("both were sent at once and given up after %v, %d are left", time.Since(began), len(e.flights))
		}
		e, _ = aloft(2)
		ctx, cancel := context.WithCancel(t.Context())
		began = time.Now()
		time.AfterFunc(time.Second, cancel)
		if err := e.land(ctx, nil); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("when the projector stops: %v after %v", err, time.Since(began))
		}
		if e.abandon(ctx); time.Since(began) != time.Second {
			t.Errorf("a projector that stops waits for answers until %v", time.Since(began))
		}
	})
}

// TestEmitter_abandon counts as its own what is stored behind a message that a
// rival was faster with.
func TestEmitter_abandon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, acks := aloft(4)
		acks[0].err <- refused // the rival stored it
		if err := e.land(t.Context(), nil); !errors.Is(err, errExpectation) {
			t.Fatalf("a refusal gives %v", err)
		}
		time.AfterFunc(time.Second, func() { acks[1].ok <- &jetstream.PubAck{Sequence: 2} })
		time.AfterFunc(2*time.Second, func() { acks[2].ok <- &jetstream.PubAck{Sequence: 3} })
		time.AfterFunc(3*time.Second, func() { acks[3].err <- refused })
		began := time.Now()
		e.abandon(t.Context())
		if time.Since(began) != 3*time.Second {
			t.Errorf("it waited %v for the answers, want until the last of them", time.Since(began))
		}
		if got := next(t, e); e.upTo.Load() != 3 || e.last != 3 || !slices.Equal(got, []public.Number{4, 5, 6}) {
			t.Errorf("EVENTS is said to be at message %d, sequence %d, and %v are next", e.upTo.Load(), e.last, got)
		}
	})
}

// TestEmitter_gathers rests behind a batch, but not when the next is full or
// somebody waits for it.
func TestEmitter_gathers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEmitter(nil, nil, nil, 0, slog.New(slog.DiscardHandler))
		if got := e.gathers(batchFrom); got > 0 {
			t.Errorf("the first batch gathers for %v", got)
		}
		e.batched = time.Now()
		time.Sleep(gatherBatch / 5)
		if got, want := e.gathers(batchFrom), gatherBatch*4/5; got != want {
			t.Errorf("the next gathers for %v, want %v", got, want)
		}
		if got := e.gathers(maxPublish); got != 0 {
			t.Errorf("a full one gathers for %v", got)
		}
		began := time.Now()
		if err := e.gather(t.Context(), e.gathers(batchFrom)); err != nil || time.Since(began) != gatherBatch*4/5 || e.gathers(batchFrom) > 0 {
			t.Errorf("it gathered for %v, %v", time.Since(began), err)
		}
		e.batched = time.Now()
		e.upTo.Store(1)
		e.offer([]message{{number: 2}})
		<-e.more
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan struct{})
		go func() {
			defer close(waited)
			e.idle(ctx, time.Minute)
		}()
		if err := e.gather(t.Context(), gatherBatch); err != nil || e.gathers(batchFrom) != 0 {
			t.Errorf("when somebody waits for EVENTS it gathers for %v, %v", e.gathers(batchFrom), err)
		}
		cancel()
		<-waited
		if got := e.gathers(batchFrom); got <= 0 {
			t.Error("it does not gather when nobody waits any more")
		}
	})
}

package projector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/rollcallhq/rollcall/events/public"
)

const (
	// maxPublish is how many messages one atomic batch holds; the server's limit
	// is 1,000.
	maxPublish = 1000
	// batchFrom is from how many messages on an atomic batch is faster than single
	// ones. A file stream syncs each single message; it stages a batch in a store of
	// its own and syncs that, and so takes about as long as twelve single ones,
	// however small the batch (measured on busy and idle disks, with 2.15.2).
	batchFrom = 12
	// gatherBatch is how long behind a batch the next one gathers, unless it is full
	// or somebody waits for EVENTS: a batch costs the server some 6 ms of processor
	// time, mostly for the store of its own, however small it is. Webhooks do not
	// wait for it, as there is notice of their events.
	gatherBatch = 25 * time.Millisecond
	// maxFlights is how many single messages are on their way at once. The server
	// stores one after the other, so more would not arrive any sooner: they would
	// only be synced each, where as a batch they share what that costs. Fewer would
	// let the server wait for this process.
	maxFlights = 4
	// answerWithin bounds the wait for an ack.
	answerWithin = 5 * time.Second
)

var (
	// errExpectation says that EVENTS' last sequence is not the expected one:
	// nothing, or only the front of what was sent, was stored.
	errExpectation = errors.New("EVENTS moved on")
	errNoAnswer    = errors.New("no answer")
)

// flight is a single message on its way to EVENTS.
type flight struct {
	number public.Number
	ack    jetstream.PubAckFuture
	giveUp time.Time // without an answer by then there is none
}

// launch sends messages without waiting for an answer. Each expects the sequence
// that the one before it gets, so whatever becomes of one, none is stored ahead of
// its turn.
func (e *emitter) launch(ms []message) error {
	for i := range ms {
		expected := e.last + uint64(len(e.flights)) //nolint:gosec // a length
		f, err := e.js.PublishMsgAsync(ms[i].nats(), jetstream.WithExpectLastSequence(expected), jetstream.WithStallWait(answerWithin))
		if err != nil {
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		e.flights = append(e.flights, flight{number: ms[i].number, ack: f, giveUp: time.Now().Add(answerWithin)})
	}
	return nil
}

// land waits for the answer to the first message on its way, or, if sooner is not
// nil, until that has something.
func (e *emitter) land(ctx context.Context, sooner <-chan struct{}) error {
	first := e.flights[0]
	patience := time.NewTimer(time.Until(first.giveUp))
	defer patience.Stop()
	select {
	case a := <-first.ack.Ok():
		e.flights = e.flights[1:]
		e.appended(a.Sequence, first.number, true)
		return nil
	case err := <-first.ack.Err():
		e.flights = e.flights[1:]
		return refusal(err)
	case <-sooner:
		return nil
	case <-patience.C:
		return fmt.Errorf("%w: no ack within %v", errNoAnswer, answerWithin)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// abandon waits for the answers to what is on its way, or until there will be
// none. Behind one that is refused, because another emitter appended the same
// message, the next may still be stored: that is this emitter's work, and not a
// sign of the other's.
func (e *emitter) abandon(ctx context.Context) {
	for _, f := range e.flights {
		patience := time.NewTimer(time.Until(f.giveUp))
		select {
		case a := <-f.ack.Ok():
			e.appended(a.Sequence, f.number, false)
		case <-f.ack.Err(): //nolint:errcheck // the first one's says it
		case <-patience.C:
		case <-ctx.Done():
		}
		patience.Stop()
	}
	e.flights = nil
}

// batch sends all in one atomic batch (server feature of NATS 2.12, ADR-50):
// all are stored or none.
func (e *emitter) batch(ctx context.Context, ms []message) error {
	nc := e.js.Conn()
	id := nuid.Next()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for i := range ms {
		m := ms[i].nats()
		m.Header.Set("Nats-Batch-Id", id)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		if i == 0 {
			m.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(e.last, 10))
		}
		if i < len(ms)-1 {
			if err := nc.PublishMsg(m); err != nil {
				return fmt.Errorf("%w: %w", errNoAnswer, err)
			}
			continue
		}
		m.Header.Set("Nats-Batch-Commit", "1")
		reply, err := nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		seq, err := acknowledged(reply)
		if err != nil {
			return err
		}
		e.appended(seq, ms[i].number, true)
		e.batched = time.Now()
	}
	return nil
}

// acknowledged reads the answer to a batch's commit.
func acknowledged(m *nats.Msg) (uint64, error) {
	var a struct {
		Sequence uint64              `json:"seq"`
		Error    *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return 0, fmt.Errorf("read the answer to a batch: %w", err)
	}
	if a.Error != nil {
		return 0, refusal(a.Error)
	}
	return a.Sequence, nil
}

func refusal(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode { //nolint:exhaustive // all others are what they say
		case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
			return fmt.Errorf("%w: %w", errExpectation, err)
		}
		return err
	}
	return fmt.Errorf("%w: %w", errNoAnswer, err)
}

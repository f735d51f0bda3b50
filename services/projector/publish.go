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
)

const (
	// maxPublish is how many messages one atomic batch holds; the server's limit
	// is 1,000.
	maxPublish = 1000
	// batchFrom is from how many messages on an atomic batch is faster than
	// pipelined publishes, each of which is synced to disk by itself.
	batchFrom = 16
	// answerWithin bounds the wait for an ack.
	answerWithin = 5 * time.Second
)

var (
	// errExpectation says that EVENTS' last sequence is not the expected one:
	// nothing, or only the front of what was sent, was stored.
	errExpectation = errors.New("EVENTS moved on")
	errNoAnswer    = errors.New("no answer")
)

// publish appends the messages behind the expected sequence and returns the
// last one's sequence. After an error, how many were stored is not known.
func (e *emitter) publish(ctx context.Context, ms []message) (uint64, error) {
	if len(ms) < batchFrom {
		return e.pipeline(ctx, ms)
	}
	return e.batch(ctx, ms)
}

// pipeline sends one by one without waiting, each expecting the one before.
func (e *emitter) pipeline(ctx context.Context, ms []message) (uint64, error) {
	acks := make([]jetstream.PubAckFuture, 0, len(ms))
	for i := range ms {
		f, err := e.js.PublishMsgAsync(ms[i].nats(), jetstream.WithExpectLastSequence(e.last+uint64(i)), jetstream.WithStallWait(answerWithin)) //nolint:gosec // an index
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		acks = append(acks, f)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var seq uint64
	for _, f := range acks {
		select {
		case a := <-f.Ok():
			seq = a.Sequence
		case err := <-f.Err():
			return 0, refusal(err)
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %w", errNoAnswer, context.Cause(ctx))
		}
	}
	return seq, nil
}

// batch sends all in one atomic batch (server feature of NATS 2.12, ADR-50):
// all are stored or none.
func (e *emitter) batch(ctx context.Context, ms []message) (uint64, error) {
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
				return 0, fmt.Errorf("%w: %w", errNoAnswer, err)
			}
			continue
		}
		m.Header.Set("Nats-Batch-Commit", "1")
		reply, err := nc.RequestMsgWithContext(ctx, m)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		return acknowledged(reply)
	}
	return e.last, nil
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

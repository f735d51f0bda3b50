package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

const (
	// A replicated stream answers errRival while it believes that another
	// conditional write of the subject is in flight, even for a moment after the
	// ack of a lone writer's last one. Sending the same frame again is always
	// safe, so Append does, for about a quarter of a second.
	rivalPause    = 2 * time.Millisecond
	rivalPauseMax = 32 * time.Millisecond
	rivalAttempts = 12
)

var errRival = errors.New("another conditional write of the subject is in flight")

// Append publishes one frame. See eventlog.Appender.
func (l *Log) Append(ctx context.Context, expect eventlog.Position, b []byte) (uint64, error) {
	if err := eventlog.Admissible(expect, b); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
	}
	ctx, release, err := l.attached(ctx, l.opts.AppendTimeout)
	if err != nil {
		return 0, err
	}
	defer release()
	pause := rivalPause
	for attempt := 1; ; attempt++ {
		seq, err := l.publish(ctx, expect.Seq, b)
		if !errors.Is(err, errRival) || attempt == rivalAttempts || !sleep(ctx, pause) {
			l.settle(seq, err)
			return seq, err
		}
		pause = min(2*pause, rivalPauseMax)
	}
}

func (l *Log) publish(ctx context.Context, last uint64, b []byte) (uint64, error) {
	ack, err := l.js.PublishMsg(ctx, &nats.Msg{Subject: l.subject, Data: b},
		jetstream.WithExpectStream(LogStream),
		jetstream.WithExpectLastSequencePerSubject(last),
		jetstream.WithRetryAttempts(0))
	if err != nil {
		return 0, refusal(err)
	}
	return ack.Sequence, nil
}

// settle keeps the last sequence of a sole writer. After anything but an ack,
// Tail asks the server again, until the next ack.
func (l *Log) settle(seq uint64, err error) {
	switch {
	case err == nil:
		l.acked.Store(seq)
		l.settled.Store(true)
	case errors.Is(err, eventlog.ErrUnknown), errors.Is(err, eventlog.ErrConflict):
		l.settled.Store(false)
	}
}

// Error codes of JetStream that say what became of an append. The client
// library names only some of them.
const (
	codeInsufficientResources = 10023 // the server's store limit
	codeNotLeader             = 10009
	codeClusterUnavailable    = 10008
	codeNoPeers               = 10005 // too few servers, or none with room
	codeStorageExceeded       = 10047 // the account's or server's storage
	codeTooLarge              = 10054
	codeStreamMismatch        = 10060
	codeAccountExceeded       = 10002
	codeStoreFailed           = 10077 // the stream's own limit; other store failures are not answered at all
	codeWrongLast             = 10071
	codeWrongLastInFlight     = 10164
	codeStreamOffline         = 10118
)

// refusal translates the answer to a publish. What is not known to mean "not
// stored" is eventlog.ErrUnknown.
func refusal(err error) error {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case codeWrongLast:
			return fmt.Errorf("%w: %w", eventlog.ErrConflict, err)
		case codeWrongLastInFlight:
			return fmt.Errorf("%w: %w: %w", eventlog.ErrConflict, errRival, err)
		case codeInsufficientResources, codeStorageExceeded, codeAccountExceeded, codeStoreFailed:
			return fmt.Errorf("%w: %w; raise the store limit or add disk", eventlog.ErrFull, err)
		case codeTooLarge:
			return fmt.Errorf("%w: %w", eventlog.ErrTooLarge, err)
		case codeNotLeader, codeClusterUnavailable, codeStreamMismatch, codeStreamOffline:
			return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
		default:
			return fmt.Errorf("%w: %w", eventlog.ErrUnknown, err)
		}
	}
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w; set the NATS server's max_payload to at least %d", eventlog.ErrTooLarge, err, MinPayload)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionReconnecting),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionDraining):
		return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %v", eventlog.ErrUnknown, err) //nolint:errorlint // as in unavailable
}

// unavailable wraps what went wrong on the way to the server. It hides the
// identity of err: a time limit of ours must not pass for the caller's own
// context having ended.
func unavailable(err error) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("%w: the stream %s does not exist; start the service that creates it, or restore it", eventlog.ErrUnavailable, LogStream)
	}
	return fmt.Errorf("%w: %v", eventlog.ErrUnavailable, err) //nolint:errorlint // see above
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

package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// ConnectOptions are what every connection of Rollcall to NATS needs, before
// the operator's own (credentials, TLS): it never gives up reconnecting, and it
// keeps nothing to send later. A publish while disconnected fails at once
// instead of reaching the server after its caller has gone.
func ConnectOptions() []nats.Option {
	return []nats.Option{
		nats.Name("rollcall"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		nats.MaxPingsOutstanding(2),
		// The default handler prints to standard error; every failure that
		// matters comes back as an error of a call.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
}

var errLost = errors.New("the connection to NATS was lost")

// attached returns a context for one exchange with the server. It ends after
// the limit, or at once when the connection is lost: the answer to what was
// sent on it never comes. The error is eventlog.ErrUnavailable if there is no
// connection now.
func (l *Log) attached(ctx context.Context, limit time.Duration) (context.Context, func(), error) {
	lost := l.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	if !l.nc.IsConnected() {
		l.nc.RemoveStatusListener(lost)
		return nil, nil, fmt.Errorf("%w: not connected to NATS", eventlog.ErrUnavailable)
	}
	ctx, cancelLimit := context.WithTimeout(ctx, limit)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-lost:
			cancel(errLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		cancelLimit()
		l.nc.RemoveStatusListener(lost)
	}, nil
}

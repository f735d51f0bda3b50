package natslog

import (
	"time"

	"github.com/nats-io/nats.go"
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

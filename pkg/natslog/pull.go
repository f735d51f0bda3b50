package natslog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// One request asks for at most this much; it is also all that a reader
	// buffers, in bytes (and one frame more) and messages.
	pullBytes    = 16 << 20
	pullMessages = 1024
	// The server ends a request after pullExpires and says every pullHeartbeat
	// that it is still there while it has nothing to send.
	pullExpires   = 30 * time.Second
	pullHeartbeat = time.Second
	pullSilence   = 5 * pullHeartbeat / 2
	// consumerIdle is when the server forgets a reader's consumer that asks for
	// nothing. The reader makes a new one.
	consumerIdle = 2 * time.Minute
)

// errStale says that the consumer may have sent what did not arrive: it must be
// made anew.
var errStale = errors.New("the consumer is stale")

// errIdle says that the server is there and has had nothing to send for a
// heartbeat's time.
var errIdle = errors.New("nothing to read")

// pull fetches messages from one consumer, one request at a time. It speaks
// the protocol itself because the library's fetch allocates for a million
// messages when asked for bytes, and its iterator hides reconnects, during
// which a consumer without acks loses messages.
type pull struct {
	log      *Log
	requests string // the subject that takes requests
	remove   string // the subject that takes the consumer's end
	sub      *nats.Subscription
	msgs     chan *nats.Msg
	request  []byte
	want     int // messages outstanding of the current request
	silence  *time.Timer
}

func newPull(l *Log, consumer string) (*pull, error) {
	prefix := apiPrefix(l.js.Options())
	p := &pull{
		log: l,
		// Room for every message of two requests and a request's heartbeats: the
		// library drops what does not fit.
		msgs:     make(chan *nats.Msg, 2*pullMessages+int(2*pullExpires/pullHeartbeat)),
		requests: prefix + "CONSUMER.MSG.NEXT." + LogStream + "." + consumer,
		remove:   prefix + "CONSUMER.DELETE." + LogStream + "." + consumer,
		silence:  time.NewTimer(pullSilence),
		request: fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`,
			pullMessages, pullBytes, pullExpires.Nanoseconds(), pullHeartbeat.Nanoseconds()),
	}
	var err error
	p.sub, err = l.nc.ChanSubscribe(l.nc.NewInbox(), p.msgs)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// apiPrefix is where the server takes JetStream requests: behind a prefix or a
// domain if the client was made with one.
func apiPrefix(o jetstream.JetStreamOptions) string {
	switch {
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "."
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	}
	return jetstream.DefaultAPIPrefix
}

// next waits for a message or a heartbeat, which is errIdle. A status change of the connection makes the pull
// stale, as do silence and any end that is not a request's usual one.
func (p *pull) next(ctx context.Context, status <-chan nats.Status) (uint64, []byte, error) {
	p.silence.Reset(pullSilence)
	for {
		if p.want <= 0 {
			if err := p.log.nc.PublishRequest(p.requests, p.sub.Subject, p.request); err != nil {
				return 0, nil, fmt.Errorf("%w: %w", errStale, err)
			}
			p.want = pullMessages
		}
		select {
		case m := <-p.msgs:
			if s := m.Header.Get("Status"); s != "" && len(m.Data) == 0 {
				if err := p.control(s, m.Header); err != nil {
					return 0, nil, err
				}
				p.silence.Reset(pullSilence)
				continue
			}
			p.want--
			meta, err := m.Metadata()
			if err != nil {
				return 0, nil, fmt.Errorf("%w: %w", errStale, err)
			}
			return meta.Sequence.Stream, m.Data, nil
		case <-p.silence.C:
			return 0, nil, fmt.Errorf("%w: the server was silent for %s", errStale, pullSilence)
		case s := <-status:
			return 0, nil, fmt.Errorf("%w: the connection is %s again", errStale, s)
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

// control handles a message without a frame.
func (p *pull) control(status string, h nats.Header) error {
	const (
		heartbeat = "100"
		timeout   = "408"
		conflict  = "409"
	)
	if status == heartbeat {
		return errIdle
	}
	// The usual ends of a request say what was left of it.
	left, err := strconv.Atoi(h.Get("Nats-Pending-Messages"))
	description := h.Get("Description")
	usual := status == timeout || status == conflict && (description == "Message Size Exceeds MaxBytes" || description == "Batch Completed")
	if !usual || err != nil {
		return fmt.Errorf("%w: %s %s", errStale, status, description)
	}
	p.want -= left
	return nil
}

// close frees the consumer. The server is told and not waited for; if it does
// not hear, it forgets the consumer by itself.
func (p *pull) close() {
	p.silence.Stop()
	_ = p.sub.Unsubscribe()
	_ = p.log.nc.Publish(p.remove, nil)
}

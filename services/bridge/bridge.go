// Package bridge forwards public events from the stream EVENTS to a broker that
// an application's teams already run: AMQP (RabbitMQ), Kafka or NATS.
//
//	EVENTS -> durable consumer, one message at a time -> Watermill router
//	       -> filter -> Watermill publisher -> the broker's confirmation -> ack
//
// At least once: an event is acknowledged to EVENTS when the broker has confirmed
// it. In order: nothing is sent before the event ahead of it was confirmed, so
// the order is that of EVENTS whatever fails and however many processes run a
// bridge of the same name. The durable consumer is the position; there is no
// other state.
//
// What must not live here: webhooks (services/delivery), and the making of
// events (services/projector).
package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// Config says what is forwarded, and where to.
type Config struct {
	// Name names the bridge's position: lower-case letters, digits and hyphens, at
	// most 32. Processes with the same name stand in for each other.
	Name string
	// Connect opens a connection to the NATS that holds EVENTS. The bridge closes
	// it.
	Connect func() (*nats.Conn, error)
	// Target is the broker.
	Target Target
	// Types are patterns of event types, as for webhook endpoints; all if empty.
	Types []string
	// Organizations are ids; all if empty. Events of no organization are forwarded
	// only if it is empty.
	Organizations []string
	// FromNow has a bridge that is new begin with what happens from now on,
	// instead of with everything that EVENTS still holds.
	FromNow bool
	Logger  *slog.Logger
}

// Bounds.
const (
	// confirmWithin is how long the broker may take to confirm an event.
	confirmWithin = 5 * time.Second
	// ackWithin is when EVENTS gives an event to somebody else.
	ackWithin = 8 * time.Second
	// firstPause and lastPause are those before an event that failed is sent again.
	firstPause = 250 * time.Millisecond
	lastPause  = 10 * time.Second
	askTimeout = 5 * time.Second
)

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Bridge forwards. Its methods are safe for concurrent use.
type Bridge struct {
	cfg      Config
	patterns webhook.Patterns
	sender   *sender
	router   *message.Router
	nc       *nats.Conn
	consumer jetstream.Consumer
	done     chan error
	failing  atomic.Bool
	stopped  func() error
	stats    counters
}

// New checks the configuration.
func New(cfg Config) (*Bridge, error) {
	if cfg.Connect == nil || cfg.Logger == nil {
		return nil, errors.New("bridge: Connect and Logger are required")
	}
	if !names.MatchString(cfg.Name) {
		return nil, fmt.Errorf("the bridge's name %q is not 1 to 32 lower-case letters, digits and hyphens", cfg.Name)
	}
	if err := cfg.Target.check(); err != nil {
		return nil, err
	}
	b := &Bridge{cfg: cfg, done: make(chan error, 1)}
	for _, t := range cfg.Types {
		p, err := webhook.ParsePattern(t)
		if err != nil {
			return nil, fmt.Errorf("the event type %q of the bridge: %w", t, err)
		}
		b.patterns = append(b.patterns, p)
	}
	b.sender, b.stopped = &sender{target: cfg.Target}, sync.OnceValue(b.stop)
	return b, nil
}

// Start makes the position if it is new and begins to forward. It does not wait
// for the broker, which may come later. ctx bounds the call only.
func (b *Bridge) Start(ctx context.Context) error {
	nc, err := b.cfg.Connect()
	if err != nil {
		return fmt.Errorf("connect the bridge to NATS: %w", err)
	}
	if err := b.start(ctx, nc); err != nil {
		nc.Close()
		return err
	}
	return nil
}

func (b *Bridge) start(ctx context.Context, nc *nats.Conn) (err error) {
	b.nc = nc
	if b.consumer, err = position(ctx, nc, b.cfg.Name, b.cfg.FromNow); err != nil {
		return err
	}
	b.router, err = message.NewRouter(message.RouterConfig{CloseTimeout: confirmWithin}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	b.router.AddConsumerHandler("bridge", eventsStream, newSubscriber(b.cfg.Name, b.consumer, b.cfg.Logger), b.forward)
	// Not ctx, which bounds the start only. Stop closes the router.
	go func() { b.done <- b.router.Run(context.WithoutCancel(ctx)) }()
	select {
	case <-b.router.Running():
		return nil
	case err := <-b.done:
		b.done <- err
		return fmt.Errorf("run the bridge: %w", err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stop lets the event under way be confirmed, within a bound, and ends. What was
// not confirmed is sent again by whoever runs the bridge next. It may be called
// twice, and before Start.
func (b *Bridge) Stop() error { return b.stopped() }

func (b *Bridge) stop() error {
	if b.router == nil {
		return nil
	}
	err := b.router.Close()
	<-b.done //nolint:errcheck // Run's own end says nothing that Close does not
	b.nc.Close()
	b.sender.close()
	return err
}

// forward sends one event. An error has it given again after a pause; nothing
// else is given meanwhile.
func (b *Bridge) forward(m *message.Message) error {
	if !b.wants(m) {
		b.stats.skipped.Add(1)
		return nil
	}
	ctx, cancel := context.WithTimeout(m.Context(), confirmWithin)
	defer cancel()
	began := time.Now()
	if err := b.sender.send(ctx, m); err != nil {
		b.stats.failed.Add(1)
		if m.Context().Err() == nil && !b.failing.Swap(true) {
			b.cfg.Logger.Warn("the broker does not take events; trying again until it does",
				"bridge", b.cfg.Name, "broker", b.cfg.Target.String(), "event", m.UUID, "error", b.cfg.Target.redact(err))
		}
		return errors.New("not confirmed")
	}
	b.stats.forwarded.Add(1)
	b.stats.took.Add(int64(time.Since(began)))
	if b.failing.Swap(false) {
		b.cfg.Logger.Info("the broker takes events again", "bridge", b.cfg.Name, "broker", b.cfg.Target.String())
	}
	return nil
}

func (b *Bridge) wants(m *message.Message) bool {
	if m.UUID == "" {
		return false // not an event
	}
	if len(b.patterns) > 0 && !b.patterns.Match(m.Metadata.Get(metaType)) {
		return false
	}
	return len(b.cfg.Organizations) == 0 || slices.Contains(b.cfg.Organizations, m.Metadata.Get(metaOrganization))
}

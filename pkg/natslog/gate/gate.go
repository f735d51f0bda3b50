// Package gate lets NATS clients from outside read public events: each through a
// durable pull consumer of the stream EVENTS that is made for it, and nothing
// else of the server.
//
//	g := gate.New(gate.Config{Server: server, JetStream: js, List: readers, …})
//	err := g.Start(ctx) // the address is open
//	err = g.Sync(ctx)   // after the readers changed
//
// Who the readers are is asked for anew each time; the package keeps nothing. A
// reader that is gone is disconnected and its consumer deleted.
//
// What must not live here: who may read what (pkg/directory), subjects of events
// (pkg/published), and how a client is kept to its consumer (pkg/natslog/embedded).
package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

const (
	stream = "EVENTS"
	// ackWait is when an event that was not acknowledged is given again.
	ackWait = 30 * time.Second
	// maxUnacked bounds what a reader has and did not acknowledge, maxBatch what it
	// asks for at once, maxWaiting how many of its requests wait.
	maxUnacked = 1000
	maxBatch   = 1000
	maxWaiting = 64
	// again is how often the readers are looked at in any case.
	again = 10 * time.Second
	// patience bounds one Sync.
	patience = 10 * time.Second
)

// Reader is who may read.
type Reader struct {
	// ID begins with the Config's Prefix and also names the consumer.
	ID string
	// PublicKey is its public nkey.
	PublicKey string
	// Subjects are those of the events that it reads, at least one.
	Subjects []string
	// Start leaves out what was published before; zero: nothing.
	Start time.Time
}

// Config says who may read, and where. All fields are required.
type Config struct {
	Server    *embedded.Server
	JetStream jetstream.JetStream
	// Prefix tells readers' consumers from those of others: the ones that have it
	// and are no reader's are deleted.
	Prefix string
	// List returns all readers as they are now.
	List   func(ctx context.Context) ([]Reader, error)
	Logger *slog.Logger
}

// Gate keeps the server's guests and the consumers of EVENTS as the readers are.
// Its methods are safe for concurrent use.
type Gate struct {
	cfg  Config
	mu   sync.Mutex // one Sync at a time
	stop func()
	done chan struct{}
}

// New makes a gate that is closed.
func New(cfg Config) *Gate { return &Gate{cfg: cfg, done: make(chan struct{})} }

// NewKey makes the nkey of a NATS user. The seed is to be shown once.
func NewKey() (seed, public string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", "", fmt.Errorf("make an nkey: %w", err)
	}
	defer pair.Wipe()
	b, err := pair.Seed()
	if err != nil {
		return "", "", fmt.Errorf("make an nkey: %w", err)
	}
	if public, err = pair.PublicKey(); err != nil {
		return "", "", fmt.Errorf("make an nkey: %w", err)
	}
	return string(b), public, nil
}

// Start makes what the readers need, opens the server's address and keeps at it
// until Stop. ctx bounds the call only.
func (g *Gate) Start(ctx context.Context) error {
	if err := g.Sync(ctx); err != nil {
		return err
	}
	if err := g.cfg.Server.AcceptGuests(); err != nil {
		return err
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	g.stop = cancel
	go g.run(run)
	return nil
}

// run looks again now and then: a Sync that failed has to be made up for.
func (g *Gate) run(ctx context.Context) {
	defer close(g.done)
	tick := time.NewTicker(again)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := g.Sync(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			g.cfg.Logger.Warn("NATS clients are not let in or out as they should; trying again until they are", "error", err)
		}
		failing = err != nil
	}
}

// Stop ends what Start began; the server closes its address when it is closed
// itself. It may be called before Start.
func (g *Gate) Stop() error {
	if g.stop != nil {
		g.stop()
		<-g.done
	}
	return nil
}

// Sync makes the consumers and the server's guests what the readers are. Those
// who are gone are disconnected before their consumer is deleted.
func (g *Gate) Sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	readers, err := g.cfg.List(ctx)
	if err != nil {
		return fmt.Errorf("ask who may read events over NATS: %w", err)
	}
	guests := make([]embedded.Guest, 0, len(readers))
	for _, r := range readers {
		guests = append(guests, embedded.Guest{ID: r.ID, PublicKey: r.PublicKey, Stream: stream, Consumer: r.ID})
	}
	// First, since it needs no stream: whatever else fails, who is gone is out.
	if err := g.cfg.Server.Admit(guests); err != nil {
		return err
	}
	s, err := g.cfg.JetStream.Stream(ctx, stream)
	if err != nil {
		return fmt.Errorf("look at the stream %s: %w", stream, err)
	}
	there := map[string]bool{}
	names := s.ConsumerNames(ctx)
	for name := range names.Name() {
		if strings.HasPrefix(name, g.cfg.Prefix) {
			there[name] = true
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("ask for the consumers of %s: %w", stream, err)
	}
	for _, r := range readers {
		if !there[r.ID] {
			if _, err := s.CreateConsumer(ctx, consumer(r)); err != nil {
				return fmt.Errorf("make the consumer %s of %s: %w", r.ID, stream, err)
			}
		}
		delete(there, r.ID)
	}
	for name := range there {
		if err := s.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("delete the consumer %s of %s: %w", name, stream, err)
		}
	}
	return nil
}

func consumer(r Reader) jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		Durable: r.ID, FilterSubjects: r.Subjects, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
		MaxAckPending: maxUnacked, MaxRequestBatch: maxBatch, MaxWaiting: maxWaiting,
	}
	if !r.Start.IsZero() {
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &r.Start
	}
	return c
}

package gate_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/natslog/gate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is a server with events and a gate.
type place struct {
	*gate.Gate
	server *embedded.Server
	js     jetstream.JetStream

	mu      sync.Mutex
	readers []gate.Reader
	failed  error
}

func (p *place) set(failed error, readers ...gate.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers, p.failed = readers, failed
}

func (p *place) list(context.Context) ([]gate.Reader, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.readers), p.failed
}

func newPlace(t *testing.T) *place {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{
		Dir: t.TempDir(), StoreLimit: 64 << 20, Guests: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>", "endpoint.>"}}); err != nil {
		t.Fatal(err)
	}
	p := &place{server: server, js: js}
	p.Gate = gate.New(gate.Config{Server: server, JetStream: js, Prefix: "nat_", List: p.list, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { _ = p.Stop() })
	return p
}

func (p *place) publish(t *testing.T, subjects ...string) {
	t.Helper()
	for _, s := range subjects {
		if _, err := p.js.Publish(t.Context(), s, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

// read connects with a seed, binds and takes n events.
func (p *place) read(t *testing.T, seed, consumer string, n int) []string {
	t.Helper()
	c, err := p.bind(t, seed, consumer)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(n, jetstream.FetchMaxWait(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for m := range batch.Messages() {
		got = append(got, m.Subject())
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
	return got
}

func (p *place) bind(t *testing.T, seed, consumer string) (jetstream.Consumer, error) {
	t.Helper()
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+p.server.Addr().String(), nats.Nkey(public, pair.Sign), nats.NoReconnect())
	if err != nil {
		return nil, err
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js.Consumer(t.Context(), "EVENTS", consumer)
}

func newKey(t *testing.T) (seed, public string) {
	t.Helper()
	seed, public, err := gate.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return seed, public
}

// Each reader reads what its subjects and its start say, beginning where it was.
func TestGate(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.publish(t, "events.org_1.d.user", "events.org_2.d.user", "endpoint.whe_1.user", "events.org_1.d.group", "events.-.-.user")
	seedA, keyA := newKey(t)
	seedB, keyB := newKey(t)
	a := gate.Reader{ID: "nat_a", PublicKey: keyA, Subjects: []string{"events.org_1.*.>"}}
	b := gate.Reader{ID: "nat_b", PublicKey: keyB, Subjects: []string{"events.*.*.user"}}
	p.set(nil, a)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := p.read(t, seedA, a.ID, 2), []string{"events.org_1.d.user", "events.org_1.d.group"}; !slices.Equal(got, want) {
		t.Errorf("it reads %v, want %v", got, want)
	}
	if _, err := p.bind(t, seedB, b.ID); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("who is no reader is answered %v", err)
	}
	p.set(nil, a, b)
	if err := p.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := p.read(t, seedB, b.ID, 3), []string{"events.org_1.d.user", "events.org_2.d.user", "events.-.-.user"}; !slices.Equal(got, want) {
		t.Errorf("it reads %v, want %v", got, want)
	}
	p.publish(t, "events.org_1.d.late")
	if got := p.read(t, seedA, a.ID, 1); !slices.Equal(got, []string{"events.org_1.d.late"}) {
		t.Errorf("it goes on with %v", got)
	}

	// One is revoked while the stream's server cannot be asked: it is out all the same.
	p.set(nil, b)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Sync(over); err == nil {
		t.Error("a Sync that could not finish says nothing")
	}
	if _, err := p.bind(t, seedA, a.ID); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("who was revoked is answered %v", err)
	}
	if err := p.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.js.Consumer(t.Context(), "EVENTS", a.ID); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("its consumer: %v", err)
	}
	if _, err := p.bind(t, seedB, b.ID); err != nil {
		t.Errorf("the other: %v", err)
	}
}

// Consumers of others are left alone, and a start leaves out what was before.
func TestSync(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.publish(t, "events.org_1.d.before")
	s, err := p.js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.GetMsg(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bridge-default", "nat_gone"} {
		if _, err := s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: name}); err != nil {
			t.Fatal(err)
		}
	}
	seed, key := newKey(t)
	p.set(nil, gate.Reader{ID: "nat_a", PublicKey: key, Subjects: []string{"events.>"}, Start: first.Time.Add(time.Nanosecond)})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.publish(t, "events.org_1.d.behind")
	if got := p.read(t, seed, "nat_a", 1); !slices.Equal(got, []string{"events.org_1.d.behind"}) {
		t.Errorf("it reads %v", got)
	}
	if _, err := s.Consumer(t.Context(), "bridge-default"); err != nil {
		t.Errorf("the bridge's consumer: %v", err)
	}
	if _, err := s.Consumer(t.Context(), "nat_gone"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("the consumer of nobody: %v", err)
	}
	// Not to know who the readers are is no reason to cut them off.
	down := errors.New("down")
	p.set(down)
	if err := p.Sync(t.Context()); !errors.Is(err, down) {
		t.Error(err)
	}
	if _, err := p.bind(t, seed, "nat_a"); err != nil {
		t.Errorf("the reader: %v", err)
	}
}

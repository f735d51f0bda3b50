package bridge_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/rollcallhq/rollcall/services/bridge"
)

// outage drives a bridge through everything that can end in the middle: broker
// stops and starts the broker.
func outage(t *testing.T, w *world, target bridge.Target, stop, resume func()) {
	t.Helper()
	b, cut := w.bridge(target)
	published := make(chan []string, 1)
	go func() { published <- w.publish("org_1", userUpdated, 300) }()
	until(t, "some are forwarded", func() bool { return b.Stats().Forwarded > 20 })
	cut()
	b, _ = w.bridge(target)
	n := b.Stats().Forwarded
	until(t, "it goes on", func() bool { return b.Stats().Forwarded > n+20 })
	ids := <-published
	stop()
	ids = append(ids, w.publish("org_2", groupCreated, 50)...)
	until(t, "it notices", func() bool { return b.Stats().Failed > 0 })
	resume()
	ids = append(ids, w.publish("org_1", userUpdated, 50)...)
	repeats := w.arrived(ids)
	t.Logf("%d events, %d repeats; %+v", len(ids), repeats, b.Stats())
	if n, err := b.Waiting(t.Context()); err != nil || n > 1 {
		t.Errorf("%d events wait (%v)", n, err)
	}
	if text := w.logs.String(); !strings.Contains(text, "the broker does not take events") || !strings.Contains(text, "takes events again") {
		t.Errorf("nobody was told: %s", text)
	} else if target.Password != "" && strings.Contains(text, target.Password) {
		t.Error("the log holds the password")
	}
}

// natsBroker is another NATS server, with a stream of the application's own.
func natsBroker(t *testing.T, w *world) (target bridge.Target, stop, resume func()) {
	t.Helper()
	dir := t.TempDir()
	server := start(t, dir, "127.0.0.1:0")
	addr := server.Addr().String()
	read := func() (end func()) {
		nc, err := server.Connect()
		if err != nil {
			t.Fatal(err)
		}
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		s, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "APP", Subjects: []string{"app.>"}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.CreateOrUpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "reader", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1})
		if err != nil {
			t.Fatal(err)
		}
		cc, err := c.Consume(func(m jetstream.Msg) {
			w.receive(received{
				id: m.Headers().Get("rollcall-event-id"), resource: m.Headers().Get("rollcall-resource"), typ: m.Headers().Get("rollcall-event-type"),
				organization: m.Headers().Get("rollcall-organization"), body: string(m.Data()),
			})
			if m.Headers().Get(nats.MsgIdHdr) != m.Headers().Get("rollcall-event-id") || !strings.HasPrefix(m.Subject(), "app.org_") {
				t.Errorf("%s with the headers %v", m.Subject(), m.Headers())
			}
			_ = m.Ack()
		})
		if err != nil {
			t.Fatal(err)
		}
		return func() { cc.Stop(); nc.Close() }
	}
	end := read()
	t.Cleanup(func() { end(); _ = server.Close() })
	return bridge.Target{URL: "nats://" + addr + "/app", User: "u", Password: "p"}, func() {
			end()
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}, func() {
			server = start(t, dir, addr)
			end = read()
		}
}

func TestNATS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target, stop, resume := natsBroker(t, w)
	outage(t, w, target, stop, resume)
}

// Kafka's records are keyed by resource, so that they stay in order over any
// number of partitions.
func TestKafka(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target, stop, resume := kafkaBroker(t, w, "PLAIN", nil)
	outage(t, w, target, stop, resume)
}

// The same over TLS, with the mechanism that does not show the password.
func TestKafka_TLS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := newIdentity(t)
	target, _, _ := kafkaBroker(t, w, "SCRAM-SHA-256", &id)
	ids := distrusted(t, w, target)
	wrong := target
	wrong.Password = "another-word"
	b, _ := w.bridge(wrong)
	until(t, "the password is refused", func() bool { return b.Stats().Failed > 0 })
	if err := b.Stop(); err != nil || b.Stats().Forwarded > 0 {
		t.Errorf("with a wrong password: %+v, %v", b.Stats(), err)
	}
	w.bridge(target)
	w.arrived(append(ids, w.publish("org_1", userUpdated, 20)...))
}

// kafkaBroker is a cluster with its reader; over TLS if it has an identity.
func kafkaBroker(t *testing.T, w *world, mechanism string, id *identity) (target bridge.Target, stop, resume func()) {
	t.Helper()
	options := []kfake.Opt{kfake.NumBrokers(2), kfake.SeedTopics(3, "directory"), kfake.EnableSASL(), kfake.Superuser(mechanism, "rollcall", "a-secret-word")}
	if id != nil {
		options = append(options, kfake.TLS(id.server))
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	target = bridge.Target{URL: "kafka://" + strings.Join(cluster.ListenAddrs(), ",") + "/directory", User: "rollcall", Password: "a-secret-word", SASL: mechanism}
	login := plain.Auth{User: target.User, Pass: target.Password}.AsMechanism()
	if mechanism == "SCRAM-SHA-256" {
		login = scram.Auth{User: target.User, Pass: target.Password}.AsSha256Mechanism()
	}
	reading := []kgo.Opt{
		kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.SASL(login), kgo.ConsumeTopics("directory"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if id != nil {
		target.TLS, target.CAFile = true, id.certFile
		reading = append(reading, kgo.DialTLSConfig(&tls.Config{RootCAs: id.roots, MinVersion: tls.VersionTLS12}))
	}
	reader, err := kgo.NewClient(reading...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		partitions := map[string]int32{}
		for ctx.Err() == nil {
			reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				h := map[string]string{}
				for _, x := range r.Headers {
					h[x.Key] = string(x.Value)
				}
				if p, ok := partitions[string(r.Key)]; ok && p != r.Partition {
					t.Errorf("%s is in the partitions %d and %d", r.Key, p, r.Partition)
				}
				partitions[string(r.Key)] = r.Partition
				w.receive(received{id: h["rollcall-event-id"], resource: string(r.Key), typ: h["rollcall-event-type"], body: string(r.Value)})
			})
		}
	}()
	t.Cleanup(func() { cancel(); <-done; reader.Close() })
	// While it is away the brokers cut every connection that produces.
	var away atomic.Bool
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, errors.New("away"), away.Load()
	})
	return target, func() { away.Store(true) }, func() { away.Store(false) }
}

// Only what is wanted is forwarded, and the position outlasts the bridge.
func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target, _, _ := natsBroker(t, w)
	want := w.publish("org_1", userUpdated, 3)
	w.publish("org_2", userUpdated, 3)
	w.publish("org_1", groupCreated, 3)
	only := func(c *bridge.Config) {
		c.Types, c.Organizations = []string{userUpdated}, []string{"org_1"}
	}
	b, _ := w.bridge(target, only)
	want = append(want, w.publish("org_1", userUpdated, 3)...)
	if repeats := w.arrived(want); repeats > 0 {
		t.Errorf("%d repeats though nothing failed", repeats)
	}
	until(t, "nothing waits", func() bool { n, err := b.Waiting(t.Context()); return err == nil && n == 0 })
	if s := b.Stats(); s.Skipped != 6 || s.Forwarded != 6 {
		t.Errorf("%+v", s)
	}
	if err := b.Stop(); err != nil {
		t.Error(err)
	}
	want = append(want, w.publish("org_1", userUpdated, 2)...)
	w.bridge(target, only)
	if repeats := w.arrived(want); repeats > 0 {
		t.Errorf("%d repeats over an orderly stop", repeats)
	}
}

// A bridge that begins with what is new passes over what was there.
func TestFromNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target, _, _ := natsBroker(t, w)
	w.publish("org_1", userUpdated, 5)
	w.bridge(target, func(c *bridge.Config) { c.FromNow = true })
	w.arrived(w.publish("org_1", userUpdated, 5))
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*bridge.Config)
		want   string
	}{
		"name":     {func(c *bridge.Config) { c.Name = "A b" }, "name"},
		"password": {func(c *bridge.Config) { c.Target.URL = "amqp://user:topsecret@host:1/" }, "must not hold"},
		"scheme":   {func(c *bridge.Config) { c.Target.URL = "http://host/" }, "begins with"},
		"topic":    {func(c *bridge.Config) { c.Target.URL = "kafka://a:1,b:2" }, "one topic"},
		"prefix":   {func(c *bridge.Config) { c.Target.URL = "nats://a:1" }, "first part"},
		"host":     {func(c *bridge.Config) { c.Target.URL = "amqp:///" }, "no host"},
		"sasl":     {func(c *bridge.Config) { c.Target = bridge.Target{URL: "kafka://a:1/t", User: "u", SASL: "X"} }, "SASL"},
		"ca":       {func(c *bridge.Config) { c.Target.CAFile = "/nowhere" }, "certificate authority"},
		"pair":     {func(c *bridge.Config) { c.Target.CertFile = "x" }, "go together"},
		"type":     {func(c *bridge.Config) { c.Types = []string{"no pattern"} }, "event type"},
	} {
		cfg := bridge.Config{Name: "x", Connect: func() (*nats.Conn, error) { return nil, nil }, Target: bridge.Target{URL: "amqp://host:5672"}, Logger: slog.New(slog.DiscardHandler)}
		tt.change(&cfg)
		_, err := bridge.New(cfg)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStop stops and starts a bridge again and again while it forwards. What is
// under way is confirmed and acknowledged, so nothing comes twice.
func TestStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target, _, _ := kafkaBroker(t, w, "PLAIN", nil)
	published := make(chan []string, 1)
	go func() { published <- w.publish("org_1", userUpdated, 600) }()
	failed := uint64(0)
	for range 8 {
		b, _ := w.bridge(target)
		until(t, "some are forwarded", func() bool { return b.Stats().Forwarded > 10 })
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		failed += b.Stats().Failed
	}
	b, _ := w.bridge(target)
	if n := w.arrived(<-published); uint64(n) > failed+b.Stats().Failed {
		t.Errorf("%d events came twice though the bridge was stopped in an orderly way", n)
	}
}

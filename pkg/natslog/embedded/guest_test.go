package embedded_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

// reader is somebody outside with a key.
type reader struct {
	embedded.Guest
	pair nkeys.KeyPair
}

func newReader(t *testing.T, consumer string) reader {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return reader{embedded.Guest{ID: consumer, PublicKey: public, Stream: "EVENTS", Consumer: consumer}, pair}
}

// dial connects as the reader; errs gets what the server refuses later.
func (r reader) dial(t *testing.T, s *embedded.Server, errs chan error, more ...nats.Option) (*nats.Conn, error) {
	t.Helper()
	options := append([]nats.Option{
		nats.Nkey(r.PublicKey, r.pair.Sign), nats.NoReconnect(), nats.Timeout(30 * time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errs != nil {
				errs <- err
			}
		}),
	}, more...)
	nc, err := nats.Connect("nats://"+s.Addr().String(), options...)
	if err == nil {
		t.Cleanup(nc.Close)
	}
	return nc, err
}

// hall is a server with ten events, a log, and two readers of the events.
type hall struct {
	*embedded.Server
	js   jetstream.JetStream
	a, b reader
}

func newHall(t *testing.T) *hall {
	t.Helper()
	o := options(t.TempDir())
	o.Guests = "127.0.0.1:0"
	h := &hall{Server: start(t, o), a: newReader(t, "nat_1"), b: newReader(t, "nat_2")}
	h.js = connect(t, h.Server)
	if h.Addr() != nil {
		t.Fatalf("it listens on %v before anybody is known", h.Addr())
	}
	for _, c := range []jetstream.StreamConfig{{Name: "EVENTS", Subjects: []string{"events.>"}}, {Name: "LOG", Subjects: []string{"log.*"}}} {
		if _, err := h.js.CreateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10 {
		h.publish(t, strconv.Itoa(i))
	}
	for _, r := range []reader{h.a, h.b} {
		if _, err := h.js.CreateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{
			Durable: r.Consumer, AckPolicy: jetstream.AckExplicitPolicy, FilterSubjects: []string{"events.>"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(h.Admit([]embedded.Guest{h.a.Guest, h.b.Guest}), h.AcceptGuests()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *hall) publish(t *testing.T, text string) {
	t.Helper()
	m := nats.NewMsg("events.org_1.-.user")
	m.Header.Set("rollcall-event-id", text)
	m.Data = []byte(text)
	if _, err := h.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// A reader binds to its consumer, pulls, and acknowledges.
func TestGuest(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	nc, err := h.a.dial(t, h.Server, nil)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.Consumer(t.Context(), "EVENTS", h.a.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.Fetch(10, jetstream.FetchMaxWait(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for m := range batch.Messages() {
		if m.Headers().Get("rollcall-event-id") != string(m.Data()) || m.Subject() != "events.org_1.-.user" {
			t.Errorf("%s with the headers %v", m.Subject(), m.Headers())
		}
		got = append(got, string(m.Data()))
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if want := strings.Split("0123456789", ""); !slices.Equal(got, want) || batch.Error() != nil {
		t.Errorf("it reads %v (%v)", got, batch.Error())
	}
	for consumer, want := range map[string]uint64{h.a.Consumer: 10, h.b.Consumer: 0} {
		c, err := h.js.Consumer(t.Context(), "EVENTS", consumer)
		if err != nil {
			t.Fatal(err)
		}
		if i := c.CachedInfo(); i.AckFloor.Stream != want || i.NumAckPending != 0 {
			t.Errorf("%s is acknowledged to %d, want %d", consumer, i.AckFloor.Stream, want)
		}
	}
}

// What a reader must not: everything else.
func TestGuest_confined(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	errs := make(chan error, 100)
	nc, err := h.a.dial(t, h.Server, errs)
	if err != nil {
		t.Fatal(err)
	}
	const next = "$JS.API.CONSUMER.MSG.NEXT.EVENTS."
	for _, subject := range []string{
		"log.0", "events.org_1.-.user", "cmd.0", "anything",
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.INFO.EVENTS", "$JS.API.STREAM.INFO.LOG", "$JS.API.STREAM.DELETE.LOG", "$JS.API.STREAM.PURGE.EVENTS",
		"$JS.API.STREAM.MSG.GET.LOG", "$JS.API.DIRECT.GET.LOG", "$JS.API.DIRECT.GET.EVENTS", "$JS.API.STREAM.CREATE.X", "$JS.API.STREAM.SNAPSHOT.LOG",
		"$JS.API.CONSUMER.CREATE.EVENTS", "$JS.API.CONSUMER.CREATE.EVENTS.x", "$JS.API.CONSUMER.DURABLE.CREATE.EVENTS." + h.a.Consumer, "$JS.API.CONSUMER.CREATE.EVENTS." + h.a.Consumer,
		"$JS.API.CONSUMER.DELETE.EVENTS." + h.a.Consumer, "$JS.API.CONSUMER.LIST.EVENTS", "$JS.API.CONSUMER.NAMES.EVENTS", "$JS.API.CONSUMER.PAUSE.EVENTS." + h.a.Consumer,
		next + h.b.Consumer, "$JS.API.CONSUMER.INFO.EVENTS." + h.b.Consumer, "$JS.ACK.EVENTS." + h.b.Consumer + ".1.1.1.1.0",
		"$JS.API.CONSUMER.MSG.NEXT.LOG." + h.a.Consumer, "$JS.API.CONSUMER.INFO.LOG." + h.a.Consumer, "$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING",
	} {
		if err := nc.PublishRequest(subject, "_INBOX.x", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := <-errs; !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	for _, subject := range []string{">", "events.>", "log.>", "log.0", "$JS.>", "$SYS.>", "_R_.>", "$JS.EVENT.>", "cmd.*"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := <-errs; !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("subscribe to %s: %v", subject, err)
		}
	}
	// A request whose answer is to go somewhere else. The answer is of the reader's own
	// name space, where nobody is.
	for _, reply := range []string{"log.0", "events.org_2.-.user", "$JS.API.STREAM.DELETE.LOG", "$JS.API.STREAM.PURGE.EVENTS", "$JS.API.CONSUMER.DELETE.EVENTS." + h.b.Consumer} {
		if err := nc.PublishRequest(next+h.a.Consumer, reply, []byte(`{"batch":1,"no_wait":true}`)); err != nil {
			t.Fatal(err)
		}
	}
	// What the server answers to a request behind these says that they are done with.
	if err := nc.PublishRequest("$JS.API.CONSUMER.INFO.EVENTS."+h.a.Consumer, "log.0", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Request("$JS.API.CONSUMER.INFO.EVENTS."+h.a.Consumer, nil, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	// Listening to the other reader's answers: inboxes are of the account.
	theirs, err := h.b.dial(t, h.Server, nil)
	if err != nil {
		t.Fatal(err)
	}
	ears, err := nc.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Request(next+h.b.Consumer, []byte(`{"batch":1}`), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Request("$JS.API.CONSUMER.INFO.EVENTS."+h.a.Consumer, nil, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for {
		n, _, err := ears.Pending()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		m, err := ears.NextMsg(30 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(m.Subject, "_INBOX.") && !strings.Contains(string(m.Data), "consumer_info") {
			t.Errorf("it hears %s: %s", m.Subject, m.Data)
		}
	}
	for stream, want := range map[string]uint64{"LOG": 0, "EVENTS": 10} {
		s, err := h.js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatalf("%s is gone: %v", stream, err)
		}
		if n := s.CachedInfo().State.Msgs; n != want {
			t.Errorf("%s holds %d messages, want %d", stream, n, want)
		}
	}
	if _, err := h.js.Consumer(t.Context(), "EVENTS", h.b.Consumer); err != nil {
		t.Errorf("the other reader's consumer: %v", err)
	}
}

// Nobody gets in but who is known and holds the seed.
func TestGuest_refused(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	stranger, other := newReader(t, "nat_3"), newReader(t, "nat_4")
	forged := h.a
	forged.pair = other.pair
	for what, try := range map[string]func() (*nats.Conn, error){
		"a key that nobody knows": func() (*nats.Conn, error) { return stranger.dial(t, h.Server, nil) },
		"the seed of another key": func() (*nats.Conn, error) { return forged.dial(t, h.Server, nil) },
		"a signature of something else": func() (*nats.Conn, error) {
			return h.a.dial(t, h.Server, nil, nats.Nkey(h.a.PublicKey, func([]byte) ([]byte, error) { return h.a.pair.Sign([]byte("else")) }))
		},
		"nothing": func() (*nats.Conn, error) { return nats.Connect("nats://" + h.Addr().String()) },
		"a user and a password": func() (*nats.Conn, error) {
			return nats.Connect("nats://"+h.Addr().String(), nats.UserInfo("rollcall", "rollcall"))
		},
		"a user without password": func() (*nats.Conn, error) {
			return nats.Connect("nats://"+h.Addr().String(), nats.UserInfo("rollcall", ""))
		},
		"a token": func() (*nats.Conn, error) { return nats.Connect("nats://"+h.Addr().String(), nats.Token("x")) },
	} {
		nc, err := try()
		if err == nil {
			nc.Close()
		}
		if !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Who is gone is cut off at once and stays out; the others notice nothing.
func TestAdmit_revoked(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	closed := make(chan struct{})
	nc, err := h.a.dial(t, h.Server, nil, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	stays, err := h.b.dial(t, h.Server, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Admit([]embedded.Guest{h.b.Guest}); err != nil {
		t.Fatal(err)
	}
	<-closed
	if nc.IsConnected() {
		t.Error("it is still connected")
	}
	if _, err := h.a.dial(t, h.Server, nil); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("it gets in again: %v", err)
	}
	if _, err := stays.Request("$JS.API.CONSUMER.INFO.EVENTS."+h.b.Consumer, nil, 30*time.Second); err != nil {
		t.Errorf("the other reader: %v", err)
	}
	if err := h.Admit([]embedded.Guest{h.a.Guest, h.b.Guest}); err == nil {
		t.Error("an id is given out twice")
	}
}

// A reader has a few connections, not any number.
func TestGuest_connections(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	var err error
	n := 0
	for ; n < 100 && err == nil; n++ {
		_, err = h.a.dial(t, h.Server, nil)
	}
	if !errors.Is(err, nats.ErrAuthorization) || n != 17 {
		t.Errorf("connection %d: %v", n, err)
	}
	if _, err := h.b.dial(t, h.Server, nil); err != nil {
		t.Errorf("the other reader: %v", err)
	}
}

func TestGuests_options(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Guests, o.Listen, o.User, o.Password = "127.0.0.1:0", "127.0.0.1:0", "u", "p"
	if _, err := embedded.Start(context.WithoutCancel(t.Context()), o); err == nil {
		t.Error("two addresses are accepted")
	}
	s := start(t, options(t.TempDir()))
	if err := s.Admit(nil); err == nil {
		t.Error("guests are admitted without an address")
	}
	if err := s.AcceptGuests(); err == nil {
		t.Error("guests are accepted without an address")
	}
	for address, want := range map[string]bool{
		"127.0.0.1:4222": true, "[::1]:4222": true, "localhost:1": true, ":4222": false, "0.0.0.0:4222": false, "10.0.0.1:4222": false, "nonsense": false,
	} {
		if embedded.Loopback(address) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}

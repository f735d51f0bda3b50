package ingress_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/services/ingress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// limit bounds every wait; it only passes when something is wrong.
	limit = time.Minute
	ttl   = 3 * time.Second
)

var quiet = slog.New(slog.DiscardHandler)

// world is a NATS server on loopback with an empty log.
type world struct {
	server *embedded.Server
	js     jetstream.JetStream
	log    *natslog.Log // for looking at it
	dir    string
	scope  directory.Scope
	n      atomic.Int64
}

func newWorld(t *testing.T, sizes natslog.Sizes) *world {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{
		Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: quiet, Listen: "127.0.0.1:0", User: "test", Password: "test-password",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	w := &world{server: server, dir: t.TempDir()}
	w.js = w.connect(t)
	if err := natslog.Ensure(t.Context(), w.js, natslog.Config{Sizes: sizes}); err != nil {
		t.Fatal(err)
	}
	w.log = w.open(t, w.js, natslog.Options{})
	return w
}

func (w *world) connect(t *testing.T) jetstream.JetStream {
	t.Helper()
	nc, err := w.server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	return streams(t, nc)
}

func streams(t *testing.T, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func (w *world) open(t *testing.T, js jetstream.JetStream, o natslog.Options) *natslog.Log {
	t.Helper()
	l, err := natslog.Open(t.Context(), js, 0, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sole starts an ingress that is the only one.
func (w *world) sole(t *testing.T) *ingress.Ingress {
	t.Helper()
	return w.run(t, ingress.Config{Path: filepath.Join(w.dir, "sole.db"), Log: w.open(t, w.js, natslog.Options{Sole: true})})
}

// shared starts one of several on its own connection.
func (w *world) shared(t *testing.T, name string, js jetstream.JetStream) *ingress.Ingress {
	t.Helper()
	k, err := lease.Open(t.Context(), js, name, ttl, 1, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return w.run(t, ingress.Config{Path: filepath.Join(w.dir, name+".db"), Log: w.open(t, js, natslog.Options{}), Leases: k, Conn: js.Conn()})
}

func (w *world) run(t *testing.T, c ingress.Config) *ingress.Ingress {
	t.Helper()
	i, err := ingress.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, i) })
	if err := i.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return i
}

func stop(t *testing.T, i *ingress.Ingress) {
	t.Helper()
	if err := i.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// holder returns who holds the log.
func (w *world) holder(t *testing.T) string {
	t.Helper()
	kv, err := w.js.KeyValue(t.Context(), lease.Bucket)
	if err != nil {
		return ""
	}
	e, err := kv.Get(t.Context(), "partition.0")
	if err != nil {
		return ""
	}
	return string(e.Value())
}

// pair starts an owner and another ingress, with a directory to write to.
func (w *world) pair(t *testing.T) (a, b *ingress.Ingress) {
	t.Helper()
	a = w.shared(t, "a", w.connect(t))
	eventually(t, func() bool { return w.holder(t) == "a" }, "a to own the log")
	b = w.shared(t, "b", w.connect(t))
	w.setup(t, a)
	return a, b
}

func (w *world) request(c directory.Command) directory.Request {
	return directory.Request{ID: fmt.Sprint("test-", w.n.Add(1)), Actor: "system", Command: c}
}

func (w *world) must(t *testing.T, i *ingress.Ingress, c directory.Command) commit.Result {
	t.Helper()
	res, err := i.Submit(t.Context(), w.request(c))
	if err != nil {
		t.Fatalf("%T: %v", c, err)
	}
	return res
}

// setup makes a directory that takes users.
func (w *world) setup(t *testing.T, i *ingress.Ingress) {
	t.Helper()
	hash := sha256.Sum256([]byte("secret"))
	w.must(t, i, directory.Bootstrap{SecretHash: make([]byte, 32), SecretSuffix: "abcd", Public: []byte{1}, Sealed: []byte{2}})
	org := w.must(t, i, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Acme"}}).Key.Last()
	w.must(t, i, directory.CreateDomain{Organization: org, Domain: "acme.example"})
	dir := w.must(t, i, directory.CreateDirectory{Organization: org, Kind: "SCIM", Provider: "OKTA"}).Key.Last()
	w.must(t, i, directory.EnableDirectory{Organization: org, Directory: dir})
	w.must(t, i, directory.CreateDirectorySecret{Organization: org, Directory: dir, Hash: hash[:], Suffix: "wxyz"})
	if err := i.Read(t.Context(), func(v directory.View) (err error) {
		w.scope, err = directory.Authenticate(v, dir, hash[:], i.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) user(name string) directory.CreateUser {
	return directory.CreateUser{Scope: w.scope, State: directorytest.User(name + "@acme.example")}
}

// shows reports whether a row is there, as of now.
func shows(ctx context.Context, i *ingress.Ingress, k directory.Key) (found bool, err error) {
	err = i.Read(ctx, func(v directory.View) error {
		r, err := v.Get(k)
		found = r != nil
		return err
	})
	return found, err
}

// logged counts each command's commits.
func (w *world) logged(t *testing.T) (commands map[string]int) {
	t.Helper()
	commands = map[string]int{}
	for _, e := range logtest.Read(t, w.log, eventlog.Position{}) {
		for _, c := range e.Frame.Commits {
			commands[c.Command]++
		}
	}
	return commands
}

func eventually(t *testing.T, holds func() bool, what string) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// wire is a network between one process and the NATS server, which can be cut
// so that neither side is told.
type wire struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	cut      bool
	conns    []net.Conn
	tasks    sync.WaitGroup
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to}
	w.tasks.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

func (w *wire) accept() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = in.Close()
			return
		}
		w.mu.Lock()
		w.conns = append(w.conns, in, out)
		w.mu.Unlock()
		w.tasks.Go(func() { w.carry(in, out) })
		w.tasks.Go(func() { w.carry(out, in) })
	}
}

// carry copies until an end closes, and swallows everything once cut.
func (w *wire) carry(from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		if err == nil && !cut {
			_, err = to.Write(b[:n])
		}
		if err != nil {
			if !cut {
				_ = to.Close()
			}
			return
		}
	}
}

func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

func (w *wire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.tasks.Wait()
}

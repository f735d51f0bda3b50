package bridge_test

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/services/bridge"
)

// patience bounds every wait for something that must happen.
const patience = 60 * time.Second

const (
	userUpdated  = "organization.directory.user_updated"
	groupCreated = "organization.directory.group_created"
)

// world is a NATS server with EVENTS, and a broker's other side.
type world struct {
	t      testing.TB
	server *embedded.Server
	js     jetstream.JetStream
	logs   *logs

	mu   sync.Mutex
	next int
	got  []received
}

// received is what a consumer of the broker got.
type received struct {
	id, resource, typ, organization string
	body                            string
}

// logs collects what is logged.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t testing.TB, dir, listen string) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{
		Dir: dir, StoreLimit: 512 << 20, Listen: listen, User: "u", Password: "p", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, logs: &logs{}, server: start(t, t.TempDir(), "127.0.0.1:0")}
	t.Cleanup(func() { _ = w.server.Close() })
	nc, err := w.server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if w.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(t.Context(), w.js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	return w
}

// publish appends n events of few resources to EVENTS and returns their ids.
func (w *world) publish(organization, typ string, n int) (ids []string) {
	w.t.Helper()
	for range n {
		w.mu.Lock()
		w.next++
		i := w.next
		w.mu.Unlock()
		id := fmt.Sprintf("evt_%018d", i)
		body := fmt.Sprintf(`{"spec_version":"1","id":%q,"type":%q,"data":{"id":"diruser_%d","version":%d}}`, id, typ, i%7, i)
		if _, err := w.js.PublishMsg(w.t.Context(), &nats.Msg{
			Subject: "events." + organization + ".dir_1." + typ, Data: []byte(body),
			Header: nats.Header{
				"Rollcall-Event-Id": {id}, "Rollcall-Event-Type": {typ}, "Rollcall-Organization": {organization},
				"Rollcall-Log-Seq": {strconv.Itoa(i)}, "Rollcall-Log-Ordinal": {strconv.Itoa(i)},
			},
		}); err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// bridge starts one; cut ends it as a kill would, in the middle of whatever it
// does.
func (w *world) bridge(target bridge.Target, change ...func(*bridge.Config)) (b *bridge.Bridge, cut func()) {
	w.t.Helper()
	var own *nats.Conn
	cfg := bridge.Config{
		Name: "test", Target: target, Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
		Connect: func() (nc *nats.Conn, err error) {
			own, err = w.server.Connect()
			return own, err
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	b, err := bridge.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := b.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	stop := sync.OnceFunc(func() { _ = b.Stop() }) // cut off, it has something to say
	w.t.Cleanup(stop)
	return b, func() {
		own.Close() // nothing is acknowledged any more
		stop()
	}
}

func (w *world) receive(r received) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, r)
}

// arrived waits until every event came, and holds that first receptions of a
// resource are in order. It returns how many were repeats.
func (w *world) arrived(ids []string) (repeats int) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		w.mu.Lock()
		seen, last := map[string]int{}, map[string]string{}
		wrong := ""
		for _, r := range w.got {
			if seen[r.id]++; seen[r.id] > 1 {
				continue
			}
			if r.resource == "" || r.id < last[r.resource] {
				wrong = fmt.Sprintf("%+v came after %s", r, last[r.resource])
			}
			last[r.resource] = r.id
		}
		missing := 0
		for _, id := range ids {
			if seen[id] == 0 {
				missing++
			}
		}
		total := len(w.got)
		w.mu.Unlock()
		if wrong != "" {
			w.t.Fatal(wrong)
		}
		if missing == 0 {
			if len(seen) != len(ids) {
				w.t.Errorf("%d different events came, %d were due", len(seen), len(ids))
			}
			return total - len(ids)
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%d of %d events did not come; the bridge says:\n%s", missing, len(ids), w.logs)
		}
		time.Sleep(10 * time.Millisecond) // between looks
	}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
}

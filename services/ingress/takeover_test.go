package ingress_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/ingress"
)

// answerWithin is how long a command may take. A takeover fits in, on a machine
// that is busy with other things too.
const answerWithin = 20 * time.Second

// load writes without pause through an ingress until end is called, and counts.
type load struct {
	mu      sync.Mutex
	stored  []string // command ids that were answered
	refused []error
	n       atomic.Int64
	ended   atomic.Bool
	tasks   sync.WaitGroup
}

func (w *world) load(t *testing.T, writers int, through *ingress.Ingress) *load {
	t.Helper()
	l := &load{}
	for n := range writers {
		l.tasks.Go(func() {
			for i := 0; !l.ended.Load(); i++ {
				r := w.request(w.user(fmt.Sprintf("load%d-%d", n, i)))
				ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
				_, err := through.Submit(ctx, r)
				cancel()
				l.mu.Lock()
				if err == nil {
					l.stored = append(l.stored, r.ID)
					l.n.Add(1)
				} else {
					l.refused = append(l.refused, err)
				}
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.ended.Store(true)
	l.tasks.Wait()
}

// goesOn waits until more commands are answered.
func (l *load) goesOn(t *testing.T) {
	t.Helper()
	from := l.n.Load()
	eventually(t, func() bool { return l.n.Load() > from+20 }, "writes to go on")
}

// check holds what was answered against the log.
func (l *load) check(t *testing.T, w *world) {
	t.Helper()
	commands := w.logged(t)
	for _, id := range l.stored {
		if commands[id] != 1 {
			t.Errorf("the answered command %s is %d times in the log", id, commands[id])
		}
	}
	for id, n := range commands {
		if n != 1 {
			t.Errorf("the command %s is %d times in the log", id, n)
		}
	}
}

// TestGracefulStop stops the owner under load through both. Commands of the
// other ingress are all answered, by the next owner if need be.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	l := w.load(t, 8, b)
	l.goesOn(t)
	local := make(chan error, 4)
	for n := range cap(local) {
		go func() {
			var err error
			for i := 0; err == nil && !l.ended.Load() && w.holder(t) == "a"; i++ {
				_, err = a.Submit(t.Context(), w.request(w.user(fmt.Sprintf("local%d-%d", n, i))))
			}
			local <- err
		}()
	}
	started := time.Now()
	stop(t, a)
	l.goesOn(t)
	t.Logf("the takeover took %s", time.Since(started))
	if h := w.holder(t); h != "b" {
		t.Errorf("%q holds the log", h)
	}
	l.end()
	for range cap(local) {
		if err := <-local; err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("a command through the stopping owner is answered %v", err)
		}
	}
	for _, err := range l.refused {
		t.Errorf("a command through the other ingress is answered %v", err)
	}
	l.check(t, w)
	if err := b.Ready(t.Context()); err != nil {
		t.Errorf("the new owner is not ready: %v", err)
	}
}

// TestCutOff takes the network away from the owner without a word, so that the
// NATS server still counts on it. Once the lease has run out, the other owns
// the log, and commands sent meanwhile reach it. The former owner refuses.
func TestCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	network := newWire(t, w.server.Addr().String())
	nc, err := nats.Connect((&url.URL{Scheme: "nats", Host: network.listener.Addr().String()}).String(),
		append(natslog.ConnectOptions(), nats.UserInfo("test", "test-password"), nats.NoReconnect())...)
	if err != nil {
		t.Fatal(err)
	}
	a := w.shared(t, "a", streams(t, nc))
	eventually(t, func() bool { return w.holder(t) == "a" }, "a to own the log")
	b := w.shared(t, "b", w.connect(t))
	w.setup(t, a)
	l := w.load(t, 4, b)
	l.goesOn(t)

	network.sever()
	key := w.must(t, b, w.user("meanwhile")).Key
	if h := w.holder(t); h != "b" {
		t.Errorf("%q holds the log", h)
	}
	l.goesOn(t)
	l.end()
	for _, err := range l.refused {
		// Only what the cut caught under way is not known.
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "not known") {
			t.Errorf("a command is answered %v", err)
		}
	}
	if n := len(l.refused); n > 4 {
		t.Errorf("%d commands were not answered, at most 4 were under way", n)
	}
	l.check(t, w)
	if found, err := shows(t.Context(), b, key); err != nil || !found {
		t.Errorf("the user made meanwhile: found %v, %v", found, err)
	}
	nc.Close() // its calls end now instead of timing out
	if _, err := a.Submit(t.Context(), w.request(w.user("cut-off"))); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the former owner answers %v", err)
	}
}

// TestKilled closes the owner's connection, as the end of its process does.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	js := w.connect(t)
	a := w.shared(t, "a", js)
	eventually(t, func() bool { return w.holder(t) == "a" }, "a to own the log")
	w.setup(t, a)
	b := w.shared(t, "b", w.connect(t))
	l := w.load(t, 4, b)
	l.goesOn(t)
	js.Conn().Close()
	w.must(t, b, w.user("after"))
	if h := w.holder(t); h != "b" {
		t.Errorf("%q holds the log", h)
	}
	l.goesOn(t)
	l.end()
	l.check(t, w)
}

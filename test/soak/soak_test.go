package soak_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	directories = 3
	perOne      = 2 // writers
	// settle bounds the wait until everything written is delivered.
	settle = 3 * time.Minute
	// short is a ladder whose steps are worth waiting for here.
	short = "0s,200ms,500ms,1s,1s,2s,2s,2s,3s,3s"
	// storeLimit leaves EVENTS room for all that a long run causes.
	storeLimit = 32 << 30
)

// load is what runs against an installation.
type load struct {
	in          harness.Installation
	subscribers []*subscriber // the first gets everything
	tenants     []*harness.Tenant
	writers     []*writer
	wait        sync.WaitGroup
	cancel      context.CancelFunc
	heard       sync.Map // the tokens that the first subscriber got
}

// begin makes the directories and starts the writers; doors are the processes
// that take SCIM.
func begin(t *testing.T, in harness.Installation, doors []string) *load {
	t.Helper()
	l := &load{in: in}
	l.subscribe(t, &subscriber{name: "all"})
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	for d := range directories {
		x := in.API.Tenant(t, in.SCIM, fmt.Sprintf("soak-%d.example", d), "OKTA")
		l.tenants = append(l.tenants, x)
		for range perOne {
			l.writer(t, x, doors)
		}
	}
	for _, w := range l.writers {
		l.wait.Go(func() { w.run(ctx) })
	}
	return l
}

// subscribe makes the endpoint and its receiver.
func (l *load) subscribe(t *testing.T, s *subscriber) {
	t.Helper()
	s.receiver = harness.NewReceiver(t)
	config := map[string]any{"description": s.name}
	if s.organization != "" {
		config["organization_id"] = s.organization
	}
	if s.typ != "" {
		config["event_types"] = []string{s.typ}
	}
	s.id = l.in.API.Endpoint(t, s.receiver, config)
	first := len(l.subscribers) == 0
	s.receiver.Lean(func(d harness.Delivery) {
		if first {
			tokensIn(d.Body, func(k token) { l.heard.Store(k, true) })
		}
		if s.order != nil {
			s.order.came(d)
		}
	})
	// Now and then the receiver fails, so that the ladder is in play.
	var dice sync.Mutex
	source := rand.New(rand.NewPCG(1, uint64(len(l.subscribers))))
	s.receiver.Answer(func(d harness.Delivery) int {
		status := http.StatusNoContent
		dice.Lock()
		if source.IntN(200) == 0 {
			status = http.StatusServiceUnavailable
		}
		dice.Unlock()
		if s.order != nil {
			s.order.answered(d, status)
		}
		return status
	})
	l.subscribers = append(l.subscribers, s)
}

// writer adds one for a directory.
func (l *load) writer(t *testing.T, x *harness.Tenant, doors []string) *writer {
	t.Helper()
	n := len(l.writers)
	w := &writer{book: newBook(n), t: t, domain: x.Domain, rand: rand.New(rand.NewPCG(uint64(n), 7))}
	for _, base := range doors {
		w.doors = append(w.doors, x.SCIM.Via(x.Directory, base))
	}
	l.writers = append(l.writers, w)
	return w
}

// end stops the writers and marks the end of each directory, in log and EVENTS
// behind everything else.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.cancel()
	l.wait.Wait()
	var last []token
	for _, x := range l.tenants {
		w := l.writer(t, x, []string{l.in.SCIM})
		w.createUser(t.Context())
		if len(w.answered) != 1 {
			t.Fatal("the last write was not answered")
		}
		last = append(last, w.answered...)
	}
	harness.Eventually(t, settle, "the last writes' webhooks", func() error {
		for _, k := range last {
			if _, ok := l.heard.Load(k); !ok {
				return fmt.Errorf("%v did not come", k)
			}
		}
		return nil
	})
}

// verify compares everything; open returns the streams.
func (l *load) verify(t *testing.T, st stored) {
	t.Helper()
	for _, s := range l.subscribers {
		harness.Eventually(t, settle, "every webhook", func() error { return s.delivered(st) })
		if s.order != nil {
			pairs := s.order.check(t, s.name, st.told[s.id].order)
			t.Logf("%s: %d events due behind another of their resource", s.name, pairs)
		}
	}
	books := map[string][]*book{}
	for _, w := range l.writers {
		promised(t, st, w.book)
		for _, x := range l.tenants {
			if w.domain == x.Domain {
				books[x.Domain] = append(books[x.Domain], w.book)
			}
		}
		for _, k := range w.answered {
			if _, ok := l.heard.Load(k); !ok {
				t.Errorf("the write %v was answered 2xx and was not delivered", k)
			}
		}
	}
	for _, x := range l.tenants {
		shown(t, st, l.in, x, books[x.Domain])
	}
}

// report prints what a run came to.
func (l *load) report(t *testing.T, kills int, st stored) {
	t.Helper()
	writes, doubts := 0, 0
	for _, w := range l.writers {
		writes += w.writes
		doubts += len(w.doubts)
	}
	due, repeats := 0, 0
	for _, s := range l.subscribers {
		_, n := s.receiver.Sums()
		repeats += n
		due += len(st.told[s.id].order)
	}
	t.Logf("%d kills, %d writes answered, %d in doubt, %d public events, %d webhooks due, %d repeats", kills, writes, doubts, st.events, due, repeats)
	if writes == 0 || kills == 0 {
		t.Error("nothing was tried")
	}
}

// killer ends processes at random moments.
type killer struct {
	t     *testing.T
	rand  *rand.Rand
	until time.Time
	kills int
	timer *time.Timer
}

func newKiller(t *testing.T) *killer {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	timer := time.NewTimer(time.Hour)
	t.Cleanup(func() { timer.Stop() })
	return &killer{t: t, rand: rand.New(rand.NewPCG(seed, 3)), until: time.Now().Add(duration(t)), timer: timer}
}

// pause lets a random time pass, up to most: the moment of a kill is not to
// depend on anything. It reports whether the run goes on.
func (k *killer) pause(most time.Duration) bool {
	k.timer.Reset(time.Duration(k.rand.Int64N(int64(most))))
	select {
	case <-k.timer.C:
	case <-k.t.Context().Done():
		return false
	}
	return time.Now().Before(k.until)
}

// kill ends a process, which has to be alive until then.
func (k *killer) kill(p *harness.Process) {
	k.t.Helper()
	if !p.Running() {
		k.t.Fatalf("%s ended by itself", p.Name)
	}
	p.Kill()
	k.kills++
}

// forget deletes the file, or does not.
func (k *killer) forget(path string) {
	k.t.Helper()
	if k.rand.IntN(3) > 0 {
		return
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.t.Fatal(err)
	}
}

// TestSoakServe kills the one process that does everything.
func TestSoakServe(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--log-level", "info", "--webhook-ladder", short, "--store-limit", strconv.Itoa(storeLimit)).MustStart()
	l := begin(t, s.Installation, []string{s.URL()})
	k := newKiller(t)
	for k.pause(2 * time.Second) {
		k.kill(s.Process)
		for _, name := range []string{"projector.db", "ingress.db", "delivery.db", "deliveries.db", "synclog.db"} {
			k.forget(filepath.Join(s.Data, name))
		}
		// Every fourth time it is killed again while it starts.
		if k.rand.IntN(4) == 0 {
			if err := s.Spawn(); err != nil {
				t.Fatal(err)
			}
			k.pause(500 * time.Millisecond)
			k.kill(s.Process)
		}
		s.MustStart()
	}
	l.end(t)

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	streams := harness.OpenStore(t.Context(), t, s.Data)
	st := l.audit(t.Context(), t, streams)
	if err := streams.Close(); err != nil {
		t.Fatal(err)
	}
	s.MustStart()
	l.verify(t, st)
	l.report(t, k.kills, st)
}

// TestSoakServices kills each of the services, which share a NATS that lives.
func TestSoakServices(t *testing.T) {
	t.Parallel()
	c := harness.NewCluster(t, "--webhook-ladder", short)
	l := begin(t, c.Installation, []string{c.Ingresses[0].URL(), c.Ingresses[1].URL()})
	k := newKiller(t)
	for k.pause(2 * time.Second) {
		victims := c.Services()
		p := victims[k.rand.IntN(len(victims))]
		k.kill(p)
		if p == c.Projector {
			k.forget(c.ReadModel())
		}
		k.pause(time.Second) // the others go on without it
		p.MustStart()
	}
	for _, p := range c.Services() {
		if err := p.Ready(); err != nil {
			t.Fatal(err)
		}
	}
	l.end(t)
	st := l.audit(t.Context(), t, c.Streams(t.Context(), t))
	l.verify(t, st)
	l.report(t, k.kills, st)
}

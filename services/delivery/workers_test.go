package delivery_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/delivery"
)

// leaseTTL is short enough to wait for and long enough for a busy machine.
const leaseTTL = 5 * time.Second

// gate is a network that can be cut off without anybody being told: what is
// written waits, as for a process that is paused.
type gate struct {
	mu   sync.Mutex
	open *sync.Cond
	shut bool
}

func newGate() *gate {
	g := &gate{}
	g.open = sync.NewCond(&g.mu)
	return g
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	g.open.Broadcast()
}

func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.shut {
		g.open.Wait()
	}
}

// Dial implements nats.CustomDialer.
func (g *gate) Dial(network, address string) (net.Conn, error) {
	g.pass()
	c, err := net.Dial(network, address)
	return gated{c, g}, err
}

type gated struct {
	net.Conn
	gate *gate
}

func (c gated) Write(b []byte) (int, error) {
	c.gate.pass()
	return c.Conn.Write(b)
}

func (c gated) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gate.pass()
	return n, err
}

// sharer starts a worker that shares the slots with the others, on a connection
// of its own behind the gate, nil for none.
func (w *world) sharer(name string, g *gate, change ...func(*delivery.Config)) *delivery.Worker {
	w.t.Helper()
	options := append(natslog.ConnectOptions(), nats.UserInfo(user, user))
	if g != nil {
		options = append(options, nats.SetCustomDialer(g))
	}
	nc, err := nats.Connect("nats://"+w.server.Addr().String(), options...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		w.t.Fatal(err)
	}
	log, err := natslog.Open(w.t.Context(), js, 0, natslog.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	keeper, err := lease.Open(w.t.Context(), js, name, w.leases, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.worker(append([]func(*delivery.Config){func(c *delivery.Config) {
		c.Path, c.Log, c.JetStream, c.Leases = filepath.Join(w.t.TempDir(), name+".db"), log, js, keeper
	}}, change...)...)
}

// crowd is a receiver for many endpoints.
type crowd struct {
	w    *world
	ids  []string
	mu   sync.Mutex
	got  map[string]map[string]int    // endpoint -> webhook-id -> times
	last map[string]map[string]string // endpoint -> resource -> greatest webhook-id
	late []string                     // first receptions behind a later event of their resource
	hold map[string]chan struct{}     // endpoint -> answers wait for it
}

func (w *world) crowd(n int) *crowd {
	w.t.Helper()
	c := &crowd{w: w, got: map[string]map[string]int{}, last: map[string]map[string]string{}, hold: map[string]chan struct{}{}}
	server := httptest.NewServer(c)
	w.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	for i := range n {
		id := fmt.Sprintf("whe_%d", i)
		c.ids = append(c.ids, id)
		c.got[id], c.last[id] = map[string]int{}, map[string]string{}
		w.endpoint(id, server.URL+"/"+id, "*")
	}
	return c
}

// ServeHTTP takes a webhook.
func (c *crowd) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	endpoint, id := strings.TrimPrefix(r.URL.Path, "/"), r.Header.Get("webhook-id")
	body := make([]byte, 4096)
	n, _ := r.Body.Read(body)
	_, rest, _ := strings.Cut(string(body[:n]), `"data":{"id":"`)
	resource, _, _ := strings.Cut(rest, `"`)
	c.mu.Lock()
	c.got[endpoint][id]++
	if c.got[endpoint][id] == 1 && id < c.last[endpoint][resource] {
		c.late = append(c.late, endpoint+" "+id)
	}
	c.last[endpoint][resource] = max(c.last[endpoint][resource], id)
	hold := c.hold[endpoint]
	c.mu.Unlock()
	if hold != nil {
		<-hold
	}
	rw.WriteHeader(http.StatusNoContent)
}

// arrived reports whether every endpoint got every event, and counts repeats.
func (c *crowd) arrived(want []published) (all bool, repeats int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all = true
	for _, id := range c.ids {
		for _, p := range want {
			n := c.got[id][p.id]
			all = all && n > 0
			repeats += max(0, n-1)
		}
	}
	return all, repeats
}

// everything waits until all endpoints got all events, as long as that goes on.
func (c *crowd) everything(want []published, workers ...*delivery.Worker) {
	c.w.t.Helper()
	count := func() (n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, id := range c.ids {
			n += len(c.got[id])
		}
		return n
	}
	for last, deadline := 0, time.Now().Add(patience); ; {
		if all, _ := c.arrived(want); all {
			return
		}
		if n := count(); n > last {
			last, deadline = n, time.Now().Add(patience)
		}
		if time.Now().After(deadline) {
			for _, d := range workers {
				c.w.t.Logf("%+v", d.Stats())
			}
			c.w.t.Fatalf("only %d of %d deliveries came", last, len(want)*len(c.ids))
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
}

func (c *crowd) ordered() {
	c.w.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.late) > 0 {
		c.w.t.Errorf("%d first receptions out of order, such as %s", len(c.late), c.late[0])
	}
}

// stream publishes events about a few resources until it is told to stop, and
// returns them.
func (w *world) stream() (stop func() []published) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan []published)
	go func() {
		var all []published
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				all = append(all, w.publish("org_1", userUpdated, "diruser_a", "diruser_b")...)
			case <-ctx.Done():
				done <- all
				return
			}
		}
	}()
	return func() []published { cancel(); return <-done }
}

func slotsOf(workers ...*delivery.Worker) (counts []int, all []int) {
	for _, d := range workers {
		s := d.Stats().Slots
		counts, all = append(counts, len(s)), append(all, s...)
	}
	slices.Sort(counts)
	slices.Sort(all)
	return counts, all
}

// shared waits until the workers hold all slots in fair shares.
func sharedFairly(t *testing.T, workers ...*delivery.Worker) {
	t.Helper()
	until(t, fmt.Sprintf("%d workers share fairly", len(workers)), func() bool {
		counts, all := slotsOf(workers...)
		return len(all) == attempts.Slots && len(slices.Compact(all)) == attempts.Slots && counts[len(counts)-1]-counts[0] <= 1
	})
}

// Workers join and leave under load: everything arrives, in order, nothing twice,
// and no slot moves between two that stay.
func TestWorkers_joinAndLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	w.leases = 4 * leaseTTL // none is to end because the machine stood still
	c := w.crowd(40)
	a := w.sharer("a", nil)
	sharedFairly(t, a)
	stop := w.stream()
	b := w.sharer("b", nil)
	sharedFairly(t, a, b)
	before := map[*delivery.Worker][]int{a: a.Stats().Slots, b: b.Stats().Slots}
	third := w.sharer("c", nil)
	sharedFairly(t, a, b, third)
	for _, d := range []*delivery.Worker{a, b} {
		for _, n := range d.Stats().Slots {
			if !slices.Contains(before[d], n) {
				t.Errorf("slot %d moved between workers that stay", n)
			}
		}
	}
	began := time.Now()
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	sharedFairly(t, a, third)
	t.Logf("after an orderly stop all slots were taken within %v", time.Since(began))
	evs := stop()
	c.everything(evs, a, third)
	if _, repeats := c.arrived(evs); repeats > 0 {
		t.Errorf("%d repeats of %d events to %d endpoints, though nobody was cut off", repeats, len(evs), len(c.ids))
	}
	c.ordered()
	for _, d := range []*delivery.Worker{a, third} {
		if d.Err() != nil {
			t.Error(d.Err())
		}
	}
	shown := a.Members()
	if len(shown) != 2 || len(shown[0].Slots)+len(shown[1].Slots) != attempts.Slots {
		t.Errorf("members %+v", shown)
	}
}

// A worker that is killed is replaced within seconds; nothing is lost, what was in
// flight is repeated under its id, and order holds.
func TestWorkers_crash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	w.leases = 2 * leaseTTL // none but the killed worker's is to end
	c := w.crowd(40)
	a, b, third := w.sharer("a", nil), w.sharer("b", nil), w.sharer("c", nil)
	sharedFairly(t, a, b, third)
	stop := w.stream()
	n := a.Stats().Delivered
	until(t, "some of it", func() bool { return a.Stats().Delivered > n+200 })
	a.Kill()
	began := time.Now()
	sharedFairly(t, b, third)
	t.Logf("after a kill all slots were taken within %v; a lease lives %v", time.Since(began), w.leases)
	fourth := w.sharer("a", nil) // the same name, another life
	sharedFairly(t, b, third, fourth)
	evs := stop()
	c.everything(evs, b, third, fourth)
	_, repeats := c.arrived(evs)
	t.Logf("%d events to %d endpoints, %d repeats", len(evs), len(c.ids), repeats)
	c.ordered()
}

// A worker that was cut off for longer than its lease lives begins nothing more,
// and what it had under way is not recorded: the other's word counts. Afterwards
// both share again.
func TestWorkers_paused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	c := w.crowd(40)
	g := newGate()
	a := w.sharer("a", g)
	sharedFairly(t, a)
	b := w.sharer("b", nil)
	sharedFairly(t, a, b)
	mine := func(d *delivery.Worker) (ids []string) {
		for _, id := range c.ids {
			if slices.Contains(d.Stats().Slots, attempts.SlotOf(id)) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	paused := mine(a)
	// All of its endpoints have one attempt under way when it is cut off.
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	t.Cleanup(func() { release(); g.set(false) }) // a failed test must be able to stop the worker
	c.mu.Lock()
	for _, id := range paused {
		c.hold[id] = held
	}
	c.mu.Unlock()
	first := w.publish("org_1", userUpdated, "diruser_a")
	until(t, "attempts under way", func() bool { all, _ := c.arrived(first); return all })
	// Before the other can repeat them: its attempts are to be answered at once.
	c.mu.Lock()
	clear(c.hold)
	c.mu.Unlock()
	g.set(true)
	second := w.publish("org_1", userUpdated, "diruser_a", "diruser_b")
	until(t, "the other takes over", func() bool { return len(b.Stats().Slots) == attempts.Slots })
	all := append(slices.Clone(first), second...)
	until(t, "the other serves everybody", func() bool { ok, _ := c.arrived(all); return ok })
	_, repeats := c.arrived(all)
	if repeats < len(paused) {
		t.Errorf("%d repeats for %d attempts whose outcome nobody knew", repeats, len(paused))
	}
	place := map[string]attempts.Endpoint{}
	until(t, "the other's records", func() bool {
		for _, id := range paused {
			place[id], _ = w.rows(id)
			if place[id].Position < second[1].seq {
				return false
			}
		}
		return true
	})
	release() // the paused worker's attempts land now
	g.set(false)
	sharedFairly(t, a, b)
	third := w.publish("org_1", userUpdated, "diruser_a")
	all = append(all, third...)
	until(t, "everybody is served again", func() bool { ok, _ := c.arrived(all); return ok })
	if _, n := c.arrived(all); n != repeats {
		t.Errorf("%d more repeats after the paused worker woke", n-repeats)
	}
	c.ordered()
	for _, id := range paused {
		row, rows := w.rows(id)
		if row.Position < place[id].Position || len(rows) > 0 {
			t.Errorf("%s went from %+v back to %+v %+v", id, place[id], row, rows)
		}
	}
	for _, d := range []*delivery.Worker{a, b} {
		if d.Err() != nil {
			t.Error(d.Err())
		}
	}
}

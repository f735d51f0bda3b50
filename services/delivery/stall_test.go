package delivery_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/delivery"
)

// What a replay queues while a later event of its resource is under way goes first
// once that one has failed: neither waits for the other for ever.
func TestReplay_behindFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	d, f := w.replayer(func(c *delivery.Config) { c.Circuit = 1000 })
	old := w.publish("org_1", userUpdated, "diruser_1")[0]
	until(t, "the first event's record", func() bool { return d.Stats().Delivered == 1 })
	held := make(chan struct{})
	rc.set(func(n int, _ request) int {
		if n == 2 {
			<-held
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	later := w.publish("org_1", userUpdated, "diruser_1")[0]
	until(t, "the second event to be under way", func() bool { return rc.count() == 2 })
	w.replay("whr_1", events.WebhookReplayRequested{Endpoint: "whe_1", Kind: directory.ReplayDelivery, Seq: old.seq, EventID: old.id})
	until(t, "the replayed one to wait", func() bool {
		_, rows := w.rows("whe_1")
		return slices.ContainsFunc(rows, func(r attempts.Delivery) bool { return r.Seq == old.seq && r.Status.Waiting() })
	})
	close(held)
	f.await("whr_1", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 1, Delivered: 1})
	until(t, "the second event's record", func() bool { return d.Stats().Delivered == 3 })
	var order []string
	for _, r := range rc.requests() {
		order = append(order, r.id)
	}
	if want := []string{old.id, later.id, old.id, later.id}; !slices.Equal(order, want) {
		t.Errorf("webhooks %v, want %v", order, want)
	}
}

// A receiver that asks for a pause while the endpoint's rate makes it wait for less
// is asked again when the pause is over.
func TestPause_behindRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	came := make(chan struct{}, 10)
	held := make(chan struct{})
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		busy := n.Add(1) == 2
		came <- struct{}{}
		if busy {
			<-held
			rw.Header().Set("Retry-After", "3")
			rw.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	t.Cleanup(server.Close)
	w.endpoint("whe_1", server.URL, "*")
	w.settings("whe_1", server.URL, func(e *events.WebhookEndpointUpdated) { e.RateLimit, e.Concurrency = 1, 8 })
	d := w.worker(func(c *delivery.Config) { c.Circuit = 1000 })
	// One succeeds, so that two may be under way at once.
	w.publish("org_1", userUpdated, "diruser_1")
	<-came
	until(t, "the first record", func() bool { return d.Stats().Delivered == 1 })
	w.publish("org_1", userUpdated, "diruser_2", "diruser_3")
	<-came // and the one behind it waits for the rate
	close(held)
	until(t, "all are delivered", func() bool { return d.Stats().Delivered == 3 })
}

// What waits behind an earlier delivery of its resource need not any more once the
// endpoint asks for no order.
func TestOrdering_given(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", func(n int, _ request) int {
		if n == 1 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,2h"))
	w.publish("org_1", userUpdated, "diruser_1", "diruser_1", "diruser_1")
	until(t, "two wait behind the first", func() bool { _, rows := w.rows("whe_1"); return len(rows) == 3 })
	w.settings("whe_1", rc.URL, func(e *events.WebhookEndpointUpdated) { e.Ordering = directory.OrderingNone })
	until(t, "they are delivered", func() bool { return d.Stats().Delivered == 2 })
}

// A replay goes on when the worker's lease, which had lapsed, counts again.
func TestReplay_lapse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	g := newGate()
	f := &finished{w: w, of: map[string]events.WebhookReplayFinished{}}
	d := w.sharer("a", g, func(c *delivery.Config) { c.Submit = f.submit })
	t.Cleanup(func() { g.set(false) })
	sharedFairly(t, d)
	const n = 60
	w.publish("org_1", userUpdated, resources("diruser", n)...)
	until(t, "the live events", func() bool { return d.Stats().Delivered == n })
	e := everything("whe_1")
	e.RateLimit = 10
	w.replay("whr_1", e)
	until(t, "some of the replay", func() bool { return rc.count() > n+2 })
	g.set(true)
	until(t, "the lease to lapse", func() bool { return d.Ready() != nil })
	// The replay looks again once a second; it must have seen the lapse.
	pause := time.NewTimer(3 * time.Second)
	<-pause.C
	g.set(false)
	until(t, "the end of the replay", func() bool { _, ok := f.result("whr_1"); return ok })
}

// together returns ids of endpoints that share a slot.
func together(n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprintf("whe_%d", i); attempts.SlotOf(id) == attempts.SlotOf("whe_0") {
			ids = append(ids, id)
		}
	}
	return ids
}

// While EVENTS lacks what there was notice of, endpoints that did not get it are
// served and recorded as ever.
func TestNotice_others(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	list := together(2)
	early := w.receiver(list[0], nil)
	held := make(chan struct{})
	other := w.receiver(list[1], func(n int, _ request) int {
		if n == 1 {
			<-held
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	w.endpoint(list[0], early.URL, groupCreated)
	w.endpoint(list[1], other.URL, userUpdated)
	d := w.worker()
	first := w.publish("org_1", userUpdated, "diruser_1")[0]
	until(t, "an attempt under way", func() bool { return other.count() == 1 })
	ms, seq := w.due(groupCreated, "dirgroup_1")
	w.notify(ms[0], seq)
	until(t, "the early webhook", func() bool { return early.count() == 1 })
	close(held)
	until(t, "the other endpoint's retry is recorded", func() bool { row, rows := w.rows(list[1]); return row.Position == first.seq && len(rows) == 0 })
	if s := d.Stats(); s.Delivered != 1 {
		t.Errorf("before EVENTS holds the event: %+v", s)
	}
	w.store(ms...)
	until(t, "the early webhook's record", func() bool { row, _ := w.rows(list[0]); return row.Position == seq })
	if got := early.ids(); got[ms[0].Header.Get(public.HeaderEventID)] != 1 || len(got) != 1 {
		t.Errorf("the endpoint got %v", got)
	}
}

// What EVENTS lacks for long is taken back: what else its endpoints are sent is
// recorded again, and it is sent anew once EVENTS holds it. What it had made of a
// circuit is forgotten with it.
func TestNotice_late(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	var mu sync.Mutex
	status := map[string]int{}
	held := make(chan struct{})
	rc := w.receiver("whe_1", func(n int, r request) int {
		if n == 1 {
			<-held
		}
		mu.Lock()
		defer mu.Unlock()
		return cmp.Or(status[r.id], http.StatusOK)
	})
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(func(c *delivery.Config) { c.Circuit = 1 })
	first := w.publish("org_1", userUpdated, "diruser_1")[0]
	until(t, "an attempt under way", func() bool { return rc.count() == 1 })
	ms, seq := w.due(userUpdated, "diruser_2", "diruser_2")
	early := ms[1].Header.Get(public.HeaderEventID)
	mu.Lock()
	status[early] = http.StatusInternalServerError
	mu.Unlock()
	w.notify(ms[0], seq)
	w.notify(ms[1], seq+1)
	until(t, "they are taken", func() bool { return d.Stats().Early == 2 })
	close(held)
	until(t, "the early webhooks", func() bool { return rc.ids()[early] == 1 && d.Stats().Open == 1 })
	d.GiveUp(time.Now())
	if s := d.Stats(); s.Open != 1 {
		t.Errorf("taken back too soon: %+v", s)
	}
	d.GiveUp(time.Now().Add(time.Hour))
	until(t, "the circuit is closed again", func() bool { return d.Stats().Open == 0 })
	until(t, "the first event's record", func() bool { row, rows := w.rows("whe_1"); return row.Position == first.seq && len(rows) == 0 })
	mu.Lock()
	clear(status)
	mu.Unlock()
	stored := w.store(ms...)
	until(t, "all records", func() bool { row, rows := w.rows("whe_1"); return row.Position == stored[1].seq && len(rows) == 0 })
	if got := rc.ids(); got[first.id] != 1 || got[stored[0].id] != 2 || got[stored[1].id] != 2 {
		t.Errorf("webhooks %v", got)
	}
	if s := d.Stats(); s.Delivered != 3 || s.Failed != 0 || s.Waiting != 0 {
		t.Errorf("stats %+v", s)
	}
}

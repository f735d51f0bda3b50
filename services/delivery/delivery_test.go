package delivery_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/delivery"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL+"/hook?k=v", "organization.directory.*")
	d := w.worker()
	want := w.publish("org_1", userUpdated, "diruser_1")
	until(t, "the webhook", func() bool { return rc.count() == 1 })
	got := rc.requests()[0]
	if got.id != want[0].id || got.body != want[0].body || got.verified != nil {
		t.Errorf("got %+v, want %+v", got, want[0])
	}
	if ct, ua := got.header.Get("Content-Type"), got.header.Get("User-Agent"); ct != "application/json" || ua != "Rollcall/1.2.3" {
		t.Errorf("content type %q, user agent %q", ct, ua)
	}
	until(t, "the record", func() bool { return d.Stats().Delivered == 1 })
	row, _ := w.rows("whe_1")
	if row.Position != want[0].seq || d.Err() != nil {
		t.Errorf("row %+v, error %v", row, d.Err())
	}
}

// Every rung of the ladder fires at its time, each attempt is signed anew, and
// after the last there is a dead letter that can be sent again.
func TestLadder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(500))
	w.endpoint("whe_1", rc.URL, "*")
	rungs := []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond, 600 * time.Millisecond}
	d := w.worker(withLadder(t, "0s,300ms,1500ms,600ms"))
	ev := w.publish("org_1", userUpdated, "diruser_1")[0]
	until(t, "the dead letter", func() bool { return d.Stats().Dead == 1 })
	got := rc.requests()
	if len(got) != len(rungs) {
		t.Fatalf("%d attempts, want %d", len(got), len(rungs))
	}
	for i, r := range got {
		if r.id != ev.id || r.body != ev.body || r.verified != nil {
			t.Errorf("attempt %d: %+v", i+1, r)
		}
		if i == 0 {
			continue
		}
		waited := r.at.Sub(got[i-1].at)
		if least := rungs[i] * 79 / 100; waited < least {
			t.Errorf("attempt %d came after %s, not before %s", i+1, waited, least)
		}
	}
	if got[1].timestamp == got[2].timestamp {
		t.Error("attempts seconds apart carry one timestamp")
	}
	_, rows := w.rows("whe_1")
	if len(rows) != 1 || rows[0].Status != attempts.Exhausted || rows[0].Attempts != 4 || rows[0].StatusCode != 500 || rows[0].Class != "status" {
		t.Errorf("rows %+v", rows)
	}
	if s := d.Stats(); s.DeadLetters != 1 || s.Failed != 3 || s.Waiting != 0 {
		t.Errorf("stats %+v", s)
	}

	rc.set(nil)
	w.replay("whr_1", events.WebhookReplayRequested{Endpoint: "whe_1", Kind: directory.ReplayDelivery, EventID: ev.id, Seq: ev.seq})
	until(t, "the redelivery", func() bool { return d.Stats().Delivered == 1 })
	if got := rc.requests(); got[4].id != ev.id {
		t.Errorf("redelivered as %s", got[4].id)
	}
	if _, rows := w.rows("whe_1"); len(rows) != 0 {
		t.Errorf("rows after the redelivery %+v", rows)
	}
}

// A receiver that hangs holds up nobody: the healthy one has everything before
// an attempt to the others ends.
func TestHanging(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	hanging, healthy := w.receiver("whe_1", always(0)), w.receiver("whe_2", nil)
	for _, id := range []string{"whe_1", "whe_3", "whe_4", "whe_5"} {
		w.endpoint(id, hanging.URL, "*")
	}
	w.endpoint("whe_2", healthy.URL, "*")
	d := w.worker(func(c *delivery.Config) { c.InFlight = 8 })
	for i := range 10 {
		w.publish("org_1", userUpdated, resources("diruser", 20)...)
		until(t, "the healthy receiver is served", func() bool { return healthy.count() == 20*(i+1) })
	}
	if s := d.Stats(); s.Delivered+s.Failed > 200 || s.InFlight > 8 {
		t.Errorf("stats %+v", s)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	for id, status := range map[string]int{"whe_1": 410, "whe_2": 302, "whe_3": 307, "whe_4": 404} {
		rc := w.receiver(id, func(n int, _ request) int {
			if n == 1 {
				return status
			}
			return http.StatusNoContent
		})
		w.endpoint(id, rc.URL, "*")
	}
	d := w.worker()
	w.publish("org_1", userUpdated, "diruser_1")
	until(t, "the second attempts", func() bool { return d.Stats().Delivered == 4 })
	if s := d.Stats(); s.Failed != 4 || s.Dead != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	alias, exact, other, all := w.receiver("whe_1", nil), w.receiver("whe_2", nil), w.receiver("whe_3", nil), w.receiver("whe_4", nil)
	w.endpoint("whe_1", alias.URL, "scalekit.dir.user.*")
	w.endpointOf("org_1", "whe_2", exact.URL, groupCreated)
	w.endpointOf("org_2", "whe_3", other.URL, "*")
	w.endpoint("whe_4", all.URL, "*")
	w.worker()
	user := w.publish("org_1", userUpdated, "diruser_1")[0]
	group := w.publish("org_1", groupCreated, "dirgroup_1")[0]
	w.publish("org_3", groupCreated, "dirgroup_2")
	elsewhere := w.publish("org_2", groupCreated, "dirgroup_3")[0]
	until(t, "all four for everybody", func() bool { return all.count() == 4 })
	until(t, "the others", func() bool { return alias.count() == 1 && exact.count() == 1 && other.count() == 1 })
	for rc, id := range map[*receiver]string{alias: user.id, exact: group.id, other: elsewhere.id} {
		if diff := cmp.Diff(map[string]int{id: 1}, rc.ids()); diff != "" {
			t.Error(diff)
		}
	}
}

// An endpoint gets exactly the events whose cause was committed after its
// creation, while it is enabled, whenever they are emitted and whenever a worker
// runs.
func TestMatch_asOfTheLog(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "live", false: "afterwards"}[running], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, natslog.Sizes{})
			rc, gone := w.receiver("whe_1", nil), w.receiver("whe_2", nil)
			if running {
				w.worker()
			}
			cause := func(r string) func() published {
				seq, ordinal := w.commit(w.event(events.Event{Type: "user.updated.v1", Resource: r}, events.UserUpdated{}))
				return func() published { return w.emit("org_1", userUpdated, seq, ordinal-1, r)[0] }
			}
			before := cause("diruser_1")
			w.endpoint("whe_1", rc.URL, "*")
			w.endpoint("whe_2", gone.URL, "*")
			first := cause("diruser_2")
			w.configure("whe_1", rc.URL, false, "*")
			disabled := cause("diruser_3")
			w.configure("whe_1", rc.URL, true, groupCreated)
			unwanted := cause("diruser_4")
			w.configure("whe_1", rc.URL, true, "*")
			w.commit(w.event(events.Event{Resource: "whe_2", Revision: 2}, events.WebhookEndpointDeleted{}))
			last := cause("diruser_5")
			want := map[string]int{}
			before()
			early := first()
			want[early.id] = 1
			// What was caused before the endpoint was deleted may be sent to it by a
			// worker that has not read so far.
			late := map[string]bool{early.id: true, disabled().id: true, unwanted().id: true}
			want[last().id] = 1
			if !running {
				w.worker()
			}
			until(t, "the last event", func() bool { return rc.ids()[last0(want)] == 1 })
			if diff := cmp.Diff(want, rc.ids()); diff != "" {
				t.Errorf("got (-want +got):\n%s", diff)
			}
			for id := range gone.ids() {
				if !running || !late[id] {
					t.Errorf("the deleted endpoint got %s", id)
				}
			}
		})
	}
}

// last0 returns the greatest key.
func last0(m map[string]int) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return slices.Max(keys)
}

// Events about one resource arrive in their order, also when an attempt fails;
// others do not wait for them.
func TestOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	var failed sync.Map
	fails := func(id string) bool { return id[len(id)-5]%3 == 0 }
	rc := w.receiver("whe_1", func(_ int, r request) int {
		// About every third event fails the first time.
		if _, seen := failed.LoadOrStore(r.id, true); !seen && fails(r.id) {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	})
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(func(c *delivery.Config) { c.Circuit = 1000 })
	var list []string
	for i := range 60 {
		list = append(list, "diruser_"+string(rune('a'+i%4)))
	}
	failures := uint64(0)
	for _, p := range w.publish("org_1", userUpdated, list...) {
		if fails(p.id) {
			failures++
		}
	}
	until(t, "all are delivered", func() bool { return d.Stats().Delivered == 60 })
	last := map[string]string{}
	tried := map[string]bool{}
	for _, r := range rc.requests() {
		_, resource, _ := strings.Cut(r.body, `"data":{"id":"`)
		resource = resource[:9]
		if r.id < last[resource] {
			t.Errorf("%s of %s came after %s", r.id, resource, last[resource])
		}
		last[resource], tried[r.id] = r.id, true
	}
	if s := d.Stats(); s.Failed != failures || s.Queued == 0 || len(tried) != 60 {
		t.Errorf("stats %+v, %d events", s, len(tried))
	}
}

// While the circuit is open, one delivery probes and everything else waits; a
// success lets all of it through.
func TestCircuit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(500))
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,400ms,400ms,400ms,400ms,400ms,400ms,400ms,400ms,400ms,1h"), func(c *delivery.Config) { c.Circuit = 3 })
	evs := w.publish("org_1", userUpdated, resources("diruser", 500)...)
	until(t, "the circuit opens", func() bool { return d.Stats().Open == 1 })
	n := rc.count()
	until(t, "probes", func() bool { return rc.count() >= n+3 })
	if got := len(rc.ids()); got > 3 {
		t.Errorf("%d different events were tried, want the three that opened the circuit", got)
	}
	counts := rc.ids()
	if head := counts[evs[0].id]; head < 3 {
		t.Errorf("the first event was tried %d times (%v)", head, counts)
	}
	row, _ := w.rows("whe_1")
	if !row.Open() || row.Position > evs[10].seq {
		t.Errorf("row %+v", row)
	}
	rc.set(nil)
	until(t, "the backlog is delivered", func() bool { return d.Stats().Delivered == 500 })
	if got := len(rc.ids()); got != 500 {
		t.Errorf("%d events came", got)
	}
	if s := d.Stats(); s.Open != 0 || s.Waiting != 0 || s.Dead != 0 {
		t.Errorf("stats %+v", s)
	}
	until(t, "the position is recorded", func() bool { row, _ := w.rows("whe_1"); return row.Position == evs[499].seq })
}

// A worker that is killed at any time loses nothing; what it repeats carries the
// same webhook-id. The file for the endpoints may be deleted.
func TestRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	var fail atomic.Bool
	fail.Store(true)
	flaky := w.receiver("whe_1", func(_ int, r request) int {
		if fail.Load() && r.id[len(r.id)-5] == '3' {
			return http.StatusBadGateway
		}
		time.Sleep(time.Millisecond) // so that a kill meets attempts under way
		return http.StatusOK
	})
	steady := w.receiver("whe_2", nil)
	w.endpoint("whe_1", flaky.URL, "*")
	w.endpoint("whe_2", steady.URL, "*")
	want := map[string]string{}
	publish := func(prefix string, n int) {
		for _, p := range w.publish("org_1", userUpdated, resources(prefix, n)...) {
			want[p.id] = p.body
		}
	}
	publish("early", 150)
	long := "0s,200ms" + strings.Repeat(",1s", 18) // no delivery dies while it is tried
	for round := range 4 {
		d := w.worker(withLadder(t, long), func(c *delivery.Config) { c.Circuit = 1000 })
		publish("round", 100)
		n := flaky.count()
		until(t, "some of it", func() bool { return flaky.count() >= n+40 })
		d.Kill()
		if round == 2 {
			if err := os.Remove(w.path); err != nil {
				t.Fatal(err)
			}
		}
	}
	fail.Store(false)
	d := w.worker(withLadder(t, long), func(c *delivery.Config) { c.Circuit = 1000 })
	publish("late", 20)
	for _, rc := range []*receiver{flaky, steady} {
		until(t, "everything arrives", func() bool { return len(rc.ids()) == len(want) })
	}
	until(t, "nothing waits", func() bool { s := d.Stats(); return s.Waiting == 0 && s.Lagging == 0 && s.InFlight == 0 })
	for _, rc := range []*receiver{flaky, steady} {
		for _, r := range rc.requests() {
			if want[r.id] != r.body || r.verified != nil {
				t.Fatalf("%s came as %s (%v)", r.id, r.body, r.verified)
			}
		}
	}
	// Four kills cut off at most what was in flight or not yet recorded.
	repeats := steady.count() - len(want)
	t.Logf("%d events, %d repeats to the steady receiver", len(want), repeats)
	_, rows := w.rows("whe_1")
	for _, r := range rows {
		if r.Status.Waiting() || r.Status == attempts.Exhausted {
			t.Errorf("left over: %+v", r)
		}
	}
}

// An orderly stop repeats nothing at all.
func TestStop_repeatsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	for range 3 {
		d := w.worker()
		n := rc.count()
		w.publish("org_1", userUpdated, resources("diruser", 200)...)
		until(t, "some of it", func() bool { return rc.count() > n+20 })
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	w.worker()
	until(t, "everything arrives", func() bool { return len(rc.ids()) == 600 })
	if n := rc.count(); n != 600 {
		t.Errorf("%d requests for 600 events", n)
	}
}

// Whoever finds another writer in its slot stops working on it, and on no other.
func TestFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	lost, kept := w.receiver("whe_1", nil), w.receiver("whe_2", nil)
	w.endpoint("whe_1", lost.URL, "*")
	w.endpoint("whe_2", kept.URL, "*")
	if attempts.SlotOf("whe_1") == attempts.SlotOf("whe_2") {
		t.Fatal("both endpoints are in one slot; choose other ids")
	}
	d := w.worker()
	w.publish("org_1", userUpdated, "diruser_1")
	until(t, "both are served", func() bool { return d.Stats().Delivered == 2 })
	l, err := attemptlog.Open(t.Context(), w.js)
	if err != nil {
		t.Fatal(err)
	}
	slot := attempts.SlotOf("whe_1")
	state, place := attempts.NewState(), attempts.Place{}
	rival, err := l.Recover(t.Context(), slot, func(seq uint64, f attempts.Frame) (err error) {
		place, err = attempts.Apply(state, place, seq, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := state.Checkpoint(slot, place.Index+1, place.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rival.Append(t.Context(), parts[0]); err != nil {
		t.Fatal(err)
	}
	w.publish("org_1", userUpdated, "diruser_2")
	until(t, "the worker notices", func() bool { return errors.Is(d.Err(), attemptlog.ErrFenced) })
	n := lost.count()
	for i := range 5 {
		w.publish("org_1", userUpdated, resources("diruser", 3)...)
		until(t, "the other slot goes on", func() bool { return kept.count() == 2+3*(i+1) })
	}
	if lost.count() != n {
		t.Errorf("%d more requests from the lost slot", lost.count()-n)
	}
}

// Events that leave the stream before their turn are skipped, and said to be.
func TestTrimmedEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(500))
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,1h"), func(c *delivery.Config) { c.Circuit = 1 })
	evs := w.publish("org_1", userUpdated, resources("diruser", 300)...)
	until(t, "the circuit opens", func() bool { return d.Stats().Open == 1 })
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	stream, err := w.js.Stream(t.Context(), natslog.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(evs[200].seq)); err != nil {
		t.Fatal(err)
	}
	rc.set(nil)
	var said bytes.Buffer
	var mu sync.Mutex
	d = w.worker(withLadder(t, "0s,1h"), func(c *delivery.Config) {
		c.Logger = slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return said.Write(p)
		}), nil))
	})
	// A new URL makes the first delivery be tried at once; its event is gone, so
	// it is a dead letter, and the next one closes the circuit.
	w.configure("whe_1", rc.URL+"/moved", true, "*")
	until(t, "the rest arrives", func() bool { return len(rc.ids()) == 101 && d.Stats().Delivered == 100 })
	s := d.Stats()
	if s.Dead != 1 || s.Skipped == 0 {
		t.Errorf("stats %+v", s)
	}
	_, rows := w.rows("whe_1")
	if len(rows) != 1 || rows[0].Class != "gone" {
		t.Errorf("rows %+v", rows)
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(said.String(), "skipped") {
		t.Errorf("the log does not say so:\n%s", said.String())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// A slow receiver reads for itself and loses nothing, while a quick one is
// served at once; far more than fits any queue, through checkpoints.
func TestLag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	slow := w.receiver("whe_1", func(int, request) int { time.Sleep(3 * time.Millisecond); return http.StatusOK })
	quick := w.receiver("whe_2", nil)
	w.endpoint("whe_1", slow.URL, "*")
	w.endpoint("whe_2", quick.URL, "*")
	d := w.worker(func(c *delivery.Config) { c.Concurrency = 4 })
	const n = 2000
	for range 4 {
		w.publish("org_1", userUpdated, resources("diruser", n/4)...)
	}
	until(t, "the quick one has everything", func() bool { return quick.count() == n })
	if slow.count() == n {
		t.Error("the slow one was not slow; the test shows nothing")
	}
	until(t, "the slow one has everything", func() bool { return slow.count() == n })
	for name, rc := range map[string]*receiver{"slow": slow, "quick": quick} {
		if got := len(rc.ids()); got != n {
			t.Errorf("%s: %d different events", name, got)
		}
	}
	until(t, "both keep up again", func() bool { return d.Stats().Lagging == 0 })
}

func TestCheckpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,100ms,100ms,100ms,100ms,100ms")) // a busy machine may miss an answer
	const n = 11_000
	for range n / 1000 {
		w.publish("org_1", userUpdated, resources("diruser", 1000)...)
	}
	until(t, "everything is recorded", func() bool { return d.Stats().Delivered == n })
	until(t, "a checkpoint", func() bool { return d.Stats().Checkpoints == 1 })
	if err := d.Stop(); err != nil {
		t.Fatal(err)
	}
	w.worker()
	extra := w.publish("org_1", userUpdated, "diruser_x")[0]
	until(t, "the next event", func() bool { return rc.ids()[extra.id] == 1 })
	if got := rc.count(); got != n+1 {
		t.Errorf("%d requests for %d events", got, n+1)
	}
}

// A stream of attempts with little room is trimmed behind checkpoints.
func TestSmallStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{Attempts: 1 << 20})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker()
	const n = 12_000
	for range n / 500 {
		w.publish("org_1", userUpdated, resources("diruser", 500)...)
	}
	until(t, "everything is recorded", func() bool { return d.Stats().Delivered == n })
	if s := d.Stats(); s.Checkpoints == 0 || d.Err() != nil {
		t.Errorf("stats %+v, error %v", s, d.Err())
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	cfg := delivery.Config{Path: w.path, Log: w.log, JetStream: w.js, Unseal: unseal, Client: w.client, Logger: slog.New(slog.DiscardHandler)}
	if _, err := delivery.New(delivery.Config{}); err == nil {
		t.Error("a worker of nothing")
	}
	idle, err := delivery.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(idle.Stop(), idle.Stop()); err != nil {
		t.Errorf("stop before start: %v", err)
	}
	if err := idle.Start(t.Context()); err == nil {
		t.Error("started after its end")
	}
	for range 3 {
		d, err := delivery.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := d.Stop(); err != nil {
					t.Errorf("stop: %v", err)
				}
			})
		}
		wg.Wait()
	}
}

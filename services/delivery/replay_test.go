package delivery_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/delivery"
)

// replay asks for a replay.
func (w *world) replay(id string, e events.WebhookReplayRequested) {
	w.t.Helper()
	if e.RateLimit == 0 {
		e.RateLimit = 10_000
	}
	w.commit(w.event(events.Event{Resource: id, Revision: 1}, e))
}

// everything is a replay of all that was published before.
func everything(endpoint string, types ...string) events.WebhookReplayRequested {
	return events.WebhookReplayRequested{Endpoint: endpoint, Kind: directory.ReplayRange, Since: &time.Time{}, EventTypes: types}
}

// finished collects what the worker says of replays, and has the log say it.
type finished struct {
	w  *world
	mu sync.Mutex
	of map[string]events.WebhookReplayFinished
}

func (f *finished) submit(_ context.Context, c directory.Command) error {
	end, ok := c.(directory.FinishWebhookReplay)
	if !ok {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.of[end.ID]; !known {
		f.of[end.ID] = end.WebhookReplayFinished
		f.w.commit(f.w.event(events.Event{Resource: end.ID, Revision: 2}, end.WebhookReplayFinished))
	}
	return nil
}

func (f *finished) result(id string) (events.WebhookReplayFinished, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.of[id]
	return r, ok
}

// replayer starts a worker whose finished replays are known.
func (w *world) replayer(change ...func(*delivery.Config)) (*delivery.Worker, *finished) {
	w.t.Helper()
	f := &finished{w: w, of: map[string]events.WebhookReplayFinished{}}
	return w.worker(append(change, func(c *delivery.Config) { c.Submit = f.submit })...), f
}

func (f *finished) await(id string, want events.WebhookReplayFinished) {
	f.w.t.Helper()
	until(f.w.t, "the end of "+id, func() bool { _, ok := f.result(id); return ok })
	if got, _ := f.result(id); got != want {
		f.w.t.Errorf("%s ended with %+v, want %+v", id, got, want)
	}
}

func ids(of []published) map[string]bool {
	m := map[string]bool{}
	for _, p := range of {
		m[p.id] = true
	}
	return m
}

func arrived(rc *receiver) map[string]bool {
	m := map[string]bool{}
	for _, r := range rc.requests() {
		m[r.id] = true
	}
	return m
}

// A range is sent again by type and organization, also what was never sent to
// the endpoint, under the same ids, marked, and with an end.
func TestReplay_range(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	mine := w.publish("org_1", userUpdated, resources("diruser", 30)...)
	other := w.publish("org_2", userUpdated, resources("diruser", 10)...)
	w.endpoint("whe_1", rc.URL, groupCreated) // made after them, and for others
	_, f := w.replayer()
	w.publish("org_1", groupCreated, "dirgroup_1")
	until(t, "the live event", func() bool { return rc.count() == 1 })
	e := everything("whe_1", "organization.directory.user_*")
	e.Organization = "org_1"
	w.replay("whr_1", e)
	f.await("whr_1", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 30, Delivered: 30})
	got := rc.requests()[1:]
	if len(got) != 30 {
		t.Fatalf("%d came, want 30", len(got))
	}
	for _, r := range got {
		if r.verified != nil || r.header.Get("webhook-replay") != "whr_1" {
			t.Errorf("%s is marked %q, verified: %v", r.id, r.header.Get("webhook-replay"), r.verified)
		}
	}
	if seen := arrived(rc); len(seen) != 31 || !maps.Equal(ids(mine), keep(seen, ids(mine))) {
		t.Errorf("%d different ones came", len(seen))
	}
	w.replay("whr_2", everything("whe_1")) // what the endpoint wants: the group
	f.await("whr_2", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 1, Delivered: 1})
	w.replay("whr_3", everything("whe_1", "*"))
	f.await("whr_3", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 41, Delivered: 41})
	if seen := arrived(rc); !maps.Equal(ids(other), keep(seen, ids(other))) {
		t.Error("those of the other organization did not come")
	}
	future := time.Now().Add(time.Hour)
	e = everything("whe_1", "*")
	e.Since = &future
	w.replay("whr_4", e)
	f.await("whr_4", events.WebhookReplayFinished{Endpoint: "whe_1"})
}

func keep(m, of map[string]bool) map[string]bool {
	out := map[string]bool{}
	for k := range m {
		if of[k] {
			out[k] = true
		}
	}
	return out
}

// Dead letters since a time are sent again, and nothing else.
func TestReplay_failed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(500))
	w.endpoint("whe_1", rc.URL, "*")
	d, f := w.replayer(withLadder(t, "0s,100ms"), func(c *delivery.Config) { c.Circuit = 1000 })
	w.publish("org_1", userUpdated, resources("diruser", 5)...)
	until(t, "the first dead letters", func() bool { return d.Stats().DeadLetters == 5 })
	since := time.Now()
	dead := w.publish("org_1", userUpdated, resources("dirgroup", 7)...)
	until(t, "more dead letters", func() bool { return d.Stats().DeadLetters == 12 })
	rc.set(nil)
	w.publish("org_1", userUpdated, "diruser_live")
	until(t, "a delivery", func() bool { return d.Stats().Delivered == 1 })
	before := rc.count()
	w.replay("whr_1", events.WebhookReplayRequested{Endpoint: "whe_1", Kind: directory.ReplayFailed, Since: &since})
	f.await("whr_1", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 7, Delivered: 7})
	got := map[string]bool{}
	for _, r := range rc.requests()[before:] {
		got[r.id] = true
	}
	if !maps.Equal(got, ids(dead)) {
		t.Errorf("sent again: %v", slices.Sorted(maps.Keys(got)))
	}
	if n := d.Stats().DeadLetters; n != 5 {
		t.Errorf("%d dead letters are left, want 5", n)
	}
}

// A replay goes on where it was after a kill, loses nothing, and repeats no more
// than what was under way.
func TestReplay_kill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	all := w.publish("org_1", userUpdated, resources("diruser", 1500)...)
	w.endpoint("whe_1", rc.URL, "*")
	first := w.worker()
	w.replay("whr_1", everything("whe_1"))
	until(t, "a part", func() bool { return rc.count() > 300 })
	first.Kill()
	at := rc.count()
	_, f := w.replayer()
	f.await("whr_1", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 1500, Delivered: 1500})
	if !maps.Equal(arrived(rc), ids(all)) {
		t.Errorf("%d of 1500 came", len(arrived(rc)))
	}
	// Under way at the kill were 8 attempts, and what was recorded of the last ones
	// may not have been stored.
	if n := rc.count(); at == 1500 || n > 1500+300 {
		t.Errorf("%d requests for 1500 events, %d of them before the kill", n, at)
	}
}

// A cancelled replay queues nothing more, and leaves no row behind.
func TestReplay_cancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.publish("org_1", userUpdated, resources("diruser", 600)...)
	w.endpoint("whe_1", rc.URL, "*")
	d, f := w.replayer()
	e := everything("whe_1")
	e.RateLimit = 50
	w.replay("whr_1", e)
	until(t, "some", func() bool { return rc.count() >= 5 })
	w.commit(w.event(events.Event{Resource: "whr_1", Revision: 2}, events.WebhookReplayCancelled{Endpoint: "whe_1"}))
	live := w.publish("org_1", userUpdated, "diruser_live")
	until(t, "a live event behind it", func() bool { return arrived(rc)[live[0].id] })
	until(t, "the end of its row", func() bool { return len(w.replays("whe_1")) == 0 })
	until(t, "rest", func() bool { return d.Stats().Waiting == 0 })
	if n := rc.count(); n > 300 {
		t.Errorf("%d came of 600 at 50 a second", n)
	}
	if _, ok := f.result("whr_1"); ok {
		t.Error("a cancelled replay was finished")
	}
}

// replays returns the rows of an endpoint's replays as recorded.
func (w *world) replays(endpoint string) []attempts.Replay {
	w.t.Helper()
	l, err := attemptlog.Open(w.t.Context(), w.js)
	if err != nil {
		w.t.Fatal(err)
	}
	state, place := attempts.NewState(), attempts.Place{}
	if _, err := l.Recover(w.t.Context(), attempts.SlotOf(endpoint), func(seq uint64, f attempts.Frame) (err error) {
		place, err = attempts.Apply(state, place, seq, f)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return state.Replays(endpoint)
}

// A replay keeps its rate.
func TestReplay_rate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.publish("org_1", userUpdated, resources("diruser", 60)...)
	w.endpoint("whe_1", rc.URL, "*")
	_, f := w.replayer()
	e := everything("whe_1")
	e.RateLimit = 40
	w.replay("whr_1", e)
	f.await("whr_1", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 60, Delivered: 60})
	got := rc.requests()
	if took := got[59].at.Sub(got[0].at); took < 1200*time.Millisecond {
		t.Errorf("60 events at 40 a second took %s", took)
	}
}

// While a replay runs, live events of a resource come behind what is replayed of
// it and waits, and those of others are not held up.
func TestReplay_beside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	hold := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(hold) }) }
	defer release()
	rc := w.receiver("whe_1", func(_ int, r request) int {
		if r.header.Get("webhook-replay") != "" && strings.Contains(r.body, `"diruser_1"`) {
			<-hold
		}
		return 204
	})
	old := w.publish("org_1", userUpdated, "diruser_1")
	w.endpoint("whe_1", rc.URL, "*")
	worker, f := w.replayer()
	w.publish("org_1", userUpdated, resources("warm", 3)...) // widens the window
	// A replay passes over what is under way still, so their answers have to be recorded.
	until(t, "live events to be delivered", func() bool { return worker.Stats().Delivered == 3 })
	e := everything("whe_1")
	e.Since, e.Until = &time.Time{}, nil
	w.replay("whr_1", e)
	until(t, "the replayed one to be under way", func() bool { return arrived(rc)[old[0].id] })
	behind := w.publish("org_1", userUpdated, "diruser_1")
	aside := w.publish("org_1", userUpdated, "diruser_2")
	until(t, "another resource's", func() bool { return arrived(rc)[aside[0].id] })
	if arrived(rc)[behind[0].id] {
		t.Error("a later event overtook a replayed one of its resource")
	}
	release()
	until(t, "the live event behind it", func() bool { return arrived(rc)[behind[0].id] })
	f.await("whr_1", events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 4, Delivered: 4})
}

// Several replays of several endpoints run beside each other, each to its end.
func TestReplay_several(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	w.publish("org_1", userUpdated, resources("diruser", 50)...)
	rc := w.receiver("whe_0", nil)
	for i := range 30 {
		w.endpoint("whe_"+strconv.Itoa(i), rc.URL, "*")
	}
	_, f := w.replayer()
	for i := range 30 {
		w.replay("whr_"+strconv.Itoa(i), everything("whe_"+strconv.Itoa(i)))
	}
	for i := range 30 {
		f.await("whr_"+strconv.Itoa(i), events.WebhookReplayFinished{Endpoint: "whe_" + strconv.Itoa(i), Queued: 50, Delivered: 50})
	}
}

package delivery_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// due causes events about resources in the log, and returns what is to be appended
// to EVENTS and the sequence that the first of it gets there.
func (w *world) due(typ string, resources ...string) (ms []*nats.Msg, first uint64) {
	w.t.Helper()
	list := make([]events.Event, len(resources))
	for i, r := range resources {
		list[i] = w.event(events.Event{Type: "user.updated.v1", Organization: "org_1", Resource: r}, events.UserUpdated{})
	}
	seq, ordinal := w.commit(list...)
	stream, err := w.js.Stream(w.t.Context(), natslog.EventsStream)
	if err != nil {
		w.t.Fatal(err)
	}
	return caused("org_1", typ, seq, ordinal-uint64(len(resources)), resources...), stream.CachedInfo().State.LastSeq + 1
}

// notify gives notice of a message that gets the sequence.
func (w *world) notify(m *nats.Msg, seq uint64) {
	w.t.Helper()
	n := &nats.Msg{Subject: public.NoticeSubject, Header: nats.Header{public.HeaderSequence: {strconv.FormatUint(seq, 10)}}, Data: m.Data}
	for k, v := range m.Header {
		n.Header[k] = v
	}
	if err := w.js.Conn().PublishMsg(n); err != nil {
		w.t.Fatal(err)
	}
}

// A webhook is sent before EVENTS holds the event, and recorded after.
func TestNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "organization.directory.*")
	d := w.worker()
	before := w.publish("org_1", userUpdated, "diruser_0")
	until(t, "the record", func() bool { return d.Stats().Delivered == 1 })

	ms, seq := w.due(userUpdated, "diruser_1", "diruser_2")
	w.notify(ms[0], seq)
	w.notify(ms[1], seq+1)
	w.notify(ms[1], seq+1) // once more
	until(t, "the webhooks", func() bool { return rc.count() == 3 })
	for _, r := range rc.requests() {
		if r.verified != nil {
			t.Errorf("%s: %v", r.id, r.verified)
		}
	}
	if s := d.Stats(); s.Delivered != 1 || s.Early != 2 || s.Position != before[0].seq {
		t.Errorf("before EVENTS holds the events: %+v", s)
	}
	if row, _ := w.rows("whe_1"); row.Position != before[0].seq {
		t.Errorf("before EVENTS holds the events the position is %d", row.Position)
	}
	stored := w.store(ms...)
	until(t, "the records", func() bool { return d.Stats().Delivered == 3 })
	until(t, "the position", func() bool { row, _ := w.rows("whe_1"); return row.Position == stored[1].seq })
	if got, want := rc.ids(), map[string]int{before[0].id: 1, stored[0].id: 1, stored[1].id: 1}; !cmp.Equal(got, want) {
		t.Errorf("webhooks %v, want %v", got, want)
	}
}

// What cannot be offered yet waits for what is before it.
func TestNotice_gap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker()
	ms, seq := w.due(userUpdated, slices.Repeat([]string{"diruser_1"}, 4)...)
	w.notify(ms[2], seq+2)
	w.notify(ms[1], seq+1)
	w.notify(ms[3], seq+3)
	w.store(ms[0]) // of which there was no notice
	until(t, "the webhooks", func() bool { return rc.count() == 4 })
	for i, r := range rc.requests() {
		if want := ms[i].Header.Get(public.HeaderEventID); r.id != want {
			t.Errorf("webhook %d is %s, want %s", i+1, r.id, want)
		}
	}
	w.store(ms[1:]...)
	until(t, "the records", func() bool { return d.Stats().Delivered == 4 })
}

// A worker that dies before EVENTS holds what it sent has recorded nothing of it:
// the next sends the same again.
func TestNotice_crash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker()
	ms, seq := w.due(userUpdated, "diruser_1")
	w.notify(ms[0], seq)
	until(t, "the webhook", func() bool { return rc.count() == 1 })
	d.Kill()
	if row, rows := w.rows("whe_1"); row.Position >= seq || len(rows) > 0 {
		t.Errorf("recorded %+v %+v", row, rows)
	}
	stored := w.store(ms...)
	d = w.worker()
	until(t, "the record", func() bool { return d.Stats().Delivered == 1 })
	if got := rc.ids(); len(got) != 1 || got[stored[0].id] != 2 {
		t.Errorf("webhooks %v, want the same twice", got)
	}
}

// An early attempt that fails is retried as any other, and what is about the same
// resource waits for it.
func TestNotice_failure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", func(n int, _ request) int {
		if n == 1 {
			return 500
		}
		return 200
	})
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker()
	ms, seq := w.due(userUpdated, "diruser_1", "diruser_1")
	w.notify(ms[0], seq)
	until(t, "the first attempt", func() bool { return rc.count() == 1 })
	w.notify(ms[1], seq+1)
	until(t, "the second event is taken", func() bool { return d.Stats().Early == 2 })
	stored := w.store(ms...)
	until(t, "the records", func() bool { return d.Stats().Delivered == 2 })
	var order []string
	for _, r := range rc.requests() {
		order = append(order, r.id)
	}
	if want := []string{stored[0].id, stored[0].id, stored[1].id}; !slices.Equal(order, want) {
		t.Errorf("webhooks %v, want %v", order, want)
	}
}

// A worker that stops waits for EVENTS to hold what it sent, and then records it.
func TestNotice_stop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker()
	ms, seq := w.due(userUpdated, "diruser_1")
	w.notify(ms[0], seq)
	until(t, "the webhook", func() bool { return rc.count() == 1 })
	stopped := make(chan error)
	go func() { stopped <- d.Stop() }()
	stored := w.store(ms...)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if row, _ := w.rows("whe_1"); row.Position != stored[0].seq {
		t.Errorf("the position is %d, want %d", row.Position, stored[0].seq)
	}
}

// What EVENTS turns out not to hold leaves no trace but what was sent, whether it
// was answered, failed or is still under way.
func TestNotice_wrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	status := map[string]int{"whe_1": 200, "whe_2": 500, "whe_3": 0}
	receivers := map[string]*receiver{}
	for id, code := range status {
		rc := w.receiver(id, always(code))
		receivers[id] = rc
		w.endpoint(id, rc.URL, "*")
	}
	d := w.worker()
	ms, seq := w.due(userUpdated, "diruser_1", "diruser_2", "diruser_1", "diruser_3")
	wrong := ms[0]
	w.notify(wrong, seq)
	w.notify(ms[1], seq+1)
	w.notify(ms[2], seq+2)
	until(t, "the webhooks", func() bool {
		for _, rc := range receivers {
			if rc.ids()[wrong.Header.Get(public.HeaderEventID)] == 0 {
				return false
			}
		}
		return true
	})
	for _, rc := range receivers {
		rc.set(nil)
	}
	// The stream holds something else in that place, and what is behind it one
	// place earlier.
	stored := w.store(ms[1], ms[3])
	for id := range status {
		until(t, "the position of "+id, func() bool { row, _ := w.rows(id); return row.Position == stored[1].seq })
	}
	until(t, "the records", func() bool { return d.Stats().Delivered == 6 })
	for id, rc := range receivers {
		if got := rc.ids(); got[stored[0].id] == 0 || got[stored[1].id] != 1 {
			t.Errorf("%s got %v, want all of %v", id, got, stored)
		}
		if _, rows := w.rows(id); len(rows) > 0 {
			t.Errorf("%s: rows %+v", id, rows)
		}
	}
	if s := d.Stats(); s.Failed != 0 || s.Waiting != 0 || s.InFlight > 1 || d.Err() != nil {
		t.Errorf("stats %+v, error %v", s, d.Err())
	}
	// And what comes next is offered early again.
	more, at := w.due(userUpdated, "diruser_4")
	w.notify(more[0], at)
	until(t, "the next", func() bool {
		return d.Stats().Early > 3 && receivers["whe_1"].ids()[more[0].Header.Get(public.HeaderEventID)] == 1
	})
	w.store(more...)
	until(t, "its record", func() bool { row, _ := w.rows("whe_1"); return row.Position == at })
}

// Whatever becomes of the notices, everybody gets everything, in order, and
// nobody anything twice.
func TestNotice_random(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // no secret
			w := newWorld(t, natslog.Sizes{})
			var mu sync.Mutex
			fails := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // no secret
			receivers := map[string]*receiver{}
			for id, percent := range map[string]int{"whe_1": 0, "whe_2": 10, "whe_3": 40} {
				receivers[id] = w.receiver(id, func(int, request) int {
					mu.Lock()
					defer mu.Unlock()
					if fails.IntN(100) < percent {
						return 503
					}
					return 200
				})
				w.endpoint(id, receivers[id].URL, "*")
			}
			d := w.worker(withLadder(t, "0s"+strings.Repeat(",20ms", 19)))
			var all []published
			for len(all) < 600 {
				ms, seq := w.due(userUpdated, resources("diruser", 1+r.IntN(40))...)
				var later []int
				for i := range ms {
					switch r.IntN(10) {
					case 0: // lost
					case 1:
						later = append(later, i)
					default:
						w.notify(ms[i], seq+uint64(i))
					}
				}
				at := r.IntN(len(ms) + 1)
				all = append(all, w.store(ms[:at]...)...)
				for _, i := range later {
					w.notify(ms[i], seq+uint64(i))
				}
				if r.IntN(3) == 0 {
					time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond) // let some of it through, or not
				}
				all = append(all, w.store(ms[at:]...)...)
			}
			for id := range receivers {
				until(t, "the position of "+id, func() bool {
					row, rows := w.rows(id)
					return row.Position == all[len(all)-1].seq && !slices.ContainsFunc(rows, func(d attempts.Delivery) bool { return d.Status.Waiting() })
				})
			}
			if s := d.Stats(); s.Early == 0 || s.Dead > 0 {
				t.Errorf("stats %+v", s)
			}
			for id, rc := range receivers {
				inOrder(t, id, rc, all)
			}
		})
	}
}

// inOrder checks that a receiver has answered every event with success once, and
// those of one resource in order.
func inOrder(t *testing.T, name string, rc *receiver, all []published) {
	t.Helper()
	place := map[string]int{}
	for i, p := range all {
		place[p.id] = i
	}
	latest, done := map[string]int{}, map[string]int{}
	for _, r := range rc.requests() {
		at, ok := place[r.id]
		if !ok || r.body != all[at].body {
			t.Errorf("%s: got %s, which is not in EVENTS", name, r.id)
			continue
		}
		var body struct {
			Data struct {
				ID string `json:"id"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(r.body), &body); err != nil {
			t.Fatal(err)
		}
		if at < latest[body.Data.ID] {
			t.Errorf("%s: %s came behind a later event of %s", name, r.id, body.Data.ID)
		}
		latest[body.Data.ID] = at
		if r.status == 200 {
			done[r.id]++
		}
	}
	for _, p := range all {
		if done[p.id] != 1 {
			t.Errorf("%s: %s was taken %d times", name, p.id, done[p.id])
		}
	}
}

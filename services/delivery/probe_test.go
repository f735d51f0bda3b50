package delivery_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/delivery"
)

// soon is a while after a failure, and long before the next rung of these tests.
func soon() time.Time { return time.Now().Add(2 * time.Minute) }

// A delivery that the receiver refuses for good opens the circuit where nothing
// else happens. What happens later does not wait for its rungs.
func TestProbe_refusedForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", func(_ int, r request) int {
		if strings.Contains(r.body, "diruser_bad") {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	})
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,1ms,1ms,24h,24h,24h"), func(c *delivery.Config) { c.Circuit = 3 })
	bad := w.publish("org_1", userUpdated, "diruser_bad")[0]
	until(t, "the circuit opens", func() bool { return d.Stats().Open == 1 })
	good := w.publish("org_1", userUpdated, "diruser_good")[0]
	until(t, "it is tried", func() bool { d.Probe(soon()); return rc.ids()[good.id] == 1 })
	until(t, "the circuit closes", func() bool { s := d.Stats(); return s.Open == 0 && s.Delivered == 1 })
	// An endpoint that answers gets at once what waits.
	until(t, "the other is due", func() bool { return rc.ids()[bad.id] == 4 })
}

// Nothing is tried before its time because the circuit is open, and what is due
// finds out that the receiver is back.
func TestProbe_overdue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(http.StatusServiceUnavailable))
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,1h,1h"), func(c *delivery.Config) { c.Circuit = 4 })
	w.publish("org_1", userUpdated, resources("diruser", 4)...)
	until(t, "the circuit opens", func() bool { s := d.Stats(); return s.Open == 1 && s.Waiting == 4 })
	rc.set(nil)
	d.Probe(soon())
	if s := d.Stats(); s.InFlight != 0 || rc.count() != 4 {
		t.Errorf("tried before its time: %+v", s)
	}
	d.Probe(time.Now().Add(2 * time.Hour))
	until(t, "all are delivered", func() bool { s := d.Stats(); return s.Delivered == 4 && s.Open == 0 && s.Waiting == 0 })
}

// What happened before a restart and was not begun finds out, too: it is read
// again although the circuit is open.
func TestProbe_restart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(http.StatusInternalServerError))
	w.endpoint("whe_1", rc.URL, "*")
	steps := withLadder(t, "0s,24h")
	d := w.worker(steps, func(c *delivery.Config) { c.Circuit = 1 })
	w.publish("org_1", userUpdated, resources("diruser", 300)...)
	until(t, "the circuit opens", func() bool { return d.Stats().Open == 1 })
	d.Kill()
	rc.set(nil)
	w.publish("org_1", userUpdated, resources("later", 10)...)
	d = w.worker(steps)
	until(t, "everything is delivered", func() bool { d.Probe(soon()); return d.Stats().Delivered == 310 })
}

// A test event shows how things are now: it waits neither for an earlier one that
// failed nor for the circuit.
func TestProbe_testEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(http.StatusInternalServerError))
	w.endpoint("whe_1", rc.URL, "*")
	d := w.worker(withLadder(t, "0s,24h"), func(c *delivery.Config) { c.Circuit = 3 })
	test := func() string {
		seq, ordinal := w.commit(w.event(events.Event{Type: "user.updated.v1", Organization: "org_1", Resource: "whe_1"}, events.UserUpdated{}))
		ms := caused("org_1", string(public.EndpointTest), seq, ordinal-1, "whe_1")
		ms[0].Header.Set(public.HeaderEndpoint, "whe_1")
		return w.store(ms...)[0].id
	}
	test()
	until(t, "it fails", func() bool { return d.Stats().Waiting == 1 })
	test()
	until(t, "the next is tried", func() bool { return d.Stats().Waiting == 2 })
	w.publish("org_1", userUpdated, "diruser_1")
	until(t, "the circuit opens", func() bool { return d.Stats().Open == 1 })
	rc.set(nil)
	last := test()
	until(t, "it is tried although the circuit is open", func() bool { return rc.ids()[last] == 1 })
	until(t, "everything is delivered", func() bool { s := d.Stats(); return s.Delivered == 4 && s.Open == 0 })
}

// Whoever changes the URL sees at once whether it helped, also while the circuit
// is closed.
func TestProbe_newURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	bad, good := w.receiver("whe_1", always(http.StatusInternalServerError)), w.receiver("whe_1", nil)
	w.endpoint("whe_1", bad.URL, "*")
	d := w.worker(withLadder(t, "0s,24h"))
	w.publish("org_1", userUpdated, "diruser_1", "diruser_2", "diruser_1")
	until(t, "three wait", func() bool { s := d.Stats(); return s.Failed == 2 && s.Waiting == 3 && s.Open == 0 })
	w.configure("whe_1", good.URL, true, "*")
	until(t, "all are delivered", func() bool { return d.Stats().Delivered == 3 && good.count() == 3 })
}

package delivery_test

import (
	"net/http"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/delivery"
)

// A worker that is killed while retries are parked repeats what ATTEMPTS did not
// hold yet, once, and nothing else. Each worker finds a receiver of its own, so
// that what the killed one still had on the wire is not taken for the next one's.
func TestRestart_parked(t *testing.T) {
	t.Parallel()
	const n = 120
	w := newWorld(t, natslog.Sizes{})
	refuse := func() *receiver { return w.receiver("whe_1", always(http.StatusBadGateway)) }
	start := func() *delivery.Worker {
		return w.worker(withLadder(t, "0s,2h"), func(c *delivery.Config) { c.Circuit = 10 * n })
	}
	first, second, third := refuse(), refuse(), refuse()
	w.endpoint("whe_1", first.URL, "*")
	all := w.publish("org_1", userUpdated, resources("diruser", n)...)
	d := start()
	until(t, "some are parked", func() bool { _, rows := w.rows("whe_1"); return len(rows) >= n/4 })
	d.Kill()

	// A frame that was on its way at the kill may still be stored behind this
	// look: what looks unrecorded here need not come again.
	unrecorded := map[string]bool{}
	for _, e := range all {
		unrecorded[e.id] = true
	}
	_, rows := w.rows("whe_1")
	for _, r := range rows {
		delete(unrecorded, r.EventID)
	}
	w.configure("whe_1", second.URL, true, "*")
	d = start()
	until(t, "all are parked", func() bool { _, rows := w.rows("whe_1"); return len(rows) == n })
	d.Kill()
	came := second.ids()
	for id, times := range came {
		if times != 1 || !unrecorded[id] {
			t.Errorf("%s came %d times to the second worker's receiver; that it was not recorded is %v", id, times, unrecorded[id])
		}
	}

	w.configure("whe_1", third.URL, true, "*")
	start()
	last := w.publish("org_1", userUpdated, "diruser_last")[0]
	until(t, "the last is parked", func() bool { _, rows := w.rows("whe_1"); return len(rows) == n+1 })
	if came := third.ids(); len(came) != 1 || came[last.id] != 1 {
		t.Errorf("%v came where all but %s were parked", came, last.id)
	}
	_, rows = w.rows("whe_1")
	for _, r := range rows {
		if r.Attempts != 1 || !r.Status.Waiting() {
			t.Errorf("%s had %d attempts and is %v", r.EventID, r.Attempts, r.Status)
		}
	}
}

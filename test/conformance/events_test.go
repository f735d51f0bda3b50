package conformance_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// soon bounds the wait for what takes seconds on an idle machine.
const soon = time.Minute

// listen registers a receiver for the directory's events, if the case says any.
// What it returns waits until all have arrived and compares them.
func (x site) listen(t *testing.T, tenant *harness.Tenant, c script.Case) func(script.Names) error {
	t.Helper()
	if !slices.ContainsFunc(c.Steps, func(s script.Step) bool { return len(s.Events) > 0 }) {
		return func(script.Names) error { return nil }
	}
	r := harness.NewReceiver(t)
	x.API.Endpoint(t, r, map[string]any{"organization_id": tenant.Organization, "event_types": []string{"organization.directory.*"}})
	return func(names script.Names) error {
		// Deliveries of one endpoint are made in order, so whoever has the last
		// one has been told of everything that came before.
		last := tenant.SCIM.Create(t, "/Users", harness.User("the-last-one@"+tenant.Domain, nil))
		r.Await(t, soon, "the last user", func(d harness.Delivery) bool { return d.Data("id") == last })
		return harness.Poll(t.Context(), soon, func() error { return script.Compare(c.Causes(names), told(r, last), names) })
	}
}

// told returns what a receiver was told, in the order of the events and without
// repeats, except of the last resource.
func told(r *harness.Receiver, last string) []script.Told {
	got := r.Deliveries()
	slices.SortFunc(got, func(a, b harness.Delivery) int { return strings.Compare(a.ID, b.ID) })
	got = slices.CompactFunc(got, func(a, b harness.Delivery) bool { return a.ID == b.ID })
	var all []script.Told
	for _, d := range got {
		var e struct {
			Data map[string]any `json:"data"`
		}
		if err := json.Unmarshal(d.Body, &e); err != nil {
			all = append(all, script.Told{Type: d.Type, Data: err.Error()})
			continue
		}
		if id, _ := e.Data["id"].(string); id != last {
			all = append(all, script.Told{Type: d.Type, Resource: id, Data: e.Data})
		}
	}
	return all
}

package soak_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

// subscriber is an endpoint with its receiver, and what it asked for.
type subscriber struct {
	name     string
	receiver *harness.Receiver
	id       string
	// organization and typ are the only ones that it wants; all if empty.
	organization, typ string
	order             *order // nil: not watched
}

// wants reports whether the endpoint is to get an event that was caused after
// its creation.
func (s *subscriber) wants(organization, typ string) bool {
	return (s.organization == "" || s.organization == organization) && (s.typ == "" || s.typ == typ)
}

// order notes when events came first and were first taken, and finds events that
// came before an earlier one of their resource was taken.
type order struct {
	mu     sync.Mutex
	moment int
	// of each event: its resource, and the moments of its first reception and of
	// its first 2xx, 0 before.
	events map[string]*moments
}

type moments struct {
	resource    string
	came, taken int
}

func newOrder() *order { return &order{events: map[string]*moments{}} }

// resourceOf returns what an event is about.
func resourceOf(body []byte) string {
	var e struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &e) // the receiver has read it before
	return e.Data.ID
}

func (o *order) came(d harness.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moment++
	m := o.events[d.ID]
	if m == nil {
		m = &moments{resource: resourceOf(d.Body), came: o.moment}
		o.events[d.ID] = m
	}
}

func (o *order) answered(d harness.Delivery, status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.moment++
	if m := o.events[d.ID]; status < http.StatusMultipleChoices && m.taken == 0 {
		m.taken = o.moment
	}
}

// check holds, for each pair of events of a resource that follow each other
// among all that were due, in order: the second came for the first time only
// after the first had been answered with 2xx. It returns how many pairs it held
// that of.
func (o *order) check(t *testing.T, name string, due []string) (pairs int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	last := map[string]string{}
	wrong := 0
	for _, id := range due {
		m := o.events[id]
		if m == nil {
			continue // reported as missing
		}
		before, ok := last[m.resource]
		last[m.resource] = id
		if !ok {
			continue
		}
		pairs++
		if b := o.events[before]; b.taken == 0 || b.taken > m.came {
			if wrong++; wrong <= 3 {
				t.Errorf("%s: %s of %s came first at moment %d, before %s was taken at %d", name, id, m.resource, m.came, before, b.taken)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%s: %d of %d events of a resource were out of order", name, wrong, pairs)
	}
	return pairs
}

// delivered reports what the receiver still has to get.
func (s *subscriber) delivered(st stored) error {
	sums, _ := s.receiver.Sums()
	told := st.told[s.id]
	missing, first := 0, ""
	for _, id := range told.order {
		got, ok := sums[id]
		switch {
		case !ok:
			if missing++; first == "" {
				first = id
			}
		case got != told.sums[id]:
			return fmt.Errorf("%s: the webhook %s is not the event in EVENTS", s.name, id)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%s: %d of %d webhooks are missing, the first is %s", s.name, missing, len(told.order), first)
	}
	if len(sums) != len(told.order) {
		return fmt.Errorf("%s: %d different webhooks came, %d were due", s.name, len(sums), len(told.order))
	}
	return nil
}

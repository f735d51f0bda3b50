package directory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func TestReplays(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	last := func(s *stage, table directory.Table) (id string) {
		id = "none"
		scan(s.t, s.Rows, table, func(k directory.Key, _ directory.Row) { id = k.Last() })
		return id
	}
	given := func(s *stage) {
		s.Must(s.t, directory.CreateWebhookEndpoint{
			Organization:       s.org,
			Config:             events.WebhookEndpointConfig{URL: "https://acme.example/hook", EventTypes: []string{"*"}, Enabled: true},
			WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{1}},
		})
	}
	request := func(change func(*stage, *events.WebhookReplayRequested)) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			e := events.WebhookReplayRequested{Endpoint: last(s, directory.TableEndpoint), Kind: directory.ReplayRange, Since: &since}
			change(s, &e)
			return directory.RequestWebhookReplay{WebhookReplayRequested: e}
		}
	}
	plain := request(func(*stage, *events.WebhookReplayRequested) {})
	running := func(s *stage) { given(s); s.Must(s.t, plain(s)) }
	cancel := func(s *stage) directory.Command {
		return directory.CancelWebhookReplay{Endpoint: last(s, directory.TableEndpoint), ID: last(s, directory.TableReplay)}
	}
	finish := func(s *stage) directory.Command {
		return directory.FinishWebhookReplay{
			ID: last(s, directory.TableReplay), WebhookReplayFinished: events.WebhookReplayFinished{Endpoint: last(s, directory.TableEndpoint), Queued: 3, Delivered: 3},
		}
	}
	requested := []events.Type{events.TypeWebhookReplayRequested}
	run(t, map[string]example{
		"a range":         {given: given, when: plain, then: requested},
		"of one type":     {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.EventTypes = []string{"organization.*"} }), then: requested},
		"of its own":      {given: given, when: request(func(s *stage, e *events.WebhookReplayRequested) { e.Organization = s.org }), then: requested},
		"of another":      {given: given, when: request(func(s *stage, e *events.WebhookReplayRequested) { e.Organization = "org_1" }), no: invalid},
		"backwards":       {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Until = &since }), no: &refused{kind: fault.Invalid, says: []string{"until"}}},
		"failed":          {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Kind = directory.ReplayFailed }), then: requested},
		"failed, no time": {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Kind, e.Since = directory.ReplayFailed, nil }), no: invalid},
		"one": {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) {
			e.Kind, e.EventID, e.Seq = directory.ReplayDelivery, "evt_1", 1
		}), then: requested},
		"which one":           {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Kind = directory.ReplayDelivery }), no: invalid},
		"everyone":            {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Kind, e.Since = directory.ReplayEveryone, nil }), then: requested},
		"everyone, at a rate": {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Kind, e.RateLimit = directory.ReplayEveryone, 5 }), no: invalid},
		"test": {given: given, when: func(s *stage) directory.Command {
			return directory.TestWebhookEndpoint{ID: last(s, directory.TableEndpoint)}
		}, then: []events.Type{events.TypeWebhookEndpointTested}},
		"test none":      {when: func(s *stage) directory.Command { return directory.TestWebhookEndpoint{ID: "whe_1"} }, no: notFound},
		"no kind":        {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.Kind = "all" }), no: invalid},
		"too fast":       {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.RateLimit = 10_001 }), no: invalid},
		"too many types": {given: given, when: request(func(_ *stage, e *events.WebhookReplayRequested) { e.EventTypes = make([]string, 51) }), no: invalid},
		"no endpoint":    {when: plain, no: notFound},
		"disabled": {given: func(s *stage) {
			given(s)
			s.Must(s.t, directory.UpdateWebhookEndpoint{ID: last(s, directory.TableEndpoint), Enabled: ptr(false)})
		}, when: plain, no: precondition},
		"ten at once": {given: func(s *stage) { given(s); times(directory.MaxRunningReplays, func() { s.Must(s.t, plain(s)) }) }, when: plain, no: precondition},
		"one after another": {given: func(s *stage) {
			given(s)
			times(directory.MaxRunningReplays, func() { s.Must(s.t, plain(s)) })
			s.Must(s.t, cancel(s))
		}, when: plain, then: requested},
		"cancel":             {given: running, when: cancel, then: []events.Type{events.TypeWebhookReplayCancelled}},
		"cancel again":       {given: func(s *stage) { running(s); s.Must(s.t, cancel(s)) }, when: cancel},
		"cancel finished":    {given: func(s *stage) { running(s); s.Must(s.t, finish(s)) }, when: cancel},
		"cancel none":        {given: given, when: cancel, no: notFound},
		"finish":             {given: running, when: finish, then: []events.Type{events.TypeWebhookReplayFinished}},
		"finish again":       {given: func(s *stage) { running(s); s.Must(s.t, finish(s)) }, when: finish},
		"finish cancelled":   {given: func(s *stage) { running(s); s.Must(s.t, cancel(s)) }, when: finish},
		"finish without any": {given: given, when: finish},
	})
}

func times(n int, do func()) {
	for range n {
		do()
	}
}

// The oldest that have ended are forgotten, those that run never, and all with
// their endpoint.
func TestReplays_areBounded(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	o := directory.NewOverlay(directory.Empty{})
	n := uint64(0)
	fold := func(resource string, p events.Payload) {
		t.Helper()
		n++
		e, err := events.New(events.Event{ID: n, At: at, Actor: "system", Resource: resource, Revision: n}, p)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := directory.Evolve(o, e)
		if err != nil {
			t.Fatal(err)
		}
		o.Apply(changes)
	}
	fold("whe_1", events.WebhookEndpointCreated{})
	fold("whe_2", events.WebhookEndpointCreated{})
	id := func(i int) string { return fmt.Sprintf("whr_%018d", i) }
	fold(id(0), events.WebhookReplayRequested{Endpoint: "whe_2", Kind: directory.ReplayRange})
	for i := 1; i <= directory.MaxReplays+5; i++ {
		fold(id(i), events.WebhookReplayRequested{Endpoint: "whe_1", Kind: directory.ReplayRange})
		if i > 1 {
			fold(id(i), events.WebhookReplayFinished{Endpoint: "whe_1"})
		}
	}
	left := func() (ids []string) {
		scan(t, o, directory.TableReplay, func(k directory.Key, _ directory.Row) { ids = append(ids, k.Last()) })
		return ids
	}
	if ids := left(); len(ids) != directory.MaxReplays+1 || ids[0] != id(1) || ids[1] != id(7) || ids[directory.MaxReplays] != id(0) {
		t.Errorf("%d are left, the first %v", len(ids), ids[:2])
	}
	fold("whe_1", events.WebhookEndpointDeleted{})
	if ids := left(); len(ids) != 1 || ids[0] != id(0) {
		t.Errorf("behind the endpoint %v are left", ids)
	}
}

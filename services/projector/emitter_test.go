package projector

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
)

// handed returns an emitter to which messages up to a number were handed over,
// and of which EVENTS holds some.
func handed(upTo, emitted public.Number) *emitter {
	e := newEmitter(nil, nil, nil, 0, slog.New(slog.DiscardHandler))
	e.upTo.Store(uint64(emitted))
	e.offer([]message{{number: upTo}})
	return e
}

// TestEmitter_idle waits for what was handed over before the call: with each
// thing that may end that wait, and nothing that may not.
func TestEmitter_idle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given func(e *emitter)                            // before the call
		then  func(e *emitter, cancel context.CancelFunc) // a second after it
		took  time.Duration
	}{
		"all is in EVENTS": {given: func(e *emitter) { e.upTo.Store(5) }},
		"nothing was handed over": {given: func(e *emitter) {
			e.waiting = nil
		}},
		"EVENTS reaches it": {then: func(e *emitter, _ context.CancelFunc) { e.upTo.Store(5) }, took: time.Second},
		"EVENTS reaches it while more comes": {then: func(e *emitter, _ context.CancelFunc) {
			e.offer([]message{{number: 6}})
			e.upTo.Store(5)
		}, took: time.Second},
		"EVENTS gets a part of it":         {then: func(e *emitter, _ context.CancelFunc) { e.upTo.Store(4) }, took: emitPatience},
		"EVENTS does not move":             {took: emitPatience},
		"what is skipped is in the outbox": {given: func(e *emitter) { e.waiting, e.skipped = nil, 5 }, then: func(e *emitter, _ context.CancelFunc) { e.upTo.Store(5) }, took: time.Second},
		"the projector stops":              {then: func(_ *emitter, cancel context.CancelFunc) { cancel() }, took: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e := handed(5, 3)
				if c.given != nil {
					c.given(e)
				}
				if c.then != nil {
					time.AfterFunc(time.Second, func() { c.then(e, cancel) })
				}
				began := time.Now()
				e.idle(ctx, emitPatience)
				// The clock is the test's own: nothing runs late. Who waits looks once
				// every lookEvery.
				if took := time.Since(began); took < c.took || took > c.took+lookEvery {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				time.Sleep(time.Second) // what is set to happen does so
			})
		})
	}
}

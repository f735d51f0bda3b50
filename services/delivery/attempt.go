package delivery

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

// The classes of failures that are ours, beside egress's.
const (
	classSecret egress.Class = "secret" // the signing secret cannot be read
	classGone   egress.Class = "gone"   // the event is no longer kept
)

// lookAgain is how long an attempt is put off when its event cannot be read.
const lookAgain = time.Second

// flight is one attempt under way.
type flight struct {
	lane     *lane
	seq      uint64
	id, typ  string
	resource string
	order    string // the resource, if its deliveries are kept in order
	attempt  int
	replay   string // the replay that asked for it; may be empty
	event    *event // nil: to be read again
	void     bool   // the event was taken back; guarded by the slot's lock
}

// fly begins an attempt. The lane has a token and its slot is locked.
func (l *lane) fly(f *flight) {
	f.order = ordered(l.ep, f.resource)
	l.inFlight[f.seq] = f
	if f.order != "" {
		l.byResource[f.order] = struct{}{}
	}
	w, ep, ctx := l.slot.w, l.ep, l.ctx
	w.stats.inFlight.Add(1)
	l.slot.flying.Add(1)
	w.inFlight.Go(func() {
		defer l.slot.flying.Done()
		began := time.Now()
		r, put := w.attempt(ctx, ep, f)
		w.stats.inFlight.Add(-1)
		w.tokens.give()
		l.slot.landed(f, r, put, began, time.Since(began)) //nolint:contextcheck // attempts live as long as their lane, not as this call
		for next := w.tokens.next(); next != nil; next = w.tokens.next() {
			next.serve() //nolint:contextcheck // attempts live as long as their lane, not as this call
		}
	})
}

// serve lets a lane that found no token try again.
func (l *lane) serve() {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	l.pump()
}

// attempt signs and sends. put is true if there was no attempt, because the
// event could not be read just now.
func (w *Worker) attempt(ctx context.Context, ep *endpoint, f *flight) (r egress.Result, put bool) {
	e := f.event
	if e == nil {
		var err error
		if e, err = w.events.get(ctx, f.seq); err != nil {
			return egress.Result{}, true
		}
		if e == nil || e.id != f.id {
			return egress.Result{Class: classGone, Text: "the event is no longer kept"}, false
		}
	}
	now := time.Now()
	signers, err := ep.signers(w.cfg.Unseal, now)
	if err != nil {
		return egress.Result{Class: classSecret, Text: err.Error()}, false
	}
	h := http.Header{
		"Webhook-Id":        {e.id},
		"Webhook-Timestamp": {webhook.Timestamp(now)},
		"Webhook-Signature": {webhook.Sign(e.id, now, e.body, signers...)},
		"Content-Type":      {"application/json"},
		"User-Agent":        {"Rollcall/" + w.cfg.Version},
	}
	if f.replay != "" {
		h["Webhook-Replay"] = []string{f.replay}
	}
	if limit := time.Duration(ep.TimeLimit) * time.Millisecond; limit > 0 {
		return w.cfg.Client.PostWithin(ctx, limit, ep.URL, ep.head(h), e.body), false
	}
	return w.cfg.Client.Post(ctx, ep.URL, ep.head(h), e.body), false
}

// landed takes the result of an attempt.
func (s *slot) landed(f *flight, r egress.Result, put bool, at time.Time, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := f.lane
	if f.void {
		return // it was no event, and whoever took it back has forgotten the attempt
	}
	delete(l.inFlight, f.seq)
	delete(l.byResource, f.order)
	if l.gone || s.fenced || r.Class == egress.ClassCanceled {
		return // not recorded: whoever has the endpoint next sends it again
	}
	if put {
		s.arm(l, f.seq, time.Now().Add(lookAgain))
		l.follow(f.resource, f.seq)
		l.pump()
		return
	}
	rec := attempts.Record{
		Kind: attempts.KindAttempt, Endpoint: l.id, Seq: f.seq, EventID: f.id, EventType: f.typ, Resource: f.resource,
		At: at, Attempt: f.attempt, Duration: took, Status: r.Status, Class: string(r.Class), Error: r.Text, Replay: f.replay,
		Detail: &attempts.Detail{
			DNS: r.Timing.DNS, Connect: r.Timing.Connect, TLS: r.Timing.TLS, FirstByte: r.Timing.FirstByte, Head: r.Head, Body: r.Excerpt,
		},
	}
	p := pending{lane: l, failures: l.failures, open: l.open}
	p.closes = l.judge(&rec, r)
	p.record = rec
	l.heed(r)
	l.unstored[f.seq] = struct{}{}
	s.record(p)
	l.pump()
}

// judge fills in the outcome and moves the circuit and the window. It answers
// whether the circuit closes.
func (l *lane) judge(rec *attempts.Record, r egress.Result) (closes bool) {
	w := l.slot.w
	if r.Success() {
		rec.Outcome = attempts.Delivered
		closes = l.open
		l.failures, l.open = 0, false
		l.window = min(2*l.window, w.concurrency(l.ep))
		l.unwait(rec.Resource, rec.Seq)
		l.follow(rec.Resource, rec.Seq)
		return closes
	}
	rec.Outcome = attempts.Dead
	end := rec.At.Add(rec.Duration)
	ladder := w.ladder(l.ep)
	if due, ok := ladder.Due(rec.Attempt+1, end, jitter()); ok && r.Class != classGone {
		rec.Outcome, rec.Due = attempts.Failed, later(ladder, rec.Attempt+1, due, end, r.RetryAfter)
	}
	l.failedAt = end
	l.failures++
	l.window = 1
	if !l.open && l.failures >= w.cfg.Circuit {
		l.open, rec.Opens = true, true
	}
	if rec.Outcome == attempts.Failed {
		l.wait(rec.Resource, rec.Seq) // what is behind it goes on waiting
	} else {
		l.unwait(rec.Resource, rec.Seq)
	}
	l.follow(rec.Resource, rec.Seq)
	return false
}

// maxPause bounds how long an endpoint is left alone because it asked for it.
const maxPause = 5 * time.Minute

// heed does what an answer asks for beside its own delivery: 410 says that
// nobody is there any more, and a Retry-After with 429 or 503 that nothing at
// all should come for a while.
func (l *lane) heed(r egress.Result) {
	switch r.Status {
	case http.StatusGone:
		if !l.slot.stopped() {
			l.slot.w.disable(l.ep, directory.BecauseGone)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if r.RetryAfter > 0 {
			l.pause(time.Now().Add(min(r.RetryAfter, maxPause)))
		}
	}
}

// jitter draws what a step is moved by.
func jitter() float64 { return (2*rand.Float64() - 1) * webhook.MaxJitter } //nolint:gosec // no secret

// later honours what the receiver asked for, up to twice the step.
func later(ladder webhook.Ladder, attempt int, due, end time.Time, asked time.Duration) time.Time {
	step, _ := ladder.Step(attempt)
	if wish := end.Add(min(asked, 2*step)); wish.After(due) {
		return wish
	}
	return due
}

// follow wakes the first delivery that waits of a resource, when an attempt of
// another one has ended. That may have been a later one: a replay queues the
// earlier while it is under way.
func (l *lane) follow(resource string, ended uint64) {
	if chain := l.waits[resource]; ordered(l.ep, resource) != "" && len(chain) > 0 && chain[0] != ended {
		l.slot.arm(l, chain[0], time.Time{})
	}
}

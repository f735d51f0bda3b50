package delivery

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// A replay is a second cursor of an endpoint over EVENTS, with an end. What it
// finds is queued as a delivery that is due, with a record that moves the
// replay's cursor behind it, so that a restart goes on there; from then on it is
// a delivery like others, retries and order included, whose attempts carry the
// header webhook-replay.

const (
	// maxReplaying is how many deliveries of one replay wait for an attempt at
	// most: the rest stays where it is, so that live events have room.
	maxReplaying = 256
	// maxReaders is how many replays read EVENTS at a time.
	maxReaders = 16
	// lookAgainAtReplay is how long a replay that can do nothing waits.
	lookAgainAtReplay = time.Second
	// saveSkipped is how many events a replay passes over before it records where
	// it is.
	saveSkipped = 10_000
)

// replaying is a replay at work. Its fields but the first three are guarded by
// the slot's lock.
type replaying struct {
	row   *directory.Replay
	types webhook.Patterns // nil: the endpoint's own
	rate  *rate.Limiter
	wake  chan struct{} // capacity 1: one of its deliveries is settled
	// at is where it is: ahead of the state by what is not recorded yet.
	at      attempts.Replay
	started bool
	unsaved int  // events passed over since at was recorded
	idle    bool // nobody works on it: the worker's lease had lapsed
}

// followReplays takes over which replays the endpoint has by the log.
func (l *lane) followReplays() {
	if l.ep == nil || l.gone {
		return
	}
	running := map[string]*directory.Replay{}
	for _, row := range l.ep.replays {
		switch {
		case row.Kind == directory.ReplayEveryone:
			continue // its events come by themselves
		case row.Status == directory.ReplayRunning:
			running[row.ID] = row
			continue
		}
		if p, ok, _ := l.slot.state.Replay(l.id, row.ID); ok && l.slot.begun && !l.slot.stopped() { // memory does not fail
			l.slot.record(pending{lane: l, record: attempts.Record{Kind: attempts.KindReplayEnded, Endpoint: l.id, At: time.Now(), Progress: p}})
		}
	}
	for id, r := range l.replays {
		if running[id] == nil {
			delete(l.replays, id)
			r.nudge()
		}
	}
	if !l.slot.begun || l.slot.stopped() {
		return
	}
	for id, row := range running {
		r := l.replays[id]
		switch {
		case r == nil:
			r = newReplaying(row)
			l.replays[id] = r
		case r.idle:
			r.idle = false
		default:
			continue
		}
		l.slot.w.running.Go(func() { l.slot.w.replay(l, r) })
	}
}

func newReplaying(row *directory.Replay) *replaying {
	perSecond := max(1, row.RateLimit)
	r := &replaying{row: row, rate: rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/10)), wake: make(chan struct{}, 1)}
	for _, text := range row.EventTypes {
		if p, err := webhook.ParsePattern(text); err == nil { // whoever asked was told
			r.types = append(r.types, p)
		}
	}
	return r
}

func (r *replaying) nudge() { nudge(r.wake) }

// pause waits until something happened, or a while, and reports whether to go on.
func (r *replaying) pause(ctx context.Context) bool {
	t := time.NewTimer(lookAgainAtReplay)
	defer t.Stop()
	select {
	case <-r.wake:
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// replay works until the replay has ended or the slot is another's.
func (w *Worker) replay(l *lane, r *replaying) {
	for first := true; first || r.pause(w.life); first = false {
		next, ok := l.resume(r)
		switch {
		case !ok:
			return
		case next == nil:
		default:
			if err := next(w.life); err != nil && w.life.Err() == nil {
				w.cfg.Logger.Warn("a replay cannot read the stream of events; trying again", "endpoint", l.id, "replay", r.row.ID, "error", err)
			}
		}
	}
}

// resume says what a replay is to do next, nil if it has to wait, and ok false
// if it is over.
func (l *lane) resume(r *replaying) (next func(context.Context) error, ok bool) {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	if l.over(r) {
		r.idle = true
		return nil, false
	}
	stored, known, _ := l.slot.state.Replay(l.id, r.row.ID) // memory does not fail
	if known && !r.started {
		r.at, r.started = stored, true
	}
	switch {
	case !r.started && l.placed:
		return func(ctx context.Context) error { return l.beginReplay(ctx, r) }, true
	case !r.started:
		return nil, true
	case r.at.Read && stored.Settled():
		return func(ctx context.Context) error { l.finishReplay(ctx, stored); return nil }, true
	case r.at.Read || !l.mayReplay(r):
		return nil, true
	case r.row.Kind == directory.ReplayFailed:
		return func(ctx context.Context) error { return l.replayDead(ctx, r) }, true
	}
	return func(ctx context.Context) error { return l.replayEvents(ctx, r) }, true
}

// over reports whether a replay has nothing more to do here.
func (l *lane) over(r *replaying) bool {
	return l.gone || l.slot.stopped() || l.replays[r.row.ID] != r
}

// mayReplay reports whether a replay may queue another delivery: like a live
// event, it is not to pile up behind a receiver that fails.
func (l *lane) mayReplay(r *replaying) bool {
	stored, _, _ := l.slot.state.Replay(l.id, r.row.ID) // memory does not fail
	return l.ep.Enabled && l.slot.may() && r.at.Queued-stored.Delivered-stored.Dead < maxReplaying && l.mayAdvance()
}

// beginReplay finds out where a replay begins and ends.
func (l *lane) beginReplay(ctx context.Context, r *replaying) error {
	p := attempts.Replay{Endpoint: l.id, ID: r.row.ID}
	switch r.row.Kind {
	case directory.ReplayDelivery:
		p.First, p.End = r.row.Seq, r.row.Seq
	case directory.ReplayFailed:
		_, last, err := l.slot.w.events.bounds(ctx)
		if err != nil {
			return err
		}
		p.First, p.End = 1, last
	default:
		until := r.row.Created
		if r.row.Until != nil && r.row.Until.Before(until) {
			until = *r.row.Until
		}
		since := time.Time{}
		if r.row.Since != nil {
			since = *r.row.Since
		}
		first, err := l.slot.w.events.first(ctx, func(e *event) bool { return !e.occurred().Before(since) })
		if err != nil {
			return err
		}
		behind, err := l.slot.w.events.first(ctx, func(e *event) bool { return !e.occurred().Before(until) })
		if err != nil {
			return err
		}
		p.First, p.End = first, behind-1
	}
	p.Position, p.Read = p.First-1, p.End < p.First
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	if !l.over(r) {
		r.at, r.started = p, true
		l.saveReplay(r)
		r.nudge()
	}
	return nil
}

// saveReplay records where a replay is.
func (l *lane) saveReplay(r *replaying) {
	r.unsaved = 0
	l.slot.record(pending{lane: l, record: attempts.Record{Kind: attempts.KindReplay, Endpoint: l.id, At: time.Now(), Progress: r.at}})
}

// replayEvents is one turn of a replay that reads EVENTS.
func (l *lane) replayEvents(ctx context.Context, r *replaying) error {
	w := l.slot.w
	select {
	case w.readers <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer func() { <-w.readers }()
	l.slot.mu.Lock()
	after, end := r.at.Position, r.at.End
	l.slot.mu.Unlock()
	turn := time.Now().Add(turnTime)
	err := w.events.read(ctx, after, func(e *event) bool {
		wanted := e.seq <= end && e.id != "" && l.concerns(r, e)
		if wanted && r.rate.Wait(ctx) != nil {
			return false
		}
		for {
			done, ok := l.pass(r, e, wanted)
			if done {
				return false
			}
			if ok {
				break
			}
			t := time.NewTimer(fullTime)
			select {
			case <-r.wake:
				t.Stop()
				continue
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
			return false
		}
		return time.Now().Before(turn) || len(w.readers) < cap(w.readers)
	})
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	if r.at.Position != after || r.at.Read {
		r.nudge() // there may be more
	}
	return err
}

// concerns reports whether a replay is about an event.
func (l *lane) concerns(r *replaying, e *event) bool {
	l.slot.mu.Lock()
	ep := l.ep
	l.slot.mu.Unlock()
	switch {
	case e.only != "" && e.only != l.id:
		return false
	case r.row.Kind == directory.ReplayDelivery:
		return e.id == r.row.EventID
	case ep.Organization != "" && e.organization != ep.Organization, r.row.Organization != "" && e.organization != r.row.Organization:
		return false
	case len(r.row.EventTypes) > 0:
		return r.types.Match(e.typ)
	}
	return ep.now().Match(e.typ)
}

// pass takes a replay past an event. done ends the turn; ok false says that there
// is no room for it now.
func (l *lane) pass(r *replaying, e *event, wanted bool) (done, ok bool) {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	switch {
	case l.over(r):
		return true, false
	case e.seq > min(l.position(), l.slot.w.feed.known.Load()) && !l.settled(e.seq):
		return true, false // its turn as a live event is still to come
	case wanted && !l.mayReplay(r):
		return false, false
	}
	r.at.Position = min(e.seq, r.at.End)
	if r.unsaved++; wanted {
		l.queueAgain(r, attempts.Record{Seq: e.seq, EventID: e.id, EventType: e.typ, Resource: e.resource()})
	}
	if e.seq >= r.at.End {
		r.at.Read = true
	}
	if wanted || r.at.Read || r.unsaved >= saveSkipped {
		l.saveReplay(r)
	}
	return r.at.Read, true
}

// queueAgain queues a delivery for a replay, unless it waits or is under way.
func (l *lane) queueAgain(r *replaying, rec attempts.Record) {
	_, flying := l.inFlight[rec.Seq]
	_, landing := l.unstored[rec.Seq]
	if flying || landing || l.waitsFor(rec.Resource, rec.Seq) {
		r.at.Skipped++
		return
	}
	rec.Kind, rec.Endpoint, rec.Replay, rec.At = attempts.KindQueued, l.id, r.row.ID, time.Now()
	rec.Due = rec.At
	r.at.Queued++
	l.wait(rec.Resource, rec.Seq)
	l.slot.record(pending{lane: l, record: rec})
}

// replayDead is one turn of a replay of dead letters.
func (l *lane) replayDead(ctx context.Context, r *replaying) error {
	for l.replayNextDead(r) {
		if r.rate.Wait(ctx) != nil {
			return nil
		}
	}
	return nil
}

// replayNextDead queues the next dead letter and reports whether there may be
// another now.
func (l *lane) replayNextDead(r *replaying) bool {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	if l.over(r) || !l.mayReplay(r) {
		return false
	}
	var found *attempts.Delivery
	l.slot.state.Dead(l.id, r.at.Position, func(d *attempts.Delivery) bool {
		// One that died since was asked for is not among those that are meant.
		if d.LastAt.Before(*r.row.Since) || d.LastAt.After(r.row.Created) || len(r.row.EventTypes) > 0 && !r.types.Match(d.EventType) {
			return true
		}
		found = d
		return false
	})
	if found == nil {
		r.at.Position, r.at.Read = r.at.End, true
		l.saveReplay(r)
		r.nudge()
		return false
	}
	r.at.Position = found.Seq
	l.queueAgain(r, attempts.Record{Seq: found.Seq, EventID: found.EventID, EventType: found.EventType, Resource: found.Resource})
	l.saveReplay(r)
	return true
}

// finishReplay tells the log. If that fails, it is told again.
func (l *lane) finishReplay(ctx context.Context, p attempts.Replay) {
	l.slot.w.command(ctx, directory.FinishWebhookReplay{ID: p.ID, WebhookReplayFinished: events.WebhookReplayFinished{
		Endpoint: l.id, Queued: p.Queued, Skipped: p.Skipped, Delivered: p.Delivered, Dead: p.Dead,
	}})
}

// replayed wakes the replay that a record is about: its place is stored, or a
// delivery of it is settled.
func (l *lane) replayed(rec *attempts.Record) {
	id := rec.Replay
	switch {
	case rec.Kind == attempts.KindReplay:
		id = rec.Progress.ID
	case rec.Kind != attempts.KindAttempt || rec.Outcome == attempts.Failed:
		return
	}
	if r := l.replays[id]; r != nil {
		r.nudge()
	}
}

// countBackfill makes the row that counts what becomes of a back-fill's events,
// with the first of them. It has no cursor of its own.
func (l *lane) countBackfill(e *event) {
	if e.replay == "" || l.backfill == e.replay {
		return
	}
	l.backfill = e.replay
	if _, ok, _ := l.slot.state.Replay(l.id, e.replay); !ok { // memory does not fail
		l.slot.record(pending{lane: l, record: attempts.Record{
			Kind: attempts.KindReplay, Endpoint: l.id, At: time.Now(), Progress: attempts.Replay{Endpoint: l.id, ID: e.replay, Read: true},
		}})
	}
}

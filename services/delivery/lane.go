package delivery

import (
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

const (
	// queueSize is how many events wait in memory for one endpoint.
	queueSize = 64
	// burst is how many do while the endpoint is fed and answers: a moment's crowd
	// is no reason to read the stream for it alone. Those are the same events in
	// memory for all endpoints.
	burst = 512
)

// lane is one endpoint at work. Everything in it is guarded by its slot's lock.
type lane struct {
	slot *slot
	id   string
	ep   *endpoint // nil until the log names it
	gone bool      // the endpoint was deleted

	// ctx ends the attempts in flight when the endpoint goes.
	ctx    context.Context
	cancel context.CancelFunc

	// placed says that read is known: it came from a record, or was looked up.
	placed bool
	// read is the sequence up to which events were taken, passed over or found
	// not wanted. While the lane is fed, the feed's place counts if higher.
	read uint64
	// rewound says that the recorded position is to be lowered to read.
	rewound bool
	// ahead is the last event that was taken, or found not wanted, before EVENTS
	// was known to hold it; era counts how often such events were taken back.
	ahead uint64
	era   int

	fed     *feed // the shared reader that offers it events; nil if none does
	reading bool  // reads for itself, or waits for its turn to
	starved bool  // waits for a token; guarded by tokens.mu

	queue []*event // wanted, not begun, in order
	// again holds deliveries whose next attempt is due and that wait for room.
	again []uint64
	// unsettled are events from the queue whose first record is not in a frame
	// yet: the position stays before them.
	unsettled map[uint64]struct{}
	// inFlight are attempts under way, by sequence; byResource says of which
	// resources.
	inFlight   map[uint64]*flight
	byResource map[string]struct{}
	// unstored are attempts that have landed and whose record is not stored yet:
	// what the state says of them is out of date, so they are not attempted again.
	unstored map[uint64]struct{}
	// replays are those that run, by id.
	replays map[string]*replaying
	// backfill is the last back-fill of which an event was seen.
	backfill string
	// waits are the deliveries that wait for an attempt, by resource, in order:
	// only the first of a resource may be attempted.
	waits   map[string][]uint64
	waiting int
	// armed is when the next timer of a delivery fires.
	armed map[uint64]time.Time

	// failures and open are as the records so far say, in frames or not.
	failures int
	open     bool
	// window is how many attempts may be in flight now: it grows with success and
	// falls to one with failure, so that a receiver that hangs holds one token.
	window int

	// rate holds the endpoint's rate, nil without one; pausedUntil is when it may
	// be asked again at all.
	rate        *rate.Limiter
	pausedUntil time.Time
	// failedAt is when an attempt failed last.
	failedAt time.Time

	// touched says that a frame is to carry the position.
	touched bool
	// drained is signalled when the queue has room again.
	drained chan struct{}
}

func newLane(s *slot, id string) *lane {
	l := &lane{
		slot: s, id: id, unsettled: map[uint64]struct{}{}, inFlight: map[uint64]*flight{}, byResource: map[string]struct{}{},
		unstored: map[uint64]struct{}{}, replays: map[string]*replaying{},
		waits: map[string][]uint64{}, armed: map[uint64]time.Time{}, window: 1, drained: make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(s.ctx)
	return l
}

// restore takes over what the slot's state says of the lane.
func (l *lane) restore(row attempts.Endpoint) {
	l.placed, l.read = true, row.Position
	l.failures, l.open = int(row.Failures), row.Open() //nolint:gosec // a count
	waiting, _ := l.slot.state.Waiting(l.id)           // memory does not fail
	for _, d := range waiting {
		l.wait(d.Resource, d.Seq)
		if d.LastAt.After(l.failedAt) {
			l.failedAt = d.LastAt
		}
	}
}

// room reports whether the queue takes another event.
func (l *lane) room() bool {
	if l.fed != nil && l.failures == 0 {
		return len(l.queue) < burst
	}
	return len(l.queue) < queueSize
}

// end gives up what the lane has in hand, and takes no more.
func (l *lane) end() {
	l.feedFrom(nil)
	l.gone, l.queue, l.again = true, nil, nil
	l.cancel()
}

// feedFrom attaches the lane to a feed, or detaches it: from nil.
func (l *lane) feedFrom(f *feed) {
	if l.fed != nil {
		l.fed.index.remove(l)
	}
	if l.fed = f; f != nil {
		f.index.put(l)
	}
}

// offer is the feed's.
func (l *lane) offer(e *event, ahead bool) {
	l.slot.mu.Lock()
	defer l.slot.mu.Unlock()
	l.consider(e, ahead)
}

// consider takes an event of the feed if the endpoint wants it. A lane that has no
// room for it is detached.
func (l *lane) consider(e *event, ahead bool) {
	if ahead && e.seq > l.read {
		l.ahead = e.seq
	}
	switch {
	case l.gone || l.fed == nil || e.seq <= l.read || !l.ep.wants(e) || l.settled(e.seq):
	case l.room():
		l.take(e)
	default:
		l.feedFrom(nil)
		l.read = max(l.read, e.seq-1)
	}
}

// settled reports whether something was recorded of the event already: before
// a restart, ahead of the position.
func (l *lane) settled(seq uint64) bool {
	_, ok, _ := l.slot.state.Delivery(l.id, seq) // memory does not fail
	return ok
}

// take puts an event that the endpoint wants into the queue.
func (l *lane) take(e *event) {
	l.read = e.seq
	l.queue = append(l.queue, e)
	l.countBackfill(e)
	l.pump()
}

// may reports whether anything may be begun at all.
func (l *lane) may() bool {
	return l.ep != nil && !l.gone && l.ep.Enabled && l.slot.may() && len(l.inFlight) < min(l.window, l.slot.w.concurrency(l.ep)) &&
		!time.Now().Before(l.pausedUntil)
}

// pumping is the sequence of a timer that is the lane's own; events count from 1.
const pumping = 0

// pause leaves the endpoint alone until a time.
func (l *lane) pause(until time.Time) {
	if until.After(l.pausedUntil) {
		l.pausedUntil = until
		l.slot.arm(l, pumping, until)
	}
}

// admitted takes an attempt from the endpoint's rate, or sets a timer for when
// there is one.
func (l *lane) admitted() bool {
	if l.rate == nil {
		return true
	}
	now := time.Now()
	r := l.rate.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait <= 0 {
		return true
	}
	r.CancelAt(now)
	l.slot.arm(l, pumping, now.Add(wait))
	return false
}

// pump begins what can be begun: first what is due again, then the queue.
func (l *lane) pump() {
	for l.may() && len(l.again) > 0 {
		seq := l.again[0]
		d, ok := l.attemptable(seq)
		if ok && (!l.admitted() || !l.slot.w.tokens.take(l)) {
			return
		}
		l.again = l.again[1:]
		if ok {
			l.flyAgain(d)
		}
	}
	// What is about a resource of which an attempt is under way waits for that one,
	// and what is behind it goes first.
	var held map[string]struct{}
	for i := 0; i < len(l.queue) && l.may() && l.mayAdvance(); {
		e := l.queue[i]
		resource := e.resource()
		order := ordered(l.ep, resource)
		if _, behind := held[order]; behind {
			i++
			continue
		}
		if due, wait := l.first(order); wait {
			l.queue = slices.Delete(l.queue, i, i+1)
			l.unsettled[e.seq] = struct{}{}
			l.wait(resource, e.seq)
			l.slot.record(pending{lane: l, record: attempts.Record{
				Kind: attempts.KindQueued, Endpoint: l.id, Seq: e.seq, EventID: e.id, EventType: e.typ, Resource: resource, At: time.Now(), Due: due, Replay: e.replay,
			}})
			continue
		}
		if _, busy := l.byResource[order]; busy && order != "" {
			if held == nil {
				held = map[string]struct{}{}
			}
			held[order] = struct{}{}
			i++
			continue
		}
		if !l.admitted() || !l.slot.w.tokens.take(l) {
			break
		}
		l.flyFirst(i)
	}
	l.refill()
}

// flyFirst begins the first attempt of the event at a place in the queue.
func (l *lane) flyFirst(i int) {
	e := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	l.unsettled[e.seq] = struct{}{}
	l.fly(&flight{lane: l, seq: e.seq, id: e.id, typ: e.typ, resource: e.resource(), attempt: 1, replay: e.replay, event: e})
}

// flyAgain begins the next attempt of a delivery.
func (l *lane) flyAgain(d attempts.Delivery) {
	l.fly(&flight{lane: l, seq: d.Seq, id: d.EventID, typ: d.EventType, resource: d.Resource, attempt: d.Attempts + 1, replay: d.Replay})
}

// first reports whether the first attempt of an event has to wait: behind an
// earlier one of its resource, or for the ladder's first step, if that is not at
// once.
func (l *lane) first(resource string) (due time.Time, wait bool) {
	if resource != "" && len(l.waits[resource]) > 0 {
		return time.Time{}, true
	}
	ladder := l.slot.w.ladder(l.ep)
	if step, _ := ladder.Step(1); step > 0 {
		due, _ = ladder.Due(1, time.Now(), jitter())
	}
	return due, !due.IsZero()
}

// mayAdvance reports whether the next event of the queue may be begun, besides
// what is due again. While the circuit is open the earliest delivery that waits
// is the probe; without any, the queue's first is.
func (l *lane) mayAdvance() bool {
	if l.open {
		return l.waiting == 0 && len(l.inFlight) == 0
	}
	return l.waiting < MaxWaiting
}

// refill asks for a turn to read, if the lane is not fed and has room.
func (l *lane) refill() {
	if len(l.queue) > queueSize/2 {
		return
	}
	select {
	case l.drained <- struct{}{}:
	default:
	}
	if l.fed != nil || l.reading || l.gone || l.ep == nil || !l.slot.begun || l.slot.stopped() || !l.mayAdvance() {
		return
	}
	l.reading = true
	l.slot.w.running.Go(func() { l.slot.w.catchUp(l) })
}

// attemptable returns the delivery if it may be attempted now.
func (l *lane) attemptable(seq uint64) (attempts.Delivery, bool) {
	d, ok, _ := l.slot.state.Delivery(l.id, seq) // memory does not fail
	if !ok || !d.Status.Waiting() {
		return d, false
	}
	if _, busy := l.inFlight[seq]; busy {
		return d, false
	}
	if _, stale := l.unstored[seq]; stale {
		return d, false // its record sets the timer
	}
	order := ordered(l.ep, d.Resource)
	if _, busy := l.byResource[order]; busy && order != "" {
		return d, false
	}
	if chain := l.waits[order]; order != "" && len(chain) > 0 && chain[0] != seq {
		return d, false
	}
	if l.open {
		first, _ := l.slot.state.First(l.id)
		return d, first.Seq == seq
	}
	return d, true
}

// wait notes that a delivery waits for an attempt.
func (l *lane) wait(resource string, seq uint64) {
	chain := l.waits[resource]
	at, found := slices.BinarySearch(chain, seq)
	if found {
		return
	}
	l.waiting++
	l.waits[resource] = slices.Insert(chain, at, seq)
}

// waitsFor reports whether a delivery waits for an attempt.
func (l *lane) waitsFor(resource string, seq uint64) bool {
	_, found := slices.BinarySearch(l.waits[resource], seq)
	return found
}

// unwait notes that it does not any more.
func (l *lane) unwait(resource string, seq uint64) {
	chain := l.waits[resource]
	at, found := slices.BinarySearch(chain, seq)
	if !found {
		return
	}
	l.waiting--
	if len(chain) == 1 {
		delete(l.waits, resource)
		return
	}
	l.waits[resource] = slices.Delete(chain, at, at+1)
}

// position is how far the endpoint is served: before everything that is not in
// a frame yet.
func (l *lane) position() uint64 {
	p := l.read
	if l.fed != nil {
		p = max(p, l.fed.at.Load())
	}
	if len(l.queue) > 0 {
		p = min(p, l.queue[0].seq-1)
	}
	for seq := range l.unsettled {
		p = min(p, seq-1)
	}
	return p
}

// arm sets timers for everything that waits, by what the state says of it.
func (l *lane) arm() {
	waiting, _ := l.slot.state.Waiting(l.id) // memory does not fail
	for _, d := range waiting {
		l.slot.arm(l, d.Seq, d.Due)
	}
}

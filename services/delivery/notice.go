package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// An event that was caused is on its way to EVENTS for some milliseconds, most of
// which are the disk's. The projector gives notice of it meanwhile (public,
// NoticeSubject), and the feed offers it to its lanes at once. Only what is known
// to be in EVENTS goes into a record, though: neither an attempt nor a position
// ahead of that is stored. So if the event never gets there, because what wrote
// it crashed, the next worker knows nothing of it and sends what EVENTS holds, as
// after any crash: the same event, under the same id.

// maxAhead is how many events the feed offers ahead of EVENTS, and how many it
// keeps that cannot be offered yet.
const maxAhead = public.MaxNoticeAhead

// lateAfter is how long EVENTS may lack an event of which there was notice.
const lateAfter = 30 * time.Second

// subscribe asks for notices; what is published from now on is heard.
func (f *feed) subscribe() (*nats.Subscription, error) {
	sub, err := f.w.events.nc.SubscribeSync(public.NoticeSubject)
	if err != nil {
		return nil, fmt.Errorf("subscribe to notices of events: %w", err)
	}
	return sub, sub.SetPendingLimits(maxAhead, maxAhead*public.MaxNotice)
}

// listen takes notices until ctx ends.
func (f *feed) listen(ctx context.Context, sub *nats.Subscription) {
	defer func() { _ = sub.Unsubscribe() }()
	for ctx.Err() == nil {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, nats.ErrSlowConsumer):
			continue // what was lost is in EVENTS soon
		case err != nil:
			f.w.cfg.Logger.Warn("notices of events are no longer heard; webhooks are sent once EVENTS holds the event", "error", err)
			return
		}
		e, err := parseNotice(m)
		if err != nil {
			f.w.cfg.Logger.Warn("a notice of an event cannot be read and is passed over", "error", err)
			continue
		}
		// As for what is read: matched only against endpoints as of its frame.
		if f.w.fold.wait(ctx, e.logSeq) != nil {
			return
		}
		f.hear(e) //nolint:contextcheck // attempts live as long as their lane, not as this call
	}
}

func parseNotice(m *nats.Msg) (*event, error) {
	seq, err := strconv.ParseUint(m.Header.Get(public.HeaderSequence), 10, 64)
	if err != nil || seq == 0 {
		return nil, fmt.Errorf("%w: a notice without a sequence", errForeign)
	}
	e, err := parseEvent(seq, m.Header, m.Data)
	if err != nil {
		return nil, err
	}
	e.stored = time.Now()
	return e, nil
}

// same reports whether an event that was noticed is the one that EVENTS holds.
func (e *event) same(stored *event) bool {
	return e.seq == stored.seq && e.id == stored.id && e.typ == stored.typ && e.organization == stored.organization &&
		e.logSeq == stored.logSeq && e.ordinal == stored.ordinal && e.only == stored.only && e.replay == stored.replay && bytes.Equal(e.body, stored.body)
}

// hear takes an event of which there was notice: it is offered once all before it
// were.
func (f *feed) hear(e *event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.seq <= max(f.tip(), f.known.Load()) || f.w.stopping.Load() {
		return // offered, or to be read: nothing is offered ahead that may be recorded at once
	}
	if len(f.heard) >= maxAhead {
		for seq := range f.heard {
			if seq <= f.tip() {
				delete(f.heard, seq)
			}
		}
	}
	if len(f.heard) < maxAhead {
		f.heard[e.seq] = e
	}
	f.advance()
}

// tip is the last event that was offered, in EVENTS or ahead of it.
func (f *feed) tip() uint64 { return f.at.Load() + uint64(len(f.ahead)) }

// advance offers what was heard and is next.
func (f *feed) advance() {
	for len(f.ahead) < maxAhead {
		e := f.heard[f.tip()+1]
		if e == nil {
			return
		}
		delete(f.heard, e.seq)
		f.ahead = append(f.ahead, e)
		f.w.stats.early.Add(1)
		f.tell(e, true)
	}
}

// confirm reports whether an event that was read had been offered ahead of EVENTS.
// What was offered in its place, and all behind it, is taken back. The lock is
// held.
func (f *feed) confirm(e *event) bool {
	if len(f.ahead) == 0 {
		return false
	}
	if !f.ahead[0].same(e) {
		f.retract(e.seq)
		return false
	}
	f.ahead[0] = nil
	f.ahead = f.ahead[1:]
	f.settle(e.seq)
	return true
}

// settle notes that EVENTS holds everything that was offered up to a sequence.
func (f *feed) settle(seq uint64) {
	f.at.Store(seq)
	if f != f.w.feed {
		return // a relay: the shared reader gets there by itself
	}
	f.know(seq)
	delete(f.heard, seq)
	f.advance()
}

// know lets the slots record what they have of the events up to a sequence.
func (f *feed) know(seq uint64) {
	f.known.Store(max(f.known.Load(), seq))
	for n := range f.w.slots {
		if s := f.w.slots[n].Load(); s != nil {
			if awaited := s.awaited.Load(); awaited > 0 && awaited <= seq && s.awaited.CompareAndSwap(awaited, 0) {
				s.signal()
			}
		}
	}
}

// retract takes back what was offered ahead of EVENTS, all of it from cut on.
func (f *feed) retract(cut uint64) {
	f.w.cfg.Logger.Warn("EVENTS does not hold what there was notice of; what it holds is delivered instead", "sequence", cut, "id", f.ahead[0].id)
	f.ahead = nil
	clear(f.heard)
	for _, s := range f.w.held() {
		s.retract(cut)
	}
}

// giveUp takes back what there was notice of a while ago and EVENTS does not hold:
// whoever was to append it may be gone for long, and what else is to be recorded of
// the same endpoints must not wait for that.
func (f *feed) giveUp(ctx context.Context, now time.Time) {
	f.mu.Lock()
	late := len(f.ahead) > 0 && now.Sub(f.ahead[0].stored) >= lateAfter
	next := f.at.Load() + 1
	f.mu.Unlock()
	if !late {
		return
	}
	if _, last, err := f.w.events.bounds(ctx); err != nil || last >= next {
		return // nobody knows, or it is about to be read
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.ahead) > 0 && f.at.Load()+1 == next {
		f.retract(next) //nolint:contextcheck // attempts live as long as their lane, not as this call
	}
}

// retract forgets what was taken ahead of EVENTS from cut on. What is under way
// of it is not recorded. What was recorded, EVENTS holds: another worker had the
// slot then, and had read further.
func (s *slot) retract(cut uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	judged := map[*lane]struct{}{}
	s.forget(func(p *pending) bool {
		l, void := p.lane, p.lane.ahead >= cut && p.lane.void(p.record.Seq, cut)
		if p.record.Kind != attempts.KindAttempt {
			return void
		}
		// The circuit is what it was before the first of them, and what the others
		// made of it.
		_, after := judged[l]
		switch {
		case void && !after:
			l.failures, l.open = p.failures, p.open
			judged[l] = struct{}{}
		case void || !after:
		case p.record.Outcome == attempts.Delivered:
			l.failures, l.open = 0, false
		default:
			l.failures++
			l.open = l.open || p.record.Opens
		}
		return void
	})
	for _, l := range s.lanes {
		if l.ahead >= cut {
			l.retract(cut)
		}
	}
	s.unclog()
}

// void reports whether an event is taken back from cut on.
func (l *lane) void(seq, cut uint64) bool { return seq >= cut && !l.settled(seq) }

// retract is the slot's, for what is not pending.
func (l *lane) retract(cut uint64) {
	void := func(seq uint64) bool { return l.void(seq, cut) }
	l.read, l.ahead = cut-1, 0
	if row, ok, _ := l.slot.state.Endpoint(l.id); ok && !l.rewound { // memory does not fail
		l.read = max(l.read, row.Position)
	}
	l.era++
	l.queue = slices.DeleteFunc(l.queue, func(e *event) bool { return void(e.seq) })
	for _, noted := range []map[uint64]struct{}{l.unsettled, l.unstored} {
		maps.DeleteFunc(noted, func(seq uint64, _ struct{}) bool { return void(seq) })
	}
	for resource, chain := range l.waits {
		for _, seq := range slices.Clone(chain) {
			if void(seq) {
				l.unwait(resource, seq)
			}
		}
	}
	for seq, f := range l.inFlight {
		if void(seq) {
			f.void = true
			delete(l.inFlight, seq)
			delete(l.byResource, f.order)
		}
	}
	l.arm() // timers that were passed over because of what is no more
	l.pump()
}

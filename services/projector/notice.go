package projector

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/rollcallhq/rollcall/events/public"
)

// foresee returns those of the last n messages that wait of which notice is to be
// given, and the sequence that the first of them gets. As EVENTS holds every
// event once and in order, that is told by how many wait before it; not by one
// that merely stands by, or while some must come from the outbox. The lock is
// held.
func (e *emitter) foresee(n int) (ms []message, seq uint64) {
	if !e.leads || e.end.number < e.skipped {
		return nil, 0
	}
	next, _ := slices.BinarySearchFunc(e.waiting, e.end.number+1, func(m message, n public.Number) int { return cmp.Compare(m.number, n) })
	from, to := max(next, len(e.waiting)-n), min(len(e.waiting), next+public.MaxNoticeAhead)
	if from >= to {
		return nil, 0
	}
	return e.waiting[from:to], e.end.seq + uint64(from-next) + 1 //nolint:gosec // from is not before next
}

// notify gives notice of messages, of which the first gets the sequence. None
// has to arrive.
func (e *emitter) notify(ms []message, seq uint64) {
	for i := range ms {
		if len(ms[i].body) <= public.MaxNotice {
			m := ms[i].nats()
			m.Subject = public.NoticeSubject
			m.Header.Set(public.HeaderSequence, strconv.FormatUint(seq+uint64(i), 10)) //nolint:gosec // an index
			_ = e.js.Conn().PublishMsg(m)
		}
	}
}

// doubt ends giving notice until something is appended again: another emitter
// may be at work, or EVENTS not be where it was believed to be.
func (e *emitter) doubt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.leads = false
}

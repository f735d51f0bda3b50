package delivery

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
)

// maxPending is how many records wait for a frame before a slot begins no more
// attempts.
const maxPending = 10_000

// slot is the part of the endpoints that one fence guards: their state as
// recorded, their lanes, and what is to be recorded next.
type slot struct {
	w      *Worker
	n      int
	writer *attemptlog.Writer // of commit only

	mu      sync.Mutex
	state   *attempts.State
	place   attempts.Place
	lanes   map[string]*lane
	pending []pending
	spare   []pending // room for the next batch, empty
	// The first held of pending are about events that EVENTS was not known to hold,
	// or behind such records of their lanes, which are holding, as of heldAt: nothing
	// of them is stored before EVENTS is known to hold heldFor.
	held            int
	holding         map[*lane]struct{}
	heldAt, heldFor uint64
	clogged         bool // too much is pending for somebody to begin something
	timers          timers
	begun           bool // attempts may start
	leaving         bool // no more attempts start; the slot goes to another worker
	fenced          bool // another worker has the slot
	closing         bool // commit ends when nothing is pending
	// asked says that somebody wants a checkpoint; size is how many bytes were
	// appended since the last one.
	asked bool
	size  int

	// awaited is heldFor as those who learn what EVENTS holds see it, 0 if nothing is
	// held or they have said so.
	awaited atomic.Uint64

	work  chan struct{} // capacity 1: something is pending
	hurry chan struct{} // capacity 1: much is, or the slot ends
	wake  chan struct{} // capacity 1: the timers changed

	// ctx is that of the slot's attempts and records.
	ctx       context.Context
	cancel    context.CancelFunc
	flying    sync.WaitGroup // attempts under way
	left      sync.Once
	committed chan struct{} // closed when commit has ended
}

// pending is a record on its way into a frame.
type pending struct {
	lane   *lane
	record attempts.Record
	// closes says that with this success the circuit closes.
	closes bool
	// failures and open are the lane's before an attempt.
	failures int
	open     bool
	done     chan<- struct{} // closed when it is stored; may be nil
}

func recoverSlot(ctx context.Context, w *Worker, n int) (*slot, error) {
	s := &slot{
		w: w, n: n, state: attempts.NewState(), lanes: map[string]*lane{}, holding: map[*lane]struct{}{}, committed: make(chan struct{}),
		work: make(chan struct{}, 1), hurry: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	s.ctx, s.cancel = context.WithCancel(w.flights)
	var err error
	s.writer, err = w.attempts.Recover(ctx, n, func(seq uint64, f attempts.Frame) (err error) {
		s.place, err = attempts.Apply(s.state, s.place, seq, f)
		return err
	})
	if err != nil {
		s.cancel()
		return nil, err
	}
	for _, row := range s.state.Endpoints() {
		l := newLane(s, row.ID)
		l.restore(row)
		s.lanes[row.ID] = l
	}
	return s, nil
}

// install takes an endpoint as the log has it now, nil if it is deleted.
func (s *slot) install(id string, ep *endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.lanes[id]
	if ep == nil {
		if ok {
			s.drop(l)
		}
		return
	}
	if !ok {
		l = newLane(s, id)
		s.lanes[id] = l
	}
	old := l.ep
	l.ep = ep
	if l.fed != nil {
		l.fed.index.put(l)
	}
	if old == nil || old.RateLimit != ep.RateLimit {
		l.rate = limiter(ep)
	}
	l.window = min(l.window, s.w.concurrency(ep))
	if s.begun && old != nil && ep.Ordering != old.Ordering {
		l.arm() // what waited behind others need not any more
	}
	if s.begun && old != nil && (ep.Enabled && !old.Enabled || ep.URL != old.URL) {
		// Somebody did something about it: see at once whether it helped, with the
		// first alone while nothing else may be tried.
		l.arm()
		waiting, _ := s.state.Waiting(id) // memory does not fail
		for i, d := range waiting {
			if i == 0 || !l.open {
				l.again = append(l.again, d.Seq)
			}
		}
	}
	l.followReplays()
	l.pump()
}

// drop ends a lane. Its attempts under way are given up, and nothing more is
// recorded but the end.
func (s *slot) drop(l *lane) {
	l.end()
	delete(s.lanes, l.id)
	s.forget(func(p *pending) bool { return p.lane == l })
	s.pending = append(s.pending, pending{lane: l, record: attempts.Record{Kind: attempts.KindDropped, Endpoint: l.id, At: time.Now()}.Normal()})
	s.signal()
}

// forget removes records that are not to be stored any more.
func (s *slot) forget(which func(*pending) bool) {
	s.pending = slices.DeleteFunc(s.pending, func(p pending) bool { return which(&p) })
	s.lookAnew()
	s.signal() // what was behind them
}

func (s *slot) forgetAll() {
	s.pending = nil
	s.lookAnew()
}

// forgetUnknown drops the lanes of endpoints that were deleted while no worker
// ran.
func (s *slot) forgetUnknown(f *fold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.lanes {
		if !f.known(id) {
			s.drop(l)
		}
	}
}

// begin lets the lanes work, fed by f as far as they have read.
func (s *slot) begin(f *feed) {
	go s.commit()
	s.w.running.Go(s.run)
	s.mu.Lock()
	var all []*lane
	s.begun = true
	for _, l := range s.lanes {
		all = append(all, l)
	}
	s.mu.Unlock()
	for _, l := range all {
		// Most are where the shared reader begins; the others ask for a turn.
		if l.placed {
			f.attach(l)
		}
		s.mu.Lock()
		l.arm()
		l.followReplays()
		l.pump()
		s.mu.Unlock()
	}
}

func (s *slot) stopped() bool {
	return s.fenced || s.leaving || s.w.stopping.Load() || s.w.share != nil && !s.w.share.Valid()
}

// may reports whether an attempt of the slot may start.
func (s *slot) may() bool {
	if len(s.pending) >= maxPending {
		s.clogged = true
		return false
	}
	return s.begun && !s.stopped()
}

// record puts a record in line for the next frame.
func (s *slot) record(p pending) {
	if p.lane.gone || s.fenced {
		return
	}
	p.record = p.record.Normal()
	s.pending = append(s.pending, p)
	if s.signal(); len(s.pending)-s.held == gatherMost {
		nudge(s.hurry)
	}
}

func (s *slot) signal() { nudge(s.work) }

// nudge signals on a channel of capacity 1.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// leave ends the slot in an orderly way: no more attempts start, those under way
// are waited for within a bound, and what came of them is recorded.
func (s *slot) leave() { s.left.Do(s.end) }

func (s *slot) end() {
	s.mu.Lock()
	s.leaving = true
	begun := s.begun
	s.mu.Unlock()
	if !begun {
		s.cancel()
		return
	}
	landed := make(chan struct{})
	go func() {
		s.flying.Wait()
		close(landed)
	}()
	patience := time.AfterFunc(stopPatience, s.cutOff)
	<-landed
	patience.Stop()
	s.finish()
	// The last group commit; the log may be gone, then nobody waits for it.
	patience = time.AfterFunc(stopPatience, s.cancel)
	<-s.committed
	patience.Stop()
	s.cancel()
}

// cutOff ends the attempts under way. Nothing is recorded of them.
func (s *slot) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		l.cancel()
	}
}

// finish makes commit end once everything is recorded, positions included.
func (s *slot) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	for _, l := range s.lanes {
		l.touched = l.touched || l.placed
	}
	s.signal()
	nudge(s.hurry)
}

// timer is when a delivery's next attempt is due. A timer that is out of date is
// found out when it fires.
type timer struct {
	at   time.Time
	lane *lane
	seq  uint64
}

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) } //nolint:errcheck,forcetypeassert // only timers are pushed

func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	(*t)[last] = timer{}
	*t = (*t)[:last]
	return x
}

// arm sets a delivery's timer, unless an earlier one is set; a zero time is now.
func (s *slot) arm(l *lane, seq uint64, at time.Time) {
	if set, ok := l.armed[seq]; ok && !at.Before(set) {
		return
	}
	l.armed[seq] = at
	heap.Push(&s.timers, timer{at, l, seq})
	if first := s.timers[0]; first.lane == l && first.seq == seq {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// run fires timers until the worker stops or the slot ends.
func (s *slot) run() {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-s.w.life.Done():
			return
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-next.C:
		}
		if wait := s.fire(time.Now()); wait > 0 {
			next.Reset(wait)
		}
	}
}

// fire begins what is due and returns how long nothing else is, 0 if nothing
// waits at all.
func (s *slot) fire(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.timers) > 0 {
		if wait := s.timers[0].at.Sub(now); wait > 0 {
			return wait
		}
		t := heap.Pop(&s.timers).(timer) //nolint:errcheck,forcetypeassert // only timers are pushed
		l := t.lane
		if at, ok := l.armed[t.seq]; !ok || !at.Equal(t.at) {
			continue // an earlier one was set and has fired
		}
		delete(l.armed, t.seq)
		if l.gone {
			continue
		}
		if t.seq == pumping {
			if l.pausedUntil.After(now) {
				s.arm(l, pumping, l.pausedUntil) // this was for something sooner
			}
			l.pump()
			continue
		}
		switch d, ok := l.attemptable(t.seq); {
		case !ok || !l.ep.Enabled: // whoever changes that sets a timer
		case d.Due.After(now):
			s.arm(l, t.seq, d.Due)
		default:
			l.again = append(l.again, t.seq)
			l.pump()
		}
	}
	return 0
}

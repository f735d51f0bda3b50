package delivery

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
)

// checkpointRecords is how many records at most lie behind a slot's last
// checkpoint before the next is written.
const checkpointRecords = 10_000

// cursorSize is more than the record of a position takes in a frame, in bytes.
const cursorSize = 512

// A frame costs the same whether it holds one record or a hundred, and its sync
// delays those of the log. So behind a frame the records gather for a while,
// unless they are many: a record is stored at once only while there are few.
const (
	gatherFor  = 10 * time.Millisecond
	gatherMost = 256
)

// commit appends what is pending, one frame at a time: while one is on its way
// the next collects. It ends when the slot is closing and nothing is pending,
// when the slot is lost, or when nobody waits for it any more.
func (s *slot) commit() {
	defer close(s.committed)
	for {
		select {
		case <-s.work:
		case <-s.ctx.Done():
			return
		}
		for {
			batch, f := s.next()
			if len(f.Records) == 0 {
				break
			}
			began := time.Now()
			b, err := attempts.Encode(f)
			if err != nil {
				s.lose(fmt.Errorf("write the records of slot %d: %w", s.n, err))
				return
			}
			seq, ok := s.append(b)
			if !ok {
				return
			}
			s.stored(seq, f, batch, len(b))
			if !s.checkpoint() {
				return
			}
			s.gather(gatherFor - time.Since(began))
		}
		s.mu.Lock()
		end := s.closing && len(s.pending) == 0
		s.mu.Unlock()
		if end {
			return
		}
	}
}

// gather waits for records of the next frame: for d, or until they are many or
// the slot ends.
func (s *slot) gather(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		s.mu.Lock()
		enough := len(s.pending)-s.held >= gatherMost || s.closing
		s.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-s.hurry:
		case <-t.C:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// next takes the records of the next frame, and the positions that become true
// with them.
func (s *slot) next() ([]pending, attempts.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := attempts.Frame{Header: attempts.Header{Slot: s.n, Index: s.place.Index + 1, Checkpoint: s.place.Checkpoint}}
	known := s.w.feed.known.Load()
	if known != s.heldAt {
		s.lookAnew()
		s.heldAt = known
	}
	batch := s.spare
	s.spare = nil
	touched := map[*lane]struct{}{}
	i, size := s.held, 0
	for ; i < len(s.pending) && len(f.Records)+len(touched)+1 < attempts.MaxRecords; i++ {
		p := s.pending[i]
		if _, behind := s.holding[p.lane]; behind || p.record.Seq > known {
			s.hold(p)
			continue
		}
		if size += p.record.Size() + cursorSize; size > attempts.FillFrame && len(batch) > 0 {
			break
		}
		if f.Records == nil {
			f.Records = make([]attempts.Record, 0, min(2*(len(s.pending)-i), attempts.MaxRecords))
		}
		touched[p.lane] = struct{}{}
		delete(p.lane.unsettled, p.record.Seq)
		f.Records = append(f.Records, p.record)
		batch = append(batch, p)
	}
	if s.pending = slices.Delete(s.pending, s.held, i); len(s.pending) == 0 && cap(s.pending) > attempts.MaxRecords {
		s.pending = nil
	}
	s.await()
	for _, l := range s.lanes {
		if len(f.Records)+len(touched) >= attempts.MaxRecords || size > attempts.FillFrame {
			break
		}
		if l.touched {
			touched[l] = struct{}{}
			size += cursorSize
		}
	}
	for l := range touched {
		l.touched = false
		if l.gone || !l.placed {
			continue
		}
		row, ok, _ := s.state.Endpoint(l.id) // memory does not fail
		if at := min(l.position(), known); !ok || at > row.Position || l.rewound && at != row.Position {
			l.rewound = false
			f.Records = append(f.Records, attempts.Record{Kind: attempts.KindCursor, Endpoint: l.id, Position: at})
		}
	}
	return batch, f
}

// hold keeps a record, which next has come to, at the front of pending: its lane's
// have to be stored in order, and those of other lanes need not wait for it.
func (s *slot) hold(p pending) {
	s.holding[p.lane] = struct{}{}
	if p.record.Seq > s.heldAt && (s.heldFor == 0 || p.record.Seq < s.heldFor) {
		s.heldFor = p.record.Seq
	}
	s.pending[s.held] = p
	s.held++
}

// lookAnew has next look at all that is pending.
func (s *slot) lookAnew() {
	s.held, s.heldFor = 0, 0
	clear(s.holding)
}

// await has commit look again once EVENTS is known to hold an event of which a
// record is held.
func (s *slot) await() {
	// Whoever knows more looks at awaited behind that, so one of the two sees what
	// the other did.
	s.awaited.Store(s.heldFor)
	if s.heldFor > 0 && s.w.feed.known.Load() >= s.heldFor {
		s.signal()
	}
}

// append stores a frame, however long that takes. It answers false if the slot
// is lost or nobody waits any more.
func (s *slot) append(b []byte) (uint64, bool) {
	wait := 20 * time.Millisecond
	for {
		seq, err := s.writer.Append(s.ctx, b)
		switch {
		case err == nil:
			return seq, true
		case errors.Is(err, attemptlog.ErrFenced), errors.Is(err, attemptlog.ErrRefused):
			s.lose(fmt.Errorf("append to slot %d: %w", s.n, err))
			return 0, false
		case s.ctx.Err() != nil:
			return 0, false
		case errors.Is(err, attemptlog.ErrFull):
			s.w.trimNow()
		}
		s.w.cfg.Logger.Warn("the records of deliveries cannot be stored; trying again", "slot", s.n, "error", err)
		if !pause(s.ctx, wait) {
			return 0, false
		}
		wait = min(2*wait, 2*time.Second)
	}
}

// lose ends the slot: another worker has it, or its records cannot be written.
func (s *slot) lose(err error) {
	s.mu.Lock()
	s.fenced = true
	s.forgetAll()
	for _, l := range s.lanes {
		l.cancel()
	}
	s.mu.Unlock()
	if s.w.share != nil && errors.Is(err, attemptlog.ErrFenced) {
		s.w.cfg.Logger.Warn("another worker has the slot; this one stops working on it", "slot", s.n)
		s.w.giving.Go(func() { s.w.forfeit(s) })
		return
	}
	s.w.fail(err)
}

// stored folds a frame and does what its records lead to.
func (s *slot) stored(seq uint64, f attempts.Frame, batch []pending, size int) {
	s.w.stats.frames.Add(1)
	s.w.stats.records.Add(uint64(len(batch)))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place, _ = attempts.Apply(s.state, s.place, seq, f) // the next frame, in memory: it cannot fail
	s.size += size
	for _, p := range batch {
		s.w.stats.count(&p.record)
		if p.done != nil {
			close(p.done)
		}
		if !p.lane.gone {
			p.lane.recorded(&p)
		}
	}
	if clear(batch); cap(batch) <= attempts.MaxRecords {
		s.spare = batch[:0]
	}
	s.unclog()
}

// unclog lets lanes go on that begin nothing because too much was pending.
func (s *slot) unclog() {
	if !s.clogged || len(s.pending) >= maxPending {
		return
	}
	s.clogged = false
	for _, l := range s.lanes {
		l.pump()
	}
}

// recorded sets the timers that follow from a record, once its row is there.
func (l *lane) recorded(p *pending) {
	r := &p.record
	delete(l.unstored, r.Seq)
	l.replayed(r)
	switch {
	case p.closes:
		l.arm() // everything is due
	case r.Kind == attempts.KindQueued, r.Kind == attempts.KindAttempt && r.Outcome == attempts.Failed:
		l.slot.arm(l, r.Seq, r.Due)
	}
	if l.open {
		// Only the first may be attempted, and which one that is may have changed
		// with any record: timers of the others were passed over.
		if first, ok := l.slot.state.First(l.id); ok {
			l.slot.arm(l, first.Seq, first.Due)
		}
	}
	l.pump()
}

// checkpoint writes one if it is time. It answers false if the slot is lost.
func (s *slot) checkpoint() bool {
	s.mu.Lock()
	if s.place.Since < checkpointRecords && s.size < s.w.checkpointSize && (!s.asked || s.place.Since == 0) {
		s.asked = false
		s.mu.Unlock()
		return true
	}
	s.asked = false
	parts, err := s.state.Checkpoint(s.n, s.place.Index+1, s.place.Checkpoint)
	s.mu.Unlock()
	if err != nil {
		s.lose(fmt.Errorf("write a checkpoint of slot %d: %w", s.n, err))
		return false
	}
	for _, b := range parts {
		seq, ok := s.append(b)
		if !ok {
			return false
		}
		f, err := attempts.Decode(b)
		if err != nil {
			s.lose(err)
			return false
		}
		s.mu.Lock()
		s.place, _ = attempts.Apply(s.state, s.place, seq, f) // as in stored
		s.size = 0
		s.mu.Unlock()
	}
	s.w.stats.checkpoints.Add(1)
	return true
}

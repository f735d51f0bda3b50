package memlog

import (
	"context"
	"slices"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// Outcome is how an append ends. Every one of them happens to real logs.
type Outcome int

const (
	// Store is the plain case: the expectation decides.
	Store Outcome = iota
	// StoreButUnknown stores the frame and loses the ack: ErrUnknown.
	StoreButUnknown
	// LoseButUnknown loses the frame on its way: ErrUnknown.
	LoseButUnknown
	// LoseToForeign stores a frame of another writer first, so that the
	// expectation fails: ErrConflict. The foreign frame continues the chain and
	// holds one commit without events, whose command id is ForeignCommand.
	LoseToForeign
	// ConflictOnly answers ErrConflict although nobody wrote, as a replicated
	// stream does now and then.
	ConflictOnly
	// RefuseFull stores nothing: ErrFull.
	RefuseFull
	// RefuseUnavailable stores nothing: ErrUnavailable.
	RefuseUnavailable
)

// ForeignCommand is the command id in the frames that LoseToForeign stores.
const ForeignCommand = "foreign"

// FailNext decides how the next appends end, one outcome each, in order. After
// them the log behaves again. Appends refused for their size or header do not
// use an outcome up.
func (l *Log) FailNext(outcomes ...Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plan = append(l.plan, outcomes...)
}

// Appends returns how many appends came in, whatever became of them, without
// those refused for their size or header.
func (l *Log) Appends() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.appends
}

func (l *Log) planned() Outcome {
	if len(l.plan) == 0 {
		return Store
	}
	o := l.plan[0]
	l.plan = l.plan[1:]
	return o
}

func (l *Log) foreign() {
	var at eventlog.Position
	if n := len(l.stored); n > 0 {
		s := l.stored[n-1]
		if f, err := frame.Decode(s.b); err == nil {
			at = eventlog.Position{Seq: s.seq, Index: f.Index, Ordinal: f.Ordinal + uint64(f.Events()), Hash: frame.Sum(s.b)} //nolint:gosec // a count
		}
	}
	l.store(frame.Encode(frame.Frame{Header: at.Next(), Commits: []frame.Commit{{Command: ForeignCommand}}}))
}

// AppendRaw stores any bytes without any check, as a foreign program with
// access to the stream could.
func (l *Log) AppendRaw(_ context.Context, b []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store(b), nil
}

// Drop loses the frame at seq without a word, as a server does with a damaged
// message. The sequence numbers of the others stay. It reports whether the
// frame was there.
func (l *Log) Drop(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.find(seq)
	if !ok {
		return false
	}
	l.size -= len(l.stored[i].b)
	l.stored = slices.Delete(l.stored, i, i+1)
	l.lost++
	return true
}

// CutTail loses every frame behind seq and forgets their numbers, as a server
// does after its last blocks were damaged: the next append gets a number that
// was already given out.
func (l *Log) CutTail(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := len(l.stored); n > 0 && l.stored[n-1].seq > seq; n-- {
		l.size -= len(l.stored[n-1].b)
		l.stored = l.stored[:n-1]
	}
	l.last = min(l.last, seq)
}

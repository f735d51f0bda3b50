// Package memlog is the log port in memory: for the tests of those who append
// and read, and for tools that need a log without a disk.
//
// It keeps every promise of the port except durability: it checks the
// expectation, chains, links and sizes as the real one does, and passes the
// same suite (logtest). On top of that a caller can ask for the answers that a
// real log gives only on a bad day: see FailNext, Drop and AppendRaw. What must
// not live here: anything that a service would use in production.
package memlog

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// Log is one partition in memory. Its methods may be called at the same time.
type Log struct {
	capacity int

	mu      sync.Mutex
	stored  []stored
	last    uint64 // survives Drop, as a server's counter does
	size    int
	plan    []Outcome
	lost    uint64
	appends int
	changed chan struct{} // closed and replaced whenever something is stored
}

type stored struct {
	seq uint64
	b   []byte
}

// An Option changes a new Log.
type Option func(*Log)

// WithCapacity bounds the sum of the frames' bytes; an append beyond it is
// ErrFull. Without it the log is bounded by memory only.
func WithCapacity(bytes int) Option { return func(l *Log) { l.capacity = bytes } }

// New returns an empty log.
func New(opts ...Option) *Log {
	l := &Log{changed: make(chan struct{})}
	for _, o := range opts {
		o(l)
	}
	return l
}

// Append stores a frame. See eventlog.Appender.
func (l *Log) Append(ctx context.Context, expect eventlog.Position, b []byte) (uint64, error) {
	if err := eventlog.Admissible(expect, b); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appends++
	switch l.planned() {
	case Store:
	case StoreButUnknown:
		if _, err := l.conditional(expect, b); err != nil {
			return 0, err
		}
		return 0, eventlog.ErrUnknown
	case LoseButUnknown:
		return 0, eventlog.ErrUnknown
	case LoseToForeign:
		l.foreign()
	case ConflictOnly:
		return 0, eventlog.ErrConflict
	case RefuseFull:
		return 0, eventlog.ErrFull
	case RefuseUnavailable:
		return 0, eventlog.ErrUnavailable
	}
	return l.conditional(expect, b)
}

func (l *Log) conditional(expect eventlog.Position, b []byte) (uint64, error) {
	if l.last != expect.Seq {
		return 0, fmt.Errorf("%w: its last sequence is %d, expected %d", eventlog.ErrConflict, l.last, expect.Seq)
	}
	if l.capacity > 0 && l.size+len(b) > l.capacity {
		return 0, eventlog.ErrFull
	}
	return l.store(b), nil
}

// store keeps a copy: the caller may reuse its buffer.
func (l *Log) store(b []byte) uint64 {
	l.last++
	l.stored = append(l.stored, stored{l.last, slices.Clone(b)})
	l.size += len(b)
	close(l.changed)
	l.changed = make(chan struct{})
	return l.last
}

// Tail returns the last sequence. See eventlog.Source.
func (l *Log) Tail(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, nil
}

// Check reports loss and lack of room. See eventlog.Log.
func (l *Log) Check(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		first := l.last + 1
		if len(l.stored) > 0 {
			first = l.stored[0].seq
		}
		return &eventlog.LostError{Deleted: l.lost, FirstSeq: first}
	}
	if l.capacity > 0 && l.size >= l.capacity {
		return eventlog.ErrFull
	}
	return nil
}

// Open starts a reader. See eventlog.Source.
func (l *Log) Open(ctx context.Context, after eventlog.Position) (eventlog.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if after.Seq > 0 {
		i, ok := l.find(after.Seq)
		if !ok {
			return nil, &eventlog.MismatchError{Want: after}
		}
		if h := frame.Sum(l.stored[i].b); h != after.Hash {
			return nil, &eventlog.MismatchError{Want: after, Found: h}
		}
	}
	if _, ok := l.find(l.last); !ok && l.last > after.Seq {
		return nil, &eventlog.GapError{Seq: l.last, Want: after.Index + 1}
	}
	return &reader{log: l, chain: eventlog.Chain{At: after}, closed: make(chan struct{})}, nil
}

func (l *Log) find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(l.stored, seq, func(s stored, seq uint64) int {
		switch {
		case s.seq < seq:
			return -1
		case s.seq > seq:
			return 1
		}
		return 0
	})
}

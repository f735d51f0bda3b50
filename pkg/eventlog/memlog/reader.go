package memlog

import (
	"context"
	"sync"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

type reader struct {
	log   *Log
	chain eventlog.Chain
	final error

	once   sync.Once
	closed chan struct{}
}

func (r *reader) Next(ctx context.Context) (eventlog.Entry, error) {
	for {
		select {
		case <-r.closed:
			return eventlog.Entry{}, eventlog.ErrClosed
		default:
		}
		if r.final != nil {
			return eventlog.Entry{}, r.final
		}
		if err := ctx.Err(); err != nil {
			return eventlog.Entry{}, err
		}
		s, ok, changed := r.log.behind(r.chain.At.Seq)
		if ok {
			e, err := r.chain.Admit(s.seq, s.b)
			if err != nil {
				r.final = err
			}
			return e, err
		}
		select {
		case <-changed:
		case <-r.closed:
		case <-ctx.Done():
		}
	}
}

func (r *reader) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

// behind returns the first frame after seq, or a channel that closes when
// there may be one.
func (l *Log) behind(seq uint64) (stored, bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, _ := l.find(seq + 1)
	if i == len(l.stored) {
		return stored{}, false, l.changed
	}
	return l.stored[i], true, nil
}

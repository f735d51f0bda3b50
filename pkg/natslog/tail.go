package natslog

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// askTimeout bounds one question to the server.
const askTimeout = 5 * time.Second

// question lets many callers share the answer of one request. A caller may use
// only an answer to a question asked after it began to wait, so at most one
// question is on its way and one is being filled with callers.
type question struct {
	ask func(context.Context) (uint64, error)

	mu      sync.Mutex
	asking  bool
	waiting *answer
}

type answer struct {
	done chan struct{}
	seq  uint64
	err  error
}

func (q *question) wait(ctx context.Context) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	q.mu.Lock()
	a := q.waiting
	if a == nil {
		a = &answer{done: make(chan struct{})}
		q.waiting = a
	}
	if !q.asking {
		q.asking = true
		go q.run(context.WithoutCancel(ctx))
	}
	q.mu.Unlock()
	select {
	case <-a.done:
		return a.seq, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// run asks until nobody waits. A question is everybody's: it does not end with
// the context of the caller that began it.
func (q *question) run(ctx context.Context) {
	for {
		q.mu.Lock()
		a := q.waiting
		q.waiting = nil
		if a == nil {
			q.asking = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		a.seq, a.err = q.ask(ctx)
		cancel()
		close(a.done)
	}
}

// askTail asks the stream's leader for the partition's last sequence.
func (l *Log) askTail(ctx context.Context) (uint64, error) {
	ctx, release, err := l.attached(ctx, askTimeout)
	if err != nil {
		return 0, err
	}
	defer release()
	info, err := l.stream.Info(ctx, jetstream.WithSubjectFilter(l.subject))
	if err != nil {
		return 0, unavailable(err)
	}
	if info.State.LastSeq == 0 {
		return 0, nil
	}
	// With one subject in the stream, the stream's end is the partition's: the
	// usual case, and the only round trip.
	switch {
	case info.State.Subjects[l.subject] == 0 && info.State.NumSubjects > 0:
		return 0, nil
	case info.State.NumSubjects <= 1:
		return info.State.LastSeq, nil
	}
	m, err := l.stream.GetLastMsgForSubject(ctx, l.subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, &eventlog.LostError{Deleted: 1, FirstSeq: info.State.FirstSeq}
	}
	if err != nil {
		return 0, unavailable(err)
	}
	return m.Sequence, nil
}

package ledger

import (
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

const (
	// batchRecords and batchWait bound a transaction, whichever comes first.
	batchRecords = 10_000
	batchWait    = 50 * time.Millisecond
	retryPause   = 200 * time.Millisecond
)

// Follow folds the stream until ctx ends. It returns early only if the file
// cannot be written or a frame cannot be read by this program.
func (l *Ledger) Follow(ctx context.Context) error {
	for {
		err := l.follow(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, unknown := errors.AsType[*attempts.UnknownVersionError](err); unknown || errors.Is(err, errFile) || errors.Is(err, attempts.ErrNotAFrame) {
			return err
		}
		l.log.Warn("the stream of attempts cannot be read; trying again", "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(retryPause):
		}
	}
}

// errFile marks failures of the file.
var errFile = errors.New("ledger: the file cannot be written")

// follow reads in one goroutine and writes in this one, so that a transaction
// collects what arrives while the one before is written.
func (l *Ledger) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	frames := make(chan attempts.Stored, 64)
	read := make(chan error, 1)
	go func() {
		defer close(frames)
		read <- l.source.Follow(ctx, l.Position(), func(s attempts.Stored) error {
			select {
			case frames <- s:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	for {
		batch, open := collect(frames)
		if len(batch) > 0 {
			if err := l.write(batch); err != nil {
				cancel()
				for range frames { // let the reader end
				}
				return errors.Join(errFile, err)
			}
		}
		if !open {
			return <-read
		}
	}
}

// collect waits for a frame and takes what comes within batchWait after it.
func collect(frames <-chan attempts.Stored) (batch []attempts.Stored, open bool) {
	f, open := <-frames
	if !open {
		return nil, false
	}
	batch = append(batch, f)
	wait := time.NewTimer(batchWait)
	defer wait.Stop()
	for n := len(f.Frame.Records); n < batchRecords; {
		select {
		case f, open = <-frames:
			if !open {
				return batch, false
			}
			batch = append(batch, f)
			n += len(f.Frame.Records) + len(f.Frame.Deliveries)
		case <-wait.C:
			return batch, true
		}
	}
	return batch, true
}

// write folds frames in one transaction.
func (l *Ledger) write(batch []attempts.Stored) error {
	err := l.db.Update(func(tx *bolt.Tx) error {
		var last position
		for _, s := range batch {
			if err := l.fold(tx, s); err != nil {
				return err
			}
			last = position{seq: s.Seq, slot: s.Frame.Slot, index: s.Frame.Index}
		}
		return writePosition(tx, last)
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = batch[len(batch)-1].Seq
	close(l.moved)
	l.moved = make(chan struct{})
	return nil
}

func (l *Ledger) fold(tx *bolt.Tx, s attempts.Stored) error {
	at, err := readPlace(tx, s.Frame.Slot)
	if err != nil {
		return err
	}
	r := newRows(tx, s.Frame.Slot)
	for i := range s.Frame.Records {
		if at := s.Frame.Records[i].At; at.After(r.now) {
			r.now = at
		}
	}
	to, err := attempts.Apply(r, at, s.Seq, s.Frame)
	if errors.Is(err, attempts.ErrGap) {
		// Only whole checkpoints follow what is trimmed, so frames were lost. The
		// next checkpoint has everything; until then the slot's rows stand still.
		l.log.Error("frames of the stream of attempts are missing; waiting for the next checkpoint", "slot", s.Frame.Slot, "sequence", s.Seq, "error", err)
		return nil
	}
	if err == nil {
		err = r.flush()
	}
	if err != nil {
		return err
	}
	return writePlace(tx, s.Frame.Slot, to)
}

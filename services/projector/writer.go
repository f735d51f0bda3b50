package projector

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// writer writes one batch at a time in the background.
type writer struct {
	p *Projector
	// done is closed when the batch under way is written; nil if there is none.
	done chan struct{}
	rows *directory.Overlay // of the batch under way
	err  error
	// announced is closed when the last batch that was begun has announced.
	announced chan struct{}
}

// begin starts a batch behind the checkpoint, on a view that shows the batch
// under way whether or not it is written yet.
func (w *writer) begin(at readmodel.Checkpoint) (*batch, error) {
	snap, err := w.p.store.Snapshot()
	if err != nil {
		return nil, err
	}
	var below directory.View = snap
	if w.done != nil {
		below = w.rows.Over(snap)
	}
	b := &batch{p: w.p, snap: snap, rows: directory.NewOverlay(below), to: at, before: w.announced, announced: make(chan struct{})}
	if b.before == nil {
		b.before = make(chan struct{})
		close(b.before)
	}
	w.announced = b.announced
	return b, nil
}

// write waits for the batch before and starts to write this one.
func (w *writer) write(b *batch) error {
	// The rows are in memory; an open snapshot would keep the file growing.
	_ = b.snap.Close()
	if err := w.wait(); err != nil {
		return err
	}
	done := make(chan struct{})
	w.done, w.rows = done, b.rows
	go func() {
		defer close(done)
		w.err = b.commit()
	}()
	return nil
}

// wait returns when nothing is being written, with the error of what was.
func (w *writer) wait() error {
	if w.done != nil {
		<-w.done
		w.done, w.rows = nil, nil
	}
	return w.err
}

// commit writes rows, outbox and position in one transaction, and then lets the
// world know.
func (b *batch) commit() error {
	err := b.announce()
	close(b.announced)
	if err != nil {
		return err
	}
	if err := b.p.store.Change(b.to, b.rows.Changes, func(tx *bolt.Tx) error {
		if err := writeQuarantine(tx, b.poison); err != nil {
			return err
		}
		return b.p.emitter.keep(tx, b.outbox)
	}); err != nil {
		return err
	}
	b.p.advance(b.to)
	b.p.emitter.nudge()
	return nil
}

var quarantineBucket = []byte("quarantine")

// writeQuarantine keeps what could not be folded, for people to look at.
func writeQuarantine(tx *bolt.Tx, ps []poison) error {
	if len(ps) == 0 {
		return nil
	}
	b, err := tx.CreateBucketIfNotExists(quarantineBucket)
	if err != nil {
		return err
	}
	for _, p := range ps {
		if err := b.Put(fmt.Appendf(nil, "%018d", p.ordinal), fmt.Appendf(nil, "%s: %v", p.typ, p.err)); err != nil {
			return err
		}
	}
	return nil
}

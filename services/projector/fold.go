package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

const (
	// maxBatch and maxWait bound one transaction: the facts measured 10,000
	// events as the size beyond which nothing is gained, and lag must stay small.
	maxBatch = 10_000
	maxWait  = 50 * time.Millisecond
	// ahead is how many frames are read and decoded before they are folded.
	ahead = 8
	// retryAfter is the pause before an unreachable log is asked again.
	retryAfter = 100 * time.Millisecond
)

// follow folds until ctx ends, or, if until is not 0, up to that sequence.
//
// It first waits to know how far EVENTS is, so that a rebuild does not fill the
// outbox with what was emitted long ago.
func (p *Projector) follow(ctx context.Context, until uint64) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.emitter.synced:
	}
	for {
		err := p.stretch(ctx, until)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, eventlog.ErrUnavailable):
			return err
		}
		p.cfg.Logger.Warn("the log cannot be read; trying again", "error", err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(retryAfter):
		}
	}
}

// read is one frame, or why there is none.
type read struct {
	entry eventlog.Entry
	err   error
}

// stretch reads ahead in one goroutine and folds in this one.
func (p *Projector) stretch(ctx context.Context, until uint64) error {
	reader, err := p.cfg.Log.Open(ctx, p.At().Position)
	if err != nil {
		return err
	}
	readCtx, cancel := context.WithCancel(ctx)
	frames := make(chan read, ahead)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = reader.Close() }()
		for {
			e, err := reader.Next(readCtx)
			select {
			case frames <- read{e, err}:
			case <-readCtx.Done():
				return
			}
			if err != nil || (until > 0 && e.Position.Seq >= until) {
				return
			}
		}
	}()
	defer func() { cancel(); <-done }()

	for {
		var next read
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case next = <-frames:
		}
		if next.err != nil {
			return next.err
		}
		if err := p.batch(next.entry, frames, until); err != nil {
			return err
		}
		if until > 0 && p.At().Seq >= until {
			return nil
		}
	}
}

// batch folds the entry and what else is ready, in one transaction.
func (p *Projector) batch(e eventlog.Entry, frames <-chan read, until uint64) error {
	snap, err := p.store.Snapshot()
	if err != nil {
		return err
	}
	b := batch{p: p, rows: directory.NewOverlay(snap), to: p.At()}
	started := time.Now()
	var failed error
	for {
		b.fold(e)
		if b.events >= maxBatch || time.Since(started) >= maxWait || (until > 0 && b.to.Seq >= until) {
			break
		}
		select {
		case next := <-frames:
			if failed = next.err; failed == nil {
				e = next.entry
				continue
			}
		default:
		}
		break
	}
	// The write needs no pages of the snapshot any more once the rows are in
	// memory, and an open snapshot would keep the file growing.
	_ = snap.Close()
	if b.failed != nil {
		return b.failed
	}
	outbox, err := b.outbox()
	if err != nil {
		return err
	}
	if err := p.store.Change(b.to, b.rows.Changes, func(tx *bolt.Tx) error {
		if err := writeQuarantine(tx, b.poison); err != nil {
			return err
		}
		return p.emitter.keep(tx, outbox)
	}); err != nil {
		return err
	}
	p.advance(b.to)
	p.emitter.offer(outbox)
	return failed
}

// batch is one transaction in the making.
type batch struct {
	p      *Projector
	rows   *directory.Overlay
	to     readmodel.Checkpoint
	events int
	due    []due
	poison []poison
	failed error
}

// due is an announcement and the frame that caused it.
type due struct {
	announce.Announcement
	seq     uint64
	ordinal uint64
}

// poison is an event that could not be folded.
type poison struct {
	ordinal uint64
	typ     events.Type
	err     error
}

func (b *batch) fold(e eventlog.Entry) {
	ordinal := e.Frame.Ordinal
	for _, c := range e.Frame.Commits {
		for _, ev := range c.Events {
			ordinal++
			b.events++
			as, err := announce.Fold(b.rows, ev, ordinal)
			if err != nil {
				// Visible and not silently past: the quarantine row is written with
				// the position, and the operator's log says it.
				b.p.cfg.Logger.Error("an event cannot be folded and is in quarantine", "ordinal", ordinal, "type", ev.Type, "error", err)
				b.poison = append(b.poison, poison{ordinal, ev.Type, err})
				continue
			}
			for _, a := range as {
				b.due = append(b.due, due{a, e.Position.Seq, ordinal})
			}
			if ev.Type == events.TypeEnvironmentCreated {
				b.p.environment.Store(&ev.Resource)
			}
		}
	}
	b.to = b.to.Advanced(e)
}

// outbox turns the announcements that are not in EVENTS yet into messages.
func (b *batch) outbox() ([]message, error) {
	if len(b.due) == 0 {
		return nil, nil
	}
	env, err := b.p.environmentID()
	if err != nil {
		return nil, err
	}
	emitted := b.p.emitter.upTo.Load()
	out := make([]message, 0, len(b.due))
	for _, d := range b.due {
		if uint64(d.Number) <= uint64(emitted) {
			continue // a rebuild: it is there already
		}
		body, err := d.Body(env)
		if err != nil {
			return nil, fmt.Errorf("write public event %s: %w", d.Number.ID(), err)
		}
		out = append(out, message{
			number: d.Number, typ: d.Type, organization: d.Organization, directory: d.Directory, seq: d.seq, ordinal: d.ordinal, body: body,
		})
	}
	return out, nil
}

func (p *Projector) environmentID() (string, error) {
	if id := p.environment.Load(); id != nil {
		return *id, nil
	}
	snap, err := p.store.Snapshot()
	if err != nil {
		return "", err
	}
	defer func() { _ = snap.Close() }()
	var id string
	err = snap.Scan(directory.Make(directory.TableEnvironment), "", func(_ directory.Key, r directory.Row) bool {
		id = r.(*directory.Environment).ID
		return false
	})
	if err == nil && id != "" {
		p.environment.Store(&id)
	}
	return id, err
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

package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

const (
	// maxBatch bounds one transaction, in events or in what they are announced
	// with, whichever is more: the facts measured this as the size beyond which
	// nothing is gained, and one change of members is told of each of them.
	maxBatch = 10_000
	// gather is how long a transaction collects what arrives, unless somebody
	// waits for it or it holds work for this projector. Public events do not wait
	// for it, and each sync that is saved is one that does not delay the log's; nor
	// is a page written twice that two frames change.
	gather = 500 * time.Millisecond
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

// stretch folds in this goroutine what another reads ahead and a third writes:
// while a transaction commits, the next one is folded. Public events are handed
// to the emitter as soon as no more frames are at hand.
func (p *Projector) stretch(ctx context.Context, until uint64) (err error) {
	reader, err := p.cfg.Log.Open(ctx, p.At().Position)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	frames := make(chan read, ahead)
	done := make(chan struct{})
	go func() {
		defer close(done)
		readAhead(ctx, reader, until, frames)
	}()
	w := writer{p: p}
	defer func() {
		cancel()
		<-done
		err = errors.Join(err, w.wait())
	}()
	at := p.At()
	for until == 0 || at.Seq < until {
		var next read
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case next = <-frames:
		}
		if next.err != nil {
			return next.err
		}
		b, err := w.begin(at)
		if err != nil {
			return err
		}
		readErr := b.collect(ctx, next.entry, frames, w.done, until)
		at = b.to
		if err := w.write(b); err != nil {
			return err
		}
		if readErr != nil {
			return readErr
		}
	}
	return nil
}

// readAhead decodes frames until ctx ends, the log fails, or until is reached.
func readAhead(ctx context.Context, reader eventlog.Reader, until uint64, to chan<- read) {
	defer func() { _ = reader.Close() }()
	for {
		e, err := reader.Next(ctx)
		select {
		case to <- read{e, err}:
		case <-ctx.Done():
			return
		}
		if err != nil || (until > 0 && e.Position.Seq >= until) {
			return
		}
	}
}

// batch is one transaction in the making.
type batch struct {
	p      *Projector
	snap   *readmodel.Snapshot
	rows   *directory.Overlay
	to     readmodel.Checkpoint
	events int   // folded, or caused by them
	due    []due // not yet written as messages
	outbox []message
	poison []poison

	// before is closed when the batch before has announced all of its events,
	// announced when this one has.
	before, announced chan struct{}
}

// collect folds the entry and what else arrives, until the batch is full, or
// its time is over or somebody waits for it, and the transaction before is
// written.
func (b *batch) collect(ctx context.Context, e eventlog.Entry, frames <-chan read, written <-chan struct{}, until uint64) error {
	timer := time.NewTimer(gather)
	defer timer.Stop()
	ripe := until > 0 // a rebuild waits for nothing
	for {
		b.fold(e)
		if b.events >= maxBatch || (until > 0 && b.to.Seq >= until) {
			return nil
		}
		next, ok, err := b.more(ctx, frames, written, timer.C, &ripe)
		if !ok || err != nil {
			return err
		}
		if next.err != nil {
			return next.err
		}
		e = next.entry
	}
}

// more returns the next frame; ok is false when the batch is to be written.
func (b *batch) more(ctx context.Context, frames <-chan read, written <-chan struct{}, timer <-chan time.Time, ripe *bool) (next read, ok bool, err error) {
	select {
	case next = <-frames:
		return next, true, nil
	default:
	}
	if err := b.announce(); err != nil {
		return next, false, err
	}
	*ripe = *ripe || b.rows.Changed(directory.TableFanout) // its next step is taken from the file
	for written != nil || !*ripe {
		select {
		case next = <-frames:
			return next, true, nil
		case <-written:
			written = nil
		case <-timer:
			*ripe = true
		case <-b.p.hurry:
			*ripe = true
		case <-ctx.Done():
			return next, false, nil // what is folded is still worth writing
		}
	}
	return next, false, nil
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
	wrote := false // something else than a step of a fan-out
	for _, c := range e.Frame.Commits {
		for _, ev := range c.Events {
			ordinal++
			wrote = wrote || ev.Type != events.TypeFanoutContinued
			as, err := announce.Fold(b.rows, ev, ordinal)
			b.events += max(1, len(as))
			if err != nil {
				// Visible and not silently past: the quarantine row is written with
				// the position, and the operator's log says it.
				b.p.cfg.Logger.Error("an event cannot be folded and is in quarantine", "ordinal", ordinal, "type", ev.Type, "error", err)
				b.poison = append(b.poison, poison{ordinal, ev.Type, err})
				continue
			}
			b.rows.Apply(directory.Audit(ev))
			for _, a := range as {
				b.due = append(b.due, due{a, e.Position.Seq, ordinal})
			}
			if ev.Type == events.TypeEnvironmentCreated {
				b.p.environment.Store(&ev.Resource)
			}
		}
	}
	if wrote {
		b.p.pace.wrote(time.Now())
	}
	b.to = b.to.Advanced(e)
}

// announce turns what is due into messages and hands them to the emitter, but
// for those that are in EVENTS already: a rebuild passes over them.
func (b *batch) announce() error {
	if len(b.due) == 0 {
		return nil
	}
	<-b.before
	env, err := b.p.environmentID()
	if err != nil {
		return err
	}
	emitted := b.p.emitter.upTo.Load()
	from := len(b.outbox)
	for _, d := range b.due {
		if uint64(d.Number) <= emitted {
			continue
		}
		body, err := d.Body(env)
		if err != nil {
			return fmt.Errorf("write public event %s: %w", d.Number.ID(), err)
		}
		b.outbox = append(b.outbox, message{
			number: d.Number, typ: d.Type, organization: d.Organization, directory: d.Directory, seq: d.seq, ordinal: d.ordinal, body: body,
			endpoint: d.Endpoint, replay: d.Replay,
		})
	}
	b.due = nil
	b.p.emitter.offer(b.outbox[from:])
	return nil
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
		id = r.(*directory.Environment).ID //nolint:errcheck // the table says what its rows are
		return false
	})
	if err == nil && id != "" {
		p.environment.Store(&id)
	}
	return id, err
}

package projector

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// emitPatience bounds how long a step of a fan-out waits for EVENTS.
const emitPatience = 5 * time.Second

// continueFanouts sends the next step of every fan-out that the read model
// shows. The step itself is decided by the owner of the log; a step that
// somebody else took already causes nothing. Each step waits until the one before
// it is in EVENTS, so that what happens meanwhile is never behind more than one,
// and beside other writes the steps are small and rest in between (see pace).
func (p *Projector) continueFanouts(ctx context.Context) {
	for {
		p.mu.Lock()
		moved := p.moved
		p.mu.Unlock()
		jobs, err := p.fanouts()
		for _, j := range jobs {
			if err = p.step(ctx, j); err != nil {
				break
			}
		}
		if len(jobs) > 0 && err == nil {
			continue
		}
		var pause <-chan time.Time
		if err != nil && ctx.Err() == nil {
			if fault.KindOf(err) != fault.Unavailable {
				p.cfg.Logger.Error("a fan-out cannot go on; trying again", "error", err)
			}
			pause, moved = time.After(retryAfter), nil
		}
		select {
		case <-ctx.Done():
			return
		case <-moved:
		case <-pause:
		}
		if p.Err() != nil {
			return
		}
	}
}

// step takes one job a stretch further, waits until EVENTS shows it, and rests as
// the pace says.
func (p *Projector) step(ctx context.Context, j *directory.Fanout) error {
	p.emitter.idle(ctx, emitPatience) // what an earlier life left
	began := time.Now()
	if err := p.advanceFanout(ctx, j, p.pace.size(began)); err != nil {
		return err
	}
	p.emitter.idle(ctx, emitPatience)
	end := time.Now()
	rest := p.pace.rest(end, end.Sub(began), j.Endpoint != "")
	if rest == 0 {
		return nil
	}
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// advanceFanout takes one job so many resources further at most and waits until
// the model shows it.
func (p *Projector) advanceFanout(ctx context.Context, j *directory.Fanout, limit int) error {
	var id [16]byte
	_, _ = rand.Read(id[:])
	seq, err := p.cfg.Commands.Submit(ctx, directory.Request{
		ID: hex.EncodeToString(id[:]), Actor: "system", Command: directory.ContinueFanout{Job: j.Job, After: j.After, Limit: limit},
	})
	if err != nil {
		return err
	}
	return p.Wait(ctx, seq)
}

// fanouts returns the jobs under way, oldest first.
func (p *Projector) fanouts() ([]*directory.Fanout, error) {
	snap, err := p.store.Snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = snap.Close() }()
	var jobs []*directory.Fanout
	err = snap.Scan(directory.Make(directory.TableFanout), "", func(_ directory.Key, r directory.Row) bool {
		jobs = append(jobs, r.(*directory.Fanout)) //nolint:errcheck // the table says what its rows are
		return true
	})
	return jobs, err
}

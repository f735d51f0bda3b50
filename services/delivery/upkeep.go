package delivery

import (
	"context"
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

const (
	// sweepEvery and sweepLag say when a position is recorded although nothing
	// was sent: so that a restart reads little again.
	sweepEvery = 10 * time.Second
	sweepLag   = 10_000
	// KeepAttempts is how long attempts are kept behind a checkpoint, so that
	// their history can be listed again if the listing's file is lost.
	KeepAttempts = 7 * 24 * time.Hour

	trimEvery     = time.Hour
	lookEvery     = 10 * time.Second
	minCheckpoint = 64 << 10
)

// sweep probes, gives up what EVENTS lacks for too long, and records positions
// that moved far without a record.
func (w *Worker) sweep() {
	for round := 1; pause(w.life, lookEach); round++ {
		w.probe(time.Now(), round)
		if round%int(sweepEvery/lookEach) != 0 {
			continue
		}
		w.feed.giveUp(w.life, time.Now())
		for _, s := range w.held() {
			s.mu.Lock()
			for _, l := range s.lanes {
				row, _, _ := s.state.Endpoint(l.id) // memory does not fail
				if l.placed && l.position() >= row.Position+sweepLag {
					l.touched = true
					s.signal()
				}
			}
			s.mu.Unlock()
		}
	}
}

// checkpointShare is which part of ATTEMPTS the frames behind one slot's last
// checkpoint may take: all slots together leave room for trimming to help.
const checkpointShare = 4 * attempts.Slots

func (w *Worker) measure(ctx context.Context) error {
	u, err := w.attempts.Usage(ctx)
	if err == nil && u.Limit > 0 {
		w.checkpointSize = int(max(minCheckpoint, u.Limit/checkpointShare)) //nolint:gosec // a part of a disk
	}
	return err
}

// trimNow asks for room.
func (w *Worker) trimNow() {
	select {
	case w.trimming <- struct{}{}:
	default:
	}
}

// trim removes attempts that are old, or all behind the last checkpoints when
// half of the room is taken.
func (w *Worker) trim() {
	look, last := time.NewTicker(lookEvery), time.Now()
	defer look.Stop()
	for {
		full := false
		select {
		case <-w.life.Done():
			return
		case <-w.trimming:
			full = true
		case <-look.C:
		}
		u, err := w.attempts.Usage(w.life)
		full = full || err == nil && u.Limit > 0 && u.Bytes > u.Limit/2
		if !full && time.Since(last) < trimEvery {
			continue
		}
		last = time.Now()
		for _, s := range w.held() {
			if err := s.trim(w.life, full); err != nil && w.life.Err() == nil {
				w.cfg.Logger.Warn("old attempts cannot be trimmed; trying again later", "slot", s.n, "error", err)
			}
		}
	}
}

func (s *slot) trim(ctx context.Context, full bool) (err error) {
	s.mu.Lock()
	keep, fenced := s.place.Checkpoint, s.fenced
	if full && s.place.Since > 0 {
		s.asked = true
	}
	s.mu.Unlock()
	if fenced {
		return nil
	}
	if !full {
		if keep, err = s.w.attempts.CheckpointBefore(ctx, s.n, time.Now().Add(-KeepAttempts)); err != nil {
			return err
		}
	}
	if keep == 0 {
		return nil
	}
	return s.w.attempts.Trim(ctx, s.n, keep)
}

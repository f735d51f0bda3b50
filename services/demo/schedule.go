package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// order returns, for each change, the earlier ones that it has to wait for:
// the last before it about each of the things that it touches.
func order(changes []change) [][]int {
	last := map[ref]int{}
	after := make([][]int, len(changes))
	for i, c := range changes {
		for _, r := range c.touches {
			if j, ok := last[r]; ok {
				after[i] = append(after[i], j)
			}
			last[r] = i
		}
	}
	return after
}

// schedule plays the changes in an order that keeps the predictions true: at
// most so many at once, so many a second, and none before those that it has to
// wait for. It ends at the first error.
//
// It cannot get stuck: changes start in the order of the plan and wait for
// earlier ones only, so the earliest that is under way waits for nothing.
func schedule(ctx context.Context, changes []change, concurrency int, perSecond float64, play func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	pace := rate.NewLimiter(limit, 1)
	after := order(changes)
	done := make([]chan struct{}, len(changes))
	slots := make(chan struct{}, concurrency)
	var tasks sync.WaitGroup
	for i := range changes {
		done[i] = make(chan struct{})
		if pace.Wait(ctx) != nil {
			break
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		tasks.Go(func() {
			defer func() { <-slots }()
			for _, j := range after[i] {
				select {
				case <-done[j]:
				case <-ctx.Done():
					return
				}
			}
			if err := play(ctx, i); err != nil {
				c := changes[i]
				cancel(fmt.Errorf("change %d of %d, %s: %w", i+1, len(changes), c.kind, err))
				return
			}
			close(done[i])
		})
	}
	tasks.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// settle is how long nothing may arrive after the last expected webhook, so
// that one too many is noticed.
const settle = time.Second

// errMissing ends a wait that was in vain; the report has the details.
var errMissing = errors.New("webhooks are missing")

// await waits until every expected webhook was checked off and none came for a
// while, at most for the timeout.
func await(ctx context.Context, l *ledger, timeout time.Duration) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(timeout)
	for {
		_, open, last := l.state()
		now := time.Now()
		switch {
		case open == 0 && now.Sub(last) >= settle:
			return nil
		case now.After(deadline):
			return errMissing
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

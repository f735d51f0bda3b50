package main

import (
	"context"
	"sync"

	"github.com/rollcallhq/rollcall/pkg/synclog/history"
	"github.com/rollcallhq/rollcall/pkg/synclog/requestlog"
)

// openSyncLog opens the file that the API searches, and folds into it until the
// stack stops.
func openSyncLog(ctx context.Context, s *stack, a apiSetup) (*history.History, error) {
	h, err := history.Open(a.path("synclog.db"), requestlog.New(a.js), a.logger)
	if err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var task sync.WaitGroup
	task.Go(func() {
		if err := h.Follow(following); err != nil && following.Err() == nil {
			a.logger.Error("the sync log can no longer be searched", "error", err)
		}
	})
	s.push(func() error {
		stop()
		task.Wait()
		return h.Close()
	})
	return h, nil
}

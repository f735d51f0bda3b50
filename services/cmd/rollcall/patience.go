package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// patiently repeats what fails because something outside is not there yet, so
// that services can be started in any order.
func patiently(ctx context.Context, log *slog.Logger, what string, try func(context.Context) error) error {
	said := false
	for {
		err := try(ctx)
		if err == nil || !errors.Is(err, eventlog.ErrUnavailable) {
			return err
		}
		if !said {
			log.Warn("what is needed is not there yet; waiting for it", "waiting_for", what, "error", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

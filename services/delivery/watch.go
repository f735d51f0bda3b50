package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// DefaultPatience is how long an endpoint may answer nothing but failures before
// it is disabled.
const DefaultPatience = 5 * 24 * time.Hour

const (
	watchEvery = time.Minute
	// steadily is how far the last failure must be from the first: a burst of
	// failures long ago, with nothing sent since, says nothing about today.
	steadily = 12 * time.Hour
)

// warnAt says at which parts of the patience a warning goes out.
var warnAt = [...]float64{0.5, 0.8}

// watch warns of endpoints that do nothing but fail, and disables them in the
// end.
func (w *Worker) watch() {
	for pause(w.life, min(watchEvery, w.cfg.Patience/50)) {
		for _, s := range w.held() {
			for _, c := range s.failing(time.Now()) {
				w.command(w.life, c)
			}
		}
	}
}

// failing returns what is to be said of the slot's endpoints.
func (s *slot) failing(now time.Time) (commands []directory.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped() {
		return nil
	}
	patience := s.w.cfg.Patience
	for id, l := range s.lanes {
		row, ok, _ := s.state.Endpoint(id) // memory does not fail
		if !ok || !row.Open() || l.ep == nil || !l.ep.Enabled || l.failedAt.Sub(row.OpenedAt) < min(steadily, patience/4) {
			continue
		}
		if d := now.Sub(row.OpenedAt); d >= patience {
			commands = append(commands, directory.DisableWebhookEndpoint{ID: id, Revision: l.ep.Revision, Reason: directory.BecauseFailing})
		} else if level := warning(d, patience); level > 0 && (!l.ep.FailingSince.Equal(row.OpenedAt) || l.ep.Warned < level) {
			commands = append(commands, directory.WarnWebhookEndpoint{
				ID: id, Revision: l.ep.Revision,
				WebhookEndpointFailing: events.WebhookEndpointFailing{Since: row.OpenedAt, DisableAt: row.OpenedAt.Add(patience), Level: level},
			})
		}
	}
	return commands
}

// warning returns which warning is due after failing for d, 0 if none is.
func warning(d, patience time.Duration) (level int) {
	for i, part := range warnAt {
		if d >= time.Duration(part*float64(patience)) {
			level = i + 1
		}
	}
	return level
}

// disable asks for the end of deliveries to an endpoint. If that does not come to
// be, the next attempt asks again.
func (w *Worker) disable(ep *endpoint, reason string) {
	w.running.Go(func() {
		w.command(w.life, directory.DisableWebhookEndpoint{ID: ep.ID, Revision: ep.Revision, Reason: reason})
	})
}

// command sends a command to the owner of the log.
func (w *Worker) command(ctx context.Context, c directory.Command) {
	if w.cfg.Submit == nil {
		return
	}
	if err := w.cfg.Submit(ctx, c); err != nil && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
		w.cfg.Logger.Warn("an endpoint that fails could not be reported; trying again later", "error", err)
	}
}

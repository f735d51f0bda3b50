// Package scimhttp is the SCIM edge of an ingress: HTTP requests of identity
// providers on echo, in and out of commands and rows.
//
// Every request is authenticated first, by the directory's bearer secret, on a
// state that shows everything acknowledged before the request arrived. Reads
// answer from that state; writes become one command each. Whatever goes wrong
// is answered with a SCIM error (RFC 7644 section 3.12), never with text.
//
// What must not live here: what is allowed (pkg/directory), SCIM syntax
// (pkg/scim).
package scimhttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

// Writer decides commands and shows state; *ingress.Ingress is one.
type Writer interface {
	Submit(ctx context.Context, r directory.Request) (commit.Result, error)
	SubmitChain(ctx context.Context, links []commit.Link, stopAfter int) []commit.Answer
	Read(ctx context.Context, f func(directory.View) error) error
	Snapshot(ctx context.Context) (*replica.Snapshot, error)
	// Now is the log's time.
	Now() time.Time
}

// Config says how the edge behaves.
type Config struct {
	// Base returns the server's public URL without a final slash.
	Base func() string
	// RateLimit is operations per second and directory; 0 is no limit.
	RateLimit int
	// Clock is the time by which rates are measured; nil is time.Now.
	Clock  func() time.Time
	Logger *slog.Logger
	// Recorder keeps the sync log; nil: nobody does.
	Recorder Recorder
	// Metrics count what is refused and tolerated; nil: nobody does.
	Metrics *Metrics
}

// Handler serves /directories/{directory}/scim/v2.
type Handler struct {
	ingress Writer
	cfg     Config
	limits  *limiter
	large   room
}

// New makes the handler.
func New(w Writer, cfg Config) *Handler {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Handler{ingress: w, cfg: cfg, limits: newLimiter(cfg.RateLimit), large: newRoom()}
}

// Register adds the routes. Everything below a directory's SCIM root comes
// here, so that whatever is wrong with a path or a method is answered as SCIM.
func (h *Handler) Register(e *echo.Echo) {
	for _, path := range []string{above, above + "/*"} {
		e.Any(path, h.serve)
		e.RouteNotFound(path, h.serve) // methods that nobody has heard of
	}
}

func (h *Handler) serve(c echo.Context) error {
	r := &request{Context: c, h: h, started: h.cfg.Clock()}
	r.identify()
	defer func() {
		if r.holds {
			h.large.leave()
		}
	}()
	err := r.answer()
	status := c.Response().Status
	if err != nil {
		if c.Response().Committed {
			return err
		}
		if status, err = h.fail(c, err); err != nil {
			return err // the client is gone
		}
	}
	r.record(status)
	return nil
}

// answer answers the request, or returns what keeps it from doing so.
func (r *request) answer() (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
				panic(p)
			}
			r.h.cfg.Logger.Error("a SCIM request panicked", "route", r.Path(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "The server failed to handle this request; the operator's log has the cause.")
		}
		r.failed = err
	}()
	t := r.target()
	r.SetPath(t.pattern()) // what metrics and logs name
	if err := r.authenticate(t.directory); err != nil {
		return err
	}
	if err := r.h.limits.take(r.scope.Directory, 1, r.started); err != nil {
		return err
	}
	return r.dispatch(t)
}

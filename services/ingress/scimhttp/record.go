package scimhttp

import (
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// Recorder keeps the sync log; *requestlog.Recorder is one.
type Recorder interface {
	// Record takes an answered request of an authenticated client. It must not
	// wait and cannot fail.
	Record(e synclog.Entry)
}

// identify gives the answer the id by which the sync log and whoever asked can
// speak of the request: the one that it came with, or a new one.
func (r *request) identify() {
	id := r.Request().Header.Get(echo.HeaderXRequestID)
	if id == "" || len(id) > synclog.MaxID || strings.Trim(id, idAlphabet) != "" {
		id = commandID()
	}
	r.Response().Header().Set(echo.HeaderXRequestID, id)
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// record tells the sync log how the request was answered: all of them, since
// also those that were answered as they should be say when a directory was in
// use. Whoever is not known is only counted.
func (r *request) record(status int) {
	if r.scope.Directory == "" {
		if status == http.StatusUnauthorized {
			r.h.cfg.Metrics.unauthenticated()
		}
		return
	}
	e := r.entry(status)
	r.h.cfg.Metrics.count(&e)
	if r.h.cfg.Recorder != nil {
		r.h.cfg.Recorder.Record(e)
	}
}

// entry is what the sync log is told.
func (r *request) entry(status int) synclog.Entry {
	e := synclog.Entry{
		Organization: r.scope.Organization, Directory: r.scope.Directory, Secret: r.scope.Secret,
		At: r.started, Status: status, Count: 1,
	}
	deviations := r.reading.Deviations()
	if status < http.StatusBadRequest && len(deviations) == 0 {
		return e // nothing more of it is kept
	}
	t := r.target()
	e.Method, e.Resource, e.Query = r.Request().Method, t.id, r.Request().URL.RawQuery
	e.Endpoint, e.Kind = endpointOf(t), kindOf(t)
	e.Request, e.UserAgent = r.Response().Header().Get(echo.HeaderXRequestID), r.Request().UserAgent()
	e.Took = r.h.cfg.Clock().Sub(r.started)
	if location := r.Response().Header().Get(echo.HeaderLocation); e.Resource == "" && location != "" {
		e.Resource = path.Base(location)
	}
	if r.failed != nil {
		f := failureOf(r.failed)
		e.ScimType, e.Detail = string(f.reason), f.detail
	}
	e.Cause = synclog.CauseOf(status, e.ScimType)
	e.Deviations = tell(deviations)
	return e.With(r.received)
}

func tell(list []lenience.Deviation) []synclog.Deviation {
	out := make([]synclog.Deviation, 0, len(list))
	for _, d := range list {
		out = append(out, synclog.Deviation{Cause: string(d.Cause), Path: d.Path})
	}
	return out
}

// endpointOf names the endpoint if there is such a one: what clients make up is
// no name to search by.
func endpointOf(t target) string {
	if _, ok := routes[t.endpoint]; ok {
		return t.endpoint
	}
	return ""
}

// kindOf names the type of the resources of an endpoint.
func kindOf(t target) string {
	if resources[t.endpoint] == nil {
		return ""
	}
	return strings.TrimSuffix(t.endpoint, "s")
}

package scimhttp

import (
	"cmp"
	"net/http"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
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
	var t target // is of interest only if the request is
	if status >= http.StatusBadRequest || len(r.reading.Deviations()) > 0 {
		t = r.target()
	}
	e := r.told(status, r.Request().Method, t.endpoint, t.id)
	if !e.Notable() {
		return e
	}
	e.Query = r.Request().URL.RawQuery
	if location := r.Response().Header().Get(echo.HeaderLocation); e.Resource == "" && location != "" {
		e.Resource = path.Base(location)
	}
	return e
}

// told is what the sync log is told of a request or of an operation of a Bulk.
func (r *request) told(status int, method, endpoint, resource string) synclog.Entry {
	e := synclog.Entry{
		Organization: r.scope.Organization, Directory: r.scope.Directory, Secret: r.scope.Secret,
		At: r.started, Status: status, Deviations: tell(r.reading.Deviations()), Count: 1,
	}
	if !e.Notable() {
		return e // nothing more of it is kept
	}
	e.Method, e.Endpoint, e.Kind, e.Resource = method, endpointOf(endpoint), kindOf(endpoint), resource
	e.Request, e.UserAgent = r.Response().Header().Get(echo.HeaderXRequestID), r.Request().UserAgent()
	e.Took = r.h.cfg.Clock().Sub(r.started)
	name := ""
	if r.failed != nil {
		f := failureOf(r.failed)
		e.ScimType, e.Detail, e.Subject, name = string(f.reason), f.detail, f.subject, f.name
	}
	e.Cause = cmp.Or(name, synclog.CauseOf(status, e.ScimType))
	named := ""
	if r.dir != nil {
		named = r.dir.Provider
	}
	e.Profile = string(provider.Detect(named, provider.Facts{Method: method, Query: r.Request().URL.RawQuery, Body: r.received}).ID)
	return e.With(r.received)
}

// recordOperations tells the sync log of the operations that were refused or
// tolerated: the Bulk itself is answered 200.
func (j *job) recordOperations() {
	for i, op := range j.operations {
		res := j.results[i]
		if !res.processed {
			continue
		}
		part, status, id := j.parts[i], http.StatusOK, res.id
		if part.failed = res.err; res.err != nil {
			status = failureOf(res.err).status
		}
		e := part.told(status, op.Method, op.Endpoint, id)
		if e.Part = true; !e.Notable() {
			continue
		}
		j.h.cfg.Metrics.count(&e)
		if j.h.cfg.Recorder != nil {
			j.h.cfg.Recorder.Record(e)
		}
	}
}

func tell(list []lenience.Deviation) []synclog.Deviation {
	if len(list) == 0 {
		return nil
	}
	out := make([]synclog.Deviation, 0, len(list))
	for _, d := range list {
		out = append(out, synclog.Deviation{Cause: string(d.Cause), Path: d.Path})
	}
	return out
}

// endpointOf names an endpoint if there is such a one: what clients make up is
// no name to search by.
func endpointOf(name string) string {
	if _, ok := routes[name]; ok {
		return name
	}
	return ""
}

// kindOf names the type of the resources of an endpoint.
func kindOf(endpoint string) string {
	if resources[endpoint] == nil {
		return ""
	}
	return strings.TrimSuffix(endpoint, "s")
}

package scimhttp

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// resource is a kind of resource as the edge serves it. Its functions make
// commands of bodies and answers of rows; everything around them is the same
// for all kinds.
type resource struct {
	endpoint string // without slashes
	noun     string // in sentences
	table    directory.Table
	kind     func(*request) *schema.Resource

	create  func(r *request, body []byte) (directory.Command, error)
	replace func(r *request, id string, body []byte, expect directory.Precondition) (directory.Command, error)
	patch   func(r *request, id string, body []byte, expect directory.Precondition) (directory.Command, error)
	remove  func(r *request, id string, expect directory.Precondition) directory.Command

	// head says what the server knows of a row; it is cheap.
	head func(r *request, v directory.View, row directory.Row) (scim.Head, error)
	// body writes the row behind its head, as far as the projection wants it.
	body func(r *request, v directory.View, h scim.Head, row directory.Row, p scim.Projection) ([]byte, error)
	// long says that a body can take a while to read.
	long bool
	// patched says what the provider wants for a PATCH, unless it asks for
	// attributes. Groups are better not answered with: the answer to a change of a
	// large one must not cost what the group does.
	patched func(provider.Answers) provider.Answer
}

// resources are all kinds, by endpoint.
var resources = map[string]*resource{users.endpoint: users, groups.endpoint: groups}

// as returns a row as what its table holds.
func as[T directory.Row](row directory.Row) (r T, err error) {
	r, ok := row.(T)
	if !ok {
		err = fault.New(fault.Internal, "The server failed to read back what it stored.")
	}
	return r, err
}

// command makes the command that a write asks for.
func (t *resource) command(r *request, method, id string, body []byte, expect directory.Precondition) (directory.Command, error) {
	switch method {
	case http.MethodPost:
		return t.create(r, body)
	case http.MethodPut:
		return t.replace(r, id, body, expect)
	case http.MethodPatch:
		return t.patch(r, id, body, expect)
	default:
		return t.remove(r, id, expect), nil
	}
}

// get answers GET and HEAD of one resource.
func (t *resource) get(r *request, id string) error {
	p, err := r.projection(t.kind(r))
	if err != nil {
		return err
	}
	c, err := r.conditions()
	if err != nil {
		return err
	}
	var (
		h     scim.Head
		body  []byte
		known bool // by the client
	)
	err = t.view(r, func(v directory.View) error {
		row, err := v.Get(directory.Make(t.table, r.scope.Directory, id))
		if err != nil {
			return err
		}
		if row == nil {
			return fault.New(fault.NotFound, "There is no %s %q in this directory.", t.noun, id)
		}
		if h, err = t.head(r, v, row); err != nil {
			return err
		}
		if known, err = c.hold(h.Version()); err != nil || known {
			return err
		}
		body, err = t.body(r, v, h, row, p)
		return err
	})
	if err != nil {
		return err
	}
	if known {
		r.Response().Header().Set(headerETag, h.Version())
		return r.NoContent(http.StatusNotModified)
	}
	return r.one(http.StatusOK, h, body)
}

// view calls f with the newest state.
func (t *resource) view(r *request, f func(directory.View) error) error {
	if !t.long {
		return r.h.ingress.Read(r.Request().Context(), f)
	}
	snap, err := r.h.ingress.Snapshot(r.Request().Context())
	if err != nil {
		return err
	}
	defer snap.Close()
	return f(snap)
}

// write answers POST, PUT, PATCH and DELETE. Whatever can be refused without
// deciding is refused before anything is written.
func (t *resource) write(r *request, id string) error {
	method := r.Request().Method
	c, err := r.conditions()
	if err != nil {
		return err
	}
	var p scim.Projection
	var body []byte
	if method != http.MethodDelete {
		if p, err = r.projection(t.kind(r)); err != nil {
			return err
		}
		if body, err = r.read(); err != nil {
			return err
		}
	}
	command, err := t.command(r, method, id, body, c.precondition())
	if err != nil {
		return err
	}
	done, err := r.submit(command)
	switch {
	case err != nil:
		return err
	case method == http.MethodDelete:
		return r.NoContent(http.StatusNoContent)
	case method == http.MethodPost:
		return t.wrote(r, http.StatusCreated, done, p)
	default:
		return t.wrote(r, http.StatusOK, done, p)
	}
}

// wrote answers a write with the resource as it was committed.
func (t *resource) wrote(r *request, status int, done commit.Result, p scim.Projection) error {
	if done.Row == nil {
		return fault.New(fault.Internal, "The server failed to read back what it stored.")
	}
	var h scim.Head
	if r.Request().Method == http.MethodPatch && t.patched(r.profile.Answers) == provider.WithoutBody && r.QueryParam("attributes") == "" {
		if err := r.h.ingress.Read(r.Request().Context(), func(v directory.View) (err error) {
			h, err = t.head(r, v, done.Row)
			return err
		}); err != nil {
			return err
		}
		r.Response().Header().Set(headerETag, h.Version())
		return r.NoContent(http.StatusNoContent)
	}
	var body []byte
	if err := t.view(r, func(v directory.View) (err error) {
		if h, err = t.head(r, v, done.Row); err == nil {
			body, err = t.body(r, v, h, done.Row, p)
		}
		return err
	}); err != nil {
		return err
	}
	if status == http.StatusCreated {
		r.Response().Header().Set(echo.HeaderLocation, h.Location)
	}
	return r.one(status, h, body)
}

// one answers with one resource.
func (r *request) one(status int, h scim.Head, body []byte) error {
	head := r.Response().Header()
	head.Set(headerETag, h.Version())
	head.Set(headerContentLocation, h.Location)
	return r.body(status, body)
}

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
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/replica"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MaxBody is the largest request body, in bytes: a PUT of a group of some
// 50,000 members.
const MaxBody = 4 << 20

// Writer decides commands and shows state; *ingress.Ingress is one.
type Writer interface {
	Submit(ctx context.Context, r directory.Request) (commit.Result, error)
	Read(ctx context.Context, f func(directory.View) error) error
	Snapshot(ctx context.Context) (*replica.Snapshot, error)
}

// Config says how the edge behaves.
type Config struct {
	// Base returns the server's public URL without a final slash.
	Base func() string
	// RateLimit is requests per second and directory; 0 is no limit.
	RateLimit int
	Logger    *slog.Logger
}

// Handler serves /directories/{directory}/scim/v2.
type Handler struct {
	ingress Writer
	cfg     Config

	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

// New makes the handler.
func New(w Writer, cfg Config) *Handler {
	return &Handler{ingress: w, cfg: cfg, limits: map[string]*rate.Limiter{}}
}

// root is the route of every directory's SCIM service.
const root = "/directories/:dir/scim/v2"

// Register adds the routes.
func (h *Handler) Register(e *echo.Echo) {
	for _, path := range []string{root, root + "/*"} {
		e.Any(path, h.serve)
		e.RouteNotFound(path, h.serve) // methods that nobody has heard of
	}
}

// request is one authenticated request.
type request struct {
	echo.Context
	h     *Handler
	scope directory.Scope
	actor string
	// base is the directory's SCIM base URL.
	base string
	// dir is the directory as of authentication; user and group are its kinds of
	// resource, with the extensions that are registered for it.
	dir         *directory.Directory
	user, group *schema.Resource
	// reading remembers what was tolerated, or refuses it if the directory is
	// strict.
	reading *lenience.Reading
}

func (h *Handler) serve(c echo.Context) error {
	if err := h.answer(c); err != nil {
		return h.fail(c, err)
	}
	return nil
}

func (h *Handler) answer(c echo.Context) error {
	r := &request{Context: c, h: h}
	endpoint, id, extra := r.target()
	route, ok := routes[endpoint]
	if ok {
		path := root + "/" + endpoint
		if id != "" {
			path += "/:id"
		}
		c.SetPath(path) // what metrics and logs name
	}
	if err := r.authenticate(); err != nil {
		return err
	}
	if !h.allow(r.scope.Directory) {
		return fault.New(fault.TooManyRequests, "This directory sends more than %d requests a second. Try again in a second.", h.cfg.RateLimit)
	}
	if !ok || extra {
		return fault.New(fault.NotFound, "There is no SCIM endpoint at this path.")
	}
	handle := route.collection
	if id != "" {
		handle = route.resource
	}
	if len(handle) == 0 {
		return fault.New(fault.NotFound, "There is no SCIM endpoint at this path.")
	}
	f, ok := handle[c.Request().Method]
	if !ok {
		return r.notAllowed(handle)
	}
	return f(r, id)
}

// target takes the path behind the root apart: /endpoint/id.
func (r *request) target() (endpoint, id string, extra bool) {
	parts := strings.Split(strings.Trim(r.Param("*"), "/"), "/")
	endpoint = parts[0]
	if len(parts) > 1 {
		id = parts[1]
	}
	return endpoint, id, len(parts) > 2
}

// method is what a route does for one HTTP method.
type method func(r *request, id string) error

// routes holds every endpoint, for the collection and for one resource.
var routes = map[string]struct{ collection, resource map[string]method }{
	"Users": {
		collection: map[string]method{http.MethodGet: (*request).listUsers, http.MethodPost: (*request).createUser},
		resource: map[string]method{
			http.MethodGet: (*request).getUser, http.MethodPut: (*request).replaceUser,
			http.MethodPatch: (*request).patchUser, http.MethodDelete: (*request).deleteUser,
		},
	},
	"Groups": {
		collection: map[string]method{http.MethodGet: (*request).listGroups, http.MethodPost: (*request).createGroup},
		resource: map[string]method{
			http.MethodGet: (*request).getGroup, http.MethodPut: (*request).replaceGroup,
			http.MethodPatch: (*request).patchGroup, http.MethodDelete: (*request).deleteGroup,
		},
	},
	"ServiceProviderConfig": {collection: map[string]method{http.MethodGet: (*request).providerConfig}},
	"ResourceTypes": {
		collection: map[string]method{http.MethodGet: (*request).resourceTypes},
		resource:   map[string]method{http.MethodGet: (*request).resourceTypes},
	},
	"Schemas": {
		collection: map[string]method{http.MethodGet: (*request).schemas},
		resource:   map[string]method{http.MethodGet: (*request).schemas},
	},
	"Me": {collection: map[string]method{
		http.MethodGet: (*request).unimplemented, http.MethodPost: (*request).unimplemented, http.MethodPut: (*request).unimplemented,
		http.MethodPatch: (*request).unimplemented, http.MethodDelete: (*request).unimplemented,
	}},
	"Bulk": {collection: map[string]method{http.MethodPost: (*request).unimplemented}},
}

func (r *request) unimplemented(string) error {
	return fault.New(fault.Unimplemented, "This server does not offer %s.", strings.Trim(r.Param("*"), "/"))
}

// notAllowed answers a method that the endpoint does not have.
func (r *request) notAllowed(handle map[string]method) error {
	var allowed []string
	for m := range handle {
		allowed = append(allowed, m)
	}
	r.Response().Header().Set(echo.HeaderAllow, strings.Join(allowed, ", "))
	return r.body(http.StatusMethodNotAllowed, scim.Error(http.StatusMethodNotAllowed, "", "This endpoint does not take "+r.Request().Method+"."))
}

// authenticate finds the directory that the bearer secret opens.
func (r *request) authenticate() error {
	scheme, token, _ := strings.Cut(r.Request().Header.Get(echo.HeaderAuthorization), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return fault.New(fault.Unauthenticated, "Send the directory's secret as a bearer token in the Authorization header.")
	}
	hash := credential.Hash(token)
	return r.h.ingress.Read(r.Request().Context(), func(v directory.View) error {
		scope, err := directory.Authenticate(v, r.Param("dir"), hash)
		if err != nil {
			return err
		}
		dir, ok, err := directory.Get[*directory.Directory](v, directory.Make(directory.TableDirectory, scope.Directory))
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.Unauthenticated, "The bearer token is not valid for this directory.")
		}
		r.scope, r.dir = scope, dir
		r.user, r.group = dir.Kinds()
		r.reading = &lenience.Reading{Strict: dir.Strict()}
		r.base = r.h.cfg.Base() + "/directories/" + scope.Directory + "/scim/v2"
		r.actor = "scim:" + scope.Secret
		return nil
	})
}

// allow counts the request against the directory's rate.
func (h *Handler) allow(dir string) bool {
	if h.cfg.RateLimit <= 0 {
		return true
	}
	h.mu.Lock()
	l, ok := h.limits[dir]
	if !ok {
		l = rate.NewLimiter(rate.Limit(h.cfg.RateLimit), h.cfg.RateLimit)
		h.limits[dir] = l
	}
	h.mu.Unlock()
	return l.Allow()
}

// submit sends a command as the request's actor.
func (r *request) submit(c directory.Command) (commit.Result, error) {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return r.h.ingress.Submit(r.Request().Context(), directory.Request{ID: hex.EncodeToString(id[:]), Actor: r.actor, Command: c})
}

// read returns the request's body.
func (r *request) read() ([]byte, error) {
	if t := r.Request().Header.Get(echo.HeaderContentType); t != "" {
		t, _, _ = strings.Cut(t, ";")
		if t = strings.ToLower(strings.TrimSpace(t)); t != scim.MediaType && t != echo.MIMEApplicationJSON {
			return nil, errMediaType
		}
	}
	b, err := io.ReadAll(http.MaxBytesReader(r.Response(), r.Request().Body, MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, fault.New(fault.TooLarge, "The body is larger than %d bytes.", MaxBody)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The body could not be read to its end.").Because(fault.InvalidSyntax)
	}
	// The decoder would replace what is no UTF-8, and two names could become one.
	if !utf8.Valid(b) {
		return nil, fault.New(fault.Invalid, "The body is not valid UTF-8.").Because(fault.InvalidSyntax)
	}
	return b, nil
}

// errMediaType is answered 415, which no kind of fault stands for.
var errMediaType = errors.New("scimhttp: unsupported media type")

// body answers with a SCIM body.
func (r *request) body(status int, b []byte) error {
	return r.Blob(status, scim.MediaType, b)
}

// fail answers an error; it is the one place where faults become SCIM errors.
func (h *Handler) fail(c echo.Context, err error) error {
	if c.Response().Committed {
		return err
	}
	if errors.Is(err, errMediaType) {
		return c.Blob(http.StatusUnsupportedMediaType, scim.MediaType,
			scim.Error(http.StatusUnsupportedMediaType, "", "Send "+scim.MediaType+" or application/json."))
	}
	f := fault.Of(err)
	status := scim.Status(f)
	head := c.Response().Header()
	switch f.Kind {
	case fault.Unauthenticated:
		head.Set(echo.HeaderWWWAuthenticate, `Bearer realm="rollcall"`)
	case fault.TooManyRequests:
		head.Set(echo.HeaderRetryAfter, "1")
	case fault.Unavailable:
		head.Set(echo.HeaderRetryAfter, "5")
	case fault.Internal:
		h.cfg.Logger.Error("a SCIM request failed", "route", c.Path(), "method", c.Request().Method, "error", err)
	}
	return c.Blob(status, scim.MediaType, scim.Error(status, f.Reason, f.Detail))
}

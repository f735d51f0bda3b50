package scimhttp

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
)

const (
	// above is the route of every directory's SCIM service, whatever the
	// protocol's version.
	above = "/directories/:dir/scim"
	// version is the one that is served. A path without a version means this one
	// (RFC 7644 section 3.13).
	version = "v2"
	// maxURL is how long a request's path and query may be, in bytes.
	maxURL = 16 << 10
)

// method is what a route does for one HTTP method.
type method func(r *request, id string) error

// route holds the methods of an endpoint, for the whole of it, for one resource,
// and for searching in it.
type route struct{ collection, resource, search map[string]method }

// searching is the last part of a path to search below (RFC 7644 section 3.4.3).
const searching = ".search"

// routes holds every endpoint. It is set here since what it holds looks into
// it.
var routes map[string]route

func init() {
	routes = map[string]route{
		"":                      {collection: map[string]method{http.MethodGet: (*request).listAll}},
		searching:               {collection: map[string]method{http.MethodPost: (*request).searchAll}},
		"Users":                 resourceRoutes(users, (*request).listUsers, (*request).searchUsers),
		"Groups":                resourceRoutes(groups, (*request).listGroups, (*request).searchGroups),
		"ServiceProviderConfig": {collection: map[string]method{http.MethodGet: (*request).providerConfig}},
		"ResourceTypes": {
			collection: map[string]method{http.MethodGet: (*request).resourceTypes},
			resource:   map[string]method{http.MethodGet: (*request).resourceTypes},
		},
		"Schemas": {
			collection: map[string]method{http.MethodGet: (*request).schemas},
			resource:   map[string]method{http.MethodGet: (*request).schemas},
		},
		"Me":   {collection: unimplemented},
		"Bulk": {collection: map[string]method{http.MethodPost: (*request).bulk}},
	}
}

func resourceRoutes(t *resource, list, search method) route {
	return route{
		search:     map[string]method{http.MethodPost: search},
		collection: map[string]method{http.MethodGet: list, http.MethodPost: t.write},
		resource:   map[string]method{http.MethodGet: t.get, http.MethodPut: t.write, http.MethodPatch: t.write, http.MethodDelete: t.write},
	}
}

// unimplemented is /Me: a directory's secret is no user's (RFC 7644 section
// 3.11 asks for 501).
var unimplemented = map[string]method{
	http.MethodGet: notOffered, http.MethodPost: notOffered, http.MethodPut: notOffered,
	http.MethodPatch: notOffered, http.MethodDelete: notOffered,
}

func notOffered(r *request, _ string) error {
	return fault.New(fault.Unimplemented, "This server does not offer /%s.", r.target().endpoint)
}

// target is what a path leads to.
type target struct {
	directory, version string
	// endpoint is empty for the root; id for a whole endpoint.
	endpoint, id string
	// beyond says that the path goes on behind the id.
	beyond bool
}

// target takes the path apart. It reads the escaped path: a slash that is
// escaped is part of an id.
func (r *request) target() target {
	// "", directories, dir, scim, …
	parts := strings.Split(strings.TrimRight(r.Request().URL.EscapedPath(), "/"), "/")
	for i, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil {
			parts[i] = plain
		}
	}
	at := func(i int) string {
		if i < len(parts) {
			return parts[i]
		}
		return ""
	}
	t := target{directory: at(2), version: version}
	next := 4
	if isVersion(at(next)) {
		t.version = strings.ToLower(at(next))
		next++
	}
	t.endpoint, t.id, t.beyond = at(next), at(next+1), len(parts) > next+2
	if t.endpoint == "" && len(parts) > next+1 {
		t.beyond = true // a doubled slash
	}
	return t
}

// isVersion reports whether a part of a path names a version of the protocol.
func isVersion(s string) bool {
	if len(s) < 2 || s[0] != 'v' && s[0] != 'V' {
		return false
	}
	return strings.Trim(s[1:], "0123456789.") == ""
}

// pattern is the route that metrics and logs name: paths hold ids, and a client
// must not be able to make metrics grow.
func (t target) pattern() string {
	if _, ok := routes[t.endpoint]; !ok || t.version != version {
		return above + "/*"
	}
	p := above + "/" + version
	if t.endpoint != "" {
		p += "/" + t.endpoint
	}
	switch t.id {
	case "":
	case searching:
		p += "/" + searching
	default:
		p += "/:id"
	}
	return p
}

// dispatch calls what the path and the method lead to.
func (r *request) dispatch(t target) error {
	if t.version != version {
		return fault.New(fault.Invalid, "This server does not offer version %s of SCIM; use /scim/%s.", t.version, version).Because(fault.InvalidVers)
	}
	if n := len(r.Request().URL.RequestURI()); n > maxURL {
		return refuse(http.StatusRequestURITooLong, "The URL has %d bytes; at most %d are allowed. Send long queries to /.search.", n, maxURL)
	}
	if err := r.parseQuery(); err != nil {
		return err
	}
	methods := routes[t.endpoint].collection
	switch t.id {
	case "":
	case searching:
		methods = routes[t.endpoint].search
	default:
		methods = routes[t.endpoint].resource
	}
	if len(methods) == 0 || t.beyond || len(t.id) > bulk.MaxID {
		return fault.New(fault.NotFound, "There is no SCIM endpoint at this path.")
	}
	name := r.Request().Method
	if name == http.MethodHead { // the body of the answer is left out by net/http
		name = http.MethodGet
	}
	if f, ok := methods[name]; ok {
		return f(r, t.id)
	}
	r.Response().Header().Set(echo.HeaderAllow, allowed(methods))
	if name == http.MethodOptions {
		return r.NoContent(http.StatusNoContent)
	}
	return refuse(http.StatusMethodNotAllowed, "This endpoint does not take %s; it takes %s.", clip(name), allowed(methods))
}

// allowed is the Allow header of a route.
func allowed(methods map[string]method) string {
	names := append(slices.Collect(maps.Keys(methods)), http.MethodOptions)
	if _, ok := methods[http.MethodGet]; ok {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

package scimhttp

import (
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// request is one authenticated request.
type request struct {
	echo.Context
	h       *Handler
	started time.Time
	scope   directory.Scope
	actor   string
	// base is the directory's SCIM base URL.
	base string
	// dir is the directory as of authentication; user and group are its kinds of
	// resource, with the extensions that are registered for it.
	dir         *directory.Directory
	user, group *schema.Resource
	// profile is the provider's.
	profile *provider.Profile
	// reading remembers what was tolerated, or refuses it if the directory is
	// strict.
	reading *lenience.Reading
	query   url.Values
	// received is the body, and failed why the request was refused: for the sync
	// log.
	received []byte
	failed   error
	// holds says that the request has a place among those with a large body.
	holds bool
}

// authenticate finds the directory that the bearer secret opens, and holds the
// client's address against that directory's networks. A wrong secret
// costs two looks at the state and is not logged, only counted like every
// request: a provider with an old secret asks again for days.
func (r *request) authenticate(dir string) error {
	scheme, token, _ := strings.Cut(r.Request().Header.Get(echo.HeaderAuthorization), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return fault.New(fault.Unauthenticated, "Send the directory's secret as a bearer token in the Authorization header.")
	}
	hash, now := credential.Hash(token), r.h.ingress.Now()
	return r.h.ingress.Read(r.Request().Context(), func(v directory.View) error {
		scope, err := directory.Authenticate(v, dir, hash, now)
		if err != nil {
			if fault.KindOf(err) == fault.Unavailable { // disabled; the secret is right, so its sync log says so
				r.scope = scope
			}
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
		r.profile = provider.Of(dir.Provider)
		r.reading = &lenience.Reading{Strict: dir.Strict()}
		r.base = r.h.cfg.Base() + "/directories/" + scope.Directory + "/scim/" + version
		r.actor = "scim:" + scope.Secret
		return dir.Admit(r.RealIP())
	})
}

// parseQuery reads the query string. One that is malformed is refused: a filter
// that got lost would be answered with everything.
//
// Errors: Invalid with the reason invalidSyntax.
func (r *request) parseQuery() error {
	r.query = url.Values{}
	for pair := range strings.SplitSeq(r.Request().URL.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return fault.New(fault.Invalid, "The query string has a percent sign that begins no escape; send it as %%25.").Because(fault.InvalidSyntax)
		}
		if name != "" {
			r.query.Add(name, value)
		}
	}
	for name, values := range r.query {
		switch {
		case len(values) == 1:
		case name == "attributes" || name == "excludedAttributes":
			r.query[name] = []string{strings.Join(values, ",")}
		case isParameter[name]:
			return fault.New(fault.Invalid, "%s is given %d times; send it once.", name, len(values)).Because(fault.InvalidSyntax)
		}
	}
	return nil
}

// isParameter holds the parameters of which only one makes sense.
var isParameter = map[string]bool{
	"filter": true, "sortBy": true, "sortOrder": true, "startIndex": true, "count": true, "cursor": true,
}

// QueryParam returns a parameter of the query string, empty if it is not there.
func (r *request) QueryParam(name string) string { return r.query.Get(name) }

// submit sends a command as the request's actor.
func (r *request) submit(c directory.Command) (commit.Result, error) {
	done, err := r.h.ingress.Submit(r.Request().Context(), directory.Request{ID: commandID(), Actor: r.actor, Command: c})
	if err == nil {
		r.reading.Merge(done.Deviations)
	}
	return done, err
}

func commandID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the program instead
	return hex.EncodeToString(id[:])
}

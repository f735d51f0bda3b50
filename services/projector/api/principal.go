package api

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// principal is who calls and what they may do.
type principal struct {
	client string
	scopes []string
	// organization, if it is set, is the only one that they see.
	organization string
	expires      time.Time // when the token does
	once         *once     // nil without an idempotency key
}

// actor is how the log names the principal.
func (p principal) actor() string { return "api:" + p.client }

// A caller is authenticated; a principal is a caller who may make the call that
// is under way.
type (
	callerKey    struct{}
	principalKey struct{}
)

// principalOf returns who calls. On a road that goes around the rules there is
// nobody, and the call is refused.
func principalOf(ctx context.Context) (principal, error) {
	p, ok := ctx.Value(principalKey{}).(principal)
	if !ok || p.client == "" {
		return principal{}, errStale
	}
	return p, nil
}

// authenticated puts the caller into the context of every request that next
// gets, and has refuse answer the others.
func (c *core) authenticated(next http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := bearer(r.Header)
		if !ok {
			refuse(w, r, errStale)
			return
		}
		p, err := c.verify(r.Context(), token)
		if err != nil {
			refuse(w, r, err)
			return
		}
		c.used(p.client)
		ctx, err := withIdempotencyKey(context.WithValue(r.Context(), callerKey{}, p), r.Header)
		if err != nil {
			refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// both returns the scopes that are in both lists, in the order of the first.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

package api

import (
	"context"
	"net/http"
)

// principal is who calls.
type principal struct{ client string }

// actor is how the log names the principal.
func (p principal) actor() string { return "api:" + p.client }

type principalKey struct{}

// principalOf returns who calls. Without the middleware in front there is
// nobody, and the call is refused.
func principalOf(ctx context.Context) (principal, error) {
	p, ok := ctx.Value(principalKey{}).(principal)
	if !ok || p.client == "" {
		return principal{}, errStale
	}
	return p, nil
}

// authenticated puts the principal into the context of every request that next
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
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), principalKey{}, p)))
	})
}

package api

import (
	"net/http"

	"github.com/rollcallhq/rollcall/pkg/api/openapi"
)

// document answers GET /api/openapi.json, to everybody: it says nothing that the
// source does not.
func (c *core) document(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		c.writeFailure(w, noRoute(http.StatusMethodNotAllowed))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(openapi.Document) // a caller that left has no one to tell
}

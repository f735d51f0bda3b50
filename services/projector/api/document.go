package api

import (
	"net/http"

	"github.com/rollcallhq/rollcall/events/asyncapi"
	"github.com/rollcallhq/rollcall/pkg/api/openapi"
)

// Where the documents are.
const (
	openAPIPath  = "/api/openapi.json"
	asyncAPIPath = "/api/asyncapi.json"
)

// document answers GET with one of the documents, to everybody: they say nothing
// that the source does not.
func (c *core) document(w http.ResponseWriter, r *http.Request) {
	body := openapi.Document
	if r.URL.Path == asyncAPIPath {
		body = asyncapi.Document()
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		c.writeFailure(w, noRoute(http.StatusMethodNotAllowed))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // a caller that left has no one to tell
}

package harness

import (
	"context"
	"net/http"
	"net/url"
	"testing"
)

// The URNs that bodies carry.
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	PatchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	ErrorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	ListURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
)

// MediaType is what providers send and get.
const MediaType = "application/scim+json"

// SCIM is an identity provider's connection to one directory.
type SCIM struct {
	// Base is the directory's SCIM URL.
	Base  string
	Token string
	// Header overrides what is sent.
	Header http.Header

	secrets *Secrets
}

// Via is the same connection through another process.
func (s *SCIM) Via(dir, base string) *SCIM {
	c := *s
	c.Base = base + "/directories/" + dir + "/scim/v2"
	return &c
}

// With is the same connection with another header; an empty value leaves it
// out.
func (s *SCIM) With(key, value string) *SCIM {
	c := *s
	c.Header = s.Header.Clone()
	if c.Header == nil {
		c.Header = http.Header{}
	}
	c.Header.Set(key, value)
	return &c
}

// Do sends a request; body is nil, raw ([]byte or string) or anything that JSON
// can write.
func (s *SCIM) Do(ctx context.Context, method, path string, body any) (Answer, error) {
	c := call{client: patient, method: method, url: s.Base + path, body: body, header: http.Header{"Authorization": {"Bearer " + s.Token}}}
	if body != nil {
		c.header.Set("Content-Type", MediaType+"; charset=utf-8")
	}
	for k, v := range s.Header {
		if v[0] == "" && k != "User-Agent" { // which the client fills in when it is missing
			c.header.Del(k)
		} else {
			c.header[k] = v
		}
	}
	return c.do(ctx)
}

// Must is Do for tests that cannot go on without the expected status.
func (s *SCIM) Must(t testing.TB, want int, method, path string, body any) Answer {
	t.Helper()
	res, err := s.Do(t.Context(), method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.Status != want {
		t.Fatalf("%s %s: status %d, want %d\n%s", method, path, res.Status, want, res.Body)
	}
	return res
}

// Create adds a user or group and returns its id.
func (s *SCIM) Create(t testing.TB, path string, body any) string {
	t.Helper()
	id := s.Must(t, http.StatusCreated, http.MethodPost, path, body).Text("id")
	if id == "" {
		t.Fatal("a created resource has no id")
	}
	return id
}

// Find returns the ids that a filter chooses.
func (s *SCIM) Find(ctx context.Context, kind, filter string) ([]string, Answer, error) {
	res, err := s.Do(ctx, http.MethodGet, "/"+kind+"?filter="+url.QueryEscape(filter), nil)
	var ids []string
	list, _ := res.At("Resources").([]any)
	for _, r := range list {
		id, _ := At(r, "id").(string)
		ids = append(ids, id)
	}
	return ids, res, err
}

// User is the body of a user with an address.
func User(userName string, more map[string]any) map[string]any {
	u := map[string]any{
		"schemas": []string{UserURN}, "userName": userName, "active": true,
		"name":   map[string]any{"givenName": "Given", "familyName": "Family"},
		"emails": []any{map[string]any{"value": userName, "type": "work", "primary": true}},
	}
	for k, v := range more {
		u[k] = v
	}
	return u
}

// Group is the body of a group.
func Group(displayName string, members ...string) map[string]any {
	list := make([]any, 0, len(members))
	for _, m := range members {
		list = append(list, map[string]any{"value": m})
	}
	return map[string]any{"schemas": []string{GroupURN}, "displayName": displayName, "members": list}
}

// Op is one operation of a PATCH; an empty path is left out, so is a nil value.
func Op(op, path string, value any) map[string]any {
	o := map[string]any{"op": op}
	if path != "" {
		o["path"] = path
	}
	if value != nil {
		o["value"] = value
	}
	return o
}

// Patch is the body of a PATCH.
func Patch(ops ...map[string]any) map[string]any {
	return map[string]any{"schemas": []string{PatchURN}, "Operations": ops}
}

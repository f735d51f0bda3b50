package fuzz_test

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// renewAfter is how many requests a world sees before it is replaced by a new
// one, which bounds what it holds.
const renewAfter = 2000

// attacks sends requests, each to a directory that none has changed yet, and
// holds what has to be true of every answer.
type attacks struct {
	w    *world
	d    *dir
	n    int
	seen eventlog.Position
}

// send sends one. {ada}, {bob}, {staff} and {dir} in what is sent stand for ids.
func (a *attacks) send(t testing.TB, method, target, header, body string) {
	t.Helper()
	if a.n++; a.w == nil || a.n%renewAfter == 0 {
		if a.w != nil {
			must(t, a.w.ingress.Stop())
		}
		a.w, a.d, a.seen = newWorld(t), nil, eventlog.Position{}
	}
	if a.d == nil {
		a.d = a.w.dir(t)
		a.w.kept(t, &a.seen) // what was until now
	}
	d, before := a.d, a.seen
	target, header, body = d.ids.Replace(target), d.ids.Replace(header), d.ids.Replace(body)
	res := d.send(t, method, target, header, body)
	if res == nil {
		return
	}
	kept := a.w.kept(t, &a.seen)
	if answered(t, method, res); t.Failed() {
		t.Logf("kept was %s", kept)
		return
	}
	for _, secret := range append(passwords(method, target, header, body), d.token) {
		if strings.Contains(res.Body.String(), secret) {
			t.Errorf("the answer holds the secret %q: %s", secret, res.Body)
		}
		if strings.Contains(kept, secret) {
			t.Errorf("the secret %q was kept: %s", secret, kept)
		}
	}
	if a.seen == before {
		return
	}
	d.everything(t)
	a.d = nil
	if told := a.w.canary.everything(t); told != a.w.told {
		t.Errorf("another directory was changed from %s to %s", a.w.told, told)
	}
}

// answered holds that an answer is SCIM (RFC 7644 sections 3.1 and 3.12).
func answered(t testing.TB, method string, a *httptest.ResponseRecorder) {
	t.Helper()
	if a.Code >= 500 && a.Code != http.StatusNotImplemented || a.Code < 200 {
		t.Errorf("status %d: %s", a.Code, a.Body)
		return
	}
	if a.Code == http.StatusNoContent || a.Code == http.StatusNotModified || method == http.MethodHead {
		if a.Body.Len() > 0 && method != http.MethodHead {
			t.Errorf("status %d with a body: %s", a.Code, a.Body)
		}
		return
	}
	if mediaType, _, err := mime.ParseMediaType(a.Header().Get("Content-Type")); mediaType != "application/scim+json" {
		t.Errorf("status %d with the content type %q, %v", a.Code, a.Header().Get("Content-Type"), err)
	}
	var m struct {
		Schemas []string
		Status  any
	}
	if err := json.Unmarshal(a.Body.Bytes(), &m); err != nil || len(m.Schemas) == 0 {
		t.Errorf("status %d, and the body is no SCIM, %v: %s", a.Code, err, a.Body)
		return
	}
	isError := m.Schemas[0] == "urn:ietf:params:scim:api:messages:2.0:Error"
	if isError != (a.Code >= 400) || isError && m.Status != strconv.Itoa(a.Code) {
		t.Errorf("status %d with the body %s", a.Code, a.Body)
	}
	if a.Code == http.StatusCreated && a.Header().Get("Location") == "" {
		t.Error("status 201 without a location")
	}
}

var (
	passwordMember = regexp.MustCompile(`(?i)"(?:[^"\\]*:)?password"\s*:\s*"([A-Za-z0-9]{8,})"`)
	passwordPath   = regexp.MustCompile(`(?i)"path"\s*:\s*"(?:[^"\\]*:)?password"\s*,\s*"value"\s*:\s*"([A-Za-z0-9]{8,})"`)
)

// passwords returns the values that are sent as passwords and as nothing else.
// Bodies that are no JSON count as well: they are told to nobody either.
func passwords(parts ...string) (list []string) {
	all := strings.Join(parts, "\n")
	found := passwordMember.FindAllStringSubmatch(all, -1)
	if strings.Count(strings.ToLower(all), `"path"`) == 1 {
		found = append(found, passwordPath.FindAllStringSubmatch(all, -1)...)
	}
	for _, m := range found {
		if strings.Count(all, m[1]) == 1 {
			list = append(list, m[1])
		}
	}
	return list
}

const (
	scimJSON = "Content-Type: application/scim+json"
	patchOp  = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
)

// FuzzRequest changes methods, paths, queries, headers and bodies.
func FuzzRequest(f *testing.F) {
	for _, s := range requests {
		f.Add(s[0], s[1], s[2], s[3])
	}
	var a attacks
	f.Fuzz(func(t *testing.T, method, target, header, body string) { a.send(t, method, target, header, body) })
}

// FuzzBulk changes the bodies of bulk requests.
func FuzzBulk(f *testing.F) {
	for _, operations := range bulks {
		f.Add(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"failOnErrors":1,"Operations":[` + operations + `]}`)
	}
	var a attacks
	f.Fuzz(func(t *testing.T, body string) { a.send(t, http.MethodPost, "/Bulk", scimJSON, body) })
}

// FuzzPatch changes the bodies of PATCH requests about a group, whose members
// take another way through the server than attributes do.
func FuzzPatch(f *testing.F) {
	for _, operations := range patches {
		f.Add(patchOp + operations + `]}`)
	}
	var a attacks
	f.Fuzz(func(t *testing.T, body string) {
		a.send(t, http.MethodPatch, "/Groups/{staff}", scimJSON, body)
		a.send(t, http.MethodPatch, "/Users/{ada}", scimJSON, body)
	})
}

package scimhttp_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
)

// TestErrors is the table of RFC 7644 section 3.12 as far as the edge decides it,
// and what HTTP has besides. Every answer has a SCIM body.
func TestErrors(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	user := d.user(t, "mara")
	good := userBody("good")
	filter := "/Users?filter="
	const one = "/Users/diruser_1"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte(`{"userName":"zip@acme.example"}`))
	must(t, z.Close())
	for _, tt := range []struct {
		what         string
		method, path string
		body         any
		headers      []string
		status       int
		scimType     string
		says         string
	}{
		// 400
		{what: "no JSON", method: "POST", path: "/Users", body: "userName=mara", status: 400, scimType: "invalidSyntax"},
		{what: "a cut body", method: "PUT", path: "/Users/" + user, body: `{"userName":"x`, status: 400, scimType: "invalidSyntax"},
		{what: "no UTF-8", method: "POST", path: "/Users", body: []byte("{\"userName\":\"\xff@acme.example\"}"), status: 400, scimType: "invalidSyntax"},
		{what: "UTF-16", method: "POST", path: "/Users", body: []byte{0xfe, 0xff, 0, '{', 0, '}'}, status: 400, scimType: "invalidSyntax"},
		{what: "depth", method: "POST", path: "/Users", body: strings.Repeat(`{"a":`, 100_000), status: 400, scimType: "invalidSyntax"},
		{what: "depth in lists", method: "POST", path: "/Users", body: `{"a":` + strings.Repeat("[", 100_000), status: 400, scimType: "invalidSyntax"},
		{what: "a huge number", method: "POST", path: "/Users", body: `{"userName":` + strings.Repeat("9", 100_000) + `}`, status: 400, scimType: "invalidValue"},
		{what: "a huge exponent", method: "POST", path: "/Users", body: `{"userName":1e999999999}`, status: 400, scimType: "invalidValue"},
		{what: "a query that is no query", method: "GET", path: "/Users?filter=userName%zzeq+%22x%22", status: 400, scimType: "invalidSyntax", says: "percent"},
		{what: "a filter twice", method: "GET", path: "/Users?filter=id+pr&filter=id+pr", status: 400, scimType: "invalidSyntax", says: "filter"},
		{what: "a broken filter", method: "GET", path: filter + "userName+eq", status: 400, scimType: "invalidFilter"},
		{what: "an escaped NUL in a filter", method: "GET", path: filter + "userName%00eq+%22x%22", status: 400, scimType: "invalidFilter"},
		{what: "both projections", method: "GET", path: "/Users?attributes=userName&excludedAttributes=title", status: 400, scimType: "invalidValue"},
		{what: "both projections of a write", method: "POST", path: "/Users?attributes=userName&excludedAttributes=title", body: good, status: 400, scimType: "invalidValue"},
		{what: "a broken path", method: "PATCH", path: "/Users/" + user, body: patchBody(op("replace", "emails[type", "x")), status: 400, scimType: "invalidPath"},
		{what: "no target", method: "PATCH", path: "/Users/" + user, body: `{"Operations":[{"op":"remove"}]}`, status: 400, scimType: "noTarget"},
		{what: "what the server owns", method: "PATCH", path: "/Users/" + user, body: patchBody(op("replace", "id", "x")), status: 400, scimType: "mutability"},
		{what: "version 1", method: "GET", path: "/../v1/Users", status: 400, scimType: "invalidVers", says: "v1"},
		{what: "version 3", method: "POST", path: "/../v3.1/Users", body: good, status: 400, scimType: "invalidVers"},
		{what: "a malformed condition", method: "GET", path: "/Users/" + user, headers: []string{"If-None-Match", `W/"`}, status: 400, scimType: "invalidSyntax"},
		// 401
		{what: "no token", method: "GET", path: "/Users", headers: []string{"Authorization", ""}, status: 401},
		{what: "no token for nothing", method: "BREW", path: "/Coffee", headers: []string{"Authorization", ""}, status: 401},
		{what: "version 1 without a token", method: "GET", path: "/../v1/Users", headers: []string{"Authorization", ""}, status: 401},
		// 403
		{what: "a filter on discovery", method: "GET", path: "/Schemas?filter=id+pr", status: 403},
		// 404
		{what: "an unknown user", method: "GET", path: one, status: 404},
		{what: "an unknown user's PATCH", method: "PATCH", path: one, body: patchBody(op("replace", "title", "x")), status: 404},
		{what: "an unknown endpoint", method: "GET", path: "/Printers", status: 404},
		{what: "an unknown endpoint's POST", method: "POST", path: "/Printers", body: "{}", status: 404},
		{what: "a path below a user", method: "GET", path: "/Users/" + user + "/groups", status: 404},
		{what: "a doubled slash", method: "GET", path: "//Users", status: 404},
		{what: "a doubled slash inside", method: "GET", path: "/Users//" + user, status: 404},
		{what: "another case", method: "GET", path: "/users", status: 404},
		{what: "an id of odd bytes", method: "GET", path: "/Users/%00%ff%2F..", status: 404},
		{what: "an endpoint of odd bytes", method: "GET", path: "/%00%ff", status: 404},
		{what: "a long id", method: "GET", path: "/Users/" + strings.Repeat("x", 10_000), status: 404},
		{what: "a search in a user", method: "POST", path: "/Users/" + user + "/.search", body: "{}", status: 404},
		{what: "a search in discovery", method: "POST", path: "/Schemas/.search", body: "{}", status: 404},
		// 405
		{what: "DELETE of an endpoint", method: "DELETE", path: "/Users", status: 405, says: "GET, HEAD, OPTIONS, POST"},
		{what: "POST to a user", method: "POST", path: "/Users/" + user, body: good, status: 405, says: "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"},
		{what: "GET of Bulk", method: "GET", path: "/Bulk", status: 405, says: "OPTIONS, POST"},
		{what: "GET of a search", method: "GET", path: "/Users/.search", status: 405, says: "OPTIONS, POST"},
		{what: "an unheard-of method", method: "BREW", path: "/Users", status: 405, says: "BREW"},
		{what: "a long method", method: strings.Repeat("BREW", 1000), path: "/Users", status: 405},
		{what: "TRACE", method: "TRACE", path: "/Users", status: 405},
		{what: "PROPFIND", method: "PROPFIND", path: "/Groups", status: 405},
		// 409, 412, 413, 414, 415
		{what: "a taken name", method: "POST", path: "/Users", body: userBody("MARA"), status: 409, scimType: "uniqueness"},
		{what: "another version", method: "DELETE", path: "/Users/" + user, headers: []string{"If-Match", `W/"9"`}, status: 412},
		{what: "a large body", method: "POST", path: "/Users", body: `{"title":"` + strings.Repeat("x", 4<<20) + `"}`, status: 413, says: strconv.Itoa(4 << 20)},
		{what: "a long URL", method: "GET", path: filter + strings.Repeat("x", 17_000), status: 414},
		{what: "XML", method: "POST", path: "/Users", body: "<a/>", headers: []string{"Content-Type", "", "Content-Type", "text/xml"}, status: 415},
		{what: "a form", method: "POST", path: "/Users", body: good, headers: []string{"Content-Type", "", "Content-Type", "application/x-www-form-urlencoded"}, status: 415},
		{what: "a patch of another kind", method: "PATCH", path: "/Users/" + user, body: "[]", headers: []string{"Content-Type", "", "Content-Type", "application/json-patch+json"}, status: 415},
		{what: "Latin-1", method: "POST", path: "/Users", body: good, headers: []string{"Content-Type", "", "Content-Type", "application/scim+json; charset=iso-8859-1"}, status: 415, says: "UTF-8"},
		{what: "compressed", method: "POST", path: "/Users", body: zipped.Bytes(), headers: []string{"Content-Encoding", "gzip"}, status: 415},
		// 501
		{what: "Me", method: "GET", path: "/Me", status: 501},
		{what: "Me, changed", method: "PATCH", path: "/Me", body: patchBody(op("replace", "title", "x")), status: 501},
	} {
		t.Run(tt.what, func(t *testing.T) {
			a := d.do(t, tt.method, tt.path, tt.body, tt.headers...)
			isError(t, a, tt.status, tt.scimType)
			if !strings.Contains(a.text("detail"), tt.says) {
				t.Errorf("the detail is %q, want it to say %q", a.text("detail"), tt.says)
			}
			if len(a.raw) > 1000 {
				t.Errorf("the answer repeats the request: %d bytes", len(a.raw))
			}
			for header, statuses := range map[string]int{"Allow": 405, "WWW-Authenticate": 401} {
				if (a.header.Get(header) != "") != (a.status == statuses) {
					t.Errorf("status %d comes with %s: %q", a.status, header, a.header.Get(header))
				}
			}
		})
	}
	if n := d.want(t, 200, "GET", "/Users", nil).at("totalResults"); n != 1.0 {
		t.Errorf("there are %v users now", n)
	}
}

// TestTolerated requests are answered as if they were as the RFCs have them.
func TestTolerated(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	user := d.user(t, "mara")
	for i, tt := range []struct {
		method, path string
		body         any
		headers      []string
		status       int
	}{
		{method: "POST", path: "/Users", headers: []string{"Content-Type", ""}, status: 201},
		{method: "POST", path: "/Users", headers: []string{"Content-Type", "", "Content-Type", "application/json"}, status: 201},
		{method: "POST", path: "/Users", headers: []string{"Content-Type", "", "Content-Type", `Application/SCIM+JSON; Charset="UTF-8"`}, status: 201},
		{method: "POST", path: "/Users", headers: []string{"Content-Type", "", "Content-Type", "application/json; charset"}, status: 201},
		{method: "POST", path: "/Users", headers: []string{"Content-Encoding", "identity"}, status: 201},
		{method: "POST", path: "/Users/", status: 201},
		{method: "POST", path: "/../Users", status: 201},
		{method: "POST", path: "/../V2/Users", status: 201},
		{method: "GET", path: "/Users", headers: []string{"Accept", "application/json"}, status: 200},
		{method: "GET", path: "/Users", headers: []string{"Accept", "text/html"}, status: 200},
		{method: "GET", path: "/Users/" + user, body: `{"a":`, status: 200},
		{method: "GET", path: "/Users?&&=x&unknown=%41&filter=title+eq+%22a;b%22", status: 200},
		{method: "GET", path: "/%55sers/" + user + "/", status: 200},
		{method: "DELETE", path: "/Users/" + d.user(t, "gone"), body: `{"a":`, status: 204},
	} {
		if tt.method == "POST" {
			tt.body = userBody(fmt.Sprint("u", i))
		}
		a := d.do(t, tt.method, tt.path, tt.body, tt.headers...)
		if a.status != tt.status {
			t.Errorf("%s %s %v: status %d, want %d: %s", tt.method, tt.path, tt.headers, a.status, tt.status, a.raw)
		}
		if got := a.header.Get("Content-Type"); a.raw != "" && got != "application/scim+json" {
			t.Errorf("%s %s %v: type %q", tt.method, tt.path, tt.headers, got)
		}
		if location := a.text("meta.location"); location != "" && !strings.HasPrefix(location, d.base+"/Users/") {
			t.Errorf("%s %s: it is at %q", tt.method, tt.path, location)
		}
	}
}

// TestOptions says what an endpoint takes.
func TestOptions(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	for path, allow := range map[string]string{
		"/Users": "GET, HEAD, OPTIONS, POST", "/Users/1": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT", "/Bulk": "OPTIONS, POST", "/Users/.search": "OPTIONS, POST",
		"/ServiceProviderConfig": "GET, HEAD, OPTIONS", "": "GET, HEAD, OPTIONS", "/.search": "OPTIONS, POST",
	} {
		if a := d.do(t, "OPTIONS", path, nil); a.status != 204 || a.raw != "" || a.header.Get("Allow") != allow {
			t.Errorf("OPTIONS %s: %d, Allow %q, want %q", path, a.status, a.header.Get("Allow"), allow)
		}
	}
	isError(t, d.do(t, "OPTIONS", "/Printers", nil), 404, "")
}

// TestRaw sends what no HTTP client would.
func TestRaw(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	path := strings.TrimPrefix(d.base, d.root)
	auth := "Authorization: Bearer " + d.token + "\r\nHost: x\r\n"
	for name, tt := range map[string]struct {
		request string
		status  int
		scim    bool
	}{
		"a chunked body":           {"POST " + path + "/Users HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n1f\r\n{\"userName\":\"c@acme.example\"}\r\n\r\n0\r\n\r\n", 201, true},
		"a broken chunk":           {"POST " + path + "/Users HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n{}", 400, true},
		"a shorter body":           {"POST " + path + "/Users HTTP/1.1\r\n" + auth + "Content-Length: 100\r\n\r\n{\"userName\":\"", 400, true},
		"a body twice as long":     {"POST " + path + "/Users HTTP/1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}{}", 400, true},
		"a percent sign in a path": {"GET " + path + "/Users/%zz HTTP/1.1\r\n" + auth + "\r\n", 400, false},
		"an absolute URL":          {"GET http://elsewhere.example" + path + "/Users HTTP/1.1\r\n" + auth + "\r\n", 200, true},
		"a bare token":             {"GET " + path + "/Users HTTP/1.1\r\nHost: x\r\nAuthorization: " + d.token + "\r\n\r\n", 401, true},
		"another scheme's case":    {"GET " + path + "/Users HTTP/1.1\r\nHost: x\r\nAuthorization: bEARER   " + d.token + " \r\n\r\n", 200, true},
		"HTTP/1.0":                 {"GET " + path + "/Users HTTP/1.0\r\n" + auth + "\r\n", 200, true},
		"a raw byte in a query":    {"GET " + path + "/Users?filter=title+eq+%22\xe4%22 HTTP/1.1\r\n" + auth + "\r\n", 400, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", strings.TrimPrefix(d.root, "http://"))
			must(t, err)
			defer func() { _ = conn.Close() }()
			must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			_, err = io.WriteString(conn, tt.request)
			must(t, err)
			if strings.Contains(tt.request, "Content-Length: 100") { // whoever hangs up is not waited for
				must(t, conn.(*net.TCPConn).CloseWrite())
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			must(t, err)
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			must(t, err)
			if res.StatusCode != tt.status {
				t.Errorf("status %d, want %d: %s", res.StatusCode, tt.status, body)
			}
			if got := res.Header.Get("Content-Type") == "application/scim+json"; got != tt.scim {
				t.Errorf("the type is %q", res.Header.Get("Content-Type"))
			}
		})
	}
}

// TestRate holds each directory to its rate, tells when to come back, and
// forgets directories that rest.
func TestRate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := newWorld(t, scimhttp.Config{RateLimit: 2, Clock: func() time.Time { return now }})
	a, b := w.dir(t), w.dir(t)
	for range 2 {
		a.want(t, 200, "GET", "/Users", nil)
	}
	refused := a.do(t, "GET", "/Users", nil)
	isError(t, refused, 429, "")
	if got := refused.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	isError(t, a.do(t, "GET", "/Nothing", nil), 429, "")
	b.want(t, 200, "GET", "/Users", nil)
	isError(t, a.do(t, "GET", "/Users", nil, "Authorization", "", "Authorization", "Bearer rcs_wrong"), 401, "")
	now = now.Add(500 * time.Millisecond)
	a.want(t, 200, "GET", "/Users", nil)
	isError(t, a.do(t, "GET", "/Users", nil), 429, "")
	now = now.Add(-time.Hour) // a clock that goes back lets nobody in and keeps nobody out
	isError(t, a.do(t, "GET", "/Users", nil), 429, "")
	now = now.Add(time.Hour + time.Second)
	a.want(t, 200, "GET", "/Users", nil)
	a.want(t, 200, "GET", "/Users", nil)
	isError(t, a.do(t, "GET", "/Users", nil), 429, "")
}

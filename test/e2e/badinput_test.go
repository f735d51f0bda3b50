package e2e_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

// TestBadInput sends what providers get wrong and attackers try: each is the
// right 4xx with a SCIM body, and nothing changes.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	r := harness.NewReceiver(t)
	x := s.API.Tenant(t, s.SCIM, "bad.example", "OKTA")
	other := s.API.Tenant(t, s.SCIM, "other.example", "OKTA")
	user := x.SCIM.Create(t, "/Users", harness.User("mara@bad.example", nil))
	taken := x.SCIM.Create(t, "/Users", harness.User("ines@bad.example", nil))
	group := x.SCIM.Create(t, "/Groups", harness.Group("Editors", user))
	s.API.Endpoint(t, r, nil)
	before := state(t, x)

	const (
		secret  = "Correct-Horse-Battery-Staple"
		unknown = "diruser_999999999999999999"
	)
	s.Secrets.Add("password", secret)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	patch := func(op string) string { return `{"schemas":["` + harness.PatchURN + `"],"Operations":[` + op + `]}` }
	plain := x.SCIM
	for name, c := range map[string]struct {
		as     *harness.SCIM // x's connection if nil
		method string
		path   string
		body   any
		status int
		kind   string // scimType
		detail string // what the text must say
	}{
		"malformed JSON":             {method: "POST", path: "/Users", body: `{"userName":`, status: 400, kind: "invalidSyntax"},
		"no JSON":                    {method: "POST", path: "/Users", body: `hello`, status: 400, kind: "invalidSyntax"},
		"an empty body":              {method: "POST", path: "/Users", body: ``, status: 400, kind: "invalidSyntax"},
		"a list":                     {method: "POST", path: "/Users", body: `[]`, status: 400, kind: "invalidSyntax"},
		"two documents":              {method: "POST", path: "/Users", body: `{"userName":"a@bad.example"}{}`, status: 400, kind: "invalidSyntax"},
		"malformed JSON in a PUT":    {method: "PUT", path: "/Users/" + user, body: `{"userName":`, status: 400, kind: "invalidSyntax"},
		"malformed JSON in a PATCH":  {method: "PATCH", path: "/Users/" + user, body: `{"Operations":[`, status: 400, kind: "invalidSyntax"},
		"malformed JSON for a group": {method: "POST", path: "/Groups", body: `{`, status: 400, kind: "invalidSyntax"},
		"a number as userName":       {method: "POST", path: "/Users", body: `{"userName":7}`, status: 400, kind: "invalidValue"},
		"an object as active":        {method: "POST", path: "/Users", body: `{"userName":"a@bad.example","active":{}}`, status: 400, kind: "invalidValue"},
		"a word as active":           {method: "POST", path: "/Users", body: `{"userName":"a@bad.example","active":"perhaps"}`, status: 400, kind: "invalidValue"},
		"a text as name":             {method: "POST", path: "/Users", body: `{"userName":"a@bad.example","name":"Mara"}`, status: 400, kind: "invalidValue"},
		"a number as member":         {method: "POST", path: "/Groups", body: `{"displayName":"X","members":[7]}`, status: 400, kind: "invalidValue"},
		"no userName":                {method: "POST", path: "/Users", body: `{"emails":[{"value":"a@bad.example"}]}`, status: 400, kind: "invalidValue"},
		"no displayName":             {method: "POST", path: "/Groups", body: `{"members":[]}`, status: 400, kind: "invalidValue"},
		"an oversized body": {
			method: "POST", path: "/Users", body: `{"userName":"a@bad.example","title":"` + strings.Repeat("x", 5<<20) + `"}`, status: 413,
		},
		"deep nesting":               {method: "POST", path: "/Users", body: `{"userName":"a@bad.example","urn:x:y":` + deep(200) + `}`, status: 400},
		"very deep nesting":          {method: "POST", path: "/Users", body: deep(200_000), status: 400},
		"deep nesting in a PATCH":    {method: "PATCH", path: "/Users/" + user, body: patch(`{"op":"add","value":` + deep(200) + `}`), status: 400},
		"a deep filter":              {method: "GET", path: "/Users?filter=" + strings.Repeat("(", 500) + "userName+pr" + strings.Repeat(")", 500), status: 400, kind: "invalidFilter"},
		"an endless filter":          {method: "GET", path: "/Users?filter=" + strings.Repeat("userName+pr+and+", 900) + "userName+pr", status: 400, kind: "invalidFilter"},
		"an unknown id":              {method: "GET", path: "/Users/" + unknown, status: 404},
		"an unknown id in a PUT":     {method: "PUT", path: "/Users/" + unknown, body: harness.User("a@bad.example", nil), status: 404},
		"an unknown id in a PATCH":   {method: "PATCH", path: "/Users/" + unknown, body: harness.Patch(harness.Op("replace", "title", "x")), status: 404},
		"an unknown id in a DELETE":  {method: "DELETE", path: "/Users/" + unknown, status: 404},
		"an unknown group":           {method: "DELETE", path: "/Groups/dirgroup_999999999999999999", status: 404},
		"a user as group":            {method: "GET", path: "/Groups/" + user, status: 404},
		"an id of odd bytes":         {method: "GET", path: "/Users/%00%ff%2e%2e", status: 404},
		"another directory's user":   {as: other.SCIM, method: "GET", path: "/Users/" + user, status: 404},
		"an unknown filter":          {method: "GET", path: "/Users?filter=shoeSize+eq+%2246%22", status: 400, kind: "invalidFilter"},
		"a broken filter":            {method: "GET", path: "/Users?filter=userName+eq", status: 400, kind: "invalidFilter"},
		"an unknown operator":        {method: "GET", path: "/Users?filter=userName+is+%22x%22", status: 400, kind: "invalidFilter"},
		"an unclosed filter":         {method: "GET", path: "/Users?filter=(userName+eq+%22x%22", status: 400, kind: "invalidFilter"},
		"a word as count":            {method: "GET", path: "/Users?count=many", status: 400},
		"a wrong media type":         {as: plain.With("Content-Type", "text/xml"), method: "POST", path: "/Users", body: harness.User("a@bad.example", nil), status: 415},
		"a taken userName":           {method: "POST", path: "/Users", body: harness.User("MARA@bad.example", nil), status: 409, kind: "uniqueness"},
		"a taken userName in a PUT":  {method: "PUT", path: "/Users/" + user, body: harness.User("ines@bad.example", nil), status: 409, kind: "uniqueness"},
		"a taken displayName":        {method: "POST", path: "/Groups", body: harness.Group("editors"), status: 409, kind: "uniqueness"},
		"a PATCH without operations": {method: "PATCH", path: "/Users/" + user, body: patch(""), status: 400},
		"an unknown op":              {method: "PATCH", path: "/Users/" + user, body: patch(`{"op":"bless","path":"title","value":"x"}`), status: 400},
		"a remove without path":      {method: "PATCH", path: "/Users/" + user, body: patch(`{"op":"remove"}`), status: 400, kind: "noTarget"},
		"a broken path":              {method: "PATCH", path: "/Users/" + user, body: patch(`{"op":"replace","path":"emails[type eq","value":"x"}`), status: 400, kind: "invalidPath"},
		"a read-only path":           {method: "PATCH", path: "/Users/" + user, body: patch(`{"op":"replace","path":"id","value":"x"}`), status: 400, kind: "mutability"},
		"no userName any more":       {method: "PATCH", path: "/Users/" + user, body: patch(`{"op":"remove","path":"userName"}`), status: 400},
		"a good op before a bad one": {
			method: "PATCH", path: "/Users/" + user, status: 400,
			body: patch(`{"op":"replace","path":"title","value":"half-written"},{"op":"replace","path":"active","value":"perhaps"}`),
		},
		"a good group op before a bad one": {
			method: "PATCH", path: "/Groups/" + group, status: 400,
			body: patch(`{"op":"add","path":"members","value":[{"value":"` + taken + `"}]},{"op":"replace","path":"displayName","value":7}`),
		},
		"a foreign domain": {
			method: "POST", path: "/Users", body: harness.User("a@elsewhere.example", nil), status: 400, kind: "invalidValue", detail: "elsewhere.example",
		},
		"a subdomain":    {method: "POST", path: "/Users", body: harness.User("a@sub.bad.example", nil), status: 400, kind: "invalidValue", detail: "sub.bad.example"},
		"no address":     {method: "POST", path: "/Users", body: `{"userName":"nobody","password":"` + secret + `"}`, status: 400, kind: "invalidValue"},
		"a new address":  {method: "PUT", path: "/Users/" + user, body: harness.User("other@bad.example", nil), status: 400, kind: "mutability"},
		"no token":       {as: plain.With("Authorization", ""), method: "GET", path: "/Users", status: 401},
		"an empty token": {as: plain.With("Authorization", "Bearer "), method: "GET", path: "/Users", status: 401},
		"another scheme": {as: plain.With("Authorization", "Basic "+plain.Token), method: "GET", path: "/Users", status: 401},
		"an unknown token": {
			as: plain.With("Authorization", "Bearer rcs_nobody-was-ever-given-this-one"), method: "POST", path: "/Users", body: harness.User("a@bad.example", nil), status: 401,
		},
		"a foreign directory's token": {
			as: plain.With("Authorization", "Bearer "+other.SCIM.Token), method: "POST", path: "/Users", body: harness.User("a@bad.example", nil), status: 401,
		},
		"an unknown directory":   {as: plain.Via("dir_999999999999999999", s.URL()), method: "GET", path: "/Users", status: 401},
		"an unknown path":        {method: "GET", path: "/Printers", status: 404},
		"a path below a user":    {method: "GET", path: "/Users/" + user + "/emails", status: 404},
		"writing the root":       {method: "POST", path: "", body: `{}`, status: 405},
		"a wrong method":         {method: "DELETE", path: "/Users", status: 405},
		"a wrong method on one":  {method: "POST", path: "/Users/" + user, body: harness.User("a@bad.example", nil), status: 405},
		"writing a schema":       {method: "PUT", path: "/Schemas", body: `{}`, status: 405},
		"what is not offered":    {method: "GET", path: "/Me", status: 501},
		"an unheard-of method":   {method: "BREW", path: "/Users", status: 405},
		"a body that is no text": {method: "POST", path: "/Users", body: []byte{0xff, 0xfe, 0x00}, status: 400, kind: "invalidSyntax"},
		"a userName that is no UTF-8": {
			method: "POST", path: "/Users", body: append(append([]byte(`{"userName":"`), 0xff, 0xfe), []byte(`@bad.example"}`)...), status: 400,
		},
	} {
		t.Run(name, func(t *testing.T) {
			as := c.as
			if as == nil {
				as = plain
			}
			a, err := as.Do(t.Context(), c.method, c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			checkError(t, a, c.status)
			if got := a.Text("scimType"); c.kind != "" && got != c.kind {
				t.Errorf("scimType %q, want %q: %s", got, c.kind, a.Body)
			}
			if !strings.Contains(a.Text("detail"), c.detail) || strings.Contains(string(a.Body), secret) {
				t.Errorf("the detail is %q, want it to name %q", a.Text("detail"), c.detail)
			}
			if c.status == http.StatusUnauthorized && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
			}
			if c.status == http.StatusMethodNotAllowed && a.Header.Get("Allow") == "" {
				t.Error("the answer names no allowed method")
			}
		})
	}
	if after := state(t, x); !slices.Equal(before, after) {
		t.Errorf("refused requests changed something:\nbefore %s\nafter  %s", before, after)
	}
	// A change that is told comes first: nothing was told in between.
	x.SCIM.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+user, harness.Patch(harness.Op("replace", "title", "Editor")))
	if d := r.Await(t, soon, "any", func(harness.Delivery) bool { return true }); d.Data("title") != "Editor" {
		t.Errorf("a refused request was told: %s", d.Body)
	}
}

// state is all that a directory shows over SCIM.
func state(t *testing.T, x *harness.Tenant) []string {
	t.Helper()
	var all []string
	for _, path := range []string{"/Users", "/Groups"} {
		all = append(all, string(x.SCIM.Must(t, http.StatusOK, http.MethodGet, path, nil).Body))
	}
	return all
}

// checkError holds that an answer is a SCIM error (RFC 7644 section 3.12).
func checkError(t *testing.T, a harness.Answer, status int) {
	t.Helper()
	if a.Status != status {
		t.Errorf("status %d, want %d: %.300s", a.Status, status, a.Body)
	}
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, harness.MediaType) {
		t.Errorf("the media type is %q: %.300s", got, a.Body)
	}
	if got := a.Text("status"); got != strconv.Itoa(a.Status) {
		t.Errorf("the body's status is %q, the answer's %d", got, a.Status)
	}
	if a.Text("schemas.0") != harness.ErrorURN || a.At("schemas.1") != nil {
		t.Errorf("schemas are %v", a.At("schemas"))
	}
	if a.Text("detail") == "" {
		t.Error("there is no detail")
	}
}

// TestDisabledDirectory holds that a provider of a disabled directory is told to
// come again, so that it keeps the change.
func TestDisabledDirectory(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t).MustStart()
	x := s.API.Tenant(t, s.SCIM, "disabled.example", "OKTA")
	body := harness.User("mara@disabled.example", nil)
	s.API.Must(t, http.StatusOK, http.MethodPatch, x.Path()+":disable", nil)
	for _, c := range []struct {
		method, path string
		body         any
	}{{http.MethodPost, "/Users", body}, {http.MethodGet, "/Users", nil}} {
		a, err := x.SCIM.Do(t.Context(), c.method, c.path, c.body)
		if err != nil {
			t.Fatal(err)
		}
		checkError(t, a, http.StatusServiceUnavailable)
		if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 {
			t.Errorf("%s: Retry-After is %q", c.method, a.Header.Get("Retry-After"))
		}
	}
	s.API.Must(t, http.StatusOK, http.MethodPatch, x.Path()+":enable", nil)
	x.SCIM.Create(t, "/Users", body)
}

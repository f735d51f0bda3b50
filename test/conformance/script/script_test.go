package script_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/test/conformance/script"
)

// parse reads one case.
func parse(t *testing.T, text string) script.Case {
	t.Helper()
	cases, err := script.Parse("a.scim", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 1 {
		t.Fatalf("%d cases", len(cases))
	}
	return cases[0]
}

func TestParse(t *testing.T) {
	t.Parallel()
	cases, err := script.Parse("a.scim", strings.NewReader(`# A remark.
@ OKTA
User-Agent: x

== RFC/1 one of two
@ STRICT
@ policy {"a": "b"}
Accept:
+ user mara {"title": "Editor", "userName": "m"}
> PATCH /Users/{mara}?a=b c
If-Match: {mara.version}
[{"op": "add",
  "path": "x"}]
< 200|204
/title = "Editor"
! user_created mara
/email absent

== RFC/2 another
> POST /Users
|{"raw":
|
< 400 invalidSyntax
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []script.Case{
		{
			File: "a.scim", Section: "RFC/1", Title: "one of two",
			Setting: script.Setting{
				Provider: "OKTA", Strict: true, Policies: []string{`{"a": "b"}`}, Header: []script.Field{{"User-Agent", "x"}, {"Accept", ""}},
			},
			Steps: []script.Step{
				{Line: 9, Method: "POST", Path: "/Users", Body: `{"schemas":["{User}"],"title":"Editor","userName":"m"}`, Save: "mara", Status: []string{"201"}},
				{
					Line: 10, Method: "PATCH", Path: "/Users/{mara}?a=b c", Header: []script.Field{{"If-Match", "{mara.version}"}},
					Body: `[{"op": "add",  "path": "x"}]`, Status: []string{"200", "204"},
					Checks: []script.Check{{Line: 15, Subject: "/title", Verb: "=", Arg: `"Editor"`}},
					Events: []script.Event{{Line: 16, Type: "user_created", Resource: "mara", Checks: []script.Check{{Line: 17, Subject: "/email", Verb: "absent"}}}},
				},
			},
		},
		{
			File: "a.scim", Section: "RFC/2", Title: "another", Setting: script.Setting{Provider: "OKTA", Header: []script.Field{{"User-Agent", "x"}}},
			Steps: []script.Step{{Line: 20, Method: "POST", Path: "/Users", Raw: true, Body: "{\"raw\":\n", Status: []string{"400"}, Types: []string{"invalidSyntax"}}},
		},
	}
	if diff := cmp.Diff(want, cases); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParse_refusals(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a request outside of a case":     "> GET /Users\n< 200\n",
		"a case without a title":          "== RFC/1\n",
		"an answer without a request":     "== RFC/1 x\n< 200\n",
		"a request without an answer":     "== RFC/1 x\n> GET /Users\n",
		"a case without a request":        "== RFC/1 x\n== RFC/2 y\n> GET /Users\n< 200\n",
		"a status that is no number":      "== RFC/1 x\n> GET /Users\n< ok\n",
		"a setting that nobody knows":     "@ lenient\n",
		"a check before any answer":       "== RFC/1 x\n/id present\n",
		"a check that is none":            "== RFC/1 x\n> GET /Users\n< 200\n/id is 7\n",
		"a check with nothing behind":     "== RFC/1 x\n> GET /Users\n< 200\n/id =\n",
		"a check with too much behind":    "== RFC/1 x\n> GET /Users\n< 200\n/id absent 7\n",
		"a regular expression with holes": "== RFC/1 x\n> GET /Users\n< 200\n/id ~ (\n",
		"a count that is no number":       "== RFC/1 x\n> GET /Users\n< 200\n/id count many\n",
		"a creation of something else":    "== RFC/1 x\n+ robot r2 {}\n",
		"a creation from no JSON":         "== RFC/1 x\n+ user mara {\n",
		"an event of nobody":              "== RFC/1 x\n> GET /Users\n< 200\n! user_created\n",
		"a note of nothing":               "== RFC/1 x\n> GET /Users\n< 200\n? tolerated\n",
		"a note of another kind":          "== RFC/1 x\n> GET /Users\n< 200\n? ignored string_boolean\n",
	} {
		if _, err := script.Parse("a.scim", strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), "a.scim:") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

// echo answers every request with the same.
func echo(status int, header map[string]string, body string) script.Do {
	return func(context.Context, string, string, http.Header, []byte) (script.Answer, error) {
		h := http.Header{"Content-Type": {"application/scim+json"}}
		for k, v := range header {
			h.Set(k, v)
		}
		return script.Answer{Status: status, Header: h, Body: []byte(body)}, nil
	}
}

const mara = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","userName":"mara","active":true,
 "emails":[{"value":"a","type":"work"},{"value":"b"}],
 "meta":{"resourceType":"User","created":"2026-01-01T00:00:00Z","lastModified":"2026-01-01T00:00:00Z","location":"/Users/1","version":"W/\"1\""}}`

// Every verb passes where it should and fails where it should not.
func TestPlay_checks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ good, bad string }{
		{`/userName = "mara"`, `/userName = "ines"`},
		{`/active = true`, `/active = "true"`},
		{`/userName != "ines"`, `/userName != "mara"`},
		{`/emails/1/value = "b"`, `/emails/2/value = "b"`},
		{`/emails/*/value = ["a", "b"]`, `/emails/*/value = ["b", "a"]`},
		{`/emails/*/value unordered ["b", "a"]`, `/emails/*/value unordered ["b"]`},
		{`/emails count 2`, `/emails count 1`},
		{`/emails has {"value": "a"}`, `/emails has {"value": "a", "type": "home"}`},
		{`/emails lacks {"value": "c"}`, `/emails lacks {"value": "b"}`},
		{`/title absent`, `/userName absent`},
		{`/userName present`, `/title present`},
		{`/userName ~ ^ma`, `/userName ~ ^in`},
		{`/userName !~ ^in`, `/userName !~ ^ma`},
		{`/userName as x`, `/active as x`},
		{`/schemas = ["{User}"]`, `/schemas = ["{Group}"]`},
		{`ETag = W/"1"`, `ETag = W/"2"`},
		{`ETag present`, `Location present`},
		{`body ~ mara`, `body empty`},
		{`body !~ secret`, `body !~ mara`},
	} {
		for line, passes := range map[string]bool{c.good: true, c.bad: false} {
			s := parse(t, "== RFC/1 x\n> GET /Users/1\n< 200\n"+line+"\n")
			if err := s.Play(t.Context(), echo(200, map[string]string{"ETag": `W/"1"`}, mara), script.NewNames(nil)); (err == nil) != passes {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

func TestPlay_status(t *testing.T) {
	t.Parallel()
	const refusal = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":"invalidValue","detail":"No."}`
	for answer, passes := range map[string]bool{
		"< 400": true, "< 400 invalidValue": true, "< 404|400 noTarget|invalidValue": true, "< 200": false, "< 400 noTarget": false, "< 40": false,
	} {
		s := parse(t, "== RFC/1 x\n> GET /Users\n"+answer+"\n")
		if err := s.Play(t.Context(), echo(400, nil, refusal), script.NewNames(nil)); (err == nil) != passes {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

// What is sent is what the script says, with the names filled in.
func TestPlay_sends(t *testing.T) {
	t.Parallel()
	s := parse(t, `== RFC/1 x
Accept: a
+ user mara
> PATCH /Users/{mara}?filter=a eq "{User}:b"&c=%20+
If-Match: {mara.version}
[{"op": "add", "value": "{mara.version}"}]
< 200
> PATCH /Users/{mara}
|[{mara}]
< 200
> GET /Users/{other}
< 200
`)
	var sent []string
	do := func(ctx context.Context, method, path string, h http.Header, body []byte) (script.Answer, error) {
		sent = append(sent, fmt.Sprint(method, " ", path, " ", h, " ", string(body)))
		a, err := echo(200, map[string]string{"ETag": `W/"1"`, "Location": "/Users/1"}, mara)(ctx, method, path, h, body)
		if method == "POST" {
			a.Status = 201
		}
		return a, err
	}
	if err := s.Play(t.Context(), do, script.NewNames(nil)); err != nil {
		t.Error(err)
	}
	const user, patch = "urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	if diff := cmp.Diff([]string{
		`POST /Users map[Accept:[a]] {"schemas":["` + user + `"],"userName":"mara"}`,
		`PATCH /Users/1?filter=a%20eq%20%22` + user + `:b%22&c=%20+ map[Accept:[a] If-Match:[W/"1"]] {"schemas":["` + patch + `"],"Operations":[{"op": "add", "value": "W/\"1\""}]}`,
		`PATCH /Users/1 map[Accept:[a]] [1]`,
		`GET /Users/{other} map[Accept:[a]] `,
	}, sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	s := parse(t, `== RFC/1 x
> GET /a
< 200
! user_created mara
/active = true
! user_created ines
/active = true
> GET /b
< 200
! user_updated mara
/name = "Mara"
`)
	names := script.Names{"mara": "1", "ines": "2"}
	event := func(id, typ string, data map[string]any) script.Told {
		return script.Told{Type: "organization.directory." + typ, Resource: id, Data: data}
	}
	active := map[string]any{"active": true}
	renamed := map[string]any{"name": "Mara"}
	for name, c := range map[string]struct {
		told  []script.Told
		wrong string
	}{
		"as it should be":            {[]script.Told{event("1", "user_created", active), event("2", "user_created", active), event("1", "user_updated", renamed)}, ""},
		"another order of resources": {[]script.Told{event("1", "user_created", active), event("1", "user_updated", renamed), event("2", "user_created", active)}, ""},
		"another order of one":       {[]script.Told{event("1", "user_updated", renamed), event("1", "user_created", active), event("2", "user_created", active)}, "want user_created"},
		"one is missing":             {[]script.Told{event("1", "user_created", active), event("1", "user_updated", renamed)}, "nothing was told of 2"},
		"one too many":               {[]script.Told{event("1", "user_created", active), event("2", "user_created", active), event("1", "user_updated", renamed), event("3", "user_deleted", nil)}, "nothing causes it"},
		"another payload":            {[]script.Told{event("1", "user_created", active), event("2", "user_created", renamed), event("1", "user_updated", renamed)}, "/active is null"},
	} {
		err := script.Compare(s.Causes(names), c.told, names)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCompareNotes(t *testing.T) {
	t.Parallel()
	s := parse(t, `== RFC/1 x
> GET /a
< 200
? tolerated string_boolean active
? tolerated unknown_extension {Enterprise}
> GET /b
< 400
? refused invalid_value
`)
	names := script.NewNames(nil)
	all := []script.Note{
		{Refused: true, Cause: "invalid_value"},
		{Cause: "string_boolean", Path: "active"},
		{Cause: "string_boolean", Path: "active"},
		{Cause: "unknown_extension", Path: script.URNs["Enterprise"]},
	}
	for name, c := range map[string]struct {
		logged []script.Note
		wrong  string
	}{
		"as it should be": {all, ""},
		"one is missing":  {all[1:], "does not say ? refused invalid_value"},
		"one too many":    {append(all[:4:4], script.Note{Cause: "dotted_name", Path: "name.givenName"}), "the sync log says ? tolerated dotted_name name.givenName"},
		"another path":    {append(all[:3:3], script.Note{Cause: "unknown_extension", Path: "urn:x"}), "does not say ? tolerated unknown_extension"},
		"another kind":    {append(all[1:4:4], script.Note{Cause: "invalid_value"}), "does not say ? refused invalid_value"},
	} {
		err := s.CompareNotes(c.logged, names)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package scimhttp_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestVersions holds every answer with a resource to the same version in its
// header and in its meta, whatever of the resource is shown.
func TestVersions(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	u := d.want(t, 201, "POST", "/Users", userBody("mara"))
	id := u.text("id")
	group := d.group(t, "Editors", id)
	check := func(a answer, what string) string {
		t.Helper()
		tag := a.header.Get("ETag")
		if tag == "" || a.body != nil && a.text("meta.version") != tag {
			t.Errorf("%s: ETag %q, meta.version %q", what, tag, a.text("meta.version"))
		}
		if a.body != nil && a.header.Get("Content-Location") != a.text("meta.location") {
			t.Errorf("%s: Content-Location %q, meta.location %q", what, a.header.Get("Content-Location"), a.text("meta.location"))
		}
		return tag
	}
	check(u, "a created user")
	if u.header.Get("Location") != u.text("meta.location") {
		t.Errorf("Location %q, meta.location %q", u.header.Get("Location"), u.text("meta.location"))
	}
	for _, path := range []string{"/Users/" + id, "/Groups/" + group} {
		whole := check(d.want(t, 200, "GET", path, nil), "GET "+path)
		for _, query := range []string{"?attributes=meta", "?excludedAttributes=groups,members", "?attributes=meta.version,meta.location"} {
			if tag := check(d.want(t, 200, "GET", path+query, nil), "GET "+path+query); tag != whole {
				t.Errorf("%s%s: version %s, want %s", path, query, tag, whole)
			}
		}
		if head := d.want(t, 200, "HEAD", path, nil); head.header.Get("ETag") != whole || head.raw != "" || head.header.Get("Content-Length") == "0" {
			t.Errorf("HEAD %s: %v %q", path, head.header, head.raw)
		}
	}
	for _, write := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/Users/" + id, userBody("mara")},
		{"PATCH", "/Users/" + id, patchBody(op("replace", "title", "Editor"))},
		{"PUT", "/Groups/" + group, groupBody("Editors", id)},
		{"PATCH", "/Groups/" + group, patchBody(op("remove", "members", nil))},
		{"PATCH", "/Groups/" + group + "?attributes=displayName,meta", patchBody(op("replace", "displayName", "Writers"))},
	} {
		tag := check(d.do(t, write.method, write.path, write.body), write.method+" "+write.path)
		if now := d.want(t, 200, "GET", write.path, nil).header.Get("ETag"); now != tag {
			t.Errorf("%s %s answers version %s, a GET then %s", write.method, write.path, tag, now)
		}
	}
}

// TestVersionMovesWithWhatIsShown changes what a resource shows through another
// one, and what nobody shows.
func TestVersionMovesWithWhatIsShown(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	user, other := d.user(t, "mara"), d.user(t, "ines")
	group, outer := d.group(t, "Editors"), d.group(t, "Everybody")
	tag := func(path string) string { return d.want(t, 200, "GET", path, nil).header.Get("ETag") }
	userPath, groupPath := "/Users/"+user, "/Groups/"+group
	seen := map[string]map[string]bool{userPath: {tag(userPath): true}, groupPath: {tag(groupPath): true}}
	for _, step := range []struct {
		what         string
		method, path string
		body         any
		moves, stays string
	}{
		{"the user joins", "PATCH", groupPath, patchBody(op("add", "members", []any{map[string]any{"value": user}})), userPath, ""},
		{"another joins", "PATCH", groupPath, patchBody(op("add", "members", []any{map[string]any{"value": other}})), groupPath, userPath},
		{"the group is renamed", "PATCH", groupPath, patchBody(op("replace", "displayName", "Writers")), userPath, ""},
		{"the group joins another", "PATCH", "/Groups/" + outer, patchBody(op("add", "members", []any{map[string]any{"value": group}})), userPath, groupPath},
		{"a member is deleted", "DELETE", "/Users/" + other, nil, groupPath, userPath},
		{"somebody is awaited", "PATCH", groupPath, patchBody(op("add", "members", []any{map[string]any{"value": "zoe@acme.example"}})), "", userPath},
		{"somebody awaited comes", "POST", "/Users", userBody("zoe"), groupPath, userPath},
		{"nothing changes", "PATCH", groupPath, patchBody(op("add", "members", []any{map[string]any{"value": user}})), "", groupPath},
		{"the outer group is deleted", "DELETE", "/Groups/" + outer, nil, "", groupPath},
	} {
		stays := ""
		if step.stays != "" {
			stays = tag(step.stays)
		}
		if a := d.do(t, step.method, step.path, step.body); a.status != http.StatusNoContent && a.status != http.StatusCreated {
			t.Fatalf("%s: %d %s", step.what, a.status, a.raw)
		}
		if step.stays != "" && tag(step.stays) != stays {
			t.Errorf("%s: the version of %s went from %s to %s", step.what, step.stays, stays, tag(step.stays))
		}
		if step.moves == "" {
			continue
		}
		now := tag(step.moves)
		if seen[step.moves][now] {
			t.Errorf("%s: %s has version %s, which it had before", step.what, step.moves, now)
		}
		seen[step.moves][now] = true
	}
}

// TestConditions is RFC 7644 section 3.14 with RFC 9110 section 13.
func TestConditions(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	const past, other = `W/"1"`, `W/"77"`
	fresh := func(t *testing.T, kind string) (path, tag string) {
		t.Helper()
		var a answer
		if kind == "Users" {
			path = "/Users/" + d.user(t, "u"+t.Name()[len(t.Name())-4:])
			a = d.want(t, 200, "PATCH", path, patchBody(op("replace", "title", "1")))
		} else {
			path = "/Groups/" + d.group(t, "g"+t.Name()[len(t.Name())-4:])
			a = d.want(t, 204, "PATCH", path, patchBody(op("replace", "displayName", "h"+t.Name()[len(t.Name())-4:])))
		}
		return path, a.header.Get("ETag")
	}
	body := func(kind, method string) any {
		switch {
		case method == "PATCH" && kind == "Users":
			return patchBody(op("replace", "title", "2"))
		case method == "PATCH":
			return patchBody(op("replace", "externalId", "2"))
		case method == "PUT" && kind == "Users":
			return userBody("put")
		case method == "PUT":
			return groupBody("put")
		}
		return nil
	}
	const write, read = "PUT PATCH DELETE", "GET HEAD"
	n := 0
	for _, tt := range []struct {
		methods        string
		header         string
		value          func(tag string) string
		refused        bool // 412
		known          bool // 304
		malformed      bool // 400
		alsoOtherLines []string
	}{
		{methods: write, header: "If-Match", value: func(tag string) string { return tag }},
		{methods: write, header: "If-Match", value: func(tag string) string { return other + " , " + tag }},
		{methods: write, header: "If-Match", value: func(tag string) string { return tag[2:] }},
		{methods: write, header: "If-Match", value: func(tag string) string { return tag[3 : len(tag)-1] }},
		{methods: write, header: "If-Match", value: func(string) string { return "*" }},
		{methods: write, header: "If-Match", value: func(string) string { return past }, refused: true},
		{methods: write, header: "If-Match", value: func(string) string { return `"a330bc54f0671c9"` }, refused: true},
		{methods: write, header: "If-Match", value: func(string) string { return `""` }, refused: true},
		{methods: write, header: "If-Match", value: func(string) string { return `W/"0"` }, refused: true},
		{methods: write, header: "If-Match", value: func(string) string { return `W/"99999999999999999999999"` }, refused: true},
		{methods: write, header: "If-Match", value: func(string) string { return `W/"2` }, malformed: true},
		{methods: write, header: "If-Match", value: func(string) string { return `W/"1" "2"` }, malformed: true},
		{methods: write, header: "If-Match", value: func(string) string { return "," }, malformed: true},
		{methods: write, header: "If-Match", value: func(string) string { return past }, alsoOtherLines: []string{"*"}, refused: true},
		{methods: write, header: "If-None-Match", value: func(string) string { return "*" }, refused: true},
		{methods: write, header: "If-None-Match", value: func(tag string) string { return tag }, refused: true},
		{methods: write, header: "If-None-Match", value: func(string) string { return past }},
		{methods: read, header: "If-None-Match", value: func(tag string) string { return tag }, known: true},
		{methods: read, header: "If-None-Match", value: func(tag string) string { return tag[2:] }, known: true},
		{methods: read, header: "If-None-Match", value: func(tag string) string { return past + "," + tag }, known: true},
		{methods: read, header: "If-None-Match", value: func(string) string { return "*" }, known: true},
		{methods: read, header: "If-None-Match", value: func(string) string { return past }},
		{methods: read, header: "If-None-Match", value: func(string) string { return `"x` }, malformed: true},
		{methods: read, header: "If-Match", value: func(tag string) string { return tag }},
		{methods: read, header: "If-Match", value: func(string) string { return past }, refused: true},
		{methods: read, header: "If-Modified-Since", value: func(string) string { return "Sat, 29 Oct 2044 19:43:31 GMT" }},
	} {
		for _, kind := range []string{"Users", "Groups"} {
			for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE"} {
				if !slices.Contains(strings.Fields(tt.methods), method) {
					continue
				}
				n++
				t.Run(kind+" "+method+" "+tt.header+" "+fmt.Sprintf("%04d", n), func(t *testing.T) {
					path, tag := fresh(t, kind)
					headers := []string{tt.header, tt.value(tag)}
					for _, l := range tt.alsoOtherLines {
						headers = append(headers, tt.header, l)
					}
					a := d.do(t, method, path, body(kind, method), headers...)
					switch {
					case tt.malformed && method == "HEAD":
						if a.status != 400 {
							t.Errorf("status %d", a.status)
						}
					case tt.malformed:
						isError(t, a, 400, "invalidSyntax")
					case tt.refused && method == "HEAD":
						if a.status != 412 {
							t.Errorf("status %d", a.status)
						}
					case tt.refused:
						isError(t, a, 412, "")
					case tt.known:
						if a.status != 304 || a.raw != "" || a.header.Get("ETag") != tag {
							t.Errorf("status %d, ETag %q, body %q; want 304 with %s", a.status, a.header.Get("ETag"), a.raw, tag)
						}
					case a.status/100 != 2:
						t.Errorf("status %d: %s", a.status, a.raw)
					}
					if tt.refused || tt.malformed {
						if now := d.want(t, 200, "GET", path, nil).header.Get("ETag"); now != tag {
							t.Errorf("a refused %s changed the version from %s to %s", method, tag, now)
						}
					}
					d.do(t, "DELETE", path, nil)
				})
			}
		}
	}
}

// TestConditionsWithoutResource shows what does not depend on conditions: what
// is not there is not found, and what is created has no version yet.
func TestConditionsWithoutResource(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	for _, header := range []string{"If-Match", "If-None-Match"} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			var body any
			switch method {
			case "PUT":
				body = userBody("mara")
			case "PATCH":
				body = patchBody(op("replace", "title", "x"))
			}
			isError(t, d.do(t, method, "/Users/diruser_1", body, header, "*"), 404, "")
			isError(t, d.do(t, method, "/Users/diruser_1", body, header, `W/"1"`), 404, "")
		}
		d.want(t, 201, "POST", "/Users", userBody(header), header, "*")
	}
}

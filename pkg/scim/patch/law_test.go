package patch_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

var (
	paths = []string{
		"title", "TITLE", "active", "name", "name.givenName", "emails", "emails.value", "emails.primary", `emails[type eq "work"]`, `emails[type eq "work"].value`,
		`emails[type eq "home"].primary`, `emails[value pr]`, "manager", "manager.value", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "department",
		"urn:x:acme:1.0:user", "urn:x:acme:1.0:user:desk", "desk", "desk.no", "groups", "id", "addresses", "addresses.x", `x509Certificates[type eq "a" or display eq "b"].value`, "",
	}
	values = []string{
		`"a"`, `""`, `null`, `true`, `"False"`, `7`, `[]`, `{}`, `["a"]`, `[{"value":"a"}]`, `{"value":"a","type":"work"}`, `[{"value":"a","primary":true},{"value":"b"}]`,
		`{"givenName":"a","middleName":null}`, `{"value":null}`, `{"primary":true}`, `{"desk":{"no":1},"department":"d","name.givenName":"g"}`, `{"a":{"b":[1,{"c":null}]}}`,
		`{"$ref":"r"}`, `[{"desk":[]}]`, `{"emails[type eq \"home\"].value":"h","active":"true"}`,
	}
)

func operation(rt *rapid.T) string {
	verb := rapid.SampledFrom([]string{"add", "Replace", "REMOVE"}).Draw(rt, "op")
	return fmt.Sprintf(`{"op":%q,"path":%q,"value":%s}`, verb, rapid.SampledFrom(paths).Draw(rt, "path"), rapid.SampledFrom(values).Draw(rt, "value"))
}

// Whatever is asked for: Apply leaves its inputs alone, gives the same answer
// again, and what it returns is canonical. A request that went to another
// process means the same there.
func TestApply_laws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		resource := scim.Resource{"userName": "jane", "active": true}
		for range rapid.IntRange(1, 6).Draw(rt, "requests") {
			ops := make([]string, rapid.IntRange(1, 4).Draw(rt, "operations"))
			for i := range ops {
				ops[i] = operation(rt)
			}
			next, refused := obeysLaws(rt, resource, fmt.Appendf(nil, patchOp, strings.Join(ops, ",")))
			if !refused {
				resource = next
			}
		}
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func obeysLaws(t fataler, r scim.Resource, body []byte) (next scim.Resource, refused bool) {
	t.Helper()
	req, err := patch.Parse(nil, patch.User, body)
	if err != nil {
		if f := fault.Of(err); f.Kind == fault.Internal || f.Kind == fault.Invalid && f.Reason == "" {
			t.Fatalf("Parse: %v is not the caller's fault", err)
		}
		return r, true
	}
	before := encode(t, r)
	request := fmt.Sprintf("%#v", req.Operations)
	next, err = patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, req.Operations)
	if got := encode(t, r); got != before {
		t.Fatalf("Apply changed its resource from %s to %s", before, got)
	}
	if got := fmt.Sprintf("%#v", req.Operations); got != request {
		t.Fatalf("Apply changed its operations")
	}
	sent, marshalErr := json.Marshal(req)
	if marshalErr != nil {
		t.Fatalf("the request has no JSON form: %v", marshalErr)
	}
	var received patch.Request
	if unmarshalErr := json.Unmarshal(sent, &received); unmarshalErr != nil {
		t.Fatalf("the request does not read back: %v", unmarshalErr)
	}
	ops, thereErr := received.For(nil, patch.User)
	if thereErr != nil {
		t.Fatalf("another process refuses it: %v", thereErr)
	}
	there, thereErr := patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, ops)
	if (err == nil) != (thereErr == nil) || err == nil && encode(t, there) != encode(t, next) {
		t.Fatalf("another process makes %s (%v) of it, this one %s (%v)", encode(t, there), thereErr, encode(t, next), err)
	}
	if err != nil {
		if f := fault.Of(err); f.Kind != fault.Invalid || f.Reason == "" {
			t.Fatalf("Apply: %v has kind %v and reason %q", err, f.Kind, f.Reason)
		}
		return r, true
	}
	again, err := patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, req.Operations)
	if err != nil || encode(t, again) != encode(t, next) {
		t.Fatalf("applied again: %v, %s instead of %s", err, encode(t, again), encode(t, next))
	}
	canonicalForm(t, next)
	return next, false
}

// canonicalForm says that reading a resource as a body changes nothing in it.
func canonicalForm(t fataler, r scim.Resource) {
	t.Helper()
	body := encode(t, r)
	parsed, err := scim.ParseUser(nil, patch.User, []byte(body))
	if err != nil {
		t.Fatalf("%s cannot be read: %v", body, err)
	}
	if got := encode(t, parsed); got != body {
		t.Fatalf("%s is not canonical, it reads as %s", body, got)
	}
	if decoded, err := scim.Decode([]byte(body)); err != nil || !reflect.DeepEqual(decoded, parsed) {
		t.Fatalf("%s decodes as %v, %v", body, decoded, err)
	}
}

func encode(t fataler, r scim.Resource) string {
	t.Helper()
	b, err := scim.Canonical(r)
	if err != nil {
		t.Fatalf("no canonical form: %v", err)
	}
	return string(b)
}

// Setting a value and then what was there before restores the resource.
func TestApply_inverse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.SampledFrom([]string{"title", "name.givenName", `emails[type eq "work"].value`, "department", "desk", "urn:x:acme:1.0:user:desk"}).Draw(rt, "path")
		text := rapid.StringMatching(`[a-z]{1,5}`)
		first, second := text.Draw(rt, "first"), text.Draw(rt, "second")
		set := func(v string) string { return fmt.Sprintf(`{"op":"replace","path":%q,"value":%q}`, path, v) }
		start := apply(rt, `{"userName":"jane"}`, set(first))
		if got := apply(rt, start, set(second)+","+set(first)); got != start {
			rt.Fatalf("there and back is %s, want %s", got, start)
		}
		if got := apply(rt, start, fmt.Sprintf(`{"op":"remove","path":%q}`, path)); got != `{"userName":"jane"}` {
			rt.Fatalf("set and removed is %s", got)
		}
	})
}

func apply(rt *rapid.T, before, operations string) string {
	req, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, operations))
	if err != nil {
		rt.Fatal(err)
	}
	r, err := scim.Decode([]byte(before))
	if err != nil {
		rt.Fatal(err)
	}
	r, err = patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, req.Operations)
	if err != nil {
		rt.Fatal(err)
	}
	return encode(rt, r)
}

func FuzzParse(f *testing.F) {
	for _, p := range paths {
		for i, v := range values {
			f.Add(fmt.Appendf(nil, patchOp, fmt.Sprintf(`{"op":"replace","path":%q,"value":%s},{"op":"add","value":%s}`, p, v, values[(i+7)%len(values)])))
		}
	}
	f.Add([]byte(`{"operations":[{"op":"Add","path":"members","value":[{"value":"a"}]},{"op":"remove","path":"members[value eq \"a\"]"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := scim.Decode([]byte(jane))
		if err != nil {
			t.Fatal(err)
		}
		obeysLaws(t, r, body)
		req, err := patch.Parse(nil, patch.Group, body)
		if err != nil {
			return
		}
		ops, _, err := patch.SplitMembers(nil, patch.Group, req.Operations)
		if err != nil {
			if f := fault.Of(err); f.Kind != fault.Invalid || f.Reason == "" {
				t.Fatalf("SplitMembers: %v has kind %v and reason %q", err, f.Kind, f.Reason)
			}
			return
		}
		if group, err := patch.Apply(nil, patch.Group, patch.Target{ID: "g", Attributes: scim.Resource{"displayName": "G"}}, ops); err == nil && group["members"] != nil {
			t.Fatalf("members are among the attributes: %v", group)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, p := range paths {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := patch.ParsePath(nil, patch.User, s)
		if err != nil {
			if r := fault.Of(err).Reason; r != fault.InvalidPath {
				t.Fatalf("ParsePath(%q): %v has the reason %q", s, err, r)
			}
			return
		}
		if p.Attribute == nil {
			return
		}
		// What the schema knows is spelled as the schema does.
		if p.Name != p.Attribute.Name || p.Sub != "" && p.Attribute.Sub(p.Sub) != nil && p.Sub != p.Attribute.Sub(p.Sub).Name {
			t.Fatalf("ParsePath(%q) = %+v", s, p)
		}
	})
}

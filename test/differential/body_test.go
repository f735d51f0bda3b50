package differential_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// TestBody has the engine and the simple evaluator read the same bodies of POST
// and PUT. What was read reads as itself again.
func TestBody(t *testing.T) {
	t.Parallel()
	of := registered(t)
	var taken, not atomic.Int64
	run(t, cases/4, func(t *testing.T, r *rand.Rand) {
		m := user.attributes(r)
		var body any = patches{r, user, ownID, m}.resource()
		if differsAsBody(of, body) == "" {
			if _, err := parse(of, body); err == nil {
				taken.Add(1)
			} else {
				not.Add(1)
			}
			return
		}
		body = shrunk(body, func(v any) bool { return differsAsBody(of, v) != "" })
		t.Errorf("%s\n%s", pretty(body), differsAsBody(of, body))
	})
	n, m := taken.Load(), not.Load()
	t.Logf("%d were taken, %d refused", n, m)
	if !t.Failed() && n+m > 1 && min(n, m)*50 < n+m {
		t.Error("the bodies are too much alike to show anything")
	}
}

func parse(of *schema.Resource, body any) (scim.Resource, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return scim.ParseUser(nil, of, b)
}

func differsAsBody(of *schema.Resource, body any) string {
	b, err := json.Marshal(body)
	if err != nil {
		return err.Error()
	}
	var want map[string]any
	refusal := refused(func() { want = user.read(b) })
	got, err := parse(of, body)
	if reason(err) != refusal {
		return fmt.Sprintf("the engine refuses with %q, want %q: %v", reason(err), refusal, err)
	}
	if err != nil {
		return ""
	}
	if !reflect.DeepEqual(want, map[string]any(got)) {
		return cmp.Diff(want, map[string]any(got))
	}
	if b, err = scim.Canonical(got); err != nil {
		return err.Error()
	}
	if again, err := scim.ParseUser(nil, of, b); err != nil || !reflect.DeepEqual(again, got) {
		return fmt.Sprintf("read again it is %v, (-once +twice) %s", err, cmp.Diff(got, again))
	}
	return ""
}

// resource draws a body in the notations that providers use.
func (g patches) resource() map[string]any {
	body := map[string]any{"schemas": []any{g.kind.urn}}
	place := func(urn, name string, v any) {
		a := attribute{name: name}
		for _, x := range append([]extension{{"", g.kind.core}}, g.kind.extensions...) {
			if known := named(x.attributes, name); known != nil && x.urn == urn {
				a = *known
			}
		}
		v = g.sent(a, v)
		if chance(g.Rand, 12) {
			v = g.value(a)
		}
		parts, isObject := v.(map[string]any)
		switch n := g.IntN(16); {
		case n == 0 && isObject && len(a.subs) > 0: // dotted
			for _, part := range sorted(parts) {
				body[name+"."+part] = parts[part]
			}
		case urn == "" && n == 1:
			body[respell(g.Rand, g.kind.urn)+":"+name] = v
		case urn == "":
			body[respell(g.Rand, name)] = v
		case n < 4:
			body[urn+":"+respell(g.Rand, name)] = v
		case n == 4 && a.typ != "":
			body[name] = v
		default:
			block, _ := body[urn].(map[string]any)
			if block == nil {
				block = map[string]any{}
				body[urn] = block
			}
			block[respell(g.Rand, name)] = v
		}
	}
	for _, name := range sorted(g.of) {
		block, isObject := g.of[name].(map[string]any)
		if !isObject || !strings.HasPrefix(name, "urn:") {
			place("", name, g.of[name])
			continue
		}
		for _, part := range sorted(block) {
			place(name, part, block[part])
		}
	}
	for range g.IntN(4) { // what the server owns, what is empty, and what is wrong
		name := pick(g.Rand, []string{"id", "meta", "groups", "password", "Password", "title", "emails", "name", "shoes", enterpriseURN, "active", userURN, "urn:hats:1.0:User", "x"})
		body[name] = pick(g.Rand, []any{nil, "", []any{}, map[string]any{}, "s3cret", []any{map[string]any{}}, map[string]any{"password": "s3cret", "value": nil}, true})
	}
	return body
}

// read returns the attributes of a body (RFC 7644 section 3.3).
func (k kind) read(body []byte) map[string]any {
	m, out := object(body), map[string]any{}
	for _, name := range sorted(m) {
		k.place(out, "", name, m[name])
	}
	for _, a := range k.core {
		if s, _ := out[a.name].(string); a.required && strings.TrimSpace(s) == "" {
			refuse("invalidValue", a.name+" is required")
		}
	}
	return out
}

// place puts one member of a body where it belongs; urn is empty for the core.
func (k kind) place(out map[string]any, urn, name string, v any) {
	lower := strings.ToLower(name)
	if name == "" || v == nil || lower == "schemas" || lower == "id" || lower == "meta" || lower == "password" {
		return
	}
	schema := append([]extension{{"", k.core}}, k.extensions...)
	for _, x := range append([]extension{{k.urn, k.core}}, k.extensions...) {
		to := x.urn
		if to == k.urn {
			to = ""
		}
		if rest, ok := behind(name, x.urn); ok && urn == "" {
			k.place(out, to, rest, v)
			return
		}
		if urn == "" && strings.EqualFold(name, x.urn) {
			block, isObject := v.(map[string]any)
			if !isObject && !empty(v) {
				refuse("invalidValue", x.urn+" is an object")
			}
			for _, part := range sorted(block) {
				k.place(out, to, part, block[part])
			}
			return
		}
	}
	if urn == "" && strings.HasPrefix(lower, "urn:") { // an extension that nobody registered
		put(out, name, or(bareOf(v), out[name]))
		return
	}
	first, part, dotted := strings.Cut(name, ".")
	var a *attribute
	for _, x := range schema {
		if a == nil && (x.urn == urn || urn == "") && named(x.attributes, first) != nil {
			urn, a = x.urn, named(x.attributes, first)
		}
	}
	to := out
	if urn != "" {
		if to, _ = out[urn].(map[string]any); to == nil {
			to = map[string]any{}
		}
		defer func() { put(out, urn, bareMap(to)) }()
	}
	switch {
	case a == nil, dotted && (a.many || a.sub(part) == nil):
		put(to, name, or(bareOf(v), to[name]))
	case a.readOnly:
	case dotted:
		old, _ := to[a.name].(map[string]any)
		for name, v := range or(a.coerce(map[string]any{part: v}), map[string]any{}).(map[string]any) {
			if old == nil {
				old = map[string]any{}
			}
			old[name] = v
		}
		put(to, a.name, bareMap(old))
	default:
		put(to, a.name, or(a.coerce(v), to[a.name]))
	}
}

func or(v, otherwise any) any {
	if v == nil {
		return otherwise
	}
	return v
}

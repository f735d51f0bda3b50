package differential_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
)

// patches draws PATCH requests about a resource.
type patches struct {
	*rand.Rand
	kind kind
	id   string
	of   map[string]any
}

// request draws a request's operations.
func (g patches) request() (ops []any) {
	for range 1 + g.IntN(4) {
		ops = append(ops, g.operation())
	}
	return ops
}

// body writes operations as a message.
func body(ops any) []byte {
	b, err := json.Marshal(map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": ops})
	if err != nil {
		panic(err)
	}
	return b
}

func (g patches) operation() map[string]any {
	verb := pick(g.Rand, []string{"add", "replace", "remove"})
	op := map[string]any{"op": verb}
	if chance(g.Rand, 5) {
		op["op"] = pick(g.Rand, []string{strings.ToUpper(verb), strings.ToUpper(verb[:1]) + verb[1:]})
	}
	if chance(g.Rand, 5) {
		if op["value"] = g.object(2); verb == "remove" && !chance(g.Rand, 20) {
			op["op"] = "replace"
		}
		return op
	}
	path, v := g.path()
	op["path"] = path
	if verb != "remove" || chance(g.Rand, 4) {
		op["value"] = v
	}
	if chance(g.Rand, 60) {
		wrong := pick(g.Rand, [][2]any{{"op", "move"}, {"op", nil}, {"path", "a b"}, {"path", "emails["}, {"path", "title.x"}, {"path", json.Number("7")}, {"path", ""}, {"path", "emails[type eq].value"}})
		op[wrong[0].(string)] = wrong[1]
	}
	return op
}

// object draws the value of an operation without a path.
func (g patches) object(depth int) map[string]any {
	m := map[string]any{}
	for range 1 + g.IntN(3) {
		if len(g.kind.extensions) > 0 && depth > 0 && chance(g.Rand, 5) {
			x := pick(g.Rand, g.kind.extensions)
			block := map[string]any{}
			for range 1 + g.IntN(2) {
				a := pick(g.Rand, x.attributes)
				block[respell(g.Rand, a.name)] = g.value(a)
			}
			m[respell(g.Rand, x.urn)] = block
			continue
		}
		path, v := g.path()
		if !has(m, path) {
			m[path] = v
		}
	}
	return m
}

// path draws a path and a value for it.
func (g patches) path() (string, any) {
	switch g.IntN(24) {
	case 0:
		return pick(g.Rand, []string{"shoes", "Shoes", "shoes.size", "hat", "hat.size", "urn:hats:1.0:User:hat", "urn:hats:1.0:user:size", "urn:hats:1.0:User", "urn:caps:1.0:User:cap", "urn:hats:1.0:User:hat.x", `hat[size eq 1]`}), g.loose()
	case 1:
		return pick(g.Rand, []string{"schemas", "meta", "meta.version", "meta.resourceType", "groups", "groups.value", "password", userURN + ":password"}),
			pick(g.Rand, []any{"x", "User", nil, []any{}, []any{map[string]any{"value": "g"}}, map[string]any{"resourceType": "User", "version": "1"}})
	case 2:
		return respell(g.Rand, "id"), pick(g.Rand, []any{g.id, g.id, "another", nil})
	case 3:
		if len(g.kind.extensions) > 0 {
			return respell(g.Rand, pick(g.Rand, g.kind.extensions).urn), pick(g.Rand, []any{nil, map[string]any{}, map[string]any{"department": "R&D"}, map[string]any{"badge": json.Number("7")}})
		}
	}
	f := filters{g.Rand, g.kind, g.of}
	a, name := f.attr()
	for named(common, a.name) != nil || a.typ == "" && named(g.kind.core, a.name) == nil && strings.Contains(name, "hat") {
		a, name = f.attr()
	}
	if len(a.subs) == 0 {
		if a.many && chance(g.Rand, 3) {
			return name + "[" + f.compare("value", attribute{name: "value", typ: a.typ, exact: a.exact}) + "]", g.value(attribute{name: a.name, typ: a.typ})
		}
		return name, g.value(a)
	}
	if a.many && chance(g.Rand, 2) {
		name += "[" + g.selection(f, a) + "]"
		if chance(g.Rand, 2) {
			return name, g.value(attribute{name: a.name, typ: a.typ, subs: a.subs})
		}
	} else if chance(g.Rand, 2) {
		return name, g.value(a)
	}
	s := attribute{name: "shade"}
	if !chance(g.Rand, 12) {
		s = pick(g.Rand, a.subs)
	}
	return name + "." + respell(g.Rand, s.name), g.value(s)
}

// selection draws a filter of elements: mostly such as providers send.
func (g patches) selection(f filters, a attribute) string {
	switch g.IntN(5) {
	case 0:
		return f.parts(a, 2)
	case 1:
		if p := a.sub("primary"); p != nil {
			return pick(g.Rand, []string{"primary eq true", `primary eq "True"`, "Primary eq true and type eq \"home\""})
		}
	case 2:
		if v := a.sub("value"); v != nil {
			return "value eq " + f.literal(*v)
		}
	}
	if a.sub("type") == nil {
		return f.parts(a, 0)
	}
	return respell(g.Rand, "type") + pick(g.Rand, []string{" eq ", " EQ "}) + pick(g.Rand, []string{`"work"`, `"home"`, `"WORK"`, "other"})
}

// value draws what a client sends for an attribute: what it takes, in the forms
// that providers use, and sometimes what it does not take.
func (g patches) value(a attribute) any {
	switch g.IntN(14) {
	case 0:
		return pick(g.Rand, []any{nil, "", []any{}})
	case 1:
		if a.typ == "complex" {
			return map[string]any{}
		}
		return nil
	case 2:
		if chance(g.Rand, 3) {
			return pick(g.Rand, []any{json.Number("7"), true, "yes", map[string]any{"value": "x"}, []any{"a", "b"}, map[string]any{"value": json.Number("1")}})
		}
	}
	v := value(g.Rand, a)
	if chance(g.Rand, 3) { // what is there already
		for _, x := range append([]extension{{"", g.kind.core}}, g.kind.extensions...) {
			from := g.of
			if x.urn != "" {
				from, _ = g.of[x.urn].(map[string]any)
			}
			if from[a.name] != nil && named(x.attributes, a.name) != nil {
				v = cloned(from[a.name])
			}
		}
		if list, ok := v.([]any); ok && (!a.many || chance(g.Rand, 2)) {
			v = pick(g.Rand, list)
		}
	}
	return g.sent(a, v)
}

// sent is a value in one of the forms in which it is sent.
func (g patches) sent(a attribute, v any) any {
	switch v := v.(type) {
	case bool:
		if chance(g.Rand, 3) {
			return pick(g.Rand, map[bool][]any{true: {"True", "true", "TRUE"}, false: {"False", "false"}}[v])
		}
	case []any:
		if len(v) == 1 && chance(g.Rand, 4) {
			return g.sent(a, v[0])
		}
		for i := range v {
			v[i] = g.sent(a, v[i])
		}
		return v
	case map[string]any:
		out := map[string]any{}
		for _, name := range sorted(v) {
			s := attribute{name: name}
			if known := a.sub(name); known != nil {
				s = *known
			}
			out[respell(g.Rand, name)] = g.sent(s, v[name])
		}
		if text, ok := v["value"].(string); ok && chance(g.Rand, 6) {
			return text
		}
		if len(a.subs) > 0 && chance(g.Rand, 6) {
			put(out, spelled(out, pick(g.Rand, a.subs).name), nil)
			if s := pick(g.Rand, a.subs); spelled(out, s.name) == s.name {
				out[s.name] = nil // explicitly not there
			}
		}
		return out
	}
	return v
}

// loose draws a value that no schema describes.
func (g patches) loose() any {
	switch g.IntN(6) {
	case 0:
		return pick(g.Rand, []any{nil, "", []any{}, map[string]any{}, []any{nil, ""}})
	case 1:
		return []any{opaque(g.Rand, 1), opaque(g.Rand, 0)}
	case 2:
		return map[string]any{"size": opaque(g.Rand, 1), "password": "s3cret", "x": nil}
	}
	return opaque(g.Rand, 2)
}

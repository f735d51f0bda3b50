package differential_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Values come from small pools, so that filters and PATCHes meet them again.
var (
	texts = []string{
		"a", "B", "ab", "Jane", "jane", "work", "Work", "home", "other", "x@acme.example", "X@Acme.Example", "7", "007", "true", "False", "null", "Groß", "GROSS", "ſtrasse",
		"Élan", "élan", `q"uote`, `back\slash`, "tab\there", "a b", "\u2028", "😀", "]", "(a)", "\u0130stanbul", "\u212Aelvin", "kelvin", "R&D <b>",
	}
	numbers = []string{"0", "7", "-7", "7.0", "70e-1", "3.5", "38", "1e3", "1000", "0.1", "100000000000000000000001", "100000000000000000000002", "-0"}
	dates   = []string{
		"2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00", "2026-01-01T12:00:00.5Z", "2026-01-01T12:00:00.500Z", "2025-12-31T23:59:59.999999999Z", "2011-05-13T04:42:34Z", "2026-01-01T12:00:00",
	}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// chance is true in one of n cases.
func chance(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

// scalar draws a value of a simple type.
func scalar(r *rand.Rand, typ string) any {
	switch typ {
	case "boolean":
		return chance(r, 2)
	case "integer":
		return json.Number(pick(r, []string{"0", "7", "-7", "38", "1000", "9007199254740993", "9007199254740992"}))
	case "decimal":
		return json.Number(pick(r, numbers))
	case "dateTime":
		if chance(r, 3) {
			return time.Unix(1_767_000_000+r.Int64N(10), r.Int64N(2)*500_000_000).UTC().Format(time.RFC3339Nano)
		}
		return pick(r, dates)
	case "binary":
		return pick(r, []string{"TWFu", "tWFu", "TWE=", "AAAA"})
	case "reference":
		return pick(r, []string{"https://acme.example/a", "https://acme.example/A", "../Users/1"})
	}
	return pick(r, texts)
}

// one draws a value of an attribute, nil for none.
func one(r *rand.Rand, a attribute) any {
	if a.typ != "complex" {
		return scalar(r, a.typ)
	}
	m := map[string]any{}
	for _, s := range a.subs {
		if !chance(r, 3) && s.name != "primary" {
			m[s.name] = scalar(r, s.typ)
		}
	}
	if a.sub("type") != nil && !chance(r, 4) {
		m["type"] = pick(r, []string{"work", "Work", "home", "other"})
	}
	if chance(r, 12) {
		m["shade"] = opaque(r, 1) // what no schema describes
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// opaque draws a value that is described by nothing.
func opaque(r *rand.Rand, depth int) any {
	switch n := r.IntN(8); {
	case n == 0 && depth > 0:
		m := map[string]any{}
		for range 1 + r.IntN(3) {
			m[pick(r, []string{"value", "size", "Colour", "x"})] = opaque(r, depth-1)
		}
		return m
	case n == 1 && depth > 0:
		return []any{opaque(r, depth-1), opaque(r, 0)}
	case n < 4:
		return json.Number(pick(r, numbers))
	case n == 4:
		return chance(r, 2)
	}
	return pick(r, texts)
}

// value draws what an attribute holds in a resource, nil for nothing.
func value(r *rand.Rand, a attribute) any {
	if !a.many {
		return one(r, a)
	}
	var list []any
	primary := r.IntN(4)
	for i := range r.IntN(4) {
		v := one(r, a)
		if m, ok := v.(map[string]any); ok && a.sub("primary") != nil {
			switch {
			case i == primary:
				m["primary"] = true
			case chance(r, 3):
				m["primary"] = false
			}
		}
		if v != nil && !hollow(v) {
			list = append(list, v)
		}
	}
	return some(a.distinct(list))
}

// hollow says that an element tells what a value would be for, but has none.
func hollow(v any) bool {
	m, ok := v.(map[string]any)
	for name := range m {
		ok = ok && (name == "type" || name == "primary")
	}
	return ok
}

// attributes draws the attributes of a resource: names in the schema's
// spelling, nothing null or empty.
func (k kind) attributes(r *rand.Rand) map[string]any {
	m := map[string]any{}
	fill := func(to map[string]any, list []attribute) {
		for _, a := range list {
			if (a.required || chance(r, 2)) && !a.readOnly {
				if v := value(r, a); v != nil {
					to[a.name] = v
				}
				if a.required { // and never blank
					to[a.name] = pick(r, []string{"jane", "Jane@Acme.Example", "7"})
				}
			}
		}
	}
	fill(m, k.core)
	for _, x := range k.extensions {
		if block := map[string]any{}; chance(r, 2) {
			if fill(block, x.attributes); len(block) > 0 {
				m[x.urn] = block
			}
		}
	}
	if chance(r, 3) {
		m["shoes"] = opaque(r, 2)
	}
	if chance(r, 4) {
		m["urn:hats:1.0:User"] = map[string]any{"hat": opaque(r, 1), "size": opaque(r, 1)}
	}
	return m
}

// answered adds what the server does.
func (k kind) answered(r *rand.Rand, m map[string]any) map[string]any {
	m["id"] = fmt.Sprintf("dirres_%d", r.IntN(3))
	m["schemas"] = []any{k.urn}
	m["meta"] = map[string]any{
		"resourceType": "User", "created": scalar(r, "dateTime"), "lastModified": scalar(r, "dateTime"),
		"location": "https://acme.example/a", "version": `W/"1"`,
	}
	if named(k.core, "groups") != nil && chance(r, 2) {
		m["groups"] = []any{map[string]any{"value": "dirgroup_1", "display": pick(r, texts), "type": "direct"}}
	}
	return m
}

// respell changes the case of a name.
func respell(r *rand.Rand, name string) string {
	switch r.IntN(6) {
	case 0:
		return strings.ToUpper(name)
	case 1:
		return strings.ToLower(name)
	}
	return name
}

package filter

import (
	"encoding/json"
	"math/big"
	"strings"
	"time"
	"unicode"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Attributes is what a filter is evaluated on: a resource, or one element of a
// multi-valued attribute.
type Attributes = map[string]any

// Match evaluates a filter on a resource of the kind. An attribute that the
// resource does not have fulfils only ne and not.
func Match(kind *schema.Resource, e Expr, r Attributes) bool {
	return match(e, func(path string) ([]any, *schema.Attribute) { return lookUp(kind, r, path) })
}

// MatchElement evaluates a filter on one element of a multi-valued attribute.
// An element that is no object is its own value.
func MatchElement(a *schema.Attribute, e Expr, element any) bool {
	return match(e, func(path string) ([]any, *schema.Attribute) {
		m, ok := element.(map[string]any)
		if !ok {
			if strings.EqualFold(path, "value") {
				return []any{element}, a
			}
			return nil, nil
		}
		var sub *schema.Attribute
		if a != nil {
			sub = a.Sub(path)
		}
		if v, ok := field(m, path); ok {
			return flatten(v), sub
		}
		return nil, sub
	})
}

type finder func(path string) ([]any, *schema.Attribute)

func match(e Expr, find finder) bool {
	switch e := e.(type) {
	case And:
		return match(e.Left, find) && match(e.Right, find)
	case Or:
		return match(e.Left, find) || match(e.Right, find)
	case Not:
		return !match(e.Of, find)
	case Within:
		vs, a := find(e.Path)
		for _, v := range vs {
			if MatchElement(a, e.Of, v) {
				return true
			}
		}
		return false
	case Compare:
		vs, a := find(e.Path)
		return compare(e, vs, a)
	}
	return false
}

// compare is true if any value fulfils the comparison; ne is the opposite of eq.
func compare(e Compare, vs []any, a *schema.Attribute) bool {
	if e.Op == NotEqual {
		e.Op = Equal
		return !compare(e, vs, a)
	}
	if e.Op == Equal && e.Value == nil {
		return len(vs) == 0
	}
	for _, v := range vs {
		if m, ok := v.(map[string]any); ok { // a complex value without sub-attribute
			if e.Op == Present {
				return true
			}
			if v, ok = m["value"]; !ok {
				continue
			}
			if a != nil && a.Sub("value") != nil {
				a = a.Sub("value")
			}
		}
		if e.Op == Present || holds(e.Op, v, e.Value, a) {
			return true
		}
	}
	return false
}

func holds(op Op, have, want any, a *schema.Attribute) bool {
	switch h := have.(type) {
	case bool:
		w, ok := want.(bool)
		if s, isText := want.(string); isText {
			ok, w = strings.EqualFold(s, "true") || strings.EqualFold(s, "false"), strings.EqualFold(s, "true")
		}
		return ok && op == Equal && h == w
	case json.Number:
		w, ok := want.(json.Number)
		if !ok {
			return false
		}
		x, ok1 := new(big.Float).SetString(h.String())
		y, ok2 := new(big.Float).SetString(w.String())
		return ok1 && ok2 && ordered(op, x.Cmp(y))
	case string:
		w, ok := want.(string)
		if n, isNumber := want.(json.Number); isNumber { // externalId eq 1234
			w, ok = n.String(), true
		}
		if !ok {
			return false
		}
		if a != nil && a.Type == schema.DateTime {
			x, err1 := time.Parse(time.RFC3339, h)
			y, err2 := time.Parse(time.RFC3339, w)
			if err1 == nil && err2 == nil {
				return ordered(op, x.Compare(y))
			}
		}
		if a == nil || !a.CaseExact {
			h, w = fold(h), fold(w)
		}
		switch op {
		case Contains:
			return strings.Contains(h, w)
		case StartsWith:
			return strings.HasPrefix(h, w)
		case EndsWith:
			return strings.HasSuffix(h, w)
		}
		return ordered(op, strings.Compare(h, w))
	}
	return false
}

func ordered(op Op, c int) bool {
	switch op {
	case Equal:
		return c == 0
	case Greater:
		return c > 0
	case GreaterOrEqual:
		return c >= 0
	case Less:
		return c < 0
	case LessOrEqual:
		return c <= 0
	}
	return false
}

func fold(s string) string {
	return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, s)
}

// lookUp returns the values at a path, and the attribute that describes them.
func lookUp(kind *schema.Resource, r Attributes, path string) ([]any, *schema.Attribute) {
	urn, rest := kind.Split(path)
	from := r
	if urn != "" {
		block, ok := field(r, urn)
		if !ok {
			return nil, nil
		}
		if rest == "" || urn == kind.Core.ID {
			return flatten(block), nil
		}
		if from, ok = block.(map[string]any); !ok {
			return nil, nil
		}
	}
	name, sub, nested := strings.Cut(rest, ".")
	var a *schema.Attribute
	if s := kind.Schema(urn); s != nil {
		a = s.Attribute(name)
	}
	v, ok := field(from, name)
	if !nested {
		if !ok {
			return nil, a
		}
		return flatten(v), a
	}
	if a != nil {
		a = a.Sub(sub)
	}
	var out []any
	for _, e := range flatten(v) {
		if m, isObject := e.(map[string]any); isObject {
			if w, ok := field(m, sub); ok {
				out = append(out, flatten(w)...)
			}
		}
	}
	return out, a
}

// field finds a member whatever the case of its name.
func field(m map[string]any, name string) (any, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}

func flatten(v any) []any {
	if v == nil {
		return nil
	}
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

package filter

import (
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Attributes is what a filter is evaluated on: a resource, or one element of a
// multi-valued attribute.
type Attributes = map[string]any

// Match evaluates a filter on a resource of the kind. r is a resource as it is
// answered: id, meta, groups and members count if they are in it.
//
// A multi-valued attribute fulfils a comparison if one of its values does. One
// that the resource does not have fulfils ne, and one that nothing defines no
// comparison at all.
func Match(kind *schema.Resource, e Expr, r Attributes) bool {
	return match(e, func(path string) found { return lookUp(kind, r, path) })
}

// MatchElement evaluates a filter on one element of a multi-valued attribute.
// An element that is no object is its own value.
func MatchElement(a *schema.Attribute, e Expr, element any) bool {
	if c, ok := e.(Compare); ok { // nearly always, and once for each element
		return compare(c, part(a, element, c.Path))
	}
	return match(e, func(path string) found { return part(a, element, path) })
}

// part returns what a path leads to in one element.
func part(a *schema.Attribute, element any, path string) found {
	m, ok := element.(map[string]any)
	if !ok {
		if strings.EqualFold(path, "value") {
			return found{value: element, attribute: a, defined: true}
		}
		return found{}
	}
	var sub *schema.Attribute
	if a != nil {
		sub = a.Sub(path)
	}
	v, ok := field(m, path)
	return found{value: v, attribute: sub, defined: ok || sub != nil}
}

// found is what a path leads to.
type found struct {
	// value may be a list, which stands for each of its elements.
	value     any
	attribute *schema.Attribute
	// defined says that the schema or the resource knows the attribute.
	defined bool
}

type finder func(path string) found

func match(e Expr, find finder) bool {
	switch e := e.(type) {
	case And:
		return match(e.Left, find) && match(e.Right, find)
	case Or:
		return match(e.Left, find) || match(e.Right, find)
	case Not:
		return !match(e.Of, find)
	case Within:
		f := find(e.Path)
		return f.some(func(v any) bool { return MatchElement(f.attribute, e.Of, v) })
	case Compare:
		return compare(e, find(e.Path))
	}
	return false
}

// some reports whether one of the values fulfils the condition.
func (f found) some(condition func(any) bool) bool {
	if list, ok := f.value.([]any); ok {
		return slices.ContainsFunc(list, condition)
	}
	return f.value != nil && condition(f.value)
}

// compare is true if one value fulfils the comparison. A complex value without
// a sub-attribute in the path means its value.
func compare(e Compare, f found) bool {
	if list, ok := f.value.([]any); f.value == nil || ok && len(list) == 0 {
		return f.defined && (e.Op == NotEqual && e.Value != nil || e.Op == Equal && e.Value == nil)
	}
	if e.Op == Present || e.Value == nil {
		return e.Op == Present || e.Op == NotEqual
	}
	return f.some(func(v any) bool {
		a := f.attribute
		if m, ok := v.(map[string]any); ok {
			v = m["value"]
			if a != nil {
				a = a.Sub("value")
			}
		}
		if e.Op == NotEqual {
			return !holds(Equal, v, e.Value, a)
		}
		return holds(e.Op, v, e.Value, a)
	})
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
		if s, isText := want.(string); isText && a != nil && s != "" && isNumber(s) { // as Bind has it
			w, ok = json.Number(s), true
		}
		if !ok {
			return false
		}
		c, ok := compareNumbers(h.String(), w.String())
		return ok && ordered(op, c)
	case string:
		w, ok := want.(string)
		switch n := want.(type) { // externalId eq 1234: a text without its quotes
		case json.Number:
			w, ok = n.String(), true
		case bool:
			w, ok = strconv.FormatBool(n), true
		}
		if !ok {
			return false
		}
		if a != nil && a.Type == schema.DateTime && op != Contains && op != StartsWith && op != EndsWith {
			x, ok1 := schema.Instant(h)
			y, ok2 := schema.Instant(w)
			if ok1 && ok2 {
				return ordered(op, x.Compare(y))
			}
		}
		if exact := a != nil && a.CaseExact; op == Equal {
			return h == w || !exact && strings.EqualFold(h, w)
		} else if !exact {
			h, w = scim.Fold(h), scim.Fold(w)
		}
		switch op {
		case Contains:
			return strings.Contains(h, w)
		case StartsWith:
			return strings.HasPrefix(h, w)
		case EndsWith:
			return strings.HasSuffix(h, w)
		default:
		}
		return ordered(op, strings.Compare(h, w))
	}
	return false
}

// compareNumbers compares two JSON numbers: exactly, but for numbers of more
// than 64 characters or with an exponent of more than three digits, which stay
// cheap by being rounded.
func compareNumbers(x, y string) (c int, ok bool) {
	i, err1 := strconv.ParseInt(x, 10, 64)
	j, err2 := strconv.ParseInt(y, 10, 64)
	if err1 == nil && err2 == nil {
		return cmp.Compare(i, j), true
	}
	if plain(x) && plain(y) {
		r, ok1 := new(big.Rat).SetString(x)
		s, ok2 := new(big.Rat).SetString(y)
		if !ok1 || !ok2 {
			return 0, false
		}
		return r.Cmp(s), true
	}
	f, ok1 := new(big.Float).SetString(x)
	g, ok2 := new(big.Float).SetString(y)
	if !ok1 || !ok2 {
		return 0, false
	}
	return f.Cmp(g), true
}

// plain reports whether a number is small enough to be compared exactly.
func plain(s string) bool {
	i := strings.IndexAny(s, "eE")
	return len(s) <= 64 && (i < 0 || len(strings.TrimLeft(s[i+1:], "+-0")) <= 3)
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
	default:
		return false // has no meaning for an order
	}
}

// lookUp returns what a path leads to in a resource.
func lookUp(kind *schema.Resource, r Attributes, path string) found {
	urn, rest := kind.Split(path)
	if rest == "" { // a schema as a whole
		block, ok := field(r, urn)
		return found{value: block, defined: ok}
	}
	name, sub, nested := strings.Cut(rest, ".")
	a, urn := kind.Find(urn, name)
	from := r
	if urn != "" {
		block, ok := field(r, urn)
		from, _ = block.(map[string]any)
		if !ok && a == nil {
			block, ok = field(r, path) // an unregistered extension as a whole
			return found{value: block, defined: ok}
		}
	}
	v, ok := field(from, name)
	f := found{value: v, attribute: a, defined: ok || a != nil}
	if nested {
		f.value = below(v, sub)
		if a != nil {
			f.attribute = a.Sub(sub)
		}
		list, isList := f.value.([]any)
		f.defined = f.attribute != nil || len(list) > 0 || !isList && f.value != nil
	}
	return f
}

// below returns the values of a sub-attribute, of every element if v is a list.
func below(v any, sub string) any {
	switch v := v.(type) {
	case map[string]any:
		w, _ := field(v, sub)
		return w
	case []any:
		var out []any
		for _, e := range v {
			switch w := below(e, sub).(type) {
			case nil:
			case []any:
				out = append(out, w...)
			default:
				out = append(out, w)
			}
		}
		return out
	}
	return nil
}

// field finds a member whatever the case of its name.
func field(m map[string]any, name string) (any, bool) {
	v, ok := m[schema.Spelled(m, name)]
	return v, ok
}

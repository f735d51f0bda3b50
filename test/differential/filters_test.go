package differential_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// filters draws filters about a resource, of which a good part match.
type filters struct {
	*rand.Rand
	kind kind
	of   map[string]any
}

// filter draws one of at most the given depth.
func (g filters) filter(depth int) string {
	if depth <= 0 {
		return g.leaf()
	}
	switch g.IntN(9) {
	case 0, 1:
		return g.filter(depth-1) + g.space() + respell(g.Rand, "and") + g.space() + g.filter(depth-1)
	case 2, 3:
		return g.filter(depth-1) + g.space() + respell(g.Rand, "or") + g.space() + g.filter(depth-1)
	case 4:
		return respell(g.Rand, "not") + pick(g.Rand, []string{"", " ", "  "}) + "(" + g.filter(depth-1) + ")"
	case 5:
		return "(" + g.filter(depth-1) + ")"
	case 6:
		return g.within(depth)
	}
	return g.leaf()
}

func (g filters) space() string { return pick(g.Rand, []string{" ", " ", " ", "  ", "\t"}) }

// attr draws an attribute and the name by which the filter calls it.
func (g filters) attr() (attribute, string) {
	switch n := g.IntN(10); {
	case n < 5:
		a := pick(g.Rand, g.kind.core)
		if chance(g.Rand, 5) {
			return a, respell(g.Rand, g.kind.urn) + ":" + respell(g.Rand, a.name)
		}
		return a, respell(g.Rand, a.name)
	case n < 8 && len(g.kind.extensions) > 0:
		x := pick(g.Rand, g.kind.extensions)
		a := pick(g.Rand, x.attributes)
		if chance(g.Rand, 6) {
			return a, a.name
		}
		return a, respell(g.Rand, x.urn) + ":" + respell(g.Rand, a.name)
	case n == 8:
		a := pick(g.Rand, common)
		return a, respell(g.Rand, a.name)
	}
	name := pick(g.Rand, []string{"shoes", "SHOES", "hat", "urn:hats:1.0:User:hat", "urn:hats:1.0:user:size", "urn:hats:1.0:User", "urn:caps:1.0:User:cap", enterpriseURN, "shoes.size", "emails.hat", "name.hat"})
	return attribute{name: name}, name
}

// leaf draws a comparison.
func (g filters) leaf() string {
	a, name := g.attr()
	if len(a.subs) > 0 && !chance(g.Rand, 3) {
		a = pick(g.Rand, a.subs)
		name += "." + respell(g.Rand, a.name)
	}
	return g.compare(name, a)
}

func (g filters) compare(name string, a attribute) string {
	op := pick(g.Rand, []string{"eq", "eq", "eq", "ne", "co", "sw", "ew", "pr", "gt", "ge", "lt", "le"})
	if a.typ == "boolean" || a.typ == "complex" && a.sub("value") == nil { // most would be refused
		op = pick(g.Rand, []string{"eq", "ne", "pr", "pr", op})
	}
	if op == "pr" {
		return name + g.space() + respell(g.Rand, op)
	}
	return name + g.space() + respell(g.Rand, op) + g.space() + g.literal(a)
}

// within draws a value path, also with a sub-attribute behind it.
func (g filters) within(depth int) string {
	a, name := g.attr()
	for try := 0; len(a.subs) == 0 && try < 20; try++ {
		a, name = g.attr()
	}
	inner := g.parts(a, depth-1)
	if chance(g.Rand, 3) && len(a.subs) > 0 {
		s := pick(g.Rand, a.subs)
		return name + "[" + inner + "]." + g.compare(respell(g.Rand, s.name), s)
	}
	return name + "[" + inner + "]"
}

// parts draws what stands in the brackets of a value path.
func (g filters) parts(a attribute, depth int) string {
	if depth > 0 && chance(g.Rand, 2) {
		switch g.IntN(4) {
		case 0:
			return "not (" + g.parts(a, depth-1) + ")"
		case 1:
			return "(" + g.parts(a, depth-1) + ") or " + g.parts(a, depth-1)
		}
		return g.parts(a, depth-1) + pick(g.Rand, []string{" and ", " or ", " AND "}) + g.parts(a, depth-1)
	}
	s := attribute{name: pick(g.Rand, []string{"value", "shade", "hat"})}
	if len(a.subs) > 0 && !chance(g.Rand, 8) {
		s = pick(g.Rand, a.subs)
	}
	return g.compare(respell(g.Rand, s.name), s)
}

// literal draws what an attribute is compared with: often a value that the
// resource has, or a piece of it.
func (g filters) literal(a attribute) string {
	var v any
	switch n := g.IntN(20); {
	case n == 0:
		return respell(g.Rand, "null")
	case n < 4:
		v = scalar(g.Rand, pick(g.Rand, []string{"string", "boolean", "decimal", "dateTime"})) // of any type
	case n < 10:
		v = g.present(a)
	default:
		v = scalar(g.Rand, a.typ)
	}
	switch v := v.(type) {
	case json.Number:
		if chance(g.Rand, 8) {
			return `"` + v.String() + `"`
		}
		return v.String()
	case bool:
		if chance(g.Rand, 4) {
			return `"` + respell(g.Rand, strconv.FormatBool(v)) + `"`
		}
		return respell(g.Rand, strconv.FormatBool(v))
	case string:
		return g.text(v)
	}
	return g.text(pick(g.Rand, texts))
}

// present draws a value that stands under the attribute's name somewhere.
func (g filters) present(a attribute) (v any) {
	var all []any
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range sorted(v) {
				if strings.EqualFold(name, a.name) || name == "value" {
					all = append(all, flat(v[name])...)
				}
				walk(v[name])
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(g.of)
	if len(all) == 0 {
		return scalar(g.Rand, a.typ)
	}
	v = pick(g.Rand, all)
	if s, ok := v.(string); ok && chance(g.Rand, 3) {
		runes := []rune(s)
		from := g.IntN(len(runes))
		return string(runes[from : from+1+g.IntN(len(runes)-from)])
	}
	return v
}

// text writes a literal, now and then with escapes or without quotes.
func (g filters) text(s string) string {
	if chance(g.Rand, 4) && s != "" && !strings.ContainsAny(s, " \t\u2028()[]\"\\") {
		return s
	}
	if chance(g.Rand, 3) {
		s = respell(g.Rand, s)
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r < 0x10000 && chance(g.Rand, 20):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// damaged leaves out or doubles a token, so that what must be refused is drawn
// too.
func (g filters) damaged(filter string) string {
	list := tokens(filter)
	i := g.IntN(len(list))
	if chance(g.Rand, 2) {
		return strings.Join(append(list[:i:i], list[i+1:]...), " ")
	}
	return strings.Join(append(append(list[:i:i], list[i]), list[i:]...), " ")
}

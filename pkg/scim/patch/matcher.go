package patch

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// matcher returns a function that says whether an element fulfils the filter,
// and how many steps of work it took to find out.
func matcher(a *schema.Attribute, f filter.Expr) func(element any) (match bool, cost int) {
	if c, ok := f.(filter.Compare); ok && c.Op == filter.Equal {
		if want, isText := c.Value.(string); isText && a.Type == schema.Complex {
			if sub := a.Sub(c.Path); sub != nil && (sub.Type == schema.String || sub.Type == schema.Reference) {
				return equals(sub, want, c, a)
			}
		}
	}
	terms := terms(f)
	return func(element any) (bool, int) {
		return filter.MatchElement(a, f, element), terms * (4 + excess(element)/4)
	}
}

// equals is the filter that providers send: a text that a part is equal to.
func equals(sub *schema.Attribute, want string, c filter.Compare, a *schema.Attribute) func(any) (bool, int) {
	return func(element any) (bool, int) {
		m, ok := element.(map[string]any)
		if !ok {
			return filter.MatchElement(a, c, element), 4 + excess(element)/4
		}
		have, ok := m[sub.Name].(string)
		if !ok {
			return filter.MatchElement(a, c, element), 4 + excess(element)/4
		}
		return have == want || !sub.CaseExact && strings.EqualFold(have, want), 1 + excess(have)/8
	}
}

// excess is how many bytes the texts of an element have beyond what nearly all
// have.
func excess(v any) int {
	switch v := v.(type) {
	case map[string]any:
		n := 0
		for _, e := range v {
			n += excess(e)
		}
		return n
	case []any:
		n := 0
		for _, e := range v {
			n += excess(e)
		}
		return n
	case string:
		return max(len(v)-64, 0)
	}
	return 0
}

// terms counts the comparisons of a filter.
func terms(f filter.Expr) int {
	switch f := f.(type) {
	case filter.And:
		return terms(f.Left) + terms(f.Right)
	case filter.Or:
		return terms(f.Left) + terms(f.Right)
	case filter.Not:
		return terms(f.Of)
	case filter.Within:
		return 1 + terms(f.Of)
	}
	return 1
}

package bulk

import "strings"

// Prefix begins a reference to a resource that the same request makes: the
// bulkId of its operation follows (RFC 7644 section 3.7.2).
const Prefix = "bulkId:"

// References calls yield for every bulkId that a value refers to: in strings
// that are a reference as a whole, and between quotes in the filter of a PATCH
// path.
func References(v any, yield func(bulkID string)) {
	_ = walk(v, false, func(id string) (string, bool) {
		yield(id)
		return "", false
	})
}

// Substitute returns a copy of a value in which references are replaced by what
// resolve returns. Those that it does not know stay.
func Substitute(v any, resolve func(bulkID string) (id string, ok bool)) any {
	return walk(v, false, resolve)
}

// SubstituteID is Substitute for a string that is an id or a reference.
func SubstituteID(s string, resolve func(bulkID string) (id string, ok bool)) string {
	if name, is := strings.CutPrefix(s, Prefix); is {
		if id, ok := resolve(name); ok {
			return id
		}
	}
	return s
}

func walk(v any, isPath bool, resolve func(string) (string, bool)) any {
	switch v := v.(type) {
	case string:
		if isPath && !strings.HasPrefix(v, Prefix) {
			return quoted(v, resolve)
		}
		return SubstituteID(v, resolve)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = walk(e, false, resolve)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = walk(e, strings.EqualFold(name, "path"), resolve)
		}
		return out
	}
	return v
}

// quoted replaces the references that are texts of a filter.
func quoted(s string, resolve func(string) (string, bool)) string {
	const opening = `"` + Prefix
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, opening)
		name, rest, closed := strings.Cut(after, `"`)
		if !found || !closed {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		if id, ok := resolve(name); ok {
			b.WriteString(`"` + id + `"`)
		} else {
			b.WriteString(opening + name + `"`)
		}
		s = rest
	}
}

package schema

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Identity says what an element of a multi-valued attribute is, in a form that
// can be compared and indexed: its value and, of a complex one, its type. Two
// elements with the same value and type are one (RFC 7643 section 2.4), and case
// counts where the schema says so. An element without a value is what all its
// parts are.
type Identity struct {
	Value string
	// Type is empty for an element that does not say.
	Type string
}

// Identify returns the identity of an element in canonical form.
func (a *Attribute) Identify(element any) Identity {
	m, ok := element.(map[string]any)
	if !ok {
		return Identity{Value: a.text(element)}
	}
	v, ok := m["value"]
	if !ok {
		return Identity{Value: "{" + Text(m)}
	}
	id := Identity{Value: a.Sub("value").text(v)}
	if t, ok := m["type"]; ok {
		id.Type = "=" + a.Sub("type").text(t)
	}
	return id
}

// Same reports whether two elements in canonical form are the same value for a
// PATCH (RFC 7644 section 3.5.2.1): their identities are equal, or one of them
// does not say a type.
func (a *Attribute) Same(x, y any) bool {
	m, ok1 := x.(map[string]any)
	n, ok2 := y.(map[string]any)
	if !ok1 || !ok2 {
		return ok1 == ok2 && a.equal(x, y)
	}
	v, ok1 := m["value"]
	w, ok2 := n["value"]
	if !ok1 || !ok2 {
		return ok1 == ok2 && Equal(m, n)
	}
	if !a.Sub("value").equal(v, w) {
		return false
	}
	t, ok1 := m["type"]
	u, ok2 := n["type"]
	return !ok1 || !ok2 || a.Sub("type").equal(t, u)
}

// equal compares two values, with case only where it counts.
func (a *Attribute) equal(v, w any) bool {
	s, ok1 := v.(string)
	t, ok2 := w.(string)
	if ok1 && ok2 {
		return s == t || (a == nil || !a.CaseExact) && strings.EqualFold(s, t)
	}
	return Equal(v, w)
}

// Equal reports whether two values of decoded JSON are the same.
func Equal(x, y any) bool {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for name, v := range x {
			if w, there := y[name]; !there || !Equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := y.([]any)
		return ok && slices.EqualFunc(x, y, Equal)
	}
	switch y.(type) {
	case map[string]any, []any:
		return false // and cannot be compared
	}
	return x == y
}

// text returns a value as one text, so that values of different types differ. a
// is nil for a part that no schema knows.
func (a *Attribute) text(v any) string {
	switch v := v.(type) {
	case string:
		if a != nil && a.CaseExact {
			return `"` + v
		}
		return `"` + Fold(v)
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return Text(v)
}

// Text returns decoded JSON as text, the same for equal values only.
func Text(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // no value that a decoder makes
		return ""
	}
	return b.String()
}

// Distinct merges the elements of a list that are the same, in place: the first
// stays and takes the parts of the later ones.
func (a *Attribute) Distinct(list []any) []any {
	if len(list) < 2 {
		return list
	}
	at := make(map[Identity]int, len(list))
	out := list[:0]
	for _, e := range list {
		id := a.Identify(e)
		if i, ok := at[id]; ok {
			m, ok1 := out[i].(map[string]any)
			n, ok2 := e.(map[string]any)
			if ok1 && ok2 {
				maps.Copy(m, n)
			}
			continue
		}
		at[id] = len(out)
		out = append(out, e)
	}
	return out
}

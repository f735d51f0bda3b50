package schema

import (
	"bytes"
	"encoding/json"
	"maps"
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
		return Identity{Value: "{" + encoded(m)}
	}
	id := Identity{Value: a.Sub("value").text(v)}
	if t, ok := m["type"]; ok {
		id.Type = "=" + a.Sub("type").text(t)
	}
	return id
}

// text returns a value as one text, so that values of different types differ. a
// is nil for a part that no schema knows.
func (a *Attribute) text(v any) string {
	switch v := v.(type) {
	case string:
		if a == nil || a.CaseExact {
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
	return encoded(v)
}

// encoded returns decoded JSON as text, the same for the same value.
func encoded(v any) string {
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

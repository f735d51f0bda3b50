package schema

import "strings"

// maxScan is up to how many names an object is searched for one that differs
// by case only.
const maxScan = 1000

// Spelled returns a name as the object has it already, whatever the case, else
// as it is. Objects with more than a thousand names are taken at their word, so
// that a large request cannot make every look-up a long one.
func Spelled(m map[string]any, name string) string {
	if _, ok := m[name]; ok || len(m) > maxScan {
		return name
	}
	for k := range m {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

// Opaque brings a value that no schema describes into canonical form: a copy
// without null, empty texts, lists and objects (absent and empty are the same,
// RFC 7643 section 2.5), and without anything called a password. It is nil if
// nothing is left.
func Opaque(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if e = Opaque(e); e != nil {
				out = append(out, e)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			if e = Opaque(e); e != nil && !strings.EqualFold(name, "password") {
				out[name] = e
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

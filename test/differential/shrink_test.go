package differential_test

import (
	"maps"
	"slices"
)

// shrunk takes out of a JSON value whatever can go while it still fails.
func shrunk(v any, fails func(any) bool) any {
	for {
		smaller, ok := smaller(v, fails)
		if !ok {
			return v
		}
		v = smaller
	}
}

// smaller returns a value with one member or element less that still fails.
func smaller(v any, fails func(any) bool) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range sorted(v) {
			m := maps.Clone(v)
			delete(m, name)
			if fails(m) {
				return m, true
			}
			part, ok := smaller(v[name], func(part any) bool {
				m[name] = part
				return fails(m)
			})
			if ok {
				m[name] = part
				return m, true
			}
		}
	case []any:
		for i := range v {
			if list := slices.Delete(slices.Clone(v), i, i+1); fails(list) {
				return list, true
			}
			list := slices.Clone(v)
			part, ok := smaller(v[i], func(part any) bool {
				list[i] = part
				return fails(list)
			})
			if ok {
				list[i] = part
				return list, true
			}
		}
	}
	return nil, false
}

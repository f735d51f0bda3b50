package patch

import (
	"maps"
	"reflect"
	"slices"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// opaque applies an operation to an attribute that no schema describes. Whether
// it has one value or several is told by the values alone.
func opaque(to map[string]any, op Op) error {
	path := op.Path
	if path.Filter != nil {
		return fault.New(fault.Invalid, "The attribute %s is not known, so it takes no filter.", path.Name).Because(fault.InvalidPath)
	}
	name := schema.Spelled(to, path.Name)
	if path.Sub != "" {
		m, ok := to[name].(map[string]any)
		if !ok {
			m = map[string]any{}
		}
		change(m, schema.Spelled(m, path.Sub), op)
		if len(m) == 0 {
			delete(to, name)
		} else {
			to[name] = m
		}
		return nil
	}
	change(to, name, op)
	return nil
}

func change(to map[string]any, name string, op Op) {
	v := schema.Opaque(op.Value) // a copy: later operations change it
	have, isList := to[name].([]any)
	switch {
	case op.Verb == Remove && isList && op.Value != nil:
		set(to, name, schema.Opaque(slices.DeleteFunc(have, func(h any) bool { return contains(listed(v), h) })))
	case op.Verb == Remove:
		delete(to, name)
	case op.Verb == Add && isList:
		for _, e := range listed(v) {
			if !contains(have, e) {
				have = append(have, e)
			}
		}
		to[name] = have
	default:
		old, isObject := to[name].(map[string]any)
		if more, ok := v.(map[string]any); ok && isObject && op.Verb == Add {
			maps.Copy(old, more)
			return
		}
		set(to, name, v)
	}
}

func listed(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

func contains(list []any, v any) bool {
	return slices.ContainsFunc(list, func(e any) bool { return reflect.DeepEqual(e, v) })
}

package patch

import (
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// opaque applies an operation to an attribute that no schema describes. Whether
// it has one value or several is told by the values alone, and by a filter in the
// path.
func (p *patching) opaque(to map[string]any, op Op) error {
	path := op.Path
	name := p.spelled(to, path.Name)
	if path.Filter != nil {
		if have := to[name]; have != nil {
			if _, isList := have.([]any); !isList {
				return fault.New(fault.Invalid, "%s has one value and takes no filter.", path).Because(fault.InvalidPath)
			}
		}
		return p.many(to, schema.Unknown(name), op)
	}
	if path.Sub != "" {
		m, ok := to[name].(map[string]any)
		if !ok && op.Verb == Remove { // a value without parts is not one of them
			return nil
		}
		if !ok {
			m = map[string]any{}
		}
		if err := p.change(m, p.spelled(m, path.Sub), op); err != nil {
			return err
		}
		if len(m) == 0 {
			delete(to, name)
		} else {
			to[name] = m
		}
		return nil
	}
	return p.change(to, name, op)
}

func (p *patching) change(to map[string]any, name string, op Op) error {
	v := schema.Opaque(op.Value) // a copy: later operations change it
	have, isList := to[name].([]any)
	switch {
	case op.Verb == Remove:
		if op.Value == nil {
			delete(to, name)
			return nil
		}
		if err := p.rd.Tolerate(lenience.RemoveWithValue, op.Path.String()); err != nil || !isList {
			delete(to, name)
			return err
		}
		in, err := p.among(have, v)
		if err == nil {
			set(to, name, schema.Opaque(slices.DeleteFunc(have, in)))
		}
		return err
	case op.Verb == Add && isList:
		for _, e := range listed(v) {
			if err := p.spend(len(have) * weight(e)); err != nil {
				return err
			}
			if !slices.ContainsFunc(have, func(h any) bool { return schema.Equal(h, e) }) {
				have = append(have, e)
			}
		}
		to[name] = have
	default:
		old, isObject := to[name].(map[string]any)
		if more, ok := v.(map[string]any); ok && isObject && op.Verb == Add {
			maps.Copy(old, more)
			return nil
		}
		set(to, name, v)
	}
	return nil
}

// among returns a function that reports whether a value is among some.
func (p *patching) among(have []any, some any) (func(any) bool, error) {
	list := listed(some)
	if err := p.spend(len(have) * weight(some)); err != nil {
		return nil, err
	}
	return func(h any) bool {
		return slices.ContainsFunc(list, func(e any) bool { return schema.Equal(h, e) })
	}, nil
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

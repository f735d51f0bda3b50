package patch

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// many applies an operation to a multi-valued attribute.
func (p *patching) many(to map[string]any, a *schema.Attribute, op Op) error {
	have, _ := to[a.Name].([]any)
	var err error
	switch {
	case op.Path.Filter != nil:
		have, err = chosen(p.rd, a, have, op)
	case op.Path.Sub != "":
		have, err = each(p.rd, a, have, op)
	case op.Verb == Remove:
		have, err = removed(p.rd, a, have, op.Value)
	case op.Verb == Replace:
		var v any
		v, err = a.Coerce(p.rd, op.Value)
		have, _ = v.([]any)
	default:
		have, err = added(p.rd, a, have, op.Value)
	}
	if err != nil {
		return err
	}
	have = slices.DeleteFunc(have, func(e any) bool {
		m, ok := e.(map[string]any)
		return ok && len(m) == 0
	})
	if len(have) > schema.MaxValues {
		return fault.New(fault.Invalid, "%s would have %d values; at most %d are allowed.", a.Name, len(have), schema.MaxValues).Because(fault.InvalidValue)
	}
	if len(have) == 0 {
		delete(to, a.Name)
		return nil
	}
	to[a.Name] = have
	return nil
}

// added appends what is not there yet. A value that is primary takes that from
// the others.
func added(rd *lenience.Reading, a *schema.Attribute, have []any, value any) ([]any, error) {
	v, err := a.Coerce(rd, value)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	for _, e := range list {
		i := slices.IndexFunc(have, func(h any) bool { return same(h, e) })
		switch {
		case i < 0:
			have = append(have, e)
			i = len(have) - 1
		case !reflect.DeepEqual(have[i], e): // the same value with other parts
			extend(have[i], e)
		}
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			onlyPrimary(have, i)
		}
	}
	return have, nil
}

// same reports whether two elements are the same value: equal, or with the same
// value and type.
func same(x, y any) bool {
	m, ok1 := x.(map[string]any)
	n, ok2 := y.(map[string]any)
	if !ok1 || !ok2 || m["value"] == nil {
		return reflect.DeepEqual(x, y)
	}
	if !reflect.DeepEqual(m["value"], n["value"]) {
		return false
	}
	return m["type"] == nil || n["type"] == nil || reflect.DeepEqual(m["type"], n["type"])
}

func extend(into, from any) {
	m, ok1 := into.(map[string]any)
	n, ok2 := from.(map[string]any)
	if ok1 && ok2 {
		maps.Copy(m, n)
	}
}

func onlyPrimary(list []any, but int) {
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && i != but && m["primary"] == true {
			m["primary"] = false
		}
	}
}

// removed takes out the elements that the value names, or all without a value.
func removed(rd *lenience.Reading, a *schema.Attribute, have []any, value any) ([]any, error) {
	if value == nil {
		return nil, nil
	}
	v, err := a.Coerce(rd, value)
	if err != nil {
		return nil, err
	}
	list, _ := v.([]any)
	return slices.DeleteFunc(have, func(h any) bool {
		return slices.ContainsFunc(list, func(e any) bool { return same(h, e) })
	}), nil
}

// each applies an operation to a sub-attribute of every element.
func each(rd *lenience.Reading, a *schema.Attribute, have []any, op Op) ([]any, error) {
	if op.Verb == Remove {
		for _, e := range have {
			if m, ok := e.(map[string]any); ok {
				delete(m, op.Path.Sub)
			}
		}
		return have, nil
	}
	v, err := coerceSub(rd, a, op.Path.Sub, op.Value)
	if err != nil {
		return nil, err
	}
	if op.Path.Sub == "primary" && v == true && len(have) > 1 {
		return nil, fault.New(fault.Invalid, "%s has several values, of which at most one can be primary; choose it with a filter.", a.Name).Because(fault.InvalidValue)
	}
	if len(have) == 0 {
		have = []any{map[string]any{}}
	}
	for _, e := range have {
		if m, ok := e.(map[string]any); ok {
			set(m, op.Path.Sub, v)
		}
	}
	return have, nil
}

// chosen applies an operation to the elements that the filter chooses. An add
// or replace that chooses none makes the element that the filter describes:
// the RFC would refuse it (section 3.5.2.3), Entra depends on it.
func chosen(rd *lenience.Reading, a *schema.Attribute, have []any, op Op) ([]any, error) {
	var at []int
	for i, e := range have {
		if filter.MatchElement(a, op.Path.Filter, e) {
			at = append(at, i)
		}
	}
	if op.Verb == Remove {
		if op.Path.Sub == "" {
			return slices.DeleteFunc(have, func(e any) bool { return filter.MatchElement(a, op.Path.Filter, e) }), nil
		}
		for _, i := range at {
			if m, ok := have[i].(map[string]any); ok {
				delete(m, op.Path.Sub)
			}
		}
		return have, nil
	}
	if len(at) == 0 {
		e, err := described(rd, a, op.Path.Filter)
		if err != nil {
			return nil, err
		}
		have = append(have, e)
		at = []int{len(have) - 1}
	}
	for _, i := range at {
		m, ok := have[i].(map[string]any)
		if !ok {
			continue
		}
		if op.Path.Sub != "" {
			v, err := coerceSub(rd, a, op.Path.Sub, op.Value)
			if err != nil {
				return nil, err
			}
			set(m, op.Path.Sub, v)
		} else {
			v, err := single(rd, a, op.Value)
			if err != nil {
				return nil, err
			}
			if err := merge(rd, a, m, v); err != nil {
				return nil, err
			}
		}
	}
	primary := slices.DeleteFunc(slices.Clone(at), func(i int) bool {
		m, ok := have[i].(map[string]any)
		return !ok || m["primary"] != true
	})
	if len(primary) > 1 {
		return nil, fault.New(fault.Invalid, "The filter chooses %d values of %s, of which at most one can be primary.", len(primary), a.Name).Because(fault.InvalidValue)
	}
	if len(primary) == 1 {
		onlyPrimary(have, primary[0])
	}
	return have, nil
}

// single reads the value of an operation on chosen elements: one object, in a
// list or not, or a bare value.
func single(rd *lenience.Reading, a *schema.Attribute, v any) (map[string]any, error) {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	if m, ok := v.(map[string]any); ok {
		return m, nil
	}
	e, err := a.Element(rd, v)
	m, _ := e.(map[string]any)
	return m, err
}

// described makes the element that a filter of nothing but eq describes.
func described(rd *lenience.Reading, a *schema.Attribute, f filter.Expr) (map[string]any, error) {
	eqs, ok := filter.Conjunction(f)
	if !ok {
		return nil, fault.New(fault.Invalid, "The filter chooses no value of %s.", a.Name).Because(fault.NoTarget)
	}
	e := map[string]any{}
	for _, eq := range eqs {
		name := eq.Path
		if sub := a.Sub(name); sub != nil {
			name = sub.Name
		}
		if strings.Contains(name, ".") {
			return nil, fault.New(fault.Invalid, "The filter chooses no value of %s.", a.Name).Because(fault.NoTarget)
		}
		v, err := coerceSub(rd, a, name, eq.Value)
		if err != nil {
			return nil, err
		}
		set(e, name, v)
	}
	return e, nil
}

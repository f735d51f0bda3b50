package differential_test

import (
	"maps"
	"reflect"
	"slices"
)

// values does an operation on a multi-valued attribute and returns its values.
func (p *patched) values(have []any, op operation) []any {
	t := op.at
	switch {
	case t.filtered:
		return p.chosen(have, op)
	case t.sub != "":
		return all(have, op)
	case op.verb == "add":
		return t.a.added(have, flat(t.a.coerce(op.value)))
	case op.verb == "replace":
		return flat(t.a.coerce(op.value))
	case op.value == nil:
		return nil
	}
	gone := flat(t.a.coerce(op.value)) // a list says which; an empty one none
	return slices.DeleteFunc(have, func(h any) bool {
		return slices.ContainsFunc(gone, func(g any) bool { return t.a.same(h, g) })
	})
}

// same says that two elements are one value: equal ones, or with the same value
// and no different type. Case counts where the schema says so.
func (a attribute) same(x, y any) bool {
	m, isObject := x.(map[string]any)
	n, both := y.(map[string]any)
	switch {
	case !isObject && !both:
		return a.equal(x, y)
	case m["value"] == nil || n["value"] == nil:
		return reflect.DeepEqual(x, y)
	}
	return a.part("value").equal(m["value"], n["value"]) && (m["type"] == nil || n["type"] == nil || a.part("type").equal(m["type"], n["type"]))
}

func (a attribute) equal(x, y any) bool {
	s, ok1 := x.(string)
	t, ok2 := y.(string)
	return reflect.DeepEqual(x, y) || ok1 && ok2 && !a.caseExact() && folded(s) == folded(t)
}

// distinct makes one of elements with the same value and type (RFC 7643 section
// 2.4): the first, with the parts of the others.
func (a attribute) distinct(list []any) (out []any) {
	for _, e := range list {
		m, _ := e.(map[string]any)
		i := slices.IndexFunc(out, func(o any) bool {
			n, _ := o.(map[string]any)
			return a.same(o, e) && (m["value"] == nil || (m["type"] == nil) == (n["type"] == nil))
		})
		if i < 0 {
			out = append(out, e)
		} else if n, ok := out[i].(map[string]any); ok {
			maps.Copy(n, m)
		}
	}
	return out
}

// added appends what is not there. What is gains the other parts.
func (a attribute) added(have, more []any) []any {
	for _, e := range more {
		i := slices.IndexFunc(have, func(h any) bool { return a.same(h, e) })
		if i < 0 {
			have, i = append(have, e), len(have)
		}
		m, ok := e.(map[string]any)
		for name, v := range m {
			if old := have[i].(map[string]any); old[name] == nil || name != "value" && name != "type" {
				old[name] = v
			}
		}
		if ok && m["primary"] == true {
			onlyPrimary(have, i)
		}
	}
	return have
}

// onlyPrimary makes one value the only primary one (RFC 7644 section 3.5.2).
func onlyPrimary(list []any, at int) {
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && i != at && m["primary"] == true {
			m["primary"] = false
		}
	}
}

// all does an operation on a part of every value.
func all(have []any, op operation) []any {
	var v any
	if op.verb != "remove" {
		v = op.at.a.part(op.at.sub).coerce(op.value)
		if op.at.sub == "primary" && v == true && len(have) > 1 {
			refuse("invalidValue", "only one can be primary")
		}
		if len(have) == 0 {
			have = []any{map[string]any{}}
		}
	}
	for _, e := range have {
		put(e.(map[string]any), op.at.sub, v)
	}
	return slices.DeleteFunc(have, nothing)
}

func nothing(e any) bool {
	m, ok := e.(map[string]any)
	return e == nil || ok && len(m) == 0
}

// part describes a part, known or not.
func (a attribute) part(name string) attribute {
	if s := a.sub(name); s != nil {
		return *s
	}
	return attribute{name: name, typ: "opaque"}
}

// chosen does an operation on the values that the filter chooses. If it chooses
// none, an add or a replace makes the one that the filter describes.
func (p *patched) chosen(have []any, op operation) []any {
	t := op.at
	var chosen []int
	for i, e := range have {
		if evaluate(t.filter, inside{t.a, e}) {
			chosen = append(chosen, i)
		}
	}
	if op.verb == "remove" && t.sub == "" {
		for _, i := range slices.Backward(chosen) {
			have = slices.Delete(have, i, i+1)
		}
		return have
	}
	if op.verb != "remove" && chosen == nil {
		have, chosen = append(have, t.described()), []int{len(have)}
	}
	var primary []int
	for _, i := range chosen {
		m, isObject := have[i].(map[string]any)
		switch {
		case !isObject:
			have[i] = t.a.lone(op.value)
		case op.verb == "remove":
			delete(m, t.sub)
		case t.sub != "":
			p.merge(t.a, m, map[string]any{t.sub: op.value})
		default:
			p.merge(t.a, m, t.a.named(op.value))
		}
		if m["primary"] == true {
			primary = append(primary, i)
		}
	}
	if op.verb != "remove" && len(primary) > 1 {
		refuse("invalidValue", "only one can be primary")
	}
	if len(primary) == 1 {
		onlyPrimary(have, primary[0])
	}
	return slices.DeleteFunc(have, func(e any) bool { return nothing(e) })
}

// unknown does an operation on what no schema describes. Whether it is a list is
// told by what is there.
func (p *patched) unknown(to map[string]any, op operation) {
	t := op.at
	name := spelled(to, t.name)
	if t.filtered { // so it has several values, with parts or without
		if list, isList := to[name].([]any); isList || to[name] == nil {
			t.a = &attribute{name: name, typ: "complex", many: true}
			op.at = t
			put(to, name, some(p.values(list, op)))
			return
		}
		refuse("invalidPath", t.name+" has one value")
	}
	if t.sub == "" {
		set(to, name, op)
		return
	}
	m, ok := to[name].(map[string]any)
	if !ok && op.verb == "remove" {
		return
	}
	if !ok {
		m = map[string]any{}
	}
	set(m, spelled(m, t.sub), op)
	put(to, name, bareMap(m))
}

func set(to map[string]any, name string, op operation) {
	v := bareOf(op.value)
	list, isList := to[name].([]any)
	isIn := func(list []any) func(any) bool {
		return func(v any) bool {
			return slices.ContainsFunc(list, func(e any) bool { return reflect.DeepEqual(e, v) })
		}
	}
	old, wasObject := to[name].(map[string]any)
	more, isObject := v.(map[string]any)
	switch {
	case op.verb == "remove" && isList && op.value != nil:
		put(to, name, some(slices.DeleteFunc(list, isIn(flat(v)))))
	case op.verb == "remove":
		delete(to, name)
	case op.verb == "add" && isList:
		for _, e := range flat(v) {
			if !isIn(list)(e) {
				list = append(list, e)
			}
		}
		to[name] = list
	case op.verb == "add" && wasObject && isObject:
		maps.Copy(old, more)
	default:
		put(to, name, v)
	}
}

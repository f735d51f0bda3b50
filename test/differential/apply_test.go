package differential_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// apply returns a resource after the operations (RFC 7644 sections 3.5.2.1 to
// 3.5.2.3). It works on a copy, so a refusal changes nothing.
func (k kind) apply(id string, r map[string]any, ops []operation) map[string]any {
	p := &patched{k, id, cloned(r).(map[string]any), map[string]bool{}}
	for _, op := range ops {
		p.operation(op, false)
	}
	for _, x := range append([]extension{{"", k.core}}, k.extensions...) {
		block := p.r
		if x.urn != "" {
			block, _ = p.r[x.urn].(map[string]any)
		}
		for _, a := range x.attributes {
			if list, ok := block[a.name].([]any); ok { // a type without a value is none
				put(block, a.name, some(a.distinct(slices.DeleteFunc(list, hollow))))
			}
			if s, _ := block[a.name].(string); a.required && strings.TrimSpace(s) == "" {
				refuse("mutability", a.name+" is required")
			}
		}
		if x.urn != "" && len(block) == 0 {
			delete(p.r, x.urn)
		}
	}
	return p.r
}

func some(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

type patched struct {
	kind
	id string
	r  map[string]any
	// told are the descriptions of a reference that the request has set.
	told map[string]bool
}

// operation does one operation; keyed says that its path was a key of a path-less
// one.
func (p *patched) operation(op operation, keyed bool) {
	if op.at.name != "" && !p.isExtension(&op) {
		p.attribute(op, keyed)
		return
	}
	// The whole resource or a whole extension: each name in the value is a path.
	if op.at.urn != "" && (op.verb == "remove" || op.value == nil) {
		delete(p.r, p.spelled(op.at.urn))
		return
	}
	m, ok := op.value.(map[string]any)
	if !ok {
		refuse("invalidValue", "an extension is an object")
	}
	for _, name := range sorted(m) {
		path := name
		if op.at.urn != "" {
			path = op.at.urn + ":" + name
		}
		one := operation{verb: op.verb, value: m[name]}
		if scimType := refused(func() { one.at = p.target(path) }); strings.Contains(name, "[") && scimType != "" {
			refuse(scimType, name+" is no path")
		} else if scimType != "" { // data with an odd name
			one.at = target{urn: op.at.urn, name: name}
		}
		if name != "" {
			p.operation(one, true)
		}
	}
}

// isExtension says that urn:a:b, which no schema knows, is an extension as a
// whole, not the attribute b of urn:a: because it is there as one, or because an
// object is to be put there.
func (p *patched) isExtension(op *operation) bool {
	t := op.at
	if t.urn == "" || t.a != nil || t.filtered || t.sub != "" || slices.ContainsFunc(p.extensions, func(x extension) bool { return x.urn == t.urn }) {
		return false
	}
	whole := t.urn + ":" + t.name
	_, isObject := op.value.(map[string]any)
	_, inside := p.r[p.spelled(t.urn)]
	if _, there := p.r[p.spelled(whole)]; there || !inside && isObject && op.verb != "remove" {
		op.at = target{urn: p.spelled(whole)}
		return true
	}
	return false
}

// spelled is a name as the resource has it.
func (p *patched) spelled(name string) string { return spelled(p.r, name) }

func has(m map[string]any, name string) bool {
	_, ok := m[spelled(m, name)]
	return ok
}

func spelled(m map[string]any, name string) string {
	for has := range m {
		if strings.EqualFold(has, name) {
			return has
		}
	}
	return name
}

// attribute does an operation on one attribute.
func (p *patched) attribute(op operation, keyed bool) {
	t := op.at
	if p.serverOwned(op, keyed) {
		return
	}
	to := p.r
	if t.urn != "" {
		urn := p.spelled(t.urn)
		block, ok := p.r[urn].(map[string]any)
		if !ok && op.verb == "remove" {
			return
		} else if !ok {
			block = map[string]any{}
		}
		defer func() { put(p.r, urn, bareMap(block)) }()
		to = block
	}
	if t.a == nil {
		p.unknown(to, op)
		return
	}
	if op.verb == "replace" && empty(op.value) {
		op.verb, op.value = "remove", nil
	}
	switch {
	case t.a.many:
		put(to, t.name, some(p.values(flat(to[t.name]), op)))
	case t.filtered:
		refuse("invalidPath", t.name+" has one value")
	case t.a.typ == "complex":
		put(to, t.name, bareMap(p.parts(to[t.name], op)))
	case op.verb == "remove":
		if t.name != "active" { // nobody comes back in because a client says no more
			delete(to, t.name)
		}
	case t.name != "active" || !empty(op.value):
		put(to, t.name, t.a.coerce(op.value))
	}
}

func bareMap(m map[string]any) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

// serverOwned says that there is nothing to do, since it is not the client's to
// write and the value is what is there; what is not is refused.
func (p *patched) serverOwned(op operation, keyed bool) bool {
	t, name := op.at, strings.ToLower(op.at.name)
	switch {
	case name == "password":
		return true
	case t.a == nil || !t.a.readOnly:
		return false
	}
	list, isList := op.value.([]any)
	m, isObject := op.value.(map[string]any)
	echo := keyed && empty(op.value) // a template that nobody filled in
	switch {
	case name == "id":
		echo = echo || op.value == p.id
	case name == "schemas":
		echo = echo || len(list) > 0
	case name == "meta" && t.sub != "":
		echo = p.isMeta(t.sub, op.value, keyed)
	case name == "meta":
		echo = echo || isObject
		for part, v := range m {
			echo = echo && p.isMeta(part, v, keyed)
		}
	case name == "groups": // which are not known here
		echo = echo || t.sub == "" && isList
	}
	if !echo || op.verb == "remove" || t.filtered {
		refuse("mutability", t.name+" is read-only")
	}
	return true
}

// isMeta says that a part of meta is what it was when the client read it.
func (p *patched) isMeta(part string, v any, keyed bool) bool {
	switch strings.ToLower(part) {
	case "resourcetype":
		return v == "User"
	case "version", "lastmodified":
		return keyed
	}
	return false
}

// parts does an operation on a single complex value.
func (p *patched) parts(have any, op operation) map[string]any {
	m, _ := have.(map[string]any)
	out := maps.Clone(m)
	if out == nil {
		out = map[string]any{}
	}
	t := op.at
	switch {
	case t.sub != "" && op.verb == "remove":
		delete(out, t.sub)
	case t.sub != "":
		p.merge(t.a, out, map[string]any{t.sub: op.value})
	case op.verb == "remove" || empty(op.value):
		return nil
	default:
		p.merge(t.a, out, t.a.named(op.value))
	}
	return out
}

// named is a value as an object that names parts: itself, the one in a list, or
// one with the text as its value.
func (a attribute) named(v any) map[string]any {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	if m, ok := v.(map[string]any); ok {
		return m
	}
	m, _ := a.lone(v).(map[string]any)
	return m
}

// merge sets the parts that another object names, and clears those that it names
// as empty. What described the old value of a reference goes with it, unless the
// request has said it of the new one.
func (p *patched) merge(a *attribute, into, from map[string]any) {
	more, _ := a.object(from).(map[string]any)
	refers := a.sub("$ref") != nil
	changed := has(from, "value") && !reflect.DeepEqual(more["value"], into["value"])
	for _, name := range []string{"$ref", "displayName"} {
		if refers && changed && !p.told[a.name+"."+name] {
			delete(into, name)
		}
	}
	for _, name := range sorted(from) {
		if s := a.sub(name); s != nil {
			name = s.name
		}
		delete(into, name)
	}
	maps.Copy(into, more)
	for name := range more {
		p.told[a.name+"."+name] = refers
	}
}

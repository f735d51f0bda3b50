package patch

import (
	"reflect"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Apply returns the resource after the operations. It does not change r. id is
// the resource's own, which a request may repeat but not change.
//
// Errors: Invalid with the reason invalidValue, mutability or noTarget.
func Apply(kind *schema.Resource, id string, r scim.Resource, ops []Op) (scim.Resource, error) {
	p := &patching{kind: kind, id: id, to: clone(map[string]any(r)).(map[string]any)}
	for _, op := range ops {
		if err := p.apply(op); err != nil {
			return nil, err
		}
	}
	for _, a := range kind.Core.Attributes {
		if s, _ := p.to[a.Name].(string); a.Required && a.Type == schema.String && strings.TrimSpace(s) == "" {
			return nil, fault.New(fault.Invalid, "%s is required and cannot be removed.", a.Name).Because(fault.Mutability)
		}
	}
	return p.to, nil
}

// patching is an Apply under way.
type patching struct {
	kind *schema.Resource
	id   string
	to   map[string]any
}

func (p *patching) apply(op Op) error {
	if op.Path.Name != "" {
		return p.at(op)
	}
	// The whole resource, or a whole extension.
	if op.Path.URN != "" && op.Verb == Remove {
		delete(p.to, op.Path.URN)
		return nil
	}
	values, ok := op.Value.(map[string]any)
	if !ok {
		if op.Path.URN != "" && op.Value == nil {
			delete(p.to, op.Path.URN)
			return nil
		}
		return fault.New(fault.Invalid, "value must be an object of attributes.").Because(fault.InvalidValue)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names) // a map has no order, and the outcome must not depend on one
	for _, name := range names {
		full := name
		if op.Path.URN != "" {
			full = op.Path.URN + ":" + name
		}
		path, err := ParsePath(p.kind, full)
		if err != nil {
			return err
		}
		if err := p.apply(Op{Verb: op.Verb, Path: path, Value: values[name]}); err != nil {
			return err
		}
	}
	return nil
}

// at applies an operation to one attribute.
func (p *patching) at(op Op) error {
	path := op.Path
	if done, err := p.serverOwned(op); done || err != nil {
		return err
	}
	to := p.to
	if path.URN != "" {
		block, ok := to[path.URN].(map[string]any)
		if !ok {
			if op.Verb == Remove {
				return nil
			}
			block = map[string]any{}
			to[path.URN] = block
		}
		defer func() {
			if len(block) == 0 {
				delete(p.to, path.URN)
			}
		}()
		to = block
	}
	if path.Attribute == nil {
		return opaque(to, op)
	}
	if op.Value == nil && op.Verb == Replace { // null clears (RFC 7643 section 2.5)
		op.Verb = Remove
	}
	a := path.Attribute
	switch {
	case a.MultiValued:
		return p.many(to, a, op)
	case path.Filter != nil:
		return fault.New(fault.Invalid, "%s has one value and takes no filter.", a.Name).Because(fault.InvalidPath)
	case path.Sub != "":
		return p.sub(to, a, op)
	case op.Verb == Remove:
		delete(to, a.Name)
		return nil
	}
	v, err := a.Coerce(op.Value)
	if err != nil {
		return err
	}
	have, isObject := to[a.Name].(map[string]any)
	if add, ok := v.(map[string]any); ok && isObject { // a complex value takes in the named parts
		for k, x := range add {
			have[k] = x
		}
		return nil
	}
	set(to, a.Name, v)
	return nil
}

// serverOwned handles what a client may repeat but not change.
func (p *patching) serverOwned(op Op) (done bool, err error) {
	if op.Path.URN != "" {
		return false, nil
	}
	name := strings.ToLower(op.Path.Name)
	switch name {
	case "schemas", "meta", "password": // filled by the server; never kept
		return true, nil
	case "id":
		if s, ok := op.Value.(string); ok && s == p.id && op.Verb != Remove {
			return true, nil
		}
		return true, fault.New(fault.Invalid, "id cannot be changed.").Because(fault.Mutability)
	}
	if a := op.Path.Attribute; a != nil && a.Mutability == schema.ReadOnly {
		if op.Verb != Remove && op.Path.Filter == nil && op.Path.Sub == "" && emptyOrEcho(op.Value) {
			return true, nil
		}
		return true, fault.New(fault.Invalid, "%s cannot be written; change the groups instead.", a.Name).Because(fault.Mutability)
	}
	return false, nil
}

// emptyOrEcho reports whether a value written to a read-only list is what
// providers echo: an empty list, or the list as it was read.
func emptyOrEcho(v any) bool {
	_, isList := v.([]any)
	return v == nil || isList
}

// sub applies an operation to a sub-attribute of a single complex value.
func (p *patching) sub(to map[string]any, a *schema.Attribute, op Op) error {
	have, ok := to[a.Name].(map[string]any)
	if !ok {
		if op.Verb == Remove {
			return nil
		}
		have = map[string]any{}
	}
	if op.Verb == Remove {
		delete(have, op.Path.Sub)
	} else {
		v, err := coerceSub(a, op.Path.Sub, op.Value)
		if err != nil {
			return err
		}
		set(have, op.Path.Sub, v)
	}
	if len(have) == 0 {
		delete(to, a.Name)
		return nil
	}
	to[a.Name] = have
	return nil
}

func coerceSub(a *schema.Attribute, name string, v any) (any, error) {
	if sub := a.Sub(name); sub != nil {
		return sub.Coerce(v)
	}
	return v, nil
}

func set(to map[string]any, name string, v any) {
	if v == nil {
		delete(to, name)
		return
	}
	to[name] = v
}

// opaque applies an operation to an attribute that no schema describes: it is
// kept as it is sent.
func opaque(to map[string]any, op Op) error {
	path := op.Path
	name := path.Name
	for k := range to { // the spelling that is there already
		if strings.EqualFold(k, name) {
			name = k
		}
	}
	if path.Filter != nil {
		return fault.New(fault.Invalid, "The attribute %s is not known, so it takes no filter.", path.Name).Because(fault.InvalidPath)
	}
	if path.Sub != "" {
		m, ok := to[name].(map[string]any)
		if !ok {
			m = map[string]any{}
		}
		if op.Verb == Remove {
			delete(m, path.Sub)
		} else {
			set(m, path.Sub, op.Value)
		}
		if len(m) == 0 {
			delete(to, name)
		} else {
			to[name] = m
		}
		return nil
	}
	if op.Verb == Remove {
		delete(to, name)
		return nil
	}
	have, isList := to[name].([]any)
	more, addsList := op.Value.([]any)
	if op.Verb == Add && isList && addsList {
		for _, v := range more {
			if !slices.ContainsFunc(have, func(h any) bool { return reflect.DeepEqual(h, v) }) {
				have = append(have, v)
			}
		}
		to[name] = have
		return nil
	}
	set(to, name, op.Value)
	return nil
}

// clone copies decoded JSON.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, x := range v {
			c[k] = clone(x)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, x := range v {
			c[i] = clone(x)
		}
		return c
	}
	return v
}

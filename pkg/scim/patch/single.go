package patch

import (
	"maps"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// single applies an operation to an attribute of one value.
func (p *patching) single(to map[string]any, a *schema.Attribute, op Op) error {
	if op.Verb == Remove && op.Value != nil {
		if err := p.rd.Tolerate(lenience.RemoveWithValue, op.Path.String()); err != nil {
			return err
		}
	}
	if a.Name == "active" && op.Path.URN == "" && (op.Verb == Remove || empty(op.Value)) {
		return p.rd.Tolerate(lenience.KeptActive, "active")
	}
	if a.Type != schema.Complex {
		if op.Verb == Remove {
			delete(to, a.Name)
			return nil
		}
		v, err := a.Coerce(p.rd, op.Value)
		if err == nil {
			set(to, a.Name, v)
		}
		return err
	}
	have, ok := to[a.Name].(map[string]any)
	if !ok {
		have = map[string]any{}
	}
	switch {
	case op.Path.Sub != "":
		if err := p.part(have, a, op); err != nil {
			return err
		}
	case op.Verb == Remove || empty(op.Value):
		clear(have)
	default:
		if err := p.merge(a, have, op.Value); err != nil {
			return err
		}
	}
	if len(have) == 0 {
		delete(to, a.Name)
	} else {
		to[a.Name] = have
	}
	return nil
}

// part applies an operation to one sub-attribute of a complex value.
func (p *patching) part(m map[string]any, a *schema.Attribute, op Op) error {
	sub := a.Sub(op.Path.Sub)
	switch {
	case sub == nil:
	case sub.Mutability == schema.WriteOnly:
		return nil
	case sub.Mutability == schema.ReadOnly:
		return fault.New(fault.Invalid, "%s is the server's own and cannot be changed.", sub.Path()).Because(fault.Mutability)
	case sub.MultiValued:
		return p.many(m, sub, Op{Verb: op.Verb, Path: Path{URN: op.Path.URN, Name: sub.Name}, Value: op.Value})
	}
	if op.Verb == Remove {
		delete(m, op.Path.Sub)
		return nil
	}
	v := schema.Opaque(op.Value)
	if sub != nil {
		var err error
		if v, err = sub.Coerce(p.rd, op.Value); err != nil {
			return err
		}
	}
	if op.Path.Sub == "value" {
		p.forget(a, m, v)
	}
	set(m, op.Path.Sub, v)
	p.tell(a, op.Path.Sub)
	return nil
}

// merge sets the parts of a complex value that another one names; those that it
// names as null go. Where the value itself changes, what described the old one
// goes too. It may name them by an object, in a list or not, or by a bare value.
func (p *patching) merge(a *schema.Attribute, into map[string]any, value any) error {
	v, err := a.Element(p.rd, value)
	if err != nil {
		return err
	}
	more, _ := v.(map[string]any)
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	from, _ := value.(map[string]any)
	_, named := from[schema.Spelled(from, "value")]
	if _, given := more["value"]; given || named { // named as null, it goes
		p.forget(a, into, more["value"])
	}
	for name := range from {
		if sub := a.Sub(name); sub != nil {
			name = sub.Name
		}
		if _, ok := more[name]; !ok {
			delete(into, name)
		}
	}
	maps.Copy(into, more)
	for name := range more {
		p.tell(a, name)
	}
	return nil
}

// forget drops what describes the old target of a reference, if it gets another
// and the request has not said what describes the new one.
func (p *patching) forget(a *schema.Attribute, m map[string]any, value any) {
	if a.Sub("$ref") == nil || schema.Equal(value, m["value"]) {
		return
	}
	for _, name := range []string{"$ref", "displayName"} {
		if !p.told[a.Path()+"."+name] {
			delete(m, name)
		}
	}
}

// tell notes that the request says what describes a reference.
func (p *patching) tell(a *schema.Attribute, name string) {
	if a.Sub("$ref") == nil || name != "$ref" && name != "displayName" {
		return
	}
	if p.told == nil {
		p.told = map[string]bool{}
	}
	p.told[a.Path()+"."+name] = true
}

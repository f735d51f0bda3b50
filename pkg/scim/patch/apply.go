package patch

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Target is the resource that operations are about.
type Target struct {
	// ID is the resource's own, which a request may repeat but not change.
	ID string
	// Attributes are its attributes in canonical form.
	Attributes scim.Resource
}

// Apply returns the resource's attributes after the operations. It does not
// change the target, and the result shares nothing with ops, which may be
// applied again.
//
// Taking `active` away leaves it as it is: whoever was shut out must not come
// back in because a client stopped saying so. Members of groups are not applied
// here; SplitMembers takes them out.
//
// Errors: Invalid with the reason invalidValue, invalidPath, mutability or
// noTarget.
func Apply(rd *lenience.Reading, kind *schema.Resource, t Target, ops []Op) (scim.Resource, error) {
	p := &patching{rd: rd, kind: kind, id: t.ID, to: cloneMap(t.Attributes)}
	for _, op := range ops {
		if err := p.apply(op); err != nil {
			return nil, err
		}
	}
	p.dropHollow()
	for _, a := range kind.Core.Attributes {
		if s, _ := p.to[a.Name].(string); a.Required && a.Type == schema.String && strings.TrimSpace(s) == "" {
			return nil, fault.New(fault.Invalid, "%s is required and cannot be removed.", a.Name).Because(fault.Mutability)
		}
	}
	return p.to, nil
}

// patching is an Apply under way.
type patching struct {
	rd   *lenience.Reading
	kind *schema.Resource
	id   string
	to   map[string]any
}

func (p *patching) apply(op Op) error {
	if op.Path.Name != "" && !p.isBlock(&op) {
		return p.at(op)
	}
	// The whole resource, or a whole extension.
	urn := op.Path.URN
	if urn != "" {
		urn = schema.Spelled(p.to, urn)
	}
	if urn != "" && (op.Verb == Remove || op.Value == nil) {
		delete(p.to, urn)
		return nil
	}
	values, ok := op.Value.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, "value must be an object of attributes.").Because(fault.InvalidValue)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) { // a map has no order, and the outcome must not depend on one
		if name == "" {
			continue // nothing can be found under it again
		}
		full := name
		if urn != "" {
			full = urn + ":" + name
		}
		path, err := ParsePath(p.rd, p.kind, full)
		if err != nil { // no path, so it is data like any other
			path = Path{URN: urn, Name: name}
		}
		if err := p.apply(Op{Verb: op.Verb, Path: path, Value: values[name]}); err != nil {
			return err
		}
	}
	return nil
}

// isBlock reports whether a path into an unregistered extension, which looks
// like urn:attr, means an extension as a whole: one that is there, or one that
// is set to an object. If so it makes the path say that.
func (p *patching) isBlock(op *Op) bool {
	path := op.Path
	if path.URN == "" || path.Attribute != nil || path.Filter != nil || path.Sub != "" || p.kind.Schema(path.URN) != nil {
		return false
	}
	full := schema.Spelled(p.to, path.URN+":"+path.Name)
	if _, there := p.to[full]; !there {
		if _, inside := p.to[schema.Spelled(p.to, path.URN)]; inside {
			return false
		}
		if _, isObject := op.Value.(map[string]any); !isObject || op.Verb == Remove {
			return false
		}
	}
	op.Path = Path{URN: full}
	return true
}

// dropHollow takes out what says the type of a value but no value. Only the end
// of a request can tell: one operation may set `primary`, the next the value.
func (p *patching) dropHollow() {
	for _, a := range p.kind.Core.Attributes {
		if have, ok := p.to[a.Name].([]any); ok {
			if have = a.Distinct(slices.DeleteFunc(have, a.Hollow)); len(have) == 0 {
				delete(p.to, a.Name)
			} else {
				p.to[a.Name] = have
			}
		}
	}
}

// at applies an operation to one attribute.
func (p *patching) at(op Op) error {
	path := op.Path
	if done, err := p.serverOwned(op); done || err != nil {
		return err
	}
	to := p.to
	if path.URN != "" {
		urn := schema.Spelled(p.to, path.URN)
		block, ok := to[urn].(map[string]any)
		if !ok {
			if op.Verb == Remove {
				return nil
			}
			block = map[string]any{}
			to[urn] = block
		}
		defer func() {
			if len(block) == 0 {
				delete(p.to, urn)
			}
		}()
		to = block
	}
	if path.Attribute == nil {
		return opaque(to, op)
	}
	if op.Verb == Replace && empty(op.Value) { // clears (RFC 7643 section 2.5)
		op.Verb, op.Value = Remove, nil
	}
	a := path.Attribute
	switch {
	case a.MultiValued:
		return p.many(to, a, op)
	case path.Filter != nil:
		return fault.New(fault.Invalid, "%s has one value and takes no filter.", a.Name).Because(fault.InvalidPath)
	case path.Sub != "":
		return p.sub(to, a, op)
	case a.Name == "active" && (op.Verb == Remove || empty(op.Value)):
		return nil
	case op.Verb == Remove:
		delete(to, a.Name)
		return nil
	}
	have, isObject := to[a.Name].(map[string]any)
	if value, ok := op.Value.(map[string]any); ok && isObject {
		if err := merge(p.rd, a, have, value); err != nil {
			return err
		}
		if len(have) == 0 {
			delete(to, a.Name)
		}
		return nil
	}
	v, err := a.Coerce(p.rd, op.Value)
	if err != nil {
		return err
	}
	set(to, a.Name, v)
	return nil
}

// empty reports whether a value stands for none. An empty object does not: it
// names no part to change.
func empty(v any) bool {
	_, isObject := v.(map[string]any)
	return !isObject && schema.Opaque(v) == nil
}

// merge sets the parts of a complex value that another one names; those that it
// names as null go. Where the value itself changes, what described the old one
// goes too.
func merge(rd *lenience.Reading, a *schema.Attribute, into, from map[string]any) error {
	v, err := a.Element(rd, from)
	if err != nil {
		return err
	}
	more, _ := v.(map[string]any)
	if value, ok := more["value"]; ok {
		forget(a, into, value)
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
	return nil
}

// forget drops what describes the old target of a reference, if it gets another.
func forget(a *schema.Attribute, m map[string]any, value any) {
	if a.Sub("$ref") != nil && !reflect.DeepEqual(value, m["value"]) {
		delete(m, "$ref")
		delete(m, "displayName")
	}
}

// serverOwned handles what a client may repeat but not change.
func (p *patching) serverOwned(op Op) (done bool, err error) {
	name := strings.ToLower(op.Path.Name)
	if name == "password" { // never kept, wherever it hides
		return true, nil
	}
	if op.Path.URN != "" {
		return false, nil
	}
	switch name {
	case "schemas", "meta": // filled by the server
		return true, nil
	case "members":
		if p.kind == schema.Group {
			return true, fault.New(fault.Invalid, "members cannot be changed together with this path.").Because(fault.InvalidPath)
		}
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
		v, err := coerceSub(p.rd, a, op.Path.Sub, op.Value)
		if err != nil {
			return err
		}
		if op.Path.Sub == "value" {
			forget(a, have, v)
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

func coerceSub(rd *lenience.Reading, a *schema.Attribute, name string, v any) (any, error) {
	if sub := a.Sub(name); sub != nil {
		return sub.Coerce(rd, v)
	}
	return schema.Opaque(v), nil
}

func set(to map[string]any, name string, v any) {
	if v == nil {
		delete(to, name)
		return
	}
	to[name] = v
}

func cloneMap(m map[string]any) map[string]any {
	c := make(map[string]any, len(m))
	for k, x := range m {
		c[k] = clone(x)
	}
	return c
}

// clone copies decoded JSON.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		return cloneMap(v)
	case []any:
		c := make([]any, len(v))
		for i, x := range v {
			c[i] = clone(x)
		}
		return c
	}
	return v
}

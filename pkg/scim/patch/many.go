package patch

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// many applies an operation to a multi-valued attribute.
func (p *patching) many(to map[string]any, a *schema.Attribute, op Op) error {
	if op.Verb == Remove && op.Value != nil {
		if err := p.rd.Tolerate(lenience.RemoveWithValue, op.Path.String()); err != nil {
			return err
		}
	}
	have, _ := to[a.Name].([]any)
	var err error
	switch {
	case op.Path.Filter != nil:
		have, err = p.chosen(a, have, op)
	case op.Path.Sub != "":
		have, err = p.each(a, have, op)
	case op.Verb == Remove:
		have, err = p.removed(a, have, op.Value)
	case op.Verb == Replace:
		var v any
		v, err = a.Coerce(p.rd, op.Value)
		have, _ = v.([]any)
	default:
		have, err = p.added(a, have, op.Value)
	}
	if err != nil {
		return err
	}
	if len(have) > schema.MaxValues {
		return fault.New(fault.Invalid, "%s would have %d values; at most %d are allowed.", a.Path(), len(have), schema.MaxValues).Because(fault.InvalidValue)
	}
	if len(have) == 0 {
		delete(to, a.Name)
	} else {
		to[a.Name] = have
	}
	return nil
}

// added appends what is not there yet; what is there gains the other parts. A
// value that is primary takes that from the others.
func (p *patching) added(a *schema.Attribute, have []any, value any) ([]any, error) {
	more, err := a.Elements(p.rd, value)
	if err != nil {
		return nil, err
	}
	at, err := p.lookUp(a, have, len(more))
	if err != nil {
		return nil, err
	}
	for _, e := range more {
		i, err := at.find(p, have, e)
		if err != nil {
			return nil, err
		}
		if i < 0 {
			i, have = len(have), append(have, e)
			at.add(e, i)
		} else {
			extend(have[i], e)
		}
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			if err := p.onlyPrimary(have, i); err != nil {
				return nil, err
			}
		}
	}
	return have, nil
}

// extend gives an element the parts of another that is the same value.
func extend(into, from any) {
	m, ok1 := into.(map[string]any)
	n, ok2 := from.(map[string]any)
	if !ok1 || !ok2 {
		return
	}
	for name, v := range n {
		if _, there := m[name]; !there || name != "value" && name != "type" {
			m[name] = v
		}
	}
}

// onlyPrimary makes one value the only primary one (RFC 7644 section 3.5.2).
func (p *patching) onlyPrimary(list []any, but int) error {
	for i, e := range list {
		if m, ok := e.(map[string]any); ok && i != but && m["primary"] == true {
			m["primary"] = false
		}
	}
	return p.spend(len(list))
}

// removed takes out the elements that the value names, or all without a value.
func (p *patching) removed(a *schema.Attribute, have []any, value any) ([]any, error) {
	if value == nil {
		return nil, nil
	}
	less, err := a.Elements(p.rd, value)
	if err != nil {
		return nil, err
	}
	at, err := p.lookUp(a, less, len(have))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(have, func(h any) bool {
		i := -1
		if err == nil {
			i, err = at.find(p, less, h)
		}
		return i >= 0
	}), err
}

// each applies an operation to a sub-attribute of every element.
func (p *patching) each(a *schema.Attribute, have []any, op Op) ([]any, error) {
	if err := p.spend(len(have) * (4 + weight(op.Value))); err != nil {
		return nil, err
	}
	if op.Verb != Remove && len(have) == 0 {
		have = []any{map[string]any{}}
	}
	primary := 0
	for _, e := range have {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		if err := p.element(a, m, op); err != nil {
			return nil, err
		}
		if m["primary"] == true {
			primary++
		}
	}
	if op.Path.Sub == "primary" && primary > 1 {
		return nil, fault.New(fault.Invalid, "%s has several values, of which at most one can be primary; choose it with a filter.", a.Path()).Because(fault.InvalidValue)
	}
	return slices.DeleteFunc(have, bare), nil
}

// bare reports whether an element has no parts left.
func bare(e any) bool {
	m, ok := e.(map[string]any)
	return ok && len(m) == 0
}

// element applies an operation to one complex element, whole or in part. Parts
// that are immutable keep their value.
func (p *patching) element(a *schema.Attribute, m map[string]any, op Op) error {
	var before map[string]any
	if len(a.Frozen()) > 0 {
		before = maps.Clone(m)
	}
	var err error
	if op.Path.Sub != "" {
		err = p.part(m, a, op)
	} else {
		err = p.merge(a, m, op.Value)
	}
	if err != nil {
		return err
	}
	for _, sub := range a.Frozen() {
		if had := before[sub.Name]; had != nil && !schema.Equal(had, m[sub.Name]) {
			return fault.New(fault.Invalid, "%s is immutable; remove the value and add another instead.", sub.Path()).Because(fault.Mutability)
		}
	}
	return nil
}

// chosen applies an operation to the elements that the filter chooses. An add
// or replace that chooses none makes the element that the filter describes, if
// rd lets it: the RFC would refuse it (section 3.5.2.3), Entra depends on it.
func (p *patching) chosen(a *schema.Attribute, have []any, op Op) ([]any, error) {
	matches := matcher(a, op.Path.Filter)
	var at []int
	for i, e := range have {
		match, cost := matches(e)
		if err := p.spend(cost); err != nil {
			return nil, err
		}
		if match {
			at = append(at, i)
		}
	}
	switch {
	case op.Verb == Remove && op.Path.Sub == "":
		return without(have, at), nil
	case op.Verb != Remove && len(at) == 0:
		e, err := p.described(a, op.Path.Filter)
		if err != nil {
			return nil, err
		}
		at, have = []int{len(have)}, append(have, e)
	}
	if err := p.spend(len(at) * (4 + weight(op.Value))); err != nil {
		return nil, err
	}
	var primary, gone []int
	for _, i := range at {
		m, ok := have[i].(map[string]any)
		if !ok { // a value without parts
			v, err := a.Element(p.rd, op.Value)
			if err != nil {
				return nil, err
			}
			if have[i] = v; v == nil {
				gone = append(gone, i)
			}
			continue
		}
		if err := p.element(a, m, op); err != nil {
			return nil, err
		}
		if m["primary"] == true {
			primary = append(primary, i)
		}
		if len(m) == 0 {
			gone = append(gone, i)
		}
	}
	switch len(primary) {
	case 0:
	case 1:
		if err := p.onlyPrimary(have, primary[0]); err != nil {
			return nil, err
		}
	default:
		return nil, fault.New(fault.Invalid, "The filter chooses %d values of %s, of which at most one can be primary.", len(primary), a.Path()).Because(fault.InvalidValue)
	}
	return without(have, gone), nil
}

// without takes the elements at some places out.
func without(have []any, at []int) []any {
	for _, i := range at {
		have[i] = nil
	}
	return slices.DeleteFunc(have, func(e any) bool { return e == nil })
}

// described makes the element that a filter of nothing but eq describes.
func (p *patching) described(a *schema.Attribute, f filter.Expr) (any, error) {
	none := fault.New(fault.Invalid, "The filter chooses no value of %s.", a.Path()).Because(fault.NoTarget)
	eqs, ok := filter.Conjunction(f)
	if !ok || a.Type != schema.Complex && (len(eqs) > 1 || !strings.EqualFold(eqs[0].Path, "value")) {
		return nil, none
	}
	if err := p.rd.Tolerate(lenience.CreatedByFilter, a.Path()); err != nil {
		return nil, err
	}
	if a.Type != schema.Complex {
		return a.Element(p.rd, eqs[0].Value)
	}
	e := map[string]any{}
	for _, eq := range eqs {
		if strings.Contains(eq.Path, ".") {
			return nil, none
		}
		name := eq.Path
		if sub := a.Sub(name); sub != nil {
			name = sub.Name
		}
		if err := p.part(e, a, Op{Verb: Replace, Path: Path{Name: a.Name, Sub: name}, Value: eq.Value}); err != nil {
			return nil, err
		}
	}
	return e, nil
}

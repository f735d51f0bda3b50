package schema

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// MaxValues is how many values a multi-valued attribute may have. Members of
// groups are stored apart and not bounded by it.
const MaxValues = 1000

// Hollow reports whether an element of the attribute says what a value would be
// for without having one: providers send {"type": "work", "value": ""} for a
// number that is not set, and clear one by removing its value.
func (a *Attribute) Hollow(element any) bool {
	m, ok := element.(map[string]any)
	if !ok || !a.hollow {
		return false
	}
	for name := range m {
		if name != "type" && name != "primary" {
			return false
		}
	}
	return true
}

// Coerce brings a decoded JSON value into the canonical form of the attribute.
// nil means absent: null or an empty list (RFC 7643 section 2.5), and leniently
// an empty string. Equal elements of a list become one (section 2.4).
//
// If rd lets it, it accepts what providers send beside the RFC: "True" and
// "false" for booleans, a bare string for a complex value ({"value": …}), one
// value for a list, a list of one for a single value.
//
// Errors: Invalid with the reason invalidValue, or what rd refuses.
func (a *Attribute) Coerce(rd *lenience.Reading, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if !a.MultiValued {
		return a.Element(rd, v)
	}
	list, isList := v.([]any)
	if !isList {
		if err := rd.Tolerate(lenience.SingleForList, a.path); err != nil {
			return nil, err
		}
		list = []any{v}
	}
	out, err := a.elements(rd, list)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// Elements coerces the values of a list, as Coerce does, for an attribute of
// several values. A single value counts as a list of one.
//
// Errors: as Coerce.
func (a *Attribute) Elements(rd *lenience.Reading, v any) ([]any, error) {
	list, isList := v.([]any)
	if !isList && v != nil {
		list = []any{v}
	}
	return a.elements(rd, list)
}

func (a *Attribute) elements(rd *lenience.Reading, list []any) ([]any, error) {
	if len(list) > MaxValues {
		return nil, fault.New(fault.Invalid, "%s has %d values; at most %d are allowed.", a.path, len(list), MaxValues).Because(fault.InvalidValue)
	}
	out := make([]any, 0, len(list))
	for _, e := range list {
		c, err := a.one(rd, e)
		if err != nil {
			return nil, err
		}
		if c == nil || a.Hollow(c) {
			if err := rd.Tolerate(lenience.HollowValue, a.path); err != nil {
				return nil, err
			}
			continue
		}
		out = append(out, c)
	}
	out = a.Distinct(out)
	primaries := 0
	for _, e := range out {
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			primaries++
		}
	}
	if primaries > 1 {
		return nil, fault.New(fault.Invalid, "%s has %d primary values; at most one is allowed.", a.path, primaries).Because(fault.InvalidValue)
	}
	return out, nil
}

// Element coerces one value of the attribute, also of a multi-valued one, and
// keeps it if it is hollow: the next operation of a PATCH may fill it.
//
// Errors: as Coerce.
func (a *Attribute) Element(rd *lenience.Reading, v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return a.one(rd, v)
	}
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		if err := rd.Tolerate(lenience.ListForSingle, a.path); err != nil {
			return nil, err
		}
		return a.one(rd, list[0])
	}
	return nil, a.wrong("one value, not a list of several")
}

// one coerces a single value, or one element of a list.
func (a *Attribute) one(rd *lenience.Reading, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if a.Type == Complex {
		return a.complex(rd, v)
	}
	if m, ok := v.(map[string]any); ok && a.MultiValued {
		for name, value := range m { // {"value": …} for what has no parts
			if len(m) == 1 && strings.EqualFold(name, "value") {
				if err := rd.Tolerate(lenience.ObjectForValue, a.path); err != nil {
					return nil, err
				}
				v = value
			}
		}
	}
	if v == "" {
		return nil, rd.Tolerate(lenience.EmptyString, a.path)
	}
	return a.simple(rd, v)
}

func (a *Attribute) complex(rd *lenience.Reading, v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		value := a.Sub("value")
		s, isText := v.(string)
		switch {
		case s == "" && isText:
			return nil, rd.Tolerate(lenience.EmptyString, a.path)
		case !isText || value == nil:
			return nil, a.wrong("an object")
		}
		if err := rd.Tolerate(lenience.StringComplex, a.path); err != nil {
			return nil, err
		}
		m = map[string]any{"value": s}
	}
	out := make(map[string]any, len(m))
	var others []*Attribute                   // those that were named in another case
	for _, name := range jsonvalue.Names(m) { // a map has no order, the outcome must
		sub, err := a.part(rd, name)
		if err != nil {
			return nil, err
		}
		if sub == nil {
			if value := Opaque(m[name]); value != nil && !strings.EqualFold(name, "password") {
				if err := rd.Tolerate(lenience.UnknownAttribute, a.path+"."+name); err != nil {
					return nil, err
				}
				out[name] = value
			}
			continue
		}
		if name != sub.Name {
			_, twice := m[sub.Name]
			if twice || slices.Contains(others, sub) {
				if err := rd.Tolerate(lenience.RepeatedName, sub.path); err != nil {
					return nil, err
				}
			} else {
				others = append(others, sub)
			}
		}
		if !sub.Kept() {
			continue
		}
		c, err := sub.Coerce(rd, m[name])
		if err != nil {
			return nil, err
		}
		if c != nil {
			out[sub.Name] = c
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// part finds the sub-attribute of a name, nil if there is none.
func (a *Attribute) part(rd *lenience.Reading, name string) (*Attribute, error) {
	if sub := a.Sub(name); sub != nil {
		return sub, nil
	}
	if a.Name == "manager" && strings.EqualFold(name, "managerId") { // its name in SCIM 1.1 (facts: OneLogin)
		return a.Sub("value"), rd.Tolerate(lenience.LegacyName, a.path+".managerId")
	}
	return nil, nil
}

func (a *Attribute) wrong(want string) error {
	return fault.New(fault.Invalid, "%s must be %s.", a.path, want).Because(fault.InvalidValue)
}

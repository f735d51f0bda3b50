package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
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
	if !ok || a.Type != Complex {
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
// nil means absent: null, an empty list, an empty string (RFC 7643 section 2.5
// and the leniency of the interop facts, section 7).
//
// It accepts what providers send beside the RFC: "True" and "false" for
// booleans, a bare string for a complex value ({"value": …}), one value for a
// list, a list of one for a single value.
//
// Errors: Invalid with the reason invalidValue.
func (a *Attribute) Coerce(rd *lenience.Reading, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	list, isList := v.([]any)
	if !a.MultiValued {
		return a.Element(rd, v)
	}
	if !isList {
		list = []any{v}
	}
	if len(list) > MaxValues {
		return nil, fault.New(fault.Invalid, "%s has %d values; at most %d are allowed.", a.Name, len(list), MaxValues).Because(fault.InvalidValue)
	}
	out := make([]any, 0, len(list))
	primaries := 0
	for _, e := range list {
		c, err := a.one(rd, e)
		if err != nil {
			return nil, err
		}
		if c == nil || a.Hollow(c) {
			continue
		}
		if m, ok := c.(map[string]any); ok && m["primary"] == true {
			primaries++
		}
		out = append(out, c)
	}
	if primaries > 1 {
		return nil, fault.New(fault.Invalid, "%s has %d primary values; at most one is allowed.", a.Name, primaries).Because(fault.InvalidValue)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// Element coerces one value of the attribute, also of a multi-valued one, and
// keeps it if it is hollow: the next operation of a PATCH may fill it.
//
// Errors: as Coerce.
func (a *Attribute) Element(rd *lenience.Reading, v any) (any, error) {
	if list, ok := v.([]any); ok {
		switch len(list) {
		case 0:
			return nil, nil
		case 1:
			return a.one(rd, list[0])
		}
		return nil, a.wrong("one value, not a list of several")
	}
	return a.one(rd, v)
}

// one coerces a single value, or one element of a list.
func (a *Attribute) one(rd *lenience.Reading, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return a.complex(rd, v)
	case Boolean:
		return a.boolean(rd, v)
	case Integer, Decimal:
		if n, ok := v.(json.Number); ok {
			return n, nil
		}
		return nil, a.wrong("a number")
	case DateTime:
		s, ok := v.(string)
		if !ok {
			return nil, a.wrong("a date and time")
		}
		if s == "" {
			return nil, nil
		}
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return nil, a.wrong("a date and time such as 2026-01-31T10:00:00Z")
		}
		return s, nil
	default:
		s, ok := v.(string)
		if !ok {
			return nil, a.wrong("a string")
		}
		if s == "" {
			return nil, nil
		}
		return s, nil
	}
}

func (a *Attribute) boolean(rd *lenience.Reading, v any) (any, error) {
	switch b := v.(type) {
	case bool:
		return b, nil
	case string:
		switch {
		case strings.EqualFold(b, "true"):
			return true, nil
		case strings.EqualFold(b, "false"):
			return false, nil
		case b == "":
			return nil, nil
		}
	}
	return nil, a.wrong("true or false")
}

func (a *Attribute) complex(rd *lenience.Reading, v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		s, isText := v.(string)
		if !isText || a.Sub("value") == nil {
			return nil, a.wrong("an object")
		}
		m = map[string]any{"value": s}
	}
	out := make(map[string]any, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) { // a map has no order, the outcome must
		value := m[name]
		sub := a.Sub(name)
		if sub == nil && a.Name == "manager" && strings.EqualFold(name, "managerId") {
			sub = a.Sub("value") // its name in SCIM 1.1 (facts: OneLogin)
		}
		if sub == nil {
			if value = Opaque(value); value != nil && !strings.EqualFold(name, "password") {
				out[name] = value
			}
			continue
		}
		c, err := sub.Coerce(rd, value)
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

func (a *Attribute) wrong(want string) error {
	return fault.New(fault.Invalid, "%s must be %s.", a.Name, want).Because(fault.InvalidValue)
}

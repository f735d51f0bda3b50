package scim

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// owned are the names that the server keeps itself, or never keeps.
var owned = map[string]bool{"schemas": true, "id": true, "meta": true, "password": true}

// Canonicalize brings a decoded body into canonical form. It does not change
// body and shares nothing with it.
//
// Attributes and extensions that the schema does not know are kept: they are
// the customer's data, and reach receivers as raw attributes. Of names that
// differ by case only, the last in byte order counts.
//
// Errors: Invalid with the reason invalidValue.
func Canonicalize(rd *lenience.Reading, kind *schema.Resource, body map[string]any) (Resource, error) {
	out := make(Resource, len(body)+1)
	// A map has no order, and the outcome must not depend on one.
	for _, name := range slices.Sorted(maps.Keys(body)) {
		value := body[name]
		if value == nil || name == "" || owned[strings.ToLower(name)] {
			continue
		}
		urn, rest := kind.Split(name)
		s := kind.Schema(urn)
		var err error
		switch {
		case s == nil: // an unregistered extension
			putOpaque(out, name, value)
		case rest == "": // a block of attributes under its URN
			err = block(rd, kind, out, urn, value)
		default:
			err = put(rd, kind, out, urn, rest, value)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// block puts the attributes of a schema's block where they belong.
func block(rd *lenience.Reading, kind *schema.Resource, out Resource, urn string, value any) error {
	m, ok := value.(map[string]any)
	if !ok {
		if schema.Opaque(value) == nil {
			return nil
		}
		return fault.New(fault.Invalid, "%s must be an object.", urn).Because(fault.InvalidValue)
	}
	if urn == kind.Core.ID {
		urn = ""
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if err := put(rd, kind, out, urn, name, m[name]); err != nil {
			return err
		}
	}
	return nil
}

// put sets one attribute of the core (urn is empty) or of an extension, in
// canonical form.
func put(rd *lenience.Reading, kind *schema.Resource, out Resource, urn, name string, value any) error {
	if value == nil || name == "" || owned[strings.ToLower(name)] {
		return nil
	}
	attr, dotted, _ := strings.Cut(name, ".")
	a, urn := kind.Find(urn, attr)
	switch {
	case a == nil, dotted != "" && (a.MultiValued || a.Sub(dotted) == nil):
		to, done := open(out, urn)
		putOpaque(to, name, value)
		done()
		return nil
	case a.Mutability == schema.ReadOnly, a.Name == "members":
		return nil
	}
	to, done := open(out, urn)
	defer done()
	if dotted != "" { // name.givenName, as one vendor writes it in PATCH
		value = map[string]any{dotted: value}
	}
	v, err := a.Coerce(rd, value)
	if err != nil {
		return err
	}
	have, isObject := to[a.Name].(map[string]any)
	if more, ok := v.(map[string]any); ok && isObject && dotted != "" {
		maps.Copy(have, more)
		return nil
	}
	if v != nil {
		to[a.Name] = v
	}
	return nil
}

// open returns the object that an extension's attributes are in, and a function
// that takes it out again if it stayed empty.
func open(r Resource, urn string) (to map[string]any, done func()) {
	if urn == "" {
		return r, func() {}
	}
	m, ok := r[urn].(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	return m, func() {
		if len(m) > 0 {
			r[urn] = m
		} else {
			delete(r, urn)
		}
	}
}

// putOpaque keeps what no schema describes, under the name that it came with.
func putOpaque(to map[string]any, name string, value any) {
	if value = schema.Opaque(value); value != nil {
		to[name] = value
	}
}

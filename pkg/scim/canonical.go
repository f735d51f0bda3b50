package scim

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// owned reports whether a name is one that the server keeps itself, or never
// keeps.
func owned(name string) bool {
	for _, n := range [...]string{"schemas", "id", "meta", "password"} {
		if len(name) == len(n) && strings.EqualFold(name, n) {
			return true
		}
	}
	return false
}

// Canonicalize brings a decoded body into canonical form. It does not change
// body and shares nothing with it.
//
// If rd lets it, attributes and extensions that the schema does not know are
// kept: they are the customer's data, and reach receivers as raw attributes. So
// are names that are written in another notation than that of a JSON resource
// (RFC 7643 section 3). Of names that differ by case only, the last in byte order
// counts. What only the server writes is passed over (RFC 7644 section 3.3).
//
// Errors: Invalid with the reason invalidValue, or what rd refuses.
func Canonicalize(rd *lenience.Reading, kind *schema.Resource, body map[string]any) (Resource, error) {
	c := &canonical{rd: rd, kind: kind, out: make(Resource, len(body)+1)}
	err := c.resource(body)
	return c.out, err
}

// canonical is a Canonicalize under way.
type canonical struct {
	rd   *lenience.Reading
	kind *schema.Resource
	out  Resource
	// members is what the body says of a group's members, which are kept apart.
	members any
}

func (c *canonical) resource(body map[string]any) error {
	var seen names
	// A map has no order, and the outcome must not depend on one.
	for _, name := range jsonvalue.Names(body) {
		value := body[name]
		if name == "" || owned(name) {
			continue
		}
		urn, rest := c.kind.Split(name)
		if urn == "" && rest == name {
			if err := c.put(&seen, "", name, value); err != nil {
				return err
			}
			continue
		}
		if value == nil {
			continue
		}
		if c.kind.Malformed(name) {
			if err := c.rd.Tolerate(lenience.MalformedURN, or(urn, c.kind.Core.ID)); err != nil {
				return err
			}
		}
		var err error
		switch s := c.kind.Schema(urn); {
		case s == nil: // an unregistered extension
			if err = c.rd.Tolerate(lenience.UnknownExtension, name); err == nil {
				putOpaque(c.out, name, value)
			}
		case rest == "": // a block of attributes under its URN
			err = c.block(s, value)
		default:
			if err = c.rd.Tolerate(lenience.QualifiedName, name); err == nil {
				err = c.put(nil, urn, rest, value)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// block puts the attributes of a schema's block where they belong.
func (c *canonical) block(s *schema.Schema, value any) error {
	urn := s.ID
	if s == c.kind.Core {
		urn = ""
		if err := c.rd.Tolerate(lenience.QualifiedName, s.ID); err != nil {
			return err
		}
	}
	m, ok := value.(map[string]any)
	if !ok {
		if schema.Opaque(value) == nil {
			return c.rd.Tolerate(lenience.EmptyString, s.ID)
		}
		return fault.New(fault.Invalid, "%s must be an object.", s.ID).Because(fault.InvalidValue)
	}
	var seen names
	for _, name := range jsonvalue.Names(m) {
		if err := c.put(&seen, urn, name, m[name]); err != nil {
			return err
		}
	}
	return nil
}

// put sets one attribute of the core (urn is empty) or of an extension, in
// canonical form.
func (c *canonical) put(seen *names, urn, name string, value any) error {
	if name == "" || owned(name) {
		return nil
	}
	attr, dotted, _ := strings.Cut(name, ".")
	a, in := c.kind.Find(urn, attr)
	if a != nil && dotted == "" {
		if err := seen.add(c.rd, a, name); err != nil {
			return err
		}
	}
	if value == nil {
		return nil
	}
	if a == nil || dotted != "" && (a.MultiValued || a.Sub(dotted) == nil) {
		return c.unknown(in, name, value)
	}
	if in != urn {
		if err := c.rd.Tolerate(lenience.UnqualifiedExtension, a.Path()); err != nil {
			return err
		}
	}
	switch {
	case in == "" && a.Name == "members" && c.kind.Is(schema.Group):
		c.members = value
		return nil
	case !a.Kept():
		return nil
	}
	to, done := open(c.out, in)
	defer done()
	if dotted != "" { // name.givenName, as one vendor writes it in PATCH
		if err := c.rd.Tolerate(lenience.DottedName, a.Path()+"."+dotted); err != nil {
			return err
		}
		value = map[string]any{dotted: value}
	}
	v, err := a.Coerce(c.rd, value)
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

// unknown keeps an attribute that no schema describes, under the name that it
// came with.
func (c *canonical) unknown(urn, name string, value any) error {
	if value = schema.Opaque(value); value == nil {
		return nil
	}
	path := name
	if urn != "" {
		path = urn + ":" + name
	}
	if err := c.rd.Tolerate(lenience.UnknownAttribute, path); err != nil {
		return err
	}
	to, done := open(c.out, urn)
	to[name] = value
	done()
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

// names are the attributes of an object that were named so far, to find those
// that were named twice.
type names struct {
	seen []*schema.Attribute
	odd  bool // one was named in another case than the schema's
}

func (n *names) add(rd *lenience.Reading, a *schema.Attribute, name string) error {
	if n == nil {
		return nil
	}
	n.odd = n.odd || name != a.Name
	if n.odd && slices.Contains(n.seen, a) {
		return rd.Tolerate(lenience.RepeatedName, a.Path())
	}
	if n.seen == nil {
		const usual = 16
		n.seen = make([]*schema.Attribute, 0, usual)
	}
	n.seen = append(n.seen, a)
	return nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

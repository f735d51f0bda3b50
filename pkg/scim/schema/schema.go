// Package schema describes the SCIM resources that Rollcall stores: their
// attributes, and how a value of each is brought into canonical form.
//
// The definitions are what /Schemas serves (RFC 7643 section 7), so they say
// what the server does and nothing else. What must not live here: messages,
// filters, PATCH (the packages above).
package schema

import (
	"slices"
	"strings"
)

// Type is an attribute's data type (RFC 7643 section 2.3).
type Type string

// The data types.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// The characteristics of RFC 7643 section 7.
const (
	ReadWrite = "readWrite"
	ReadOnly  = "readOnly"
	Immutable = "immutable"
	WriteOnly = "writeOnly"

	Always  = "always"
	Never   = "never"
	Default = "default"
	Request = "request"

	None   = "none"
	Server = "server"
)

// The schema URNs.
const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// Attribute is one attribute or sub-attribute. The JSON form is that of
// RFC 7643 section 7.
type Attribute struct {
	Name            string       `json:"name"`
	Type            Type         `json:"type"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description,omitempty"`
	Required        bool         `json:"required"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      string       `json:"mutability"`
	Returned        string       `json:"returned"`
	Uniqueness      string       `json:"uniqueness"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
	SubAttributes   []*Attribute `json:"subAttributes,omitempty"`

	subs   map[string]*Attribute
	path   string
	hollow bool // an element of type and primary alone says nothing
	// requires says that a value has required parts, frozen which are immutable.
	requires bool
	frozen   []*Attribute
}

// Path is how the attribute is named in a PATCH or a filter, with the URN of its
// extension in front: emails.value, urn:…:User:manager.
func (a *Attribute) Path() string { return a.path }

// Kept reports whether what a client writes to the attribute is stored: not what
// only the server writes, and not what may never be read again.
func (a *Attribute) Kept() bool { return a.Mutability != ReadOnly && a.Mutability != WriteOnly }

// Sub finds a sub-attribute whatever the case of its name, nil if there is
// none.
func (a *Attribute) Sub(name string) *Attribute {
	if s, ok := a.subs[name]; ok {
		return s
	}
	return a.subs[strings.ToLower(name)]
}

// Frozen returns the immutable sub-attributes.
func (a *Attribute) Frozen() []*Attribute { return a.frozen }

// Unknown returns an attribute of several values that no schema describes, to
// treat data of that form like any other.
func Unknown(name string) *Attribute {
	return &Attribute{Name: name, Type: Complex, MultiValued: true, Mutability: ReadWrite, Returned: Default, Uniqueness: None, path: name}
}

// Schema is a set of attributes under a URN.
type Schema struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Attributes  []*Attribute `json:"attributes"`

	byName map[string]*Attribute
	loose  string // the URN without its last colon
}

// Attribute finds an attribute whatever the case of its name, nil if there is
// none.
func (s *Schema) Attribute(name string) *Attribute {
	if a, ok := s.byName[name]; ok {
		return a
	}
	return s.byName[strings.ToLower(name)]
}

// Resource is a kind of resource: its core schema and its extensions.
type Resource struct {
	Name       string
	Core       *Schema
	Extensions []*Schema
}

// Is reports whether r is a kind of the same resources as other, whatever their
// extensions.
func (r *Resource) Is(other *Resource) bool { return r.Core == other.Core }

// Extension finds an extension by its URN, whatever the case; nil if it is not
// registered.
func (r *Resource) Extension(urn string) *Schema {
	for _, e := range r.Extensions {
		if strings.EqualFold(e.ID, urn) {
			return e
		}
	}
	return nil
}

// Schema returns the schema of a URN as Split returns it: empty is the core.
// It is nil for an unregistered one.
func (r *Resource) Schema(urn string) *Schema {
	if urn == "" || urn == r.Core.ID {
		return r.Core
	}
	return r.Extension(urn)
}

// Split takes a name that may be qualified by a URN apart: the URN in its
// registered spelling (empty for the core schema) and the rest. A URN that is
// not registered is split at its last colon. The bare URN of a schema has an
// empty rest.
func (r *Resource) Split(name string) (urn, rest string) {
	urn, rest, _ = r.split(name)
	return urn, rest
}

// Malformed reports whether Split understands a name only by the leniency that a
// registered URN may lack its last colon.
func (r *Resource) Malformed(name string) bool {
	_, _, malformed := r.split(name)
	return malformed
}

func (r *Resource) split(name string) (urn, rest string, malformed bool) {
	if len(name) < 4 || !strings.EqualFold(name[:4], "urn:") {
		return "", name, false
	}
	for _, malformed := range []bool{false, true} {
		if rest, ok := r.Core.cut(name, malformed); ok {
			if rest == "" {
				return r.Core.ID, "", malformed
			}
			return "", rest, malformed
		}
		for _, e := range r.Extensions {
			if rest, ok := e.cut(name, malformed); ok {
				return e.ID, rest, malformed
			}
		}
	}
	if i := strings.LastIndexByte(name, ':'); i > 4 && i < len(name)-1 {
		return name[:i], name[i+1:], false
	}
	return "", name, false // no URN has this form; it is a name like any other
}

// cut takes the schema's URN off the front of a name. A vendor's sample leaves
// out the last colon (facts: "…2.0User").
func (s *Schema) cut(name string, malformed bool) (rest string, ok bool) {
	urn := s.ID
	if malformed {
		urn = s.loose
	}
	n := len(urn)
	if len(name) < n || !strings.EqualFold(name[:n], urn) {
		return "", false
	}
	if len(name) == n {
		return "", true
	}
	return name[n+1:], name[n] == ':' || name[n] == '.'
}

// index prepares the look-ups; definitions call it once. Attributes of an
// extension are named behind its URN.
func (s *Schema) index(prefix string) *Schema {
	s.byName = names(s.Attributes, prefix)
	i := strings.LastIndexByte(s.ID, ':')
	s.loose = s.ID[:i] + s.ID[i+1:]
	return s
}

func names(as []*Attribute, prefix string) map[string]*Attribute {
	m := make(map[string]*Attribute, 2*len(as))
	for _, a := range as {
		a.path = prefix + a.Name
		m[a.Name], m[strings.ToLower(a.Name)] = a, a
		if len(a.SubAttributes) > 0 {
			a.subs = names(a.SubAttributes, a.path+".")
			a.requires = slices.ContainsFunc(a.SubAttributes, func(s *Attribute) bool { return s.Required })
			for _, sub := range a.SubAttributes {
				if sub.Mutability == Immutable {
					a.frozen = append(a.frozen, sub)
				}
			}
			a.hollow = a.subs["value"] != nil || a.path == "addresses"
		}
	}
	return m
}

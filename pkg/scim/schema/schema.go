// Package schema describes the SCIM resources that Rollcall stores: their
// attributes, and how a value of each is brought into canonical form.
//
// The definitions are what /Schemas serves (RFC 7643 section 7), so they say
// what the server does and nothing else. What must not live here: messages,
// filters, PATCH (the packages above).
package schema

import "strings"

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

	Default = "default"

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
	Description     string       `json:"description"`
	Required        bool         `json:"required"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      string       `json:"mutability"`
	Returned        string       `json:"returned"`
	Uniqueness      string       `json:"uniqueness"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
	SubAttributes   []*Attribute `json:"subAttributes,omitempty"`

	subs map[string]*Attribute
}

// Sub finds a sub-attribute whatever the case of its name, nil if there is
// none.
func (a *Attribute) Sub(name string) *Attribute {
	if s, ok := a.subs[name]; ok {
		return s
	}
	return a.subs[strings.ToLower(name)]
}

// Schema is a set of attributes under a URN.
type Schema struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Attributes  []*Attribute `json:"attributes"`

	byName map[string]*Attribute
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
	if len(name) < 4 || !strings.EqualFold(name[:4], "urn:") {
		return "", name
	}
	if rest, ok := r.Core.cut(name); ok {
		if rest == "" {
			return r.Core.ID, ""
		}
		return "", rest
	}
	for _, e := range r.Extensions {
		if rest, ok := e.cut(name); ok {
			return e.ID, rest
		}
	}
	if i := strings.LastIndexByte(name, ':'); i > 4 && i < len(name)-1 {
		return name[:i], name[i+1:]
	}
	return "", name // no URN has this form; it is a name like any other
}

// cut takes the schema's URN off the front of a name.
func (s *Schema) cut(name string) (rest string, ok bool) {
	if rest, ok = cut(name, s.ID); ok {
		return rest, true
	}
	// A vendor's sample leaves out the last colon (facts: "…2.0User").
	i := strings.LastIndexByte(s.ID, ':')
	return cut(name, s.ID[:i]+s.ID[i+1:])
}

func cut(name, urn string) (rest string, ok bool) {
	n := len(urn)
	if len(name) < n || !strings.EqualFold(name[:n], urn) {
		return "", false
	}
	if len(name) == n {
		return "", true
	}
	return name[n+1:], name[n] == ':' || name[n] == '.'
}

// index prepares the look-ups; definitions call it once.
func (s *Schema) index() *Schema {
	s.byName = names(s.Attributes)
	return s
}

func names(as []*Attribute) map[string]*Attribute {
	m := make(map[string]*Attribute, 2*len(as))
	for _, a := range as {
		m[a.Name], m[strings.ToLower(a.Name)] = a, a
		if len(a.SubAttributes) > 0 {
			a.subs = names(a.SubAttributes)
		}
	}
	return m
}

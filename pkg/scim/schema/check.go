package schema

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// check holds a definition to RFC 7643 and to what the server can keep of it.
func (s *Schema) check() error {
	if err := checkURN(s.ID); err != nil {
		return err
	}
	if s.Name == "" || utf8.RuneCountInString(s.Name) > maxValue {
		return fault.New(fault.Invalid, "%s needs a name of 1 to %d characters.", s.ID, maxValue)
	}
	if utf8.RuneCountInString(s.Description) > maxText {
		return fault.New(fault.Invalid, "The description of %s is longer than %d characters.", s.ID, maxText)
	}
	if n := len(s.Attributes); n == 0 || n > MaxAttributes {
		return fault.New(fault.Invalid, "%s has %d attributes; 1 to %d are allowed.", s.ID, n, MaxAttributes)
	}
	return checkAll(s.Attributes, "", nil)
}

// checkURN refuses what is no URN by RFC 8141, or could not be told from a path
// or a message of SCIM.
func checkURN(urn string) error {
	wrong := func(why string) error {
		return fault.New(fault.Invalid, "The id of an extension must be a URN such as urn:example:params:scim:schemas:extension:acme:2.0:User; %s.", why)
	}
	if len(urn) > MaxURN {
		return wrong("this one is too long")
	}
	parts := strings.Split(urn, ":")
	if len(parts) < 3 || parts[0] != "urn" {
		return wrong("this one does not begin with urn: and a namespace")
	}
	if n := parts[1]; len(n) < 2 || len(n) > 32 || n[0] == '-' || n[len(n)-1] == '-' || strings.ContainsAny(n, "._") {
		return wrong("its namespace has 2 to 32 letters, digits and hyphens")
	}
	for _, p := range parts[1:] {
		if p == "" {
			return wrong("this one has two colons in a row, or ends in one")
		}
		for i := range len(p) {
			if c := p[i]; !letter(c) && !digit(c) && strings.IndexByte("-._", c) < 0 {
				return wrong("this one has characters other than letters, digits, - . _ and colons")
			}
		}
	}
	for _, reserved := range []string{"urn:ietf:params:scim:api:", "urn:ietf:params:scim:schemas:core:"} {
		if len(urn) >= len(reserved) && strings.EqualFold(urn[:len(reserved)], reserved) {
			return fault.New(fault.Invalid, "URNs that begin with %s are reserved by RFC 7643.", reserved)
		}
	}
	return nil
}

// reserved are the names of the attributes that every resource has, and of the
// one that is never kept (RFC 7643 section 3.1).
var reserved = []string{"id", "externalId", "schemas", "meta", "password"}

// checkAll checks the attributes of a schema, or the sub-attributes of parent.
func checkAll(as []*Attribute, prefix string, parent *Attribute) error {
	seen := make(map[string]bool, len(as))
	for _, a := range as {
		name := prefix + a.Name
		if !nameOK(a.Name, parent) {
			return fault.New(fault.Invalid, "%q cannot be an attribute's name: it has 1 to %d letters, digits, - and _, and begins with a letter.", clipped(name), MaxAttributeName)
		}
		if slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, a.Name) && (parent == nil || r == "password") }) {
			return fault.New(fault.Invalid, "%s is a reserved name; choose another.", name)
		}
		if seen[strings.ToLower(a.Name)] {
			return fault.New(fault.Invalid, "%s is defined twice; names differ by more than their case.", name)
		}
		seen[strings.ToLower(a.Name)] = true
		if err := a.check(name, parent); err != nil {
			return err
		}
	}
	return nil
}

// nameOK reports whether s is an ATTRNAME of RFC 7643 section 2.1; $ref is one
// by section 2.4.
func nameOK(s string, parent *Attribute) bool {
	if parent != nil && strings.EqualFold(s, "$ref") {
		return s == "$ref"
	}
	for i := range len(s) {
		if c := s[i]; !letter(c) && (i == 0 || !digit(c) && c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= MaxAttributeName
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
func digit(c byte) bool  { return '0' <= c && c <= '9' }

// check checks one attribute's characteristics (RFC 7643 sections 2.2 and 7).
func (a *Attribute) check(name string, parent *Attribute) error {
	for _, w := range []struct {
		what, is string
		words    []string
	}{
		{"type", string(a.Type), []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"}},
		{"mutability", a.Mutability, []string{ReadOnly, ReadWrite, Immutable, WriteOnly}},
		{"returned", a.Returned, []string{Always, Never, Default, Request}},
		{"uniqueness", a.Uniqueness, []string{None, Server, "global"}},
	} {
		if !slices.Contains(w.words, w.is) {
			return fault.New(fault.Invalid, "%s has the %s %q; it must be one of %s.", name, w.what, clipped(w.is), strings.Join(w.words, ", "))
		}
	}
	switch {
	case utf8.RuneCountInString(a.Description) > maxText:
		return fault.New(fault.Invalid, "The description of %s is longer than %d characters.", name, maxText)
	case a.Uniqueness != None:
		return fault.New(fault.Invalid, "%s has the uniqueness %s, which is not enforced for attributes of extensions; use none.", name, a.Uniqueness)
	case a.Mutability == WriteOnly && a.Returned != Never:
		return fault.New(fault.Invalid, "%s is writeOnly, so its returned must be never.", name)
	case a.Required && !a.Kept():
		return fault.New(fault.Invalid, "%s is %s and cannot be required: what clients send for it is not kept.", name, a.Mutability)
	case a.Type == Complex && parent != nil:
		return fault.New(fault.Invalid, "%s is complex within a complex attribute, which RFC 7643 section 2.3.8 forbids.", name)
	case (a.Type == Complex) != (len(a.SubAttributes) > 0) || len(a.SubAttributes) > MaxSubAttributes:
		return fault.New(fault.Invalid, "%s is a %s with %d subAttributes; a complex attribute has 1 to %d, others none.", name, a.Type, len(a.SubAttributes), MaxSubAttributes)
	}
	if err := a.checkWords(name); err != nil {
		return err
	}
	if err := a.checkUsual(name, parent); err != nil {
		return err
	}
	return checkAll(a.SubAttributes, name+".", a)
}

// checkWords checks the values that a definition suggests.
func (a *Attribute) checkWords(name string) error {
	switch {
	case len(a.CanonicalValues) > 0 && a.Type != String && a.Type != Reference:
		return fault.New(fault.Invalid, "%s is a %s and takes no canonicalValues.", name, a.Type)
	case len(a.ReferenceTypes) > 0 && a.Type != Reference:
		return fault.New(fault.Invalid, "%s is a %s and takes no referenceTypes.", name, a.Type)
	}
	for _, list := range [][]string{a.CanonicalValues, a.ReferenceTypes} {
		if len(list) > maxValues {
			return fault.New(fault.Invalid, "%s lists %d values; at most %d are allowed.", name, len(list), maxValues)
		}
		seen := make(map[string]bool, len(list))
		for _, v := range list {
			if v == "" || utf8.RuneCountInString(v) > maxValue || seen[v] {
				return fault.New(fault.Invalid, "%s lists a value that is empty, longer than %d characters, or there twice.", name, maxValue)
			}
			seen[v] = true
		}
	}
	return nil
}

// checkUsual holds sub-attributes with the names of RFC 7643 section 2.4 to
// their meaning there, which PATCH and filters rely on.
func (a *Attribute) checkUsual(name string, parent *Attribute) error {
	if parent == nil {
		return nil
	}
	want := a.Type
	switch strings.ToLower(a.Name) {
	case "primary":
		want = Boolean
	case "type", "display":
		want = String
	case "$ref":
		want = Reference
	case "value":
	default:
		return nil
	}
	if a.Type != want || a.MultiValued {
		return fault.New(fault.Invalid, "%s must be a single %s, as RFC 7643 section 2.4 has it.", name, want)
	}
	if a.Name != strings.ToLower(a.Name) {
		return fault.New(fault.Invalid, "%s must be written in lower case, as RFC 7643 section 2.4 has it.", name)
	}
	return nil
}

// clipped shortens text that goes into an error.
func clipped(s string) string {
	if len(s) > MaxAttributeName {
		return strings.ToValidUTF8(s[:MaxAttributeName], "") + "…"
	}
	return s
}

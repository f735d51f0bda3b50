package search

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// attribute is where a path leads to in a kind of resource.
type attribute struct {
	// path is the canonical form of what the client wrote, empty for no path.
	path string
	// urn is the extension that holds the attribute, empty for the core.
	urn string
	// name is the attribute on the top level, sub the part of it, if any.
	name, sub string
	// whole describes the attribute, leaf what the path ends in. For a complex
	// attribute without a sub-attribute that is its value, if it has one.
	whole, leaf *schema.Attribute
}

// find returns the attribute of a path in any case and notation; ok is false if
// the kind does not have it.
func find(kind *schema.Resource, path string) (a attribute, ok bool) {
	urn, rest := kind.Split(path)
	if rest == "" { // a schema as a whole: whether a resource has the extension
		s := kind.Extension(urn)
		if s == nil {
			return attribute{}, false
		}
		return attribute{path: s.ID, urn: s.ID}, true
	}
	name, sub, nested := strings.Cut(rest, ".")
	whole, urn := kind.Find(urn, name)
	if whole == nil {
		return attribute{}, false
	}
	a = attribute{urn: urn, name: whole.Name, whole: whole, leaf: whole, path: whole.Name}
	if urn != "" {
		a.path = urn + ":" + whole.Name
	}
	switch {
	case nested:
		s := whole.Sub(sub)
		if s == nil && whole.Type != schema.Complex && strings.EqualFold(sub, "value") {
			return a, true // of a plain value that is itself
		}
		if s == nil {
			return attribute{}, false
		}
		a.sub, a.leaf = s.Name, s
		a.path += "." + s.Name
	case whole.Type == schema.Complex:
		a.leaf = whole.Sub("value")
		if a.leaf != nil {
			a.sub = a.leaf.Name
		}
	}
	return a, true
}

// member is the name on the top level of a stored resource that holds the
// attribute.
func (a attribute) member() string {
	if a.urn != "" {
		return a.urn
	}
	return a.name
}

// is reports whether the path leads to a part of a core attribute, as in
// a.is("emails", "value").
func (a attribute) is(name, sub string) bool {
	return a.urn == "" && a.name == name && a.sub == sub
}

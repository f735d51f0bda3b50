package scim

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MaxProjection is how many names `attributes` or `excludedAttributes` may list.
const MaxProjection = 200

// Projection says which attributes an answer holds (RFC 7644 section 3.9). The
// zero value is everything that is returned by default.
type Projection struct {
	kind *schema.Resource
	only bool
	// restricted says that an extension has attributes that are returned always,
	// never, or on request only (RFC 7643 section 7).
	restricted bool
	// tops maps the lower-case name of a top-level attribute, or of an
	// extension's URN, to what is named below it.
	tops map[string]*below
}

// below is a part of a resource that was named: as a whole, or in parts.
type below struct {
	whole bool
	parts map[string]*below // by lower-case name
}

// NewProjection reads the parameters `attributes` and `excludedAttributes`, each
// split at its commas. Names are taken in any case and notation; a filter in
// brackets, which vendors' tests send, is passed over. Names that no resource
// has select nothing.
//
// Errors: Invalid with the reason invalidValue if both lists are given or one
// is longer than MaxProjection.
func NewProjection(kind *schema.Resource, attributes, excluded []string) (Projection, error) {
	attributes, excluded = named(attributes), named(excluded)
	if len(attributes) > 0 && len(excluded) > 0 {
		return Projection{}, fault.New(fault.Invalid, "attributes and excludedAttributes exclude each other; send one of them.").Because(fault.InvalidValue)
	}
	list := append(attributes, excluded...)
	if len(list) > MaxProjection {
		return Projection{}, fault.New(fault.Invalid, "%d attributes are listed; at most %d are allowed.", len(list), MaxProjection).Because(fault.InvalidValue)
	}
	p := Projection{kind: kind, only: len(attributes) > 0, restricted: restricted(kind)}
	if len(list) == 0 {
		return p, nil
	}
	root := &below{parts: map[string]*below{}}
	for _, name := range list {
		for _, steps := range pathsOf(kind, name) {
			root.put(steps)
		}
	}
	p.tops = root.parts
	return p, nil
}

// restricted reports whether an extension says of an attribute that it is
// returned otherwise than by default. Nothing in the core does.
func restricted(kind *schema.Resource) bool {
	special := func(a *schema.Attribute) bool { return a.Returned != schema.Default }
	for _, e := range kind.Extensions {
		for _, a := range e.Attributes {
			if special(a) || slices.ContainsFunc(a.SubAttributes, special) {
				return true
			}
		}
	}
	return false
}

func named(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// pathsOf takes a name apart into the steps that lead to it, in lower case.
func pathsOf(kind *schema.Resource, name string) [][]string {
	if i := strings.IndexByte(name, '['); i >= 0 {
		rest := name[i:]
		name = name[:i]
		if j := strings.LastIndexByte(rest, ']'); j >= 0 {
			name += rest[j+1:]
		}
	}
	urn, rest := kind.Split(name)
	urn, rest = strings.ToLower(urn), strings.ToLower(rest)
	steps := strings.Split(rest, ".")
	switch {
	case urn == "":
		return [][]string{steps}
	case rest == "":
		return [][]string{{urn}}
	case kind.Schema(urn) == nil:
		// Of an unregistered URN nobody knows whether its end is a name in it; a
		// resource holds the one or the other.
		return [][]string{{strings.ToLower(name)}, append([]string{urn}, steps...)}
	}
	return [][]string{append([]string{urn}, steps...)}
}

func (b *below) put(steps []string) {
	for _, s := range steps {
		next := b.parts[s]
		if next == nil {
			next = &below{parts: map[string]*below{}}
			b.parts[s] = next
		}
		b = next
	}
	b.whole = true
}

// Wants reports whether an answer may hold any part of a top-level attribute, so
// that a server need not load members or groups that nobody asked for.
func (p Projection) Wants(name string) bool {
	b := p.tops[strings.ToLower(name)]
	if p.only {
		return b != nil || always(name)
	}
	return b == nil || !b.whole || always(name)
}

// Whole reports whether every attribute is wanted, but perhaps the given ones.
// A server that leaves those out itself then need not call Append.
func (p Projection) Whole(but ...string) bool {
	if p.only || p.restricted {
		return false
	}
	for name := range p.tops {
		if !slices.ContainsFunc(but, func(s string) bool { return strings.EqualFold(s, name) }) {
			return false
		}
	}
	return true
}

// Append writes what the projection leaves of a resource that AppendResource
// wrote. It decodes the resource, unless the projection is whole.
//
// Errors: only if resource is not JSON.
func (p Projection) Append(dst, resource []byte) ([]byte, error) {
	if p.Whole() {
		return append(dst, resource...), nil
	}
	r, err := Decode(resource)
	if err != nil {
		return dst, err
	}
	b, err := Canonical(p.Apply(r))
	return append(dst, b...), err
}

// Apply returns what the projection leaves of a resource. It does not change r.
func (p Projection) Apply(r Resource) Resource {
	out := make(Resource, len(r))
	for name, v := range r {
		if v = p.keep(name, v); v != nil {
			out[name] = v
		}
	}
	return out
}

func (p Projection) keep(name string, v any) any {
	b := p.tops[strings.ToLower(name)]
	if always(name) || p.kind == nil {
		return v
	}
	if s := p.kind.Extension(name); s != nil {
		if b == nil { // an attribute of it may be named without its URN
			b = p.unqualified(s)
		}
		return p.block(s, b, v)
	}
	a, _ := p.kind.Find("", name)
	return p.shape(a, b, false, v)
}

// block returns what is left of an extension's attributes.
func (p Projection) block(s *schema.Schema, b *below, v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return p.shape(nil, b, false, v)
	}
	whole := b != nil && b.whole
	return fields(m, func(name string, x any) any {
		part := b.part(name)
		if whole && !p.only {
			part = b // each of them is left out
		}
		return p.shape(s.Attribute(name), part, whole, x)
	})
}

// shape returns what is left of the value of an attribute, nil if nothing is. b
// is what was named of it; inside says that something around it was named as a
// whole. a is nil for what no schema describes.
func (p Projection) shape(a *schema.Attribute, b *below, inside bool, v any) any {
	returned := schema.Default
	if a != nil {
		returned = a.Returned
	}
	switch {
	case returned == schema.Never,
		returned == schema.Request && (!p.only || b == nil),
		p.only && b == nil && !inside && returned != schema.Always,
		!p.only && b != nil && b.whole && returned != schema.Always:
		return nil
	}
	return p.parts(a, b, inside || b == nil || b.whole, v)
}

// parts returns what is left of a value of which nothing but parts may be left
// out.
func (p Projection) parts(a *schema.Attribute, b *below, inside bool, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return fields(v, func(name string, x any) any {
			var sub *schema.Attribute
			if a != nil {
				sub = a.Sub(name)
			}
			return p.shape(sub, b.part(name), inside, x)
		})
	case []any:
		out := make([]any, 0, len(v))
		for _, x := range v {
			if x = p.parts(a, b, inside, x); x != nil {
				out = append(out, x)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	if p.only && !inside {
		return nil // a part of it was named, and it has none
	}
	return v
}

// unqualified gathers the names of an extension that were named without a URN
// and that the core has not.
func (p Projection) unqualified(s *schema.Schema) *below {
	b := &below{parts: map[string]*below{}}
	for name, x := range p.tops {
		if s.Attribute(name) != nil && p.kind.Core.Attribute(name) == nil {
			b.parts[name] = x
		}
	}
	if len(b.parts) == 0 {
		return nil
	}
	return b
}

// always are the attributes whose `returned` is always: nothing takes them out.
func always(name string) bool {
	return strings.EqualFold(name, "id") || strings.EqualFold(name, "schemas")
}

// part returns what was named of a part, nil if nothing was.
func (b *below) part(name string) *below {
	if b == nil {
		return nil
	}
	return b.parts[strings.ToLower(name)]
}

// fields rebuilds an object from what keep returns for its fields, nil if nothing
// is left.
func fields(m map[string]any, keep func(string, any) any) any {
	out := make(map[string]any, len(m))
	for name, x := range m {
		if x = keep(name, x); x != nil {
			out[name] = x
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

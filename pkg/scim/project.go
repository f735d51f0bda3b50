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
	p := Projection{kind: kind, only: len(attributes) > 0}
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
	if p.only {
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
	if b == nil && p.kind != nil {
		// An Enterprise attribute may be named without its URN.
		if s := p.kind.Extension(name); s != nil {
			b = p.unqualified(s)
		}
	}
	if always(name) {
		return v
	}
	if p.only {
		return b.only(v)
	}
	return b.without(v)
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

// only returns the named parts of v, nil if there are none.
func (b *below) only(v any) any {
	switch {
	case b == nil:
		return nil
	case b.whole:
		return v
	}
	return parts(v, func(name string, x any) any { return b.parts[strings.ToLower(name)].only(x) }, func(any) any { return nil })
}

// without returns v without the named parts, nil if nothing is left.
func (b *below) without(v any) any {
	switch {
	case b == nil:
		return v
	case b.whole:
		return nil
	}
	return parts(v, func(name string, x any) any { return b.parts[strings.ToLower(name)].without(x) }, func(x any) any { return x })
}

// parts rebuilds an object, or every object of a list, from what keep returns for
// its fields; nil if nothing is left. What has no fields becomes plain(it).
func parts(v any, keep func(string, any) any, plain func(any) any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, x := range v {
			if x = keep(name, x); x != nil {
				out[name] = x
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, x := range v {
			if x = parts(x, keep, plain); x != nil {
				out = append(out, x)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return plain(v)
}

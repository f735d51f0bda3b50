package schema

import "strings"

// common are the attributes of every resource that the server writes itself
// (RFC 7643 section 3.1). They belong to no schema and are not listed under
// /Schemas.
var common = names([]*Attribute{
	attr("id", String, "The resource's id.", readOnly, exact, unique),
	attr("schemas", Reference, "The URNs of the resource's schemas.", multi, readOnly, exact),
	attr("meta", Complex, "What the server knows of the resource.", readOnly, subs(
		attr("resourceType", String, "The kind of resource.", readOnly, exact),
		attr("created", DateTime, "When it was created.", readOnly),
		attr("lastModified", DateTime, "When it was changed last.", readOnly),
		attr("location", Reference, "Its URL.", readOnly, exact),
		attr("version", String, "Its entity tag.", readOnly, exact),
	)),
}, "")

// Find returns the attribute of a name in any case, and the URN of the extension
// that holds it, in its registered spelling. Without a URN the attributes that every
// resource has are found too, and those of an extension where the core has none
// of that name: vendors' samples write `department` without its URN. The
// attribute is nil if nothing defines the name.
func (r *Resource) Find(urn, name string) (*Attribute, string) {
	if s := r.Schema(urn); s != nil {
		if a := s.Attribute(name); a != nil {
			if s == r.Core {
				return a, ""
			}
			return a, s.ID
		}
	}
	if urn != "" {
		return nil, urn
	}
	if a, ok := common[strings.ToLower(name)]; ok {
		return a, ""
	}
	for _, e := range r.Extensions {
		if a := e.Attribute(name); a != nil {
			return a, e.ID
		}
	}
	return nil, ""
}

package schema

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// With returns the kind of resource with more extensions, which Parse made. It
// changes neither r nor them, and they may be part of several kinds.
//
// A URN must differ from the others by more than its case, and may not continue
// another: `urn:a:b:c` would be attribute c of `urn:a:b`.
//
// Errors: Invalid for clashing URNs or more than MaxExtensions.
func (r *Resource) With(extensions ...*Schema) (*Resource, error) {
	if len(extensions) > MaxExtensions {
		return nil, fault.New(fault.Invalid, "%d extensions are registered for %s; at most %d are allowed.", len(extensions), r.Name, MaxExtensions)
	}
	out := &Resource{Name: r.Name, Core: r.Core, Extensions: make([]*Schema, 0, len(r.Extensions)+len(extensions))}
	out.Extensions = append(out.Extensions, r.Extensions...)
	for _, e := range extensions {
		for _, other := range append([]*Schema{r.Core}, out.Extensions...) {
			if clash(e.ID, other.ID) {
				return nil, fault.New(fault.Invalid, "The extension %s cannot be told from %s, which %s has already; choose another URN.", e.ID, other.ID, r.Name)
			}
		}
		out.Extensions = append(out.Extensions, e)
	}
	return out, nil
}

// clash reports whether a name behind one URN could be read as one behind the
// other, also where a client forgets the last colon.
func clash(a, b string) bool {
	return continues(a, b) || continues(b, a) || strings.EqualFold(strings.ReplaceAll(a, ":", ""), strings.ReplaceAll(b, ":", ""))
}

func continues(longer, shorter string) bool {
	n := len(shorter)
	return len(longer) > n && strings.EqualFold(longer[:n], shorter) && (longer[n] == ':' || longer[n] == '.')
}

package schema

import (
	"slices"
	"strings"
)

// Missing returns the paths of the required attributes that a resource in
// canonical form lacks, nil if it has all. A text of spaces is none. What an
// extension requires counts where the extension is there, what a complex value
// requires in each such value (RFC 7643 section 2.2).
func (r *Resource) Missing(resource map[string]any) []string {
	missing := lacking(nil, r.Core.Attributes, resource)
	for _, e := range r.Extensions {
		if block, ok := resource[e.ID].(map[string]any); ok {
			missing = lacking(missing, e.Attributes, block)
		}
	}
	return missing
}

func lacking(missing []string, as []*Attribute, in map[string]any) []string {
	for _, a := range as {
		if !a.Required && !a.requires {
			continue
		}
		switch v := in[a.Name].(type) {
		case nil:
			missing = lacks(missing, a)
		case string:
			if strings.TrimSpace(v) == "" {
				missing = lacks(missing, a)
			}
		case map[string]any:
			missing = lacking(missing, a.SubAttributes, v)
		case []any:
			for _, e := range v {
				if m, ok := e.(map[string]any); ok && a.requires {
					missing = lacking(missing, a.SubAttributes, m)
				}
			}
		}
	}
	return missing
}

func lacks(missing []string, a *Attribute) []string {
	if !a.Required || slices.Contains(missing, a.path) {
		return missing
	}
	return append(missing, a.path)
}

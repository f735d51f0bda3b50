package schema

// Immutables yields the attributes of the kind that may be set once: whole ones,
// and those of whose single value some part is. Members of groups are kept apart
// and not among them. The URN is empty for the core schema.
func (r *Resource) Immutables(yield func(urn string, a *Attribute) bool) {
	for _, s := range append([]*Schema{r.Core}, r.Extensions...) {
		urn := s.ID
		if s == r.Core {
			urn = ""
		}
		for _, a := range s.Attributes {
			if a.Mutability == Immutable || len(a.frozen) > 0 && !a.MultiValued {
				if !yield(urn, a) {
					return
				}
			}
		}
	}
}

// Changed returns the path of an immutable attribute that has another value in
// after than it had in before, empty if there is none (RFC 7643 section 2.2).
// What had no value may get one. If keep is set, what after leaves out is put in
// from before, as a PUT has it (RFC 7644 section 3.5.1); else it counts as
// changed.
func (r *Resource) Changed(before, after map[string]any, keep bool) (path string) {
	for urn, a := range r.Immutables {
		from := object(before, urn)
		if from[a.Name] == nil {
			continue
		}
		to := object(after, urn)
		if to == nil {
			to = map[string]any{}
		}
		if path = a.changed(from, to, keep); path != "" {
			return path
		}
		if urn != "" && keep && len(to) > 0 {
			after[urn] = to
		}
	}
	return ""
}

// changed compares one attribute in two objects.
func (a *Attribute) changed(from, to map[string]any, keep bool) (path string) {
	had, has := from[a.Name], to[a.Name]
	if a.Mutability == Immutable {
		switch {
		case has == nil && keep:
			to[a.Name] = had
		case !Equal(had, has):
			return a.path
		}
		return ""
	}
	parts, ok := had.(map[string]any)
	if !ok {
		return "" // stored before there was a schema
	}
	now, ok := has.(map[string]any)
	if !ok {
		now = map[string]any{}
	}
	for _, sub := range a.frozen {
		if parts[sub.Name] == nil {
			continue
		}
		if path = sub.changed(parts, now, keep); path != "" {
			return path
		}
	}
	if keep && len(now) > 0 {
		to[a.Name] = now
	}
	return ""
}

func object(r map[string]any, urn string) map[string]any {
	if urn == "" {
		return r
	}
	m, _ := r[urn].(map[string]any)
	return m
}

package search

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// matcher evaluates the filter of one kind on rows.
type matcher struct {
	view   directory.View
	dir    string
	target *target
	reader *reader
	// edges says that the filter names the members of groups or the groups of
	// users, which are not in the rows.
	edges bool
}

func newMatcher(v directory.View, dir string, t *target, r *reader) *matcher {
	m := &matcher{view: v, dir: dir, target: t, reader: r}
	if t.filter != nil {
		m.prepare(t.filter)
	}
	return m
}

// prepare has the reader decode what the filter names.
func (m *matcher) prepare(e filter.Expr) {
	for _, path := range filter.Paths(e) {
		a, ok := find(m.target.kind, path)
		switch {
		case !ok: // of another kind
		case m.isEdge(a):
			m.edges = true
		default:
			m.reader.want(a)
		}
	}
}

// isEdge reports whether an attribute is kept as rows of its own.
func (m *matcher) isEdge(a attribute) bool {
	if m.target.rows == directory.TableGroup {
		return a.urn == "" && a.name == "members"
	}
	return a.urn == "" && a.name == "groups"
}

// match evaluates the filter on a row and its document.
func (m *matcher) match(row directory.Row, doc map[string]any) (bool, error) {
	switch {
	case m.target.filter == nil:
		return true, nil
	case !m.edges:
		return filter.Match(m.target.kind, m.target.filter, doc), nil
	}
	return m.tree(m.target.filter, row, doc)
}

// tree evaluates a filter that names edges. What needs no edges goes first.
func (m *matcher) tree(e filter.Expr, row directory.Row, doc map[string]any) (bool, error) {
	switch e := e.(type) {
	case filter.And:
		first, second := m.cheapFirst(e.Left, e.Right)
		ok, err := m.tree(first, row, doc)
		if !ok || err != nil {
			return false, err
		}
		return m.tree(second, row, doc)
	case filter.Or:
		first, second := m.cheapFirst(e.Left, e.Right)
		ok, err := m.tree(first, row, doc)
		if ok || err != nil {
			return ok, err
		}
		return m.tree(second, row, doc)
	case filter.Not:
		ok, err := m.tree(e.Of, row, doc)
		return !ok, err
	case filter.Within:
		if a, ok := find(m.target.kind, e.Path); ok && m.isEdge(a) {
			return m.edge(e, e.Of, row)
		}
	case filter.Compare:
		if a, ok := find(m.target.kind, e.Path); ok && m.isEdge(a) {
			sub := e
			sub.Path = a.sub
			return m.edge(e, sub, row)
		}
	}
	return filter.Match(m.target.kind, e, doc), nil
}

func (m *matcher) cheapFirst(left, right filter.Expr) (first, second filter.Expr) {
	if m.namesEdges(left) && !m.namesEdges(right) {
		return right, left
	}
	return left, right
}

func (m *matcher) namesEdges(e filter.Expr) bool {
	for _, path := range filter.Paths(e) {
		if a, ok := find(m.target.kind, path); ok && m.isEdge(a) {
			return true
		}
	}
	return false
}

// edge evaluates one comparison, or one filter in brackets, on the members of a
// group or the groups of a user; of says what it asks of one of them.
func (m *matcher) edge(leaf, of filter.Expr, row directory.Row) (bool, error) {
	switch row := row.(type) {
	case *directory.User:
		refs, err := m.groups(row)
		if err != nil {
			return false, err
		}
		return filter.Match(m.target.kind, leaf, map[string]any{"groups": refs}), nil
	case *directory.Group:
		// A membership probe (facts: Entra) asks for one member of a group that may
		// have a hundred thousand.
		if id, ok := probe(of); ok {
			is, err := m.view.Get(directory.Make(directory.TableMember, row.ID, id))
			if err != nil || is == nil {
				return false, err
			}
			return m.member(leaf, id), nil
		}
		return m.anyMember(leaf, row)
	}
	return false, nil
}

// probe returns the id that an element must have to fulfil a filter, if the
// filter names one.
func probe(e filter.Expr) (id string, ok bool) {
	switch e := e.(type) {
	case filter.And:
		if id, ok = probe(e.Left); ok {
			return id, true
		}
		return probe(e.Right)
	case filter.Compare:
		id, ok = e.Value.(string)
		return id, ok && e.Op == filter.Equal && strings.EqualFold(e.Path, "value")
	}
	return "", false
}

// member evaluates the comparison as if the id were the only member.
func (m *matcher) member(leaf filter.Expr, id string) bool {
	kind := schema.User.Name
	if strings.HasPrefix(id, directory.PrefixGroup) {
		kind = schema.Group.Name
	}
	return filter.Match(m.target.kind, leaf, map[string]any{"members": []any{
		map[string]any{"value": id, "type": kind, "$ref": m.reader.base + "/" + kind + "s/" + id},
	}})
}

// anyMember looks for a member that fulfils the comparison by itself, which is
// what a multi-valued attribute means, and holds no more than one at a time.
func (m *matcher) anyMember(leaf filter.Expr, g *directory.Group) (bool, error) {
	none, found := true, false
	err := m.view.Scan(directory.Make(directory.TableMember, g.ID), "", func(k directory.Key, _ directory.Row) bool {
		none = false
		found = m.member(leaf, k.Last())
		return !found
	})
	if none && err == nil {
		return filter.Match(m.target.kind, leaf, map[string]any{}), nil
	}
	return found, err
}

// groups returns the groups of a user as a filter sees them.
func (m *matcher) groups(u *directory.User) ([]any, error) {
	refs, err := groupsOf(m.view, u)
	list := make([]any, 0, len(refs))
	for _, g := range refs {
		how := "direct"
		if g.Indirect {
			how = "indirect"
		}
		list = append(list, map[string]any{"value": g.ID, "display": g.Display, "type": how, "$ref": m.reader.base + "/Groups/" + g.ID})
	}
	return list, err
}

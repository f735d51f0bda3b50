package scimhttp

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// query calls yield for the rows of the page and returns how many rows the
// filter chooses in all. Equality on an indexed attribute looks at the index;
// any other filter looks at every row of the directory.
func query(v directory.View, dir string, kind *schema.Resource, p page, yield func(directory.Row) bool) (total int, err error) {
	table := directory.TableUser
	if kind == schema.Group {
		table = directory.TableGroup
	}
	n, more := 0, true
	take := func(row directory.Row) {
		if n++; more && n >= p.start && n < p.start+p.count {
			more = yield(row)
		}
	}
	if p.filter == nil {
		if err := v.Scan(directory.Make(table, dir), "", func(_ directory.Key, row directory.Row) bool {
			take(row)
			return more && n < p.start+p.count-1
		}); err != nil {
			return 0, err
		}
		c, _, err := directory.Get[*directory.Counts](v, directory.Make(directory.TableCounts, dir))
		if err != nil || c == nil {
			return n, err
		}
		if kind == schema.Group {
			return int(c.Groups), nil //nolint:gosec // a count of rows
		}
		return int(c.Users), nil //nolint:gosec // a count of rows
	}
	m := matcher{view: v, dir: dir, kind: kind, filter: p.filter}
	if err := m.check(); err != nil {
		return 0, err
	}
	keys, indexed, err := m.candidates(table)
	if err != nil {
		return 0, err
	}
	if indexed {
		for _, k := range keys {
			row, err := v.Get(k)
			if err != nil {
				return 0, err
			}
			if row == nil {
				continue
			}
			ok, err := m.matches(row)
			if err != nil {
				return 0, err
			}
			if ok {
				take(row)
			}
		}
		return n, nil
	}
	var failed error
	err = v.Scan(directory.Make(table, dir), "", func(_ directory.Key, row directory.Row) bool {
		var ok bool
		if ok, failed = m.matches(row); ok {
			take(row)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return n, err
}

// matcher evaluates one filter on rows.
type matcher struct {
	view   directory.View
	dir    string
	kind   *schema.Resource
	filter filter.Expr
}

// check refuses attributes that the kind does not have: an answer of "none"
// would make a provider create what is there (facts: Entra).
func (m *matcher) check() error {
	for _, path := range filter.Paths(m.filter) {
		urn, rest := m.kind.Split(path)
		name, _, _ := strings.Cut(rest, ".")
		if serverNames[strings.ToLower(name)] && urn == "" {
			continue
		}
		s := m.kind.Schema(urn)
		if s == nil || (name != "" && s.Attribute(name) == nil) {
			return fault.New(fault.Invalid, "%s has no attribute %q to filter by.", m.kind.Name, path).Because(fault.InvalidFilter)
		}
	}
	return nil
}

var serverNames = map[string]bool{"id": true, "meta": true, "schemas": true}

// candidates returns the keys that an index finds for the filter; indexed is
// false if there is none for it.
func (m *matcher) candidates(table directory.Table) (keys []directory.Key, indexed bool, err error) {
	eqs, ok := filter.Conjunction(m.filter)
	if !ok {
		return nil, false, nil
	}
	for _, eq := range eqs {
		value, isText := eq.Value.(string)
		if !isText {
			continue
		}
		urn, name := m.kind.Split(eq.Path)
		if urn != "" {
			continue
		}
		var index directory.Key
		fold := func(t directory.Table) directory.Key { return directory.Make(t, m.dir, scim.Fold(value)) }
		user := table == directory.TableUser
		switch strings.ToLower(name) {
		case "id":
			return []directory.Key{directory.Make(table, m.dir, value)}, true, nil
		case "username":
			row, err := m.view.Get(fold(directory.TableUserName))
			if ref, ok := row.(directory.Ref); ok && err == nil {
				keys = append(keys, directory.Make(table, m.dir, string(ref)))
			}
			return keys, user, err
		case "externalid":
			t := directory.TableGroupExternal
			if user {
				t = directory.TableUserExternal
			}
			index = directory.Make(t, m.dir, value)
		case "displayname":
			t := directory.TableGroupDisplay
			if user {
				t = directory.TableUserDisplay
			}
			index = fold(t)
		case "emails", "emails.value":
			index = fold(directory.TableUserEmail)
		default:
			continue
		}
		err = m.view.Scan(index, "", func(k directory.Key, _ directory.Row) bool {
			keys = append(keys, directory.Make(table, m.dir, k.Last()))
			return true
		})
		return keys, true, err
	}
	return nil, false, nil
}

// matches evaluates the filter on a row.
func (m *matcher) matches(row directory.Row) (bool, error) {
	switch row := row.(type) {
	case *directory.User:
		r, err := scim.Decode(row.Attributes)
		if err != nil {
			return false, err
		}
		if m.mentions("groups") {
			if r["groups"], err = m.edges(directory.TableMemberOf, row.ID); err != nil {
				return false, err
			}
		}
		r["id"], r["meta"] = row.ID, metaOf("User", row.Revision, row.Created, row.Updated)
		return filter.Match(m.kind, m.filter, r), nil
	case *directory.Group:
		r, err := scim.Decode(row.Attributes)
		if err != nil {
			return false, err
		}
		r["id"], r["meta"] = row.ID, metaOf("Group", row.Revision, row.Created, row.Updated)
		f := m.filter
		if m.mentions("members") {
			// A membership probe (facts: Entra) asks for one member of a group that
			// may be large: look that one up instead of reading them all.
			if one, rest, ok := memberProbe(m.filter); ok {
				edge, err := m.view.Get(directory.Make(directory.TableMember, row.ID, one))
				if err != nil || edge == nil || rest == nil {
					return err == nil && edge != nil, err
				}
				f = rest
			} else if r["members"], err = m.edges(directory.TableMember, row.ID); err != nil {
				return false, err
			}
		}
		return filter.Match(m.kind, f, r), nil
	}
	return false, nil
}

func (m *matcher) mentions(name string) bool {
	for _, p := range filter.Paths(m.filter) {
		_, p = m.kind.Split(p)
		if p, _, _ = strings.Cut(p, "."); strings.EqualFold(p, name) {
			return true
		}
	}
	return false
}

// edges returns the ids on the other side as SCIM references.
func (m *matcher) edges(t directory.Table, id string) (any, error) {
	var refs []any
	err := m.view.Scan(directory.Make(t, id), "", func(k directory.Key, _ directory.Row) bool {
		refs = append(refs, map[string]any{"value": k.Last()})
		return true
	})
	return refs, err
}

// memberProbe takes `members eq "id"` (or members.value, or members[value eq …])
// out of a filter that requires it. rest is nil if that was all.
func memberProbe(e filter.Expr) (id string, rest filter.Expr, ok bool) {
	switch e := e.(type) {
	case filter.And:
		if id, rest, ok = memberProbe(e.Left); ok {
			return id, both(rest, e.Right), !mentionsMembers(e.Right)
		}
		if id, rest, ok = memberProbe(e.Right); ok {
			return id, both(e.Left, rest), !mentionsMembers(e.Left)
		}
	case filter.Within:
		if c, isCompare := e.Of.(filter.Compare); isCompare && strings.EqualFold(c.Path, "value") && isMembers(e.Path) && c.Op == filter.Equal {
			id, ok = c.Value.(string)
		}
	case filter.Compare:
		path := strings.TrimSuffix(strings.ToLower(e.Path), ".value")
		if isMembers(path) && e.Op == filter.Equal {
			id, ok = e.Value.(string)
		}
	}
	return id, rest, ok
}

func both(a, b filter.Expr) filter.Expr {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return filter.And{Left: a, Right: b}
}

func isMembers(path string) bool {
	_, name := schema.Group.Split(path)
	return strings.EqualFold(name, "members")
}

func mentionsMembers(e filter.Expr) bool {
	for _, p := range filter.Paths(e) {
		if p, _, _ = strings.Cut(p, "."); isMembers(p) {
			return true
		}
	}
	return false
}

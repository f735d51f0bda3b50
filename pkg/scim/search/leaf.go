package search

import (
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
)

// leaf returns the way to the rows that fulfil one comparison.
func (p *planner) leaf(e filter.Compare, a attribute) *access {
	switch {
	case a.is("meta", "resourceType"): // the same for every row
		kind := map[string]any{"meta": map[string]any{"resourceType": p.target.kind.Name}}
		is := filter.Match(p.target.kind, filter.Compare{Path: "meta.resourceType", Op: e.Op, Value: e.Value}, kind)
		return &access{every: is, none: !is}
	case e.Op == filter.Present && (a.is("id", "") || a.is("meta", "") || a.is("schemas", "")):
		return &access{every: true}
	}
	want, isText := e.Value.(string)
	if !isText && e.Op != filter.Present {
		return nil
	}
	if x := indexOf(p.target.rows, a); x != nil {
		return p.byIndex(x, e.Op, want)
	}
	if e.Op != filter.Equal {
		return nil
	}
	switch user := p.target.rows == directory.TableUser; {
	case a.is("id", ""):
		return p.byID(want)
	case user && a.is("groups", "value"):
		return p.membersOf(want)
	case !user && a.is("members", "value"):
		return p.groupsWith(want)
	}
	return nil
}

// byIndex finds rows by the values of an attribute.
func (p *planner) byIndex(x *index, op filter.Op, want string) *access {
	if op == filter.Present && x.required {
		return &access{every: true}
	}
	if op == filter.NotEqual {
		return nil
	}
	return &access{
		exact: true,
		walks: op != filter.Equal && op != filter.StartsWith,
		find: func(yield func(uint64, bool) bool) error {
			err := x.scan(p.view, p.dir, op, want, func(e entry, sure bool) bool {
				id, ok := number(p.target.rows, e.id)
				return !ok || yield(id, sure)
			})
			return err
		},
	}
}

// byID finds the row with the id.
func (p *planner) byID(id string) *access {
	n, ok := number(p.target.rows, id)
	if !ok {
		return &access{none: true}
	}
	return &access{exact: true, find: func(yield func(uint64, bool) bool) error {
		row, err := p.view.Get(key(p.target.rows, p.dir, n))
		if row != nil && err == nil {
			yield(n, true)
		}
		return err
	}}
}

// groupsWith finds the groups that somebody is a direct member of.
func (p *planner) groupsWith(member string) *access {
	return &access{exact: true, find: func(yield func(uint64, bool) bool) error {
		var failed error
		err := p.view.Scan(directory.Make(directory.TableMemberOf, member), "", func(k directory.Key, _ directory.Row) bool {
			n, ok := number(directory.TableGroup, k.Last())
			if !ok {
				return true
			}
			row, err := p.view.Get(key(directory.TableGroup, p.dir, n))
			if row == nil || err != nil { // another directory's, or deleted a moment ago
				failed = err
				return err == nil
			}
			return yield(n, true)
		})
		if err == nil {
			err = failed
		}
		return err
	}}
}

// membersOf finds the users that are in a group, also by way of other groups.
func (p *planner) membersOf(group string) *access {
	return &access{exact: true, find: func(yield func(uint64, bool) bool) error {
		seen := map[string]bool{group: true}
		more := true
		for level := []string{group}; len(level) > 0 && more; {
			var next []string
			for _, g := range level {
				row, err := p.view.Get(directory.Make(directory.TableGroup, p.dir, g))
				if err != nil {
					return err
				}
				if row == nil {
					continue // another directory's, or deleted a moment ago
				}
				if err := p.view.Scan(directory.Make(directory.TableMember, g), "", func(k directory.Key, _ directory.Row) bool {
					id := k.Last()
					if n, ok := number(directory.TableUser, id); ok {
						more = yield(n, true)
					} else if _, ok := number(directory.TableGroup, id); ok && !seen[id] {
						seen[id] = true
						next = append(next, id)
					}
					return more
				}); err != nil {
					return err
				}
			}
			level = next
		}
		return nil
	}}
}

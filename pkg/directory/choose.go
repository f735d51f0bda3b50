package directory

import (
	"encoding/json"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// expect notes that values which a filter named are no members yet.
//
// Errors: of a strict directory, that the filter has no target.
func (m *membership) expect(values []string) error {
	for _, value := range values {
		found, err := find(m.view, m.dir.ID, value, m.group)
		if err != nil {
			return err
		}
		in, err := m.holds(TableMember, found.id)
		if err == nil && !in {
			in, err = m.holds(TablePending, value)
		}
		if err == nil && !in {
			err = m.reading.Tolerate(lenience.CreatedByFilter, "members")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holds reports whether somebody is in, or a value pending, as far as the
// operations have come.
func (m *membership) holds(table Table, name string) (bool, error) {
	all := m.members
	if table == TablePending {
		all = m.pending
	}
	if p := all[name]; p != nil {
		return p.want, nil
	}
	if name == "" {
		return false, nil
	}
	r, err := m.view.Get(Make(table, m.group.ID, name))
	return r != nil, err
}

// choose returns which of the members with the values a filter chooses, which of
// all members without any values. Then it costs as much as the group is large.
func (m *membership) choose(values []string, f filter.Expr) (chosen []string, err error) {
	a := schema.Group.Core.Attribute("members")
	add := func(value string) {
		kind := schema.User.Name
		if strings.HasPrefix(value, PrefixGroup) {
			kind = schema.Group.Name
		}
		if filter.MatchElement(a, f, map[string]any{"value": value, "type": kind}) {
			chosen = append(chosen, value)
		}
	}
	if len(values) > 0 {
		for _, value := range values {
			add(value)
		}
		return chosen, nil
	}
	for id, p := range m.members {
		if p.want {
			add(id)
		}
	}
	err = m.view.Scan(Make(TableMember, m.group.ID), "", func(k Key, _ Row) bool {
		if m.members[k.Last()] == nil {
			add(k.Last())
		}
		return true
	})
	return chosen, err
}

// groupsOf returns how to find the groups that a user is in.
func (d *decision) groupsOf(u *User) func() (direct, indirect []string, err error) {
	return func() (direct, indirect []string, err error) {
		in, byOthers, err := GroupsOf(d.view, u.Directory, u.ID)
		for _, g := range in {
			direct = append(direct, g.ID)
		}
		for _, g := range byOthers {
			indirect = append(indirect, g.ID)
		}
		return direct, indirect, err
	}
}

// keepImmutable returns the state that a PUT asks for, with the immutable
// attributes that it leaves out (RFC 7644 section 3.5.1).
//
// Errors: Invalid with the reason mutability if it changes one.
func keepImmutable[S any](kind *schema.Resource, before json.RawMessage, s S, after json.RawMessage, state func(scim.Resource) (S, error)) (S, error) {
	if !hasImmutables(kind) {
		return s, nil
	}
	was, err := scim.Decode(before)
	if err != nil {
		return s, err
	}
	r, err := scim.Decode(after)
	if err != nil {
		return s, err
	}
	if path := kind.Changed(was, r, true); path != "" {
		return s, fault.New(fault.Invalid, "%s is immutable: it has a value, which cannot be changed.", path).Because(fault.Mutability)
	}
	return state(r)
}

func hasImmutables(kind *schema.Resource) bool {
	for range kind.Immutables {
		return true
	}
	return false
}

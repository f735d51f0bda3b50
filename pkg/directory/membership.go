package directory

import (
	"slices"
	"strings"
)

// membership works out what member operations come to, looking only at the
// members they name. replace and clear are the exceptions: they must know who
// is in.
type membership struct {
	view  View
	group *Group
	want  map[string]bool // the members touched so far: in or out
}

func newMembership(v View, g *Group) *membership {
	return &membership{view: v, group: g, want: map[string]bool{}}
}

// add wants the ids in. Those that the directory does not hold are left out.
func (m *membership) add(ids []string) error {
	for _, id := range ids {
		known, err := m.known(id)
		if err != nil {
			return err
		}
		if known {
			m.want[id] = true
		}
	}
	return nil
}

// remove wants the ids out.
func (m *membership) remove(ids []string) error {
	for _, id := range ids {
		m.want[id] = false
	}
	return nil
}

// replace wants exactly the ids in.
func (m *membership) replace(ids []string) error {
	for id := range m.want {
		m.want[id] = false
	}
	if err := m.view.Scan(Make(TableMember, m.group.ID), "", func(k Key, _ Row) bool {
		m.want[k.Last()] = false
		return true
	}); err != nil {
		return err
	}
	return m.add(ids)
}

// known reports whether the directory holds the user or group; a group is not
// its own member.
func (m *membership) known(id string) (bool, error) {
	t := TableUser
	if strings.HasPrefix(id, PrefixGroup) {
		t = TableGroup
	}
	r, err := m.view.Get(Make(t, m.group.Directory, id))
	return r != nil && id != m.group.ID, err
}

// changes returns the members to take out and to put in, each sorted, leaving
// out those that are where they are wanted.
func (m *membership) changes() (removed, added []string, err error) {
	for id, want := range m.want {
		r, err := m.view.Get(Make(TableMember, m.group.ID, id))
		if err != nil {
			return nil, nil, err
		}
		switch is := r != nil; {
		case want && !is:
			added = append(added, id)
		case !want && is:
			removed = append(removed, id)
		}
	}
	slices.Sort(removed)
	slices.Sort(added)
	return removed, added, nil
}

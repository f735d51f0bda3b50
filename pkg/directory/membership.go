package directory

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// membership works out what member operations come to, looking only at the
// members they name. replace is the exception: it must know who is in.
type membership struct {
	*decision
	dir   *Directory
	group *Group // as the command leaves its attributes
	// members are the users and groups touched so far, pending the values.
	members map[string]*presence
	pending map[string]*presence
	left    map[string]bool // values that mean the group itself
}

// presence says whether something is there and whether it is to be.
type presence struct{ is, want bool }

func newMembership(d *decision, dir *Directory, g *Group) *membership {
	d.reading.Strict = dir.Strict()
	return &membership{
		decision: d, dir: dir, group: g,
		members: map[string]*presence{}, pending: map[string]*presence{}, left: map[string]bool{},
	}
}

// add wants those in whom the values name; values that name nobody are pending.
//
// Errors: of a strict directory, that a value is not the id of a user or group.
func (m *membership) add(values []string) error {
	for _, value := range values {
		found, err := find(m.view, m.dir.ID, value, m.group)
		if err != nil {
			return err
		}
		if found.cause != "" {
			if err := m.reading.Tolerate(found.cause, "members.value"); err != nil {
				return err
			}
		}
		switch {
		case found.self: // nobody is a member of itself
			m.left[value] = true
		case found.id == "":
			if err := want(m, m.pending, TablePending, value, true); err != nil {
				return err
			}
		default:
			if err := want(m, m.members, TableMember, found.id, true); err != nil {
				return err
			}
			// It may have been pending as long as it could have meant several.
			if err := m.settle(value, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove wants those out whom the values name, and the values not pending.
func (m *membership) remove(values []string) error {
	for _, value := range values {
		found, err := find(m.view, m.dir.ID, value, m.group)
		if err != nil {
			return err
		}
		byName := found.cause == lenience.MemberByName
		if byName && !m.reading.IsStrict() {
			if err := m.reading.Tolerate(found.cause, "members.value"); err != nil {
				return err
			}
		}
		// To a strict directory a name is nobody's id, and taking out nobody succeeds.
		if found.id != "" && !found.self && (!byName || !m.reading.IsStrict()) {
			if err := want(m, m.members, TableMember, found.id, false); err != nil {
				return err
			}
		}
		if err := m.settle(value, found); err != nil {
			return err
		}
	}
	return nil
}

// settle wants a value not to be pending. The id of who is there never is.
func (m *membership) settle(value string, found found) error {
	if found.id == value || m.group.Pending == 0 && len(m.pending) == 0 {
		return nil
	}
	return want(m, m.pending, TablePending, value, false)
}

// replace wants exactly those in whom the values name.
func (m *membership) replace(values []string) error {
	for table, all := range map[Table]map[string]*presence{TableMember: m.members, TablePending: m.pending} {
		for _, p := range all {
			p.want = false
		}
		if err := m.view.Scan(Make(table, m.group.ID), "", func(k Key, r Row) bool {
			name := k.Last()
			if value, ok := r.(Ref); ok && table == TablePending {
				name = string(value)
			}
			if all[name] == nil {
				all[name] = &presence{is: true}
			}
			return true
		}); err != nil {
			return err
		}
	}
	return m.add(values)
}

// want notes whether something is to be there, and finds out whether it is when
// it is named first.
func want(m *membership, all map[string]*presence, table Table, name string, in bool) error {
	p := all[name]
	if p == nil {
		r, err := m.view.Get(Make(table, m.group.ID, name))
		if err != nil {
			return err
		}
		p = &presence{is: r != nil}
		all[name] = p
	}
	p.want = in
	return nil
}

// changes returns what is to go and what is to come, each sorted, leaving out
// what is as it is wanted.
func changes(all map[string]*presence) (gone, come []string) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch p := all[name]; {
		case p.is && !p.want:
			gone = append(gone, name)
		case !p.is && p.want:
			come = append(come, name)
		}
	}
	return gone, come
}

// awaited returns the values that are not pending any more and those that are
// from now on, within the bounds, and notes what became of them.
func (m *membership) awaited() (gone, come []string, err error) {
	gone, come = changes(m.pending)
	room := 0
	if len(come) > 0 {
		c, _, err := get[*Counts](m.view, Make(TableCounts, m.dir.ID))
		if err != nil {
			return nil, nil, err
		}
		if c == nil {
			c = &Counts{}
		}
		room = min(MaxPendingOfGroup-int(m.group.Pending), MaxPendingOfDirectory-int(c.Pending)) + len(gone) //nolint:gosec // bounded by these
	}
	kept := come[:0:0]
	for _, value := range come {
		fits := value != "" && len(kept) < room && utf8.ValidString(value) && utf8.RuneCountInString(value) <= MaxName
		if fits {
			n, err := m.groupsAwaiting(value)
			if err != nil {
				return nil, nil, err
			}
			fits = n < MaxPendingGroups
		}
		if fits {
			kept = append(kept, value)
		} else {
			m.left[value] = true
		}
	}
	for _, value := range slices.Sorted(maps.Keys(m.pending)) {
		if m.pending[value].want && !m.left[value] {
			m.notes.Pending.add(value)
		}
	}
	for _, value := range slices.Sorted(maps.Keys(m.left)) {
		m.notes.LeftOut.add(value)
	}
	return gone, kept, nil
}

// groupsAwaiting counts the groups in which a value is pending, whatever its
// case, up to MaxPendingGroups.
func (m *membership) groupsAwaiting(value string) (n int, err error) {
	err = m.view.Scan(pendingAs(m.dir.ID, value), "", func(Key, Row) bool {
		n++
		return n < MaxPendingGroups
	})
	return n, err
}

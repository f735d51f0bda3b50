package demo

import (
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/events/public"
)

// user and group are what the model knows of one.
type (
	user struct {
		directory int
		person    person
		active    bool
		groups    map[ref]bool
		// What receivers were last told.
		live    bool
		seen    string
		version uint64
	}
	group struct {
		directory int
		name      string
		members   map[ref]bool
		version   uint64
	}
)

// model predicts public events. Its rules: a receiver hears of a user who is
// active and looks different from what it was last told; one who turns inactive
// or goes is told as deleted, once; a group's name shows in its members.
type model struct {
	things []any // *user, *group; nil once deleted
	wants  []want
}

func (m *model) user(r ref) *user   { u, _ := m.things[r].(*user); return u }
func (m *model) group(r ref) *group { g, _ := m.things[r].(*group); return g }

func (m *model) put(x any) ref {
	m.things = append(m.things, x)
	return ref(len(m.things) - 1)
}

// take returns the events predicted since the last call.
func (m *model) take() []want {
	w := m.wants
	m.wants = nil
	return w
}

// tell predicts what receivers hear of a user as it is now.
func (m *model) tell(r ref) {
	u := m.user(r)
	if !u.active {
		m.tellGone(r, public.ReasonDeactivated)
		return
	}
	now := u.sight(m)
	if u.live && u.seen == now {
		return
	}
	typ := public.UserUpdated
	if !u.live {
		typ = public.UserCreated
	}
	u.live, u.seen = true, now
	u.version++
	m.wants = append(m.wants, want{r, u.version, typ, now})
}

func (m *model) tellGone(r ref, reason string) {
	if u := m.user(r); u.live {
		u.live = false
		u.version++
		m.wants = append(m.wants, want{r, u.version, public.UserDeleted, reason})
	}
}

func (m *model) tellGroup(r ref, typ public.Type) {
	g := m.group(r)
	g.version++
	m.wants = append(m.wants, want{r, g.version, typ, g.name})
}

func (m *model) join(dir int, p person) ref {
	r := m.put(&user{directory: dir, person: p, active: true, groups: map[ref]bool{}})
	m.tell(r)
	return r
}

func (m *model) setPerson(r ref, p person) {
	m.user(r).person = p
	m.tell(r)
}

func (m *model) setActive(r ref, active bool) {
	m.user(r).active = active
	m.tell(r)
}

func (m *model) removeUser(r ref) {
	m.tellGone(r, public.ReasonDeleted)
	for g := range m.user(r).groups {
		delete(m.group(g).members, r)
	}
	m.things[r] = nil
}

func (m *model) newGroup(dir int, name string) ref {
	r := m.put(&group{directory: dir, name: name, members: map[ref]bool{}})
	m.tellGroup(r, public.GroupCreated)
	return r
}

func (m *model) rename(r ref, name string) {
	g := m.group(r)
	if g.name == name {
		return
	}
	g.name = name
	m.tellGroup(r, public.GroupUpdated)
	for _, u := range sorted(g.members) {
		m.tell(u)
	}
}

func (m *model) setMember(g, u ref, in bool) {
	if in {
		m.group(g).members[u] = true
		m.user(u).groups[g] = true
	} else {
		delete(m.group(g).members, u)
		delete(m.user(u).groups, g)
	}
	m.tell(u)
}

func (m *model) removeGroup(r ref) {
	g := m.group(r)
	m.tellGroup(r, public.GroupDeleted)
	for _, u := range sorted(g.members) {
		m.setMember(r, u, false)
	}
	m.things[r] = nil
}

func sorted(set map[ref]bool) []ref { return slices.Sorted(maps.Keys(set)) }

package linearizability_test

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// directory is what the users and groups are after some operations. It is a
// value: with returns changed copies.
type directory struct {
	users  map[string]person // by id
	groups [groups]crowd
	// former is who was deleted last under a name and did not come back, next who
	// came back as whom, both by id. Membership follows: a value that names
	// somebody deleted means who came back, and waits until somebody does.
	former map[string]string
	next   map[string]string
	before map[string]string // the reverse of next

	key string // tells directories apart
}

const groups = 2

type person struct{ name, title string }

// crowd is a group: who is in, and whom it waits for.
type crowd struct{ members, pending map[string]bool }

func empty() directory {
	d := directory{users: map[string]person{}, former: map[string]string{}, next: map[string]string{}, before: map[string]string{}}
	for g := range d.groups {
		d.groups[g] = crowd{map[string]bool{}, map[string]bool{}}
	}
	return d.sealed()
}

// with returns the directory after a change.
func (d directory) with(change func(*directory)) directory {
	d.users, d.former, d.next, d.before = maps.Clone(d.users), maps.Clone(d.former), maps.Clone(d.next), maps.Clone(d.before)
	for g, c := range d.groups {
		d.groups[g] = crowd{maps.Clone(c.members), maps.Clone(c.pending)}
	}
	change(&d)
	return d.sealed()
}

func (d directory) sealed() directory {
	d.key = d.String()
	return d
}

func (d directory) String() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(d.users)) {
		fmt.Fprintf(&b, "%s=%s:%s ", id, d.users[id].name, d.users[id].title)
	}
	for g, c := range d.groups {
		fmt.Fprintf(&b, "| g%d %v wait %v ", g, sorted(c.members), sorted(c.pending))
	}
	for _, name := range slices.Sorted(maps.Keys(d.former)) {
		fmt.Fprintf(&b, "| %s was %s ", name, d.former[name])
	}
	for _, id := range slices.Sorted(maps.Keys(d.next)) {
		fmt.Fprintf(&b, "| %s is %s ", id, d.next[id])
	}
	return b.String()
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

func (d directory) hash() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(d.key))
	return h.Sum64()
}

// holder returns the id of who has a name, empty for nobody.
func (d directory) holder(name string) string {
	for id, p := range d.users {
		if p.name == name {
			return id
		}
	}
	return ""
}

// in returns the groups in which a user is.
func (d directory) in(id string) (list []int) {
	for g, c := range d.groups {
		if c.members[id] {
			list = append(list, g)
		}
	}
	return list
}

// create adds a user. Who was deleted under that name comes back, also into the
// groups that wait for one of the ids of before.
func (d *directory) create(id, name, title string) {
	d.users[id] = person{name, title}
	was, ok := d.former[name]
	if !ok {
		return
	}
	delete(d.former, name)
	d.next[was], d.before[id] = id, was
	for ; was != ""; was = d.before[was] {
		for _, c := range d.groups {
			if c.pending[was] {
				delete(c.pending, was)
				c.members[id] = true
			}
		}
	}
}

func (d *directory) remove(id string) {
	d.former[d.users[id].name] = id
	delete(d.users, id)
	for _, c := range d.groups {
		delete(c.members, id)
	}
}

// meant returns whom a member value means, empty for nobody yet.
func (d *directory) meant(value string) string {
	for id := value; id != ""; id = d.next[id] {
		if _, ok := d.users[id]; ok {
			return id
		}
	}
	return ""
}

func (d *directory) join(g int, value string) {
	if id := d.meant(value); id != "" {
		d.groups[g].members[id] = true
		delete(d.groups[g].pending, value)
		return
	}
	d.groups[g].pending[value] = true
}

func (d *directory) leave(g int, value string) {
	delete(d.groups[g].members, d.meant(value))
	delete(d.groups[g].pending, value)
}

// rename gives a user, of whom only the creation was sent, the id that somebody
// saw.
func (d *directory) rename(from, to string) {
	if p, ok := d.users[from]; ok {
		d.users[to] = p
		delete(d.users, from)
	}
	for _, c := range d.groups {
		for _, set := range []map[string]bool{c.members, c.pending} {
			if set[from] {
				delete(set, from)
				set[to] = true
			}
		}
	}
	for _, ids := range []map[string]string{d.former, d.next, d.before} {
		for k, v := range ids {
			if v == from {
				ids[k] = to
			}
		}
		if v, ok := ids[from]; ok {
			delete(ids, from)
			ids[to] = v
		}
	}
}

// unseen says that nobody has been told the id yet.
func unseen(id string) bool { return strings.HasPrefix(id, "?") }

package directory

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// A provider that sends a group may name members that it has not sent yet, or
// that it knows under an id of before. Such a value is kept as pending: it is no
// member and is counted nowhere, and as soon as a user or group appears that it
// names, that one becomes a member with the same commit. What takes the value
// back is what would take a member out: a remove that names it, a replace
// without it, the end of the group.

// The bounds of what is pending. Of more, what comes last in byte order is left
// out, and the command says so.
const (
	// MaxPendingOfGroup is how many values are pending in a group at most.
	MaxPendingOfGroup = 10_000
	// MaxPendingOfDirectory is how many are in all groups of a directory.
	MaxPendingOfDirectory = 100_000
	// MaxPendingGroups is how many groups one value is pending in, so that the
	// commit in which it is resolved stays one.
	MaxPendingGroups = 1_000
)

// pendingName is where a value that is pending in a group is found by whoever
// appears under that name.
func pendingName(dir, group, value string) Key {
	return Make(TablePendingName, dir, scim.Fold(value), group, value)
}

// pendingAs is the prefix of the keys of a value, in any case, in all groups.
func pendingAs(dir, value string) Key { return Make(TablePendingName, dir, scim.Fold(value)) }

// pendingIn returns the group of a key of TablePending or TablePendingName: the
// part in front of the last.
func pendingIn(k Key) string {
	parts := strings.Split(string(k[1:]), sep)
	return parts[len(parts)-3]
}

// arrival is a name under which a user or group appears.
type arrival struct {
	name   string
	folded bool // in any case
	former bool // an id of before, which means nobody else
}

// joining is that somebody who appears is meant by pending values of a group.
type joining struct {
	group  *Group
	values []string
	in     bool // is a member already
}

// arrive makes a group, whose id the command mints or whose names it changes, a
// member of the groups in which a name of it is pending.
func (d *decision) arrive(dir *Directory, id string, names ...arrival) error {
	list, err := d.waiting(dir, id, names)
	if err != nil {
		return err
	}
	return d.join(id, list, false)
}

// arriveWith emits what makes a user appear, by the same names, and makes it a
// member. Receivers are told once: each event but the last says that more comes.
func (d *decision) arriveWith(dir *Directory, id string, names []arrival, appears func(continues bool) error) error {
	list, err := d.waiting(dir, id, names)
	if err != nil {
		return err
	}
	if err := appears(joins(list) > 0); err != nil {
		return err
	}
	return d.join(id, list, true)
}

// joins counts the groups that gain a member.
func joins(list []joining) (n int) {
	for _, j := range list {
		if !j.in {
			n++
		}
	}
	return n
}

// waiting returns the groups in which a name is pending, by id.
func (d *decision) waiting(dir *Directory, id string, names []arrival) (list []joining, err error) {
	c, ok, err := get[*Counts](d.view, Make(TableCounts, dir.ID))
	if err != nil || !ok || c.Pending == 0 {
		return nil, err
	}
	resolved := map[string][]string{} // group -> values
	for _, n := range names {
		if n.name == "" {
			continue
		}
		var values []string
		groups := map[string][]string{} // value -> groups
		if err := d.view.Scan(pendingAs(dir.ID, n.name), "", func(k Key, r Row) bool {
			ref, _ := r.(Ref)
			value := string(ref)
			if n.folded || value == n.name {
				if groups[value] == nil {
					values = append(values, value)
				}
				groups[value] = append(groups[value], pendingIn(k))
			}
			return true
		}); err != nil {
			return nil, err
		}
		for _, value := range values {
			if !n.former {
				others, err := holdersOf(d.view, dir.ID, value, id)
				if err != nil {
					return nil, err
				}
				if len(others) > 0 { // it means them, or several
					continue
				}
			}
			for _, g := range groups[value] {
				if !slices.Contains(resolved[g], value) {
					resolved[g] = append(resolved[g], value)
				}
			}
		}
	}
	for _, group := range slices.Sorted(maps.Keys(resolved)) {
		g, ok, err := get[*Group](d.view, Make(TableGroup, dir.ID, group))
		if err != nil {
			return nil, err
		}
		if !ok || group == id {
			continue // a deleted group's values go in a fan-out
		}
		in, err := d.view.Get(Make(TableMember, group, id))
		if err != nil {
			return nil, err
		}
		slices.Sort(resolved[group])
		list = append(list, joining{g, resolved[group], in != nil})
	}
	return list, nil
}

// join emits that somebody appeared whom pending values mean; once says that
// receivers are told of all of it at once.
func (d *decision) join(id string, list []joining, once bool) error {
	left := joins(list)
	for _, j := range list {
		e, p := j.group.event(), events.Payload(nil)
		if j.in {
			e.Revision = j.group.Revision
			p = events.GroupMembersUnpended{Values: j.values}
		} else {
			left--
			d.notes.Joined++
			p = events.GroupMembersAdded{Members: []string{id}, Resolved: j.values, Continues: once && left > 0}
		}
		if err := d.emit(e, p); err != nil {
			return err
		}
	}
	return nil
}

// continues is how every payload says so that has a field of that name: they
// are few, and a rebuild need not read the others twice.
var continues = []byte(`"continues":true`)

// Continues reports whether a later event of the commit completes what receivers
// see of the event's user.
func Continues(e events.Event) (bool, error) {
	if !bytes.Contains(e.Payload, continues) {
		return false, nil
	}
	switch e.Type {
	case events.TypeUserCreated:
		p, err := events.Decode[events.UserCreated](e)
		return p.Continues, err
	case events.TypeUserUpdated:
		p, err := events.Decode[events.UserUpdated](e)
		return p.Continues, err
	case events.TypeGroupMembersAdded:
		p, err := events.Decode[events.GroupMembersAdded](e)
		return p.Continues, err
	default: // no other
	}
	return false, nil
}

func foldMembersPended(f *folding, p events.GroupMembersPended) error {
	return f.pending(p.Values, func(value string, one, two Key) {
		f.refer(value, one)
		f.refer(value, two)
	}, func(n *uint64) { *n += uint64(len(p.Values)) })
}

func foldMembersUnpended(f *folding, p events.GroupMembersUnpended) error {
	return f.unpend(p.Values)
}

// unpend drops pending values of the event's group.
func (f *folding) unpend(values []string) error {
	return f.pending(values, func(_ string, one, two Key) {
		f.drop(one)
		f.drop(two)
	}, func(n *uint64) { *n -= min(*n, uint64(len(values))) })
}

// pending changes the rows of pending values of the event's group, and the
// totals of them. The group is shown as before, so it stays the version it is.
func (f *folding) pending(values []string, change func(value string, one, two Key), count func(*uint64)) error {
	id := f.e.Resource
	if _, ok, err := get[*Group](f.view, f.scope(TableGroup, id)); err != nil || !ok || len(values) == 0 {
		return err
	}
	for _, v := range values {
		change(v, Make(TablePending, id, v), pendingName(f.e.Directory, id, v))
	}
	if err := f.group(id, func(g *Group) { count(&g.Pending) }); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { count(&c.Pending) })
}

// dropPending drops pending values of groups that are gone, by their keys in
// either table.
func (f *folding) dropPending(keys []Key) error {
	if len(keys) == 0 {
		return nil
	}
	for _, k := range keys {
		value, ok, err := get[Ref](f.view, k)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		group := pendingIn(k)
		f.drop(Make(TablePending, group, string(value)))
		f.drop(pendingName(f.e.Directory, group, string(value)))
	}
	return f.counts(func(c *Counts) { c.Pending -= min(c.Pending, uint64(len(keys))) })
}

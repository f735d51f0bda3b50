package directory

import (
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// A user or group that was deleted and is created again is a new resource with
// a new id (RFC 7643 section 3.1): an id means one thing for ever. That it is
// the same person all the same is said by Previous, which leads from the one
// that is there to the one that it was before, and from there to the one before
// that.
//
// Who comes back is told by the externalId, and if nobody who was deleted had
// that, by the name: the userName of a user, the displayName of a group. Of
// several who were deleted with the same externalId or name, the last one
// counts, and each comes back once.

const (
	// MaxFormer is how many deleted users and groups a directory remembers. Of
	// more, those that were deleted first are forgotten: who comes back then is
	// new, and a chain of Previous ends there. It is as many as a directory is
	// built for, so that one that was emptied by mistake can come back whole.
	MaxFormer = 1_000_000
	// maxReturns is how many times somebody who came back is followed.
	maxReturns = 16
)

// Former is a user or group that was deleted.
type Former struct {
	Previous string // whom it came back as, or empty
	Next     string // who came back as it, empty as long as nobody did
	// ExternalID and Name, which is folded, are by what it can come back.
	ExternalID string
	Name       string
	// Deleted is the number of the event that deleted it.
	Deleted uint64
}

// predecessor returns the id of the deleted resource, of those whose ids begin
// with the prefix, that comes back under an externalId and a name; empty if
// there is none.
func predecessor(v View, dir, prefix, externalID, name string) (string, error) {
	if externalID != "" {
		id, ok, err := get[Ref](v, Make(TableFormerExternal, dir, prefix, externalID))
		if err != nil || ok {
			return string(id), err
		}
	}
	id, _, err := get[Ref](v, Make(TableFormerName, dir, prefix, scim.Fold(name)))
	return string(id), err
}

// Predecessors returns whom a resource was before, the last first: previous and
// those before it. It ends after 16, and where nobody remembers any more.
func Predecessors(v View, dir, previous string) ([]string, error) {
	var ids []string
	for id := previous; id != "" && len(ids) < maxReturns; {
		ids = append(ids, id)
		f, ok, err := get[*Former](v, Make(TableFormer, dir, id))
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		id = f.Previous
	}
	return ids, nil
}

// former returns the ids of before as names under which somebody comes back.
func former(v View, dir, previous string) (names []arrival, err error) {
	ids, err := Predecessors(v, dir, previous)
	for _, id := range ids {
		names = append(names, arrival{name: id, former: true})
	}
	return names, err
}

// successor returns the resource that a deleted one came back as, as it is now;
// empty if it is not there.
func successor(v View, dir, id string) (string, error) {
	for range maxReturns {
		f, ok, err := get[*Former](v, Make(TableFormer, dir, id))
		if err != nil || !ok || f.Next == "" {
			return "", err
		}
		id = f.Next
		if r, err := v.Get(resourceKey(dir, id)); err != nil || r != nil {
			return id, err
		}
	}
	return "", nil
}

// comeBack folds that a deleted resource came back as the event's: it does not
// come back again.
func (f *folding) comeBack(previous string) error {
	if previous == "" {
		return nil
	}
	k := f.scope(TableFormer, previous)
	old, ok, err := get[*Former](f.view, k)
	if err != nil || !ok {
		return err
	}
	was := *old
	was.Next = f.e.Resource
	f.put(k, &was)
	return f.unnameFormer(previous, old)
}

// remember keeps of a deleted resource by what it can come back.
func (f *folding) remember(id, previous, externalID, name string) error {
	dir, prefix := f.e.Directory, prefixOf(id)
	c, ok, err := get[*Counts](f.view, Make(TableCounts, dir))
	if err != nil || !ok {
		return err
	}
	if c.Former >= f.maxFormer {
		if err := f.forgetFirst(); err != nil {
			return err
		}
	}
	was := &Former{Previous: previous, ExternalID: externalID, Name: scim.Fold(name), Deleted: f.e.ID}
	f.put(Make(TableFormer, dir, id), was)
	f.refer(id, Make(TableFormerOrder, dir, FormatID("", was.Deleted)))
	f.refer(id, Make(TableFormerName, dir, prefix, was.Name))
	if externalID != "" {
		f.refer(id, Make(TableFormerExternal, dir, prefix, externalID))
	}
	return f.counts(func(c *Counts) { c.Former++ })
}

// forgetFirst forgets who was deleted first.
func (f *folding) forgetFirst() error {
	var first string
	if err := f.view.Scan(Make(TableFormerOrder, f.e.Directory), "", func(_ Key, r Row) bool {
		id, _ := r.(Ref)
		first = string(id)
		return false
	}); err != nil || first == "" {
		return err
	}
	return f.forget(first)
}

// forget drops what is remembered of a deleted resource.
func (f *folding) forget(id string) error {
	k := f.scope(TableFormer, id)
	was, ok, err := get[*Former](f.view, k)
	if err != nil || !ok {
		return err
	}
	f.drop(k)
	f.drop(f.scope(TableFormerOrder, FormatID("", was.Deleted)))
	if err := f.unnameFormer(id, was); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.Former -= min(c.Former, 1) })
}

// unnameFormer drops the names that lead to a deleted resource. Those that lead
// to another one by now stay.
func (f *folding) unnameFormer(id string, was *Former) error {
	prefix := prefixOf(id)
	keys := []Key{Make(TableFormerName, f.e.Directory, prefix, was.Name)}
	if was.ExternalID != "" {
		keys = append(keys, Make(TableFormerExternal, f.e.Directory, prefix, was.ExternalID))
	}
	for _, k := range keys {
		holder, ok, err := get[Ref](f.view, k)
		if err != nil {
			return err
		}
		if ok && string(holder) == id {
			f.drop(k)
		}
	}
	return nil
}

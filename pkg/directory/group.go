package directory

import (
	"bytes"
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

type (
	// CreateGroup adds a group with its members. Members that the directory does
	// not hold are pending, so that one unknown id does not cost the whole push;
	// a strict directory refuses them.
	CreateGroup struct {
		Scope   Scope             `json:"scope"`
		State   events.GroupState `json:"state"`
		Members []string          `json:"members,omitempty"`
	}
	// ReplaceGroup sets a group's attributes and members (PUT).
	ReplaceGroup struct {
		Scope   Scope             `json:"scope"`
		ID      string            `json:"id"`
		State   events.GroupState `json:"state"`
		Members []string          `json:"members,omitempty"`
		// IfMatch is what the sender expects of the group.
		IfMatch Precondition `json:"if_match,omitzero"`
	}
	// PatchGroup changes attributes and members as of when it is decided. Its
	// cost is that of the change, not of the group.
	PatchGroup struct {
		Scope Scope         `json:"scope"`
		ID    string        `json:"id"`
		Patch patch.Request `json:"patch"`
		// IfMatch is what the sender expects of the group.
		IfMatch Precondition `json:"if_match,omitzero"`
	}
	// DeleteGroup removes a group; its members stay.
	DeleteGroup struct {
		Scope Scope  `json:"scope"`
		ID    string `json:"id"`
		// IfMatch is what the sender expects of the group.
		IfMatch Precondition `json:"if_match,omitzero"`
	}
)

func (CreateGroup) name() string  { return "CreateGroup" }
func (ReplaceGroup) name() string { return "ReplaceGroup" }
func (PatchGroup) name() string   { return "PatchGroup" }
func (DeleteGroup) name() string  { return "DeleteGroup" }

// GroupStateOf returns the state that a canonical SCIM group stands for.
func GroupStateOf(r scim.Resource) (events.GroupState, error) {
	body, err := scim.Canonical(r)
	if err != nil {
		return events.GroupState{}, err
	}
	k := scim.Keys(r)
	return events.GroupState{GroupNames: events.GroupNames{DisplayName: k.DisplayName, ExternalID: k.ExternalID}, Attributes: body}, nil
}

func (c CreateGroup) decide(d *decision) error {
	dir, err := c.Scope.live(d.view, d.stamp.At)
	if err != nil {
		return err
	}
	s := c.State
	s.Attributes = rawJSON(s.Attributes)
	if err := checkGroupNames(s.GroupNames); err != nil {
		return err
	}
	if err := groupNameFree(d.view, dir.ID, s.DisplayName, ""); err != nil {
		return err
	}
	previous, err := predecessor(d.view, dir.ID, PrefixGroup, s.ExternalID, s.DisplayName)
	if err != nil {
		return err
	}
	id := d.mint(PrefixGroup)
	d.resource = Make(TableGroup, dir.ID, id)
	g := &Group{ID: id, Organization: dir.Organization, Directory: dir.ID}
	if err := d.emit(g.event(), events.GroupCreated{GroupState: s, Previous: previous}); err != nil {
		return err
	}
	g.Revision, g.GroupState, g.Previous = 1, s, previous
	w := newMembership(d, dir, g)
	if err := w.add(c.Members); err != nil {
		return err
	}
	if _, err = d.changeAll(dir, g, s, w); err != nil {
		return err
	}
	names, err := former(d.view, dir.ID, previous)
	if err != nil {
		return err
	}
	return d.arrive(dir, id, append(names, arrival{name: s.ExternalID})...)
}

func (c ReplaceGroup) decide(d *decision) error {
	dir, g, err := c.Scope.group(d, c.ID, c.IfMatch)
	if err != nil {
		return err
	}
	was := g.ExternalID
	_, kind := dir.Kinds()
	s, err := keepImmutable(kind, g.Attributes, c.State, c.State.Attributes, GroupStateOf)
	if err != nil {
		return err
	}
	w := newMembership(d, dir, g.as(s))
	if err := w.replace(c.Members); err != nil {
		return err
	}
	if g, err = d.changeAll(dir, g, s, w); err != nil {
		return err
	}
	return d.renamed(dir, g, was)
}

func (c PatchGroup) decide(d *decision) error {
	dir, g, err := c.Scope.group(d, c.ID, c.IfMatch)
	if err != nil {
		return err
	}
	d.reading.Strict = dir.Strict()
	_, kind := dir.Kinds()
	ops, err := c.Patch.For(&d.reading, kind)
	if err != nil {
		return err
	}
	attributes, members, err := patch.SplitMembers(&d.reading, kind, ops)
	if err != nil {
		return err
	}
	d.resource = Make(TableGroup, dir.ID, g.ID)
	was, s := g.ExternalID, g.GroupState
	if len(attributes) > 0 {
		r, err := scim.Decode(g.Attributes)
		if err != nil {
			return err
		}
		if r, err = patch.Apply(&d.reading, kind, patch.Target{ID: g.ID, Created: g.Created, Attributes: r}, attributes); err != nil {
			return err
		}
		if s, err = GroupStateOf(r); err != nil {
			return err
		}
	}
	w := newMembership(d, dir, g.as(s))
	for _, op := range members {
		switch op.Kind {
		case patch.MembersAdd:
			if op.Chosen {
				err = w.expect(op.IDs)
			}
			if err == nil {
				err = w.add(op.IDs)
			}
		case patch.MembersRemove:
			if op.Filter != nil {
				op.IDs, err = w.choose(op.IDs, op.Filter)
			}
			if err == nil {
				err = w.remove(op.IDs)
			}
		case patch.MembersReplace:
			err = w.replace(op.IDs)
		case patch.MembersClear:
			err = w.replace(nil)
		}
		if err != nil {
			return err
		}
	}
	if g, err = d.changeAll(dir, g, s, w); err != nil {
		return err
	}
	return d.renamed(dir, g, was)
}

func (c DeleteGroup) decide(d *decision) error {
	_, g, err := c.Scope.group(d, c.ID, c.IfMatch)
	if err != nil {
		return err
	}
	return d.emit(g.event(), events.GroupDeleted{GroupNames: g.GroupNames})
}

// changeGroup emits the change of attributes from g to s, if it is one, and
// returns the group behind it.
func (d *decision) changeGroup(dir *Directory, g *Group, s events.GroupState) (*Group, error) {
	d.resource = Make(TableGroup, dir.ID, g.ID)
	s.Attributes = rawJSON(s.Attributes)
	if bytes.Equal(s.Attributes, g.Attributes) {
		return g, nil
	}
	if err := checkGroupNames(s.GroupNames); err != nil {
		return nil, err
	}
	e := events.GroupUpdated{GroupState: s}
	if g.GroupNames != s.GroupNames {
		old := g.GroupNames
		e.Freed = &old
		if scim.Fold(old.DisplayName) != scim.Fold(s.DisplayName) {
			if err := groupNameFree(d.view, dir.ID, s.DisplayName, g.ID); err != nil {
				return nil, err
			}
		}
	}
	if err := d.emit(g.event(), e); err != nil {
		return nil, err
	}
	after := *g
	after.Revision, after.GroupState = g.Revision+1, s
	return &after, nil
}

// renamed lets a group that has another externalId than it had join the groups
// that waited for it.
func (d *decision) renamed(dir *Directory, g *Group, was string) error {
	if g.ExternalID == was {
		return nil
	}
	return d.arrive(dir, g.ID, arrival{name: g.ExternalID})
}

// changeAll emits the change of a group's attributes and members. Who leaves
// leaves first and who joins joins last, so that a change of the name is told to
// those only who were in before and still are, and to nobody twice.
func (d *decision) changeAll(dir *Directory, g *Group, s events.GroupState, w *membership) (*Group, error) {
	removed, added := changes(w.members)
	taken, awaited, err := w.awaited()
	if err != nil {
		return nil, err
	}
	if g, err = d.emitMembers(g, removed, func(ids []string) events.Payload { return events.GroupMembersRemoved{Members: ids} }); err != nil {
		return nil, err
	}
	if g, err = d.changeGroup(dir, g, s); err != nil {
		return nil, err
	}
	if g, err = d.emitMembers(g, added, func(ids []string) events.Payload { return events.GroupMembersAdded{Members: ids} }); err != nil {
		return nil, err
	}
	// What waits changes nothing that anybody sees, so it is no revision.
	if _, err = d.emitMembers(g, taken, func(values []string) events.Payload { return events.GroupMembersUnpended{Values: values} }); err != nil {
		return nil, err
	}
	_, err = d.emitMembers(g, awaited, func(values []string) events.Payload { return events.GroupMembersPended{Values: values} })
	return g, err
}

// emitMembers emits events of bounded size, and returns the group behind them.
func (d *decision) emitMembers(g *Group, ids []string, payload func([]string) events.Payload) (*Group, error) {
	after := *g
	for chunk := range slices.Chunk(ids, events.MaxMembers) {
		p := payload(chunk)
		e := after.event()
		switch p.(type) {
		case events.GroupMembersPended, events.GroupMembersUnpended:
			e.Revision = after.Revision
		default:
			after.Revision++
		}
		if err := d.emit(e, p); err != nil {
			return nil, err
		}
	}
	return &after, nil
}

// as returns the group as it will be.
func (g *Group) as(s events.GroupState) *Group {
	after := *g
	after.GroupState = s
	return &after
}

func (g *Group) event() events.Event {
	return events.Event{Organization: g.Organization, Directory: g.Directory, Resource: g.ID, Revision: g.Revision + 1}
}

// group finds one within the scope that is as the sender expects it.
func (s Scope) group(d *decision, id string, expect Precondition) (*Directory, *Group, error) {
	dir, err := s.live(d.view, d.stamp.At)
	if err != nil {
		return nil, nil, err
	}
	g, ok, err := get[*Group](d.view, Make(TableGroup, dir.ID, id))
	switch {
	case err != nil:
	case !ok:
		err = fault.New(fault.NotFound, "There is no group %q in this directory.", id)
	default:
		err = expect.hold("group", g.Revision)
	}
	return dir, g, err
}

// checkGroupNames bounds what becomes part of an index key.
func checkGroupNames(n events.GroupNames) error {
	if err := length("displayName", n.DisplayName, 1, MaxName); err != nil {
		return err
	}
	return length("externalId", n.ExternalID, 0, MaxName)
}

// groupNameFree keeps display names unique in a directory: providers match
// groups by them (facts: Entra), and two that cannot be told apart would merge.
func groupNameFree(v View, dir, name, but string) error {
	taken := false
	if err := v.Scan(Make(TableGroupDisplay, dir, scim.Fold(name)), "", func(k Key, _ Row) bool {
		taken = k.Last() != but
		return !taken
	}); err != nil {
		return err
	}
	if taken {
		return fault.New(fault.Conflict, "A group with the displayName %q already exists in this directory.", name).Because(fault.Uniqueness)
	}
	return nil
}

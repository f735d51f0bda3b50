package directory

import (
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

func foldUserCreated(f *folding, p events.UserCreated) error {
	u := &User{
		ID: f.e.Resource, Organization: f.e.Organization, Directory: f.e.Directory, Previous: p.Previous, Person: p.Person,
		Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At, UserState: p.UserState,
	}
	f.put(f.scope(TableUser, u.ID), u)
	f.nameUser(u.ID, u.UserNames)
	if err := f.countIn(TableUser, u.ID); err != nil {
		return err
	}
	if err := f.comeBack(p.Previous); err != nil {
		return err
	}
	if err := f.link(u); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.Users++; c.UsersUpdated = f.e.At })
}

func foldUserUpdated(f *folding, p events.UserUpdated) error {
	k := f.scope(TableUser, f.e.Resource)
	old, ok, err := get[*User](f.view, k)
	if err != nil || !ok {
		return err
	}
	u := *old
	u.Revision, u.Updated, u.UserState = f.e.Revision, f.e.At, p.UserState
	if p.Freed != nil {
		f.unnameUser(u.ID, *p.Freed)
		f.nameUser(u.ID, u.UserNames)
	}
	f.put(k, &u)
	if err := f.hear(old, &u); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.UsersUpdated = f.e.At })
}

func foldUserDeleted(f *folding) error {
	u, ok, err := get[*User](f.view, f.scope(TableUser, f.e.Resource))
	if err != nil || !ok {
		return err
	}
	if err := f.removeUsers([]*User{u}); err != nil {
		return err
	}
	return f.remember(u.ID, u.Previous, u.ExternalID, u.UserName)
}

// removeUsers drops users with their names and memberships.
func (f *folding) removeUsers(users []*User) error {
	left := map[string]uint64{}
	ids := make([]string, 0, len(users))
	for _, u := range users {
		ids = append(ids, u.ID)
		f.drop(f.scope(TableUser, u.ID))
		f.unnameUser(u.ID, u.UserNames)
		if err := f.unlink(u); err != nil {
			return err
		}
		if err := f.view.Scan(Make(TableMemberOf, u.ID), "", func(k Key, _ Row) bool {
			g := k.Last()
			f.drop(k)
			f.drop(Make(TableMember, g, u.ID))
			left[g]++
			return true
		}); err != nil {
			return err
		}
	}
	groups := make([]string, 0, len(left))
	for g := range left {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	for _, id := range groups {
		if err := f.group(id, func(g *Group) { g.Members -= min(g.Members, left[id]) }); err != nil {
			return err
		}
	}
	if err := f.countOut(TableUser, ids); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.Users -= min(c.Users, uint64(len(users))); c.UsersUpdated = f.e.At })
}

func (f *folding) nameUser(id string, n events.UserNames) {
	f.refer(id, f.scope(TableUserName, scim.Fold(n.UserName)))
	if n.ExternalID != "" {
		f.refer("", Make(TableUserExternal, f.e.Directory, n.ExternalID, id))
	}
	if n.DisplayName != "" {
		f.refer("", Make(TableUserDisplay, f.e.Directory, scim.Fold(n.DisplayName), id))
	}
	for _, m := range n.Emails {
		f.refer("", Make(TableUserEmail, f.e.Directory, scim.Fold(m), id))
	}
}

func (f *folding) unnameUser(id string, n events.UserNames) {
	f.drop(f.scope(TableUserName, scim.Fold(n.UserName)))
	if n.ExternalID != "" {
		f.drop(Make(TableUserExternal, f.e.Directory, n.ExternalID, id))
	}
	if n.DisplayName != "" {
		f.drop(Make(TableUserDisplay, f.e.Directory, scim.Fold(n.DisplayName), id))
	}
	for _, m := range n.Emails {
		f.drop(Make(TableUserEmail, f.e.Directory, scim.Fold(m), id))
	}
}

func foldGroupCreated(f *folding, p events.GroupCreated) error {
	g := &Group{
		ID: f.e.Resource, Organization: f.e.Organization, Directory: f.e.Directory, Previous: p.Previous,
		Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At, GroupState: p.GroupState,
	}
	f.put(f.scope(TableGroup, g.ID), g)
	f.nameGroup(g.ID, g.GroupNames)
	if err := f.countIn(TableGroup, g.ID); err != nil {
		return err
	}
	if err := f.comeBack(p.Previous); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.Groups++; c.GroupsUpdated = f.e.At })
}

func foldGroupUpdated(f *folding, p events.GroupUpdated) error {
	old, ok, err := get[*Group](f.view, f.scope(TableGroup, f.e.Resource))
	if err != nil || !ok {
		return err
	}
	g := *old
	g.Revision, g.Updated, g.GroupState = f.e.Revision, f.e.At, p.GroupState
	if p.Freed != nil {
		f.unnameGroup(g.ID, *p.Freed)
		f.nameGroup(g.ID, g.GroupNames)
	}
	f.put(f.scope(TableGroup, g.ID), &g)
	if p.Freed != nil && p.Freed.DisplayName != p.DisplayName {
		if err := f.startFanout(FanoutGroupRenamed); err != nil {
			return err
		}
	}
	return f.counts(func(c *Counts) { c.GroupsUpdated = f.e.At })
}

func foldGroupDeleted(f *folding) error {
	g, ok, err := get[*Group](f.view, f.scope(TableGroup, f.e.Resource))
	if err != nil || !ok {
		return err
	}
	if err := f.removeGroups([]*Group{g}); err != nil {
		return err
	}
	if err := f.remember(g.ID, g.Previous, g.ExternalID, g.DisplayName); err != nil {
		return err
	}
	if err := f.unmapGroups([]*Group{g}); err != nil {
		return err
	}
	over, err := nestedInGroup(f.view, f.e.Directory, g.ID)
	if err != nil {
		return err
	}
	return f.startFanout(FanoutGroupDeleted, over...)
}

// removeGroups drops groups and their names, and what they are members of.
// Their own members are a fan-out's.
func (f *folding) removeGroups(groups []*Group) error {
	ids := make([]string, 0, len(groups))
	for _, g := range groups {
		ids = append(ids, g.ID)
		f.remove(f.scope(TableGroup, g.ID))
		f.unnameGroup(g.ID, g.GroupNames)
		var parents []string
		if err := f.view.Scan(Make(TableMemberOf, g.ID), "", func(k Key, _ Row) bool {
			parents = append(parents, k.Last())
			return true
		}); err != nil {
			return err
		}
		for _, id := range parents {
			f.drop(Make(TableMemberOf, g.ID, id))
			f.drop(Make(TableMember, id, g.ID))
			if err := f.group(id, func(p *Group) { p.Members -= min(p.Members, 1) }); err != nil {
				return err
			}
		}
	}
	if err := f.countOut(TableGroup, ids); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.Groups -= min(c.Groups, uint64(len(groups))); c.GroupsUpdated = f.e.At })
}

func (f *folding) nameGroup(id string, n events.GroupNames) {
	f.refer("", Make(TableGroupDisplay, f.e.Directory, scim.Fold(n.DisplayName), id))
	if n.ExternalID != "" {
		f.refer("", Make(TableGroupExternal, f.e.Directory, n.ExternalID, id))
	}
}

func (f *folding) unnameGroup(id string, n events.GroupNames) {
	f.drop(Make(TableGroupDisplay, f.e.Directory, scim.Fold(n.DisplayName), id))
	if n.ExternalID != "" {
		f.drop(Make(TableGroupExternal, f.e.Directory, n.ExternalID, id))
	}
}

func foldMembersAdded(f *folding, p events.GroupMembersAdded) error {
	if err := f.members(p.Members, func(g *Group, m string) {
		f.refer("", Make(TableMember, g.ID, m))
		f.refer("", Make(TableMemberOf, m, g.ID))
		g.Members++
	}); err != nil {
		return err
	}
	if err := f.unpend(p.Resolved); err != nil {
		return err
	}
	return f.rolesWithin(p.Members)
}

func foldMembersRemoved(f *folding, p events.GroupMembersRemoved) error {
	if err := f.members(p.Members, func(g *Group, m string) {
		f.drop(Make(TableMember, g.ID, m))
		f.drop(Make(TableMemberOf, m, g.ID))
		g.Members -= min(g.Members, 1)
	}); err != nil {
		return err
	}
	return f.rolesWithin(p.Members)
}

// rolesWithin starts the fan-out over who is in the groups among the members that
// joined or left: their roles may be others now.
func (f *folding) rolesWithin(members []string) error {
	over, err := nestedIn(f.view, f.e.Directory, members)
	if err != nil || len(over) == 0 {
		return err
	}
	return f.startFanout(FanoutRolesChanged, over...)
}

// members changes the event's group for each of the ids.
func (f *folding) members(ids []string, change func(*Group, string)) error {
	if _, ok, err := get[*Group](f.view, f.scope(TableGroup, f.e.Resource)); err != nil || !ok {
		return err
	}
	if err := f.group(f.e.Resource, func(g *Group) {
		g.Revision, g.Updated = f.e.Revision, f.e.At
		for _, m := range ids {
			change(g, m)
		}
	}); err != nil {
		return err
	}
	return f.counts(func(c *Counts) { c.GroupsUpdated = f.e.At })
}

// group changes a copy of a group's row that the event does not name.
func (f *folding) group(id string, change func(*Group)) error {
	return edit(f, f.scope(TableGroup, id), change)
}

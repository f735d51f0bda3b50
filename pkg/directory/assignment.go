package directory

import (
	"slices"
	"sync"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxAssignments is how many assignments of roles to groups a directory has at
// most.
const MaxAssignments = 10_000

// AssignRoles sets the whole mapping of a directory's groups to roles. Any
// number of groups may have any number of roles; whoever is in several of them
// has all their roles, in the order of this list, each once. That is the rule
// for conflicts: nothing is taken away, and the list says what comes first.
//
// The members of groups inside a group have its roles too.
type AssignRoles struct {
	Organization string       `json:"organization"`
	Directory    string       `json:"directory"`
	Assignments  []Assignment `json:"assignments"`
}

// Assignment names a group by its id and a role by its name or its id.
type Assignment struct {
	Group  string `json:"group"`
	Role   string `json:"role,omitempty"`
	RoleID string `json:"role_id,omitempty"`
}

func (AssignRoles) name() string { return "AssignRoles" }

func (c AssignRoles) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	if len(c.Assignments) > MaxAssignments {
		return fault.New(fault.Invalid, "%d roles are assigned; at most %d are allowed.", len(c.Assignments), MaxAssignments)
	}
	list := make([]events.RoleAssignment, 0, len(c.Assignments))
	seen := make(map[events.RoleAssignment]bool, len(c.Assignments))
	for i, a := range c.Assignments {
		if _, ok, err := get[*Group](d.view, Make(TableGroup, dir.ID, a.Group)); err != nil {
			return err
		} else if !ok {
			return fault.New(fault.NotFound, "Assignment %d: there is no group %q in this directory.", i+1, a.Group)
		}
		r, err := a.role(d.view, dir.Organization)
		if err != nil {
			return err
		}
		if r == nil {
			return fault.New(fault.NotFound, "Assignment %d: there is no role %q.", i+1, a.Role+a.RoleID)
		}
		if e := (events.RoleAssignment{Group: a.Group, Role: r.ID}); !seen[e] {
			seen[e] = true
			list = append(list, e)
		}
	}
	d.resource = Make(TableRoleMapping, dir.ID)
	was, _, err := get[*RoleMapping](d.view, d.resource)
	if err != nil {
		return err
	}
	if was != nil && slices.Equal(list, was.Assignments) || was == nil && len(list) == 0 {
		return nil
	}
	return d.emit(dir.event(), events.DirectoryRolesAssigned{Assignments: list})
}

// role finds the assignment's role among those that the organization may use,
// nil if there is none.
func (a Assignment) role(v View, org string) (*Role, error) {
	if a.RoleID == "" {
		r, _, err := RoleNamed(v, org, a.Role)
		return r, err
	}
	r, ok, err := get[*Role](v, Make(TableRole, a.RoleID))
	if err != nil || !ok || !r.Deleted.IsZero() || r.Organization != "" && r.Organization != org || a.Role != "" && a.Role != r.Name {
		return nil, err
	}
	return r, nil
}

// RolesOf returns the roles that a user has, the most important first: those that
// the API assigned to it as a member of the organization, then those of the
// groups that it is in, directly or by way of other groups, in the order of its
// directory's mapping; if that gives none, the default for members. A deactivated
// user has none.
func RolesOf(v View, u *User) ([]*Role, error) {
	if !u.Active {
		return nil, nil
	}
	var roles []*Role
	if u.Person != "" {
		m, ok, err := get[*OrgMember](v, Make(TableOrgMember, u.Organization, u.Person))
		if err != nil {
			return nil, err
		}
		if ok {
			if roles, err = m.roles(v); err != nil {
				return nil, err
			}
		}
	}
	mapping, ok, err := get[*RoleMapping](v, Make(TableRoleMapping, u.Directory))
	if err != nil {
		return nil, err
	}
	if ok && len(mapping.Assignments) > 0 {
		direct, indirect, err := GroupsOf(v, u.Directory, u.ID)
		if err != nil {
			return nil, err
		}
		for _, id := range mapping.roles(direct, indirect) {
			r, ok, err := RoleOf(v, id)
			if err != nil {
				return nil, err
			}
			if ok && !slices.ContainsFunc(roles, func(o *Role) bool { return o.ID == r.ID }) {
				roles = append(roles, r)
			}
		}
	}
	if len(roles) > 0 {
		return roles, nil
	}
	return defaultRole(v, u.Organization)
}

// defaultRole returns what members of an organization are by default.
func defaultRole(v View, org string) ([]*Role, error) {
	for _, scope := range []string{org, ""} {
		d, err := Defaults(v, scope)
		if err != nil {
			return nil, err
		}
		if d.Member == "" {
			continue
		}
		r, ok, err := RoleOf(v, d.Member)
		if err != nil {
			return nil, err
		}
		if ok {
			return []*Role{r}, nil
		}
	}
	return nil, nil
}

// roles returns the ids of what is assigned to the groups, in order.
func (m *RoleMapping) roles(groups ...[]*Group) []string {
	var places []int
	index := m.index.places(m.Assignments)
	for _, list := range groups {
		for _, g := range list {
			places = append(places, index[g.ID]...)
		}
	}
	slices.Sort(places)
	ids := make([]string, 0, len(places))
	for _, i := range places {
		ids = append(ids, m.Assignments[i].Role)
	}
	return ids
}

// assignmentIndex finds the assignments of a group. It is made when it is first
// asked for: a mapping is folded by many that never do.
type assignmentIndex struct {
	once   sync.Once
	groups map[string][]int
}

func (x *assignmentIndex) places(list []events.RoleAssignment) map[string][]int {
	x.once.Do(func() {
		x.groups = make(map[string][]int)
		for i, a := range list {
			x.groups[a.Group] = append(x.groups[a.Group], i)
		}
	})
	return x.groups
}

func newRoleMapping(list []events.RoleAssignment) *RoleMapping {
	return &RoleMapping{Assignments: list, index: &assignmentIndex{}}
}

package directory

import (
	"errors"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The bounds of roles and permissions (wire reference section 10).
const (
	MaxRolePermissions = 100
	maxRoleName        = 64
	// maxRoles is how many roles all organizations share at most, and how many one
	// organization has of its own; maxPermissions how many permissions there are.
	maxRoles       = 1000
	maxPermissions = 10_000
	// maxExtends is how long a chain of roles that extend each other is at most.
	maxExtends = 20
)

type (
	// CreateRole adds a role, of one organization or of all.
	CreateRole struct {
		Organization string   `json:"organization,omitempty"`
		Name         string   `json:"name"`
		DisplayName  string   `json:"display_name"`
		Description  string   `json:"description,omitempty"`
		Extends      string   `json:"extends,omitempty"`     // a role's name
		Permissions  []string `json:"permissions,omitempty"` // names
	}
	// UpdateRole changes the fields that are set.
	UpdateRole struct {
		Organization string    `json:"organization,omitempty"`
		Name         string    `json:"name"`
		DisplayName  *string   `json:"display_name,omitempty"`
		Description  *string   `json:"description,omitempty"`
		Extends      *string   `json:"extends,omitempty"` // empty: none
		Permissions  *[]string `json:"permissions,omitempty"`
	}
	// ChangeRolePermissions adds permissions to a role and takes others out, by
	// name.
	ChangeRolePermissions struct {
		Organization string   `json:"organization,omitempty"`
		Name         string   `json:"name"`
		Add          []string `json:"add,omitempty"`
		Remove       []string `json:"remove,omitempty"`
	}
	// DeleteRole ends a role. One that is assigned, extended or a default needs
	// another that takes its place.
	DeleteRole struct {
		Organization string `json:"organization,omitempty"`
		Name         string `json:"name"`
		Heir         string `json:"heir,omitempty"` // a role's name
	}
	// ChangeDefaultRoles sets the defaults that are set, by name; empty is none.
	// An organization has only a member's of its own.
	ChangeDefaultRoles struct {
		Organization string  `json:"organization,omitempty"`
		Creator      *string `json:"creator,omitempty"`
		Member       *string `json:"member,omitempty"`
	}
)

func (CreateRole) name() string            { return "CreateRole" }
func (UpdateRole) name() string            { return "UpdateRole" }
func (ChangeRolePermissions) name() string { return "ChangeRolePermissions" }
func (DeleteRole) name() string            { return "DeleteRole" }
func (ChangeDefaultRoles) name() string    { return "ChangeDefaultRoles" }

func (c CreateRole) decide(d *decision) error {
	if c.Organization != "" {
		if _, err := organization(d.view, c.Organization); err != nil {
			return err
		}
	}
	if err := checkRoleName(c.Name); err != nil {
		return err
	}
	// A name means one role to an organization: its own must not hide one of all,
	// nor one of all appear where there is its own.
	if _, taken, err := RoleNamed(d.view, c.Organization, c.Name); err != nil {
		return err
	} else if taken {
		return fault.New(fault.Conflict, "A role %q already exists.", c.Name)
	}
	if c.Organization == "" {
		if taken, err := anyKey(d.view, Make(TableOrgRoleName, c.Name)); err != nil {
			return err
		} else if taken {
			return fault.New(fault.Conflict, "A role %q already exists in an organization.", c.Name)
		}
	}
	if n, err := count(d.view, Make(TableRoleName, c.Organization), maxRoles); err != nil {
		return err
	} else if n >= maxRoles {
		return fault.New(fault.FailedPrecondition, "There are %d roles, which is the limit; delete one first.", n)
	}
	p := events.RoleProfile{Name: c.Name, DisplayName: c.DisplayName, Description: c.Description}
	if err := d.refine(c.Organization, "", &p, &c.Extends, &c.Permissions); err != nil {
		return err
	}
	id := d.mint(PrefixRole)
	d.resource = Make(TableRole, id)
	return d.emit(events.Event{Organization: c.Organization, Resource: id, Revision: 1}, events.RoleCreated{RoleProfile: p})
}

func (c UpdateRole) decide(d *decision) error {
	r, err := ownRole(d.view, c.Organization, c.Name)
	if err != nil {
		return err
	}
	d.resource = Make(TableRole, r.ID)
	p := r.RoleProfile
	set(&p.DisplayName, c.DisplayName)
	set(&p.Description, c.Description)
	if err := d.refine(r.Organization, r.ID, &p, c.Extends, c.Permissions); err != nil {
		return err
	}
	if sameRole(p, r.RoleProfile) {
		return nil
	}
	e := events.RoleUpdated{RoleProfile: p}
	if p.Extends != r.Extends {
		e.Freed = r.Extends
	}
	return d.emit(r.event(), e)
}

func (c ChangeRolePermissions) decide(d *decision) error {
	r, err := ownRole(d.view, c.Organization, c.Name)
	if err != nil {
		return err
	}
	d.resource = Make(TableRole, r.ID)
	p := r.RoleProfile
	p.Permissions = slices.Clone(p.Permissions)
	for _, name := range c.Remove {
		perm, err := permission(d.view, name)
		if err != nil {
			return err
		}
		p.Permissions = slices.DeleteFunc(p.Permissions, func(id string) bool { return id == perm.ID })
	}
	for _, name := range c.Add {
		perm, err := permission(d.view, name)
		if err != nil {
			return err
		}
		if !slices.Contains(p.Permissions, perm.ID) {
			p.Permissions = append(p.Permissions, perm.ID)
		}
	}
	if len(p.Permissions) > MaxRolePermissions {
		return fault.New(fault.Invalid, "The role would have %d permissions; at most %d are allowed.", len(p.Permissions), MaxRolePermissions)
	}
	if sameRole(p, r.RoleProfile) {
		return nil
	}
	return d.emit(r.event(), events.RoleUpdated{RoleProfile: p})
}

func (c DeleteRole) decide(d *decision) error {
	r, err := ownRole(d.view, c.Organization, c.Name)
	if err != nil {
		return err
	}
	heir := ""
	if c.Heir != "" {
		h, ok, err := RoleNamed(d.view, c.Organization, c.Heir)
		switch {
		case err != nil:
			return err
		case !ok:
			return fault.New(fault.NotFound, "There is no role %q that could take the place of %q.", c.Heir, c.Name)
		case h.ID == r.ID:
			return fault.New(fault.Invalid, "A role cannot take its own place.")
		}
		if err := extensible(d.view, r.ID, h.ID); err != nil {
			return err
		}
		heir = h.ID
	} else if held, err := r.held(d.view); err != nil {
		return err
	} else if held != "" {
		return fault.New(fault.FailedPrecondition, "The role %q %s; name another role that takes its place (reassign_role_name).", c.Name, held)
	}
	return d.emit(r.event(), events.RoleDeleted{RoleProfile: r.RoleProfile, Heir: heir})
}

// held says what needs the role, empty if nothing does.
func (r *Role) held(v View) (string, error) {
	ids, err := inPlaceOf(v, r.ID)
	if err != nil {
		return "", err
	}
	for _, id := range ids {
		for _, f := range []struct {
			prefix Key
			text   string
		}{
			{Make(TableRoleUse, id), "is assigned to groups"},
			{Make(TableRoleExtends, id), "is extended by other roles"},
			{Make(TableRoleDefault, id), "is a default role"},
		} {
			if found, err := anyKey(v, f.prefix); err != nil || found {
				return f.text, err
			}
		}
	}
	return "", nil
}

func (c ChangeDefaultRoles) decide(d *decision) error {
	was, err := Defaults(d.view, c.Organization)
	if err != nil {
		return err
	}
	e := events.Event{Organization: c.Organization, Resource: defaultsOf(c.Organization), Revision: 1}
	if row, ok, err := get[*DefaultRoles](d.view, Make(TableDefaultRoles, c.Organization)); err != nil {
		return err
	} else if ok {
		e.Revision = row.Revision + 1
	}
	if c.Organization != "" {
		if _, err := organization(d.view, c.Organization); err != nil {
			return err
		}
		if c.Creator != nil {
			return fault.New(fault.Invalid, "An organization has no default creator role of its own.")
		}
	}
	now := was
	for _, f := range []struct {
		to   *string
		name *string
	}{{&now.Creator, c.Creator}, {&now.Member, c.Member}} {
		switch {
		case f.name == nil:
			continue
		case *f.name == "":
			*f.to = ""
			continue
		}
		r, ok, err := RoleNamed(d.view, c.Organization, *f.name)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.NotFound, "There is no role %q.", *f.name)
		}
		*f.to = r.ID
	}
	d.resource = Make(TableDefaultRoles, c.Organization)
	if now == was {
		return nil
	}
	return d.emit(e, now)
}

// defaultsOf is what events call the default roles of an organization, or of all.
func defaultsOf(org string) string {
	if org == "" {
		return "default_roles"
	}
	return "default_roles/" + org
}

// refine resolves the names in a role and checks its bounds. extends and
// permissions are as they are if nil.
func (d *decision) refine(org, id string, p *events.RoleProfile, extends *string, permissions *[]string) error {
	if err := length("display_name", p.DisplayName, 1, 100); err != nil {
		return err
	}
	if err := length("description", p.Description, 0, 2000); err != nil {
		return err
	}
	if extends != nil {
		if p.Extends = ""; *extends != "" {
			base, ok, err := RoleNamed(d.view, org, *extends)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.NotFound, "There is no role %q to extend.", *extends)
			}
			p.Extends = base.ID
		}
	}
	if p.Extends != "" {
		if err := extensible(d.view, id, p.Extends); err != nil {
			return err
		}
	}
	if permissions == nil {
		return nil
	}
	if len(*permissions) > MaxRolePermissions {
		return fault.New(fault.Invalid, "%d permissions are named; at most %d are allowed.", len(*permissions), MaxRolePermissions)
	}
	p.Permissions = nil
	for _, name := range *permissions {
		perm, err := permission(d.view, name)
		if err != nil {
			return err
		}
		if !slices.Contains(p.Permissions, perm.ID) {
			p.Permissions = append(p.Permissions, perm.ID)
		}
	}
	return nil
}

// extensible refuses a base that extends the role itself, or a chain that is too
// long.
func extensible(v View, id, base string) error {
	for n := 0; base != ""; n++ {
		if base == id {
			return fault.New(fault.Invalid, "A role cannot extend itself, nor one that extends it.")
		}
		if n == maxExtends {
			return fault.New(fault.Invalid, "More than %d roles extend each other.", maxExtends)
		}
		r, ok, err := RoleOf(v, base)
		if err != nil || !ok {
			return err
		}
		base = r.Extends
	}
	return nil
}

func sameRole(a, b events.RoleProfile) bool {
	return a.Name == b.Name && a.DisplayName == b.DisplayName && a.Description == b.Description && a.Extends == b.Extends &&
		slices.Equal(a.Permissions, b.Permissions)
}

func (r *Role) event() events.Event {
	return events.Event{Organization: r.Organization, Resource: r.ID, Revision: r.Revision + 1}
}

// RoleNamed finds a role by its name: one of the organization's own, or of all.
func RoleNamed(v View, org, name string) (*Role, bool, error) {
	scopes := []string{org}
	if org != "" {
		scopes = append(scopes, "")
	}
	for _, scope := range scopes {
		id, ok, err := get[Ref](v, Make(TableRoleName, scope, name))
		if err != nil {
			return nil, false, err
		}
		if ok {
			return get[*Role](v, Make(TableRole, string(id)))
		}
	}
	return nil, false, nil
}

// ownRole finds a role in exactly the scope.
func ownRole(v View, org, name string) (*Role, error) {
	if org != "" {
		if _, err := organization(v, org); err != nil {
			return nil, err
		}
	}
	r, ok, err := RoleNamed(v, org, name)
	if err == nil && (!ok || r.Organization != org) {
		err = fault.New(fault.NotFound, "There is no role %q.", name)
	}
	return r, err
}

// RoleOf returns a role by its id, or the one that took its place.
func RoleOf(v View, id string) (*Role, bool, error) {
	for range maxRoles {
		r, ok, err := get[*Role](v, Make(TableRole, id))
		if err != nil || !ok || r.Deleted.IsZero() {
			return r, ok, err
		}
		if r.Heir == "" {
			return nil, false, nil
		}
		id = r.Heir
	}
	return nil, false, nil
}

// Dependents returns the roles that extend a role, or one whose place it took, in
// the order of their ids.
func Dependents(v View, id string) ([]*Role, error) {
	ids, err := inPlaceOf(v, id)
	if err != nil {
		return nil, err
	}
	var deps []*Role
	for _, id := range ids {
		var failed error
		if err := v.Scan(Make(TableRoleExtends, id), "", func(k Key, _ Row) bool {
			r, ok, err := get[*Role](v, Make(TableRole, k.Last()))
			if failed = err; ok && r.Deleted.IsZero() {
				deps = append(deps, r)
			}
			return failed == nil
		}); err != nil || failed != nil {
			return nil, errors.Join(err, failed)
		}
	}
	slices.SortFunc(deps, func(a, b *Role) int { return strings.Compare(a.ID, b.ID) })
	return deps, nil
}

// inPlaceOf returns a role's id and those of the deleted roles whose place it
// took.
func inPlaceOf(v View, id string) ([]string, error) {
	ids := []string{id}
	for i := 0; i < len(ids); i++ {
		if err := v.Scan(Make(TableRoleHeir, ids[i]), "", func(k Key, _ Row) bool {
			if old := k.Last(); !slices.Contains(ids, old) {
				ids = append(ids, old)
			}
			return true
		}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// Defaults returns the default roles by id: those of all, or the member's of one
// organization, empty if it has none of its own.
func Defaults(v View, org string) (events.DefaultRolesChanged, error) {
	r, ok, err := get[*DefaultRoles](v, Make(TableDefaultRoles, org))
	if err != nil || !ok {
		return events.DefaultRolesChanged{}, err
	}
	return r.DefaultRolesChanged, nil
}

func checkRoleName(s string) error {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return fault.New(fault.Invalid, "A role's name has letters, digits and underscores only, not %q.", s)
		}
	}
	return length("name", s, 1, maxRoleName)
}

// count counts keys with a prefix up to a limit.
func count(v View, prefix Key, limit int) (n int, err error) {
	err = v.Scan(prefix, "", func(Key, Row) bool { n++; return n < limit })
	return n, err
}

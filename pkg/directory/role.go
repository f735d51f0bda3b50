package directory

import (
	"slices"

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
)

func (CreateRole) name() string            { return "CreateRole" }
func (UpdateRole) name() string            { return "UpdateRole" }
func (ChangeRolePermissions) name() string { return "ChangeRolePermissions" }
func (DeleteRole) name() string            { return "DeleteRole" }

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
			{Make(TableRoleMember, id), "is assigned to users"},
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

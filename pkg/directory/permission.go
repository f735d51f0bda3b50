package directory

import (
	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

type (
	// CreatePermission adds a permission, which roles may then have.
	CreatePermission struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
	// UpdatePermission changes what a permission says of itself.
	UpdatePermission struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	// DeletePermission ends a permission and takes it from every role.
	DeletePermission struct {
		Name string `json:"name"`
	}
)

func (CreatePermission) name() string { return "CreatePermission" }
func (UpdatePermission) name() string { return "UpdatePermission" }
func (DeletePermission) name() string { return "DeletePermission" }

func (c CreatePermission) decide(d *decision) error {
	if err := checkPermissionName(c.Name); err != nil {
		return err
	}
	if err := length("description", c.Description, 0, 2000); err != nil {
		return err
	}
	if _, taken, err := get[Ref](d.view, Make(TablePermissionName, c.Name)); err != nil {
		return err
	} else if taken {
		return fault.New(fault.Conflict, "A permission %q already exists.", c.Name)
	}
	if n, err := count(d.view, Make(TablePermissionName), maxPermissions); err != nil {
		return err
	} else if n >= maxPermissions {
		return fault.New(fault.FailedPrecondition, "There are %d permissions, which is the limit; delete one first.", n)
	}
	id := d.mint(PrefixPermission)
	d.resource = Make(TablePermission, id)
	return d.emit(events.Event{Resource: id, Revision: 1}, events.PermissionCreated{PermissionProfile: events.PermissionProfile(c)})
}

func (c UpdatePermission) decide(d *decision) error {
	p, err := permission(d.view, c.Name)
	if err != nil {
		return err
	}
	if err := length("description", c.Description, 0, 2000); err != nil {
		return err
	}
	d.resource = Make(TablePermission, p.ID)
	if p.Description == c.Description {
		return nil
	}
	return d.emit(p.event(), events.PermissionUpdated{PermissionProfile: events.PermissionProfile(c)})
}

func (c DeletePermission) decide(d *decision) error {
	p, err := permission(d.view, c.Name)
	if err != nil {
		return err
	}
	return d.emit(p.event(), events.PermissionDeleted{PermissionProfile: p.PermissionProfile})
}

func (p *Permission) event() events.Event {
	return events.Event{Resource: p.ID, Revision: p.Revision + 1}
}

// permission finds one by its name.
func permission(v View, name string) (*Permission, error) {
	id, ok, err := get[Ref](v, Make(TablePermissionName, name))
	if err != nil {
		return nil, err
	}
	var p *Permission
	if ok {
		p, ok, err = get[*Permission](v, Make(TablePermission, string(id)))
	}
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no permission %q.", name)
	}
	return p, err
}

// PermissionNamed finds a permission by its name.
//
// Errors: fault.NotFound.
func PermissionNamed(v View, name string) (*Permission, error) { return permission(v, name) }

// Held is a permission, and the name of the role that it is in.
type Held struct {
	*Permission
	Role string
}

// PermissionsOf returns the permissions of a role, and with all those of the
// roles that it extends, each once, the role's own first. Those that were deleted
// are left out.
func PermissionsOf(v View, r *Role, all bool) (held []Held, err error) {
	seen := map[string]bool{}
	for range maxExtends + 1 {
		for _, id := range r.Permissions {
			p, ok, err := get[*Permission](v, Make(TablePermission, id))
			if err != nil {
				return nil, err
			}
			if ok && !seen[id] {
				seen[id] = true
				held = append(held, Held{p, r.Name})
			}
		}
		if !all || r.Extends == "" {
			break
		}
		base, ok, err := RoleOf(v, r.Extends)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		r = base
	}
	return held, nil
}

func checkPermissionName(s string) error {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != ':' {
			return fault.New(fault.Invalid, "A permission's name has letters, digits, underscores and colons only, not %q.", s)
		}
	}
	return length("name", s, 1, maxRoleName)
}

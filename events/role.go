package events

// The types of the life of roles and permissions.
const (
	TypeRoleCreated            Type = "role.created.v1"
	TypeRoleUpdated            Type = "role.updated.v1"
	TypeRoleDeleted            Type = "role.deleted.v1"
	TypeDefaultRolesChanged    Type = "default_roles.changed.v1"
	TypePermissionCreated      Type = "permission.created.v1"
	TypePermissionUpdated      Type = "permission.updated.v1"
	TypePermissionDeleted      Type = "permission.deleted.v1"
	TypeDirectoryRolesAssigned Type = "directory.roles_assigned.v1"
)

// RoleProfile is what people say of a role. Name never changes: applications
// know a role by it.
type RoleProfile struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Description string `json:"description,omitempty"`
	// Extends is the id of the role whose permissions this one has too.
	Extends string `json:"extends,omitempty"`
	// Permissions are ids, each once, in the order in which they were given.
	Permissions []string `json:"permissions,omitempty"`
}

// RoleCreated adds a role, of the envelope's organization or of all.
type RoleCreated struct{ RoleProfile }

// RoleUpdated holds the whole role after the change; Freed is the role that it
// extended before, if that changed.
type RoleUpdated struct {
	RoleProfile
	Freed string `json:"freed,omitempty"`
}

// RoleDeleted ends a role. Heir is the id of the role that takes its place
// wherever it is assigned, extended or a default; empty if it was nowhere.
type RoleDeleted struct {
	RoleProfile
	Heir string `json:"heir,omitempty"`
}

// DefaultRolesChanged holds both defaults by id, empty for none: of all, or the
// member's of the envelope's organization, where empty means as for all.
type DefaultRolesChanged struct {
	Creator string `json:"creator,omitempty"`
	Member  string `json:"member,omitempty"`
}

// PermissionProfile is what people say of a permission.
type PermissionProfile struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// PermissionCreated adds a permission.
type PermissionCreated struct{ PermissionProfile }

// PermissionUpdated holds the whole permission after the change.
type PermissionUpdated struct{ PermissionProfile }

// PermissionDeleted ends a permission, also in every role that had it.
type PermissionDeleted struct{ PermissionProfile }

// RoleAssignment gives the members of a group a role, both by id.
type RoleAssignment struct {
	Group string `json:"group"`
	Role  string `json:"role"`
}

// DirectoryRolesAssigned holds the whole mapping of a directory's groups to
// roles. Whoever is in several of the groups has their roles in this order.
type DirectoryRolesAssigned struct {
	Assignments []RoleAssignment `json:"assignments"`
}

func (RoleCreated) Type() Type            { return TypeRoleCreated }
func (RoleUpdated) Type() Type            { return TypeRoleUpdated }
func (RoleDeleted) Type() Type            { return TypeRoleDeleted }
func (DefaultRolesChanged) Type() Type    { return TypeDefaultRolesChanged }
func (PermissionCreated) Type() Type      { return TypePermissionCreated }
func (PermissionUpdated) Type() Type      { return TypePermissionUpdated }
func (PermissionDeleted) Type() Type      { return TypePermissionDeleted }
func (DirectoryRolesAssigned) Type() Type { return TypeDirectoryRolesAssigned }

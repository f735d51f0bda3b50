package api

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// What a caller may ask to have included with roles.
const (
	includeOwn = "permissions"
	includeAll = "permissions:all"
)

// newRole is what both messages that make a role say.
type newRole interface {
	GetName() string
	GetDisplayName() string
	GetDescription() string
	GetExtends() string
	GetPermissions() []string
}

// CreateRole adds a role of all organizations.
func (s *roleService) CreateRole(ctx context.Context, r *roles.CreateRoleRequest) (*roles.CreateRoleResponse, error) {
	if r.GetRole() == nil {
		return nil, fault.New(fault.Invalid, "role is required.")
	}
	m, err := s.create(ctx, "", r.GetRole())
	return answer(&roles.CreateRoleResponse{Role: m}, err)
}

// CreateOrganizationRole adds a role that only one organization has.
func (s *roleService) CreateOrganizationRole(ctx context.Context, r *roles.CreateOrganizationRoleRequest) (*roles.CreateOrganizationRoleResponse, error) {
	if r.GetRole() == nil {
		return nil, fault.New(fault.Invalid, "role is required.")
	}
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	m, err := s.create(ctx, r.GetOrgId(), r.GetRole())
	return answer(&roles.CreateOrganizationRoleResponse{Role: m}, err)
}

func (s *roleService) create(ctx context.Context, org string, in newRole) (*roles.Role, error) {
	return s.write(ctx, directory.CreateRole{
		Organization: org, Name: in.GetName(), DisplayName: in.GetDisplayName(), Description: in.GetDescription(), Extends: in.GetExtends(), Permissions: in.GetPermissions(),
	})
}

// write submits a command about a role and shows the role.
func (s *roleService) write(ctx context.Context, c directory.Command) (*roles.Role, error) {
	role, err := submitFor[*directory.Role](ctx, s.core, c)
	if err != nil {
		return nil, err
	}
	var m *roles.Role
	err = s.core.read(ctx, func(v directory.View) (err error) {
		m, err = roleMessage(v, role, includeOwn)
		return err
	})
	return m, err
}

// UpdateRole changes what is present.
func (s *roleService) UpdateRole(ctx context.Context, r *roles.UpdateRoleRequest) (*roles.UpdateRoleResponse, error) {
	m, err := s.update(ctx, "", r.GetRoleName(), r.GetRole())
	return answer(&roles.UpdateRoleResponse{Role: m}, err)
}

// UpdateOrganizationRole changes what is present.
func (s *roleService) UpdateOrganizationRole(ctx context.Context, r *roles.UpdateOrganizationRoleRequest) (*roles.UpdateOrganizationRoleResponse, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	m, err := s.update(ctx, r.GetOrgId(), r.GetRoleName(), r.GetRole())
	return answer(&roles.UpdateOrganizationRoleResponse{Role: m}, err)
}

func (s *roleService) update(ctx context.Context, org, name string, in *roles.UpdateRole) (*roles.Role, error) {
	if in == nil {
		return nil, fault.New(fault.Invalid, "role is required.")
	}
	c := directory.UpdateRole{Organization: org, Name: name, DisplayName: in.DisplayName, Description: in.Description, Extends: in.Extends}
	if list := in.GetPermissions(); len(list) > 0 {
		c.Permissions = &list
	}
	return s.write(ctx, c)
}

// GetRole shows a role of all organizations.
func (s *roleService) GetRole(ctx context.Context, r *roles.GetRoleRequest) (*roles.GetRoleResponse, error) {
	m, err := s.get(ctx, "", r.GetRoleName(), r.GetInclude())
	return answer(&roles.GetRoleResponse{Role: m}, err)
}

// GetOrganizationRole shows a role that an organization can give: its own, or one
// of all.
func (s *roleService) GetOrganizationRole(ctx context.Context, r *roles.GetOrganizationRoleRequest) (*roles.GetOrganizationRoleResponse, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	m, err := s.get(ctx, r.GetOrgId(), r.GetRoleName(), r.GetInclude())
	return answer(&roles.GetOrganizationRoleResponse{Role: m}, err)
}

func (s *roleService) get(ctx context.Context, org, name, include string) (m *roles.Role, err error) {
	if err := checkInclude(include); err != nil {
		return nil, err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		role, err := roleOf(v, org, name)
		if err == nil {
			m, err = roleMessage(v, role, include)
		}
		return err
	})
	return m, err
}

// ListRoles shows the roles of all organizations.
func (s *roleService) ListRoles(ctx context.Context, r *roles.ListRolesRequest) (*roles.ListRolesResponse, error) {
	list, err := s.list(ctx, "", r.GetInclude())
	return answer(&roles.ListRolesResponse{Roles: list}, err)
}

// ListOrganizationRoles shows what an organization can give.
func (s *roleService) ListOrganizationRoles(ctx context.Context, r *roles.ListOrganizationRolesRequest) (*roles.ListOrganizationRolesResponse, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	list, err := s.list(ctx, r.GetOrgId(), r.GetInclude())
	return answer(&roles.ListOrganizationRolesResponse{Roles: list}, err)
}

func (s *roleService) list(ctx context.Context, org, include string) (list []*roles.Role, err error) {
	if err := checkInclude(include); err != nil {
		return nil, err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		scopes := []string{""}
		if org != "" {
			if _, err := organizationOf(v, org, ""); err != nil {
				return err
			}
			scopes = append(scopes, org)
		}
		for _, scope := range scopes {
			ids, err := refs(v, directory.Make(directory.TableRoleName, scope))
			if err != nil {
				return err
			}
			for _, id := range ids {
				role, ok, err := directory.Get[*directory.Role](v, directory.Make(directory.TableRole, id))
				if err != nil || !ok {
					return err
				}
				m, err := roleMessage(v, role, include)
				if err != nil {
					return err
				}
				list = append(list, m)
			}
		}
		return nil
	})
	return list, err
}

// DeleteRole ends a role of all organizations.
func (s *roleService) DeleteRole(ctx context.Context, r *roles.DeleteRoleRequest) (*emptypb.Empty, error) {
	heir := r.GetReassignRoleName()
	if id := r.GetReassignRoleId(); heir == "" && id != "" { //nolint:staticcheck // older clients send it
		if err := s.core.read(ctx, func(v directory.View) error {
			role, ok, err := directory.Get[*directory.Role](v, directory.Make(directory.TableRole, id))
			switch {
			case err != nil:
				return err
			case ok && role.Organization == "":
				heir = role.Name
			default:
				heir = id // older callers send a name here
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return s.empty(ctx, directory.DeleteRole{Name: r.GetRoleName(), Heir: heir})
}

// DeleteOrganizationRole ends an organization's own role.
func (s *roleService) DeleteOrganizationRole(ctx context.Context, r *roles.DeleteOrganizationRoleRequest) (*emptypb.Empty, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	return s.empty(ctx, directory.DeleteRole{Organization: r.GetOrgId(), Name: r.GetRoleName(), Heir: r.GetReassignRoleName()})
}

// DeleteRoleBase makes a role extend no other.
func (s *roleService) DeleteRoleBase(ctx context.Context, r *roles.DeleteRoleBaseRequest) (*emptypb.Empty, error) {
	none := ""
	return s.empty(ctx, directory.UpdateRole{Name: r.GetRoleName(), Extends: &none})
}

// DeleteOrganizationRoleBase makes an organization's own role extend no other.
func (s *roleService) DeleteOrganizationRoleBase(ctx context.Context, r *roles.DeleteOrganizationRoleBaseRequest) (*emptypb.Empty, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	none := ""
	return s.empty(ctx, directory.UpdateRole{Organization: r.GetOrgId(), Name: r.GetRoleName(), Extends: &none})
}

func (s *roleService) empty(ctx context.Context, c directory.Command) (*emptypb.Empty, error) {
	if _, err := s.core.submit(ctx, c); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// GetRoleUsersCount counts who has a role, in all organizations.
func (s *roleService) GetRoleUsersCount(ctx context.Context, r *roles.GetRoleUsersCountRequest) (*roles.GetRoleUsersCountResponse, error) {
	n, err := s.count(ctx, "", r.GetRoleName())
	return answer(&roles.GetRoleUsersCountResponse{Count: n}, err)
}

// GetOrganizationRoleUsersCount counts who has a role in one organization.
func (s *roleService) GetOrganizationRoleUsersCount(ctx context.Context, r *roles.GetOrganizationRoleUsersCountRequest) (*roles.GetOrganizationRoleUsersCountResponse, error) {
	if err := checkOrgID(r.GetOrgId()); err != nil {
		return nil, err
	}
	n, err := s.count(ctx, r.GetOrgId(), r.GetRoleName())
	return answer(&roles.GetOrganizationRoleUsersCountResponse{Count: n}, err)
}

func (s *roleService) count(ctx context.Context, org, name string) (n int64, err error) {
	err = s.core.read(ctx, func(v directory.View) error {
		role, err := roleOf(v, org, name)
		if err != nil {
			return err
		}
		prefix := directory.Make(directory.TableRoleCount, role.ID)
		if org != "" {
			prefix = directory.Make(directory.TableRoleCount, role.ID, org)
		}
		return v.Scan(prefix, "", func(_ directory.Key, r directory.Row) bool {
			if c, ok := r.(*directory.RoleCount); ok {
				n += int64(c.Users) //nolint:gosec // a count of rows
			}
			return true
		})
	})
	return n, err
}

// ListDependentRoles shows the roles that extend one.
func (s *roleService) ListDependentRoles(ctx context.Context, r *roles.ListDependentRolesRequest) (*roles.ListDependentRolesResponse, error) {
	res := &roles.ListDependentRolesResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		role, err := roleOf(v, "", r.GetRoleName())
		if err != nil {
			return err
		}
		deps, err := directory.Dependents(v, role.ID)
		if err != nil {
			return err
		}
		for _, d := range deps {
			m, err := roleMessage(v, d, "")
			if err != nil {
				return err
			}
			res.Roles = append(res.Roles, m)
		}
		return nil
	}))
}

// roleOf finds a role by name, among those that an organization can give, or
// those of all if org is empty.
func roleOf(v directory.View, org, name string) (*directory.Role, error) {
	if org != "" {
		if _, err := organizationOf(v, org, ""); err != nil {
			return nil, err
		}
	}
	role, ok, err := directory.RoleNamed(v, org, name)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no role %q.", name)
	}
	return role, err
}

func checkInclude(s string) error {
	if s != "" && s != includeOwn && s != includeAll {
		return fault.New(fault.Invalid, "include is %q, %q or empty.", includeOwn, includeAll)
	}
	return nil
}

func checkOrgID(id string) error {
	return checkID("org_id", id, strings.TrimSuffix(directory.PrefixOrganization, "_"), maxID)
}

// refs returns what the rows of an index lead to.
func refs(v directory.View, prefix directory.Key) (ids []string, err error) {
	err = v.Scan(prefix, "", func(_ directory.Key, r directory.Row) bool {
		if ref, ok := r.(directory.Ref); ok {
			ids = append(ids, string(ref))
		}
		return true
	})
	return ids, err
}

// answer returns an answer only without an error.
func answer[T any](res *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return res, nil
}

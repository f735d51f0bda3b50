package api

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/roles"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const mostPermissions = 100

// CreatePermission adds a permission.
func (s *roleService) CreatePermission(ctx context.Context, r *roles.CreatePermissionRequest) (*roles.CreatePermissionResponse, error) {
	in := r.GetPermission()
	if in == nil {
		return nil, fault.New(fault.Invalid, "permission is required.")
	}
	p, err := submitFor[*directory.Permission](ctx, s.core, directory.CreatePermission{Name: in.GetName(), Description: in.GetDescription()})
	if err != nil {
		return nil, err
	}
	return &roles.CreatePermissionResponse{Permission: permissionMessage(p)}, nil
}

// GetPermission shows one.
func (s *roleService) GetPermission(ctx context.Context, r *roles.GetPermissionRequest) (*roles.GetPermissionResponse, error) {
	res := &roles.GetPermissionResponse{}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		p, err := directory.PermissionNamed(v, r.GetPermissionName())
		if err == nil {
			res.Permission = permissionMessage(p)
		}
		return err
	}))
}

// UpdatePermission changes a permission's description. Its name is what
// applications know it by.
func (s *roleService) UpdatePermission(ctx context.Context, r *roles.UpdatePermissionRequest) (*roles.UpdatePermissionResponse, error) {
	in := r.GetPermission()
	if in == nil {
		return nil, fault.New(fault.Invalid, "permission is required.")
	}
	if in.GetName() != "" && in.GetName() != r.GetPermissionName() {
		return nil, fault.New(fault.Invalid, "The name of a permission cannot change; create another one.")
	}
	p, err := submitFor[*directory.Permission](ctx, s.core, directory.UpdatePermission{Name: r.GetPermissionName(), Description: in.GetDescription()})
	if err != nil {
		return nil, err
	}
	return &roles.UpdatePermissionResponse{Permission: permissionMessage(p)}, nil
}

// ListPermissions pages through all, by name.
func (s *roleService) ListPermissions(ctx context.Context, r *roles.ListPermissionsRequest) (*roles.ListPermissionsResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), mostPermissions, mostPermissions)
	at, tokenErr := parseCursor(listPermissions, r.GetPageToken())
	if err := first(sizeErr, tokenErr); err != nil {
		return nil, err
	}
	l := list{
		prefix: directory.Make(directory.TablePermissionName), kind: listPermissions,
		key: func(name string) directory.Key { return directory.Make(directory.TablePermissionName, name) },
	}
	res := &roles.ListPermissionsResponse{Permissions: []*roles.Permission{}}
	return answer(res, s.core.read(ctx, func(v directory.View) error {
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, name := range p.ids {
			perm, err := directory.PermissionNamed(v, name)
			if err != nil {
				return err
			}
			res.Permissions = append(res.Permissions, permissionMessage(perm))
		}
		return nil
	}))
}

// DeletePermission ends a permission, in every role.
func (s *roleService) DeletePermission(ctx context.Context, r *roles.DeletePermissionRequest) (*emptypb.Empty, error) {
	return s.empty(ctx, directory.DeletePermission{Name: r.GetPermissionName()})
}

// ListRolePermissions shows a role's own permissions.
func (s *roleService) ListRolePermissions(ctx context.Context, r *roles.ListRolePermissionsRequest) (*roles.ListRolePermissionsResponse, error) {
	list, err := s.held(ctx, r.GetRoleName(), false)
	return answer(&roles.ListRolePermissionsResponse{Permissions: list}, err)
}

// ListEffectiveRolePermissions shows them with those of the roles that it extends.
func (s *roleService) ListEffectiveRolePermissions(ctx context.Context, r *roles.ListEffectiveRolePermissionsRequest) (*roles.ListEffectiveRolePermissionsResponse, error) {
	list, err := s.held(ctx, r.GetRoleName(), true)
	return answer(&roles.ListEffectiveRolePermissionsResponse{Permissions: list}, err)
}

func (s *roleService) held(ctx context.Context, role string, all bool) ([]*roles.Permission, error) {
	list := []*roles.Permission{}
	err := s.core.read(ctx, func(v directory.View) error {
		r, err := roleOf(v, "", role)
		if err != nil {
			return err
		}
		held, err := directory.PermissionsOf(v, r, all)
		for _, h := range held {
			list = append(list, permissionMessage(h.Permission))
		}
		return err
	})
	return list, err
}

// AddPermissionsToRole adds what the role has not yet.
func (s *roleService) AddPermissionsToRole(ctx context.Context, r *roles.AddPermissionsToRoleRequest) (*roles.AddPermissionsToRoleResponse, error) {
	if len(r.GetPermissionNames()) == 0 {
		return nil, fault.New(fault.Invalid, "permission_names is required.")
	}
	if _, err := s.core.submit(ctx, directory.ChangeRolePermissions{Name: r.GetRoleName(), Add: r.GetPermissionNames()}); err != nil {
		return nil, err
	}
	list, err := s.held(ctx, r.GetRoleName(), false)
	return answer(&roles.AddPermissionsToRoleResponse{Permissions: list}, err)
}

// RemovePermissionFromRole takes one out.
func (s *roleService) RemovePermissionFromRole(ctx context.Context, r *roles.RemovePermissionFromRoleRequest) (*emptypb.Empty, error) {
	return s.empty(ctx, directory.ChangeRolePermissions{Name: r.GetRoleName(), Remove: []string{r.GetPermissionName()}})
}

func permissionMessage(p *directory.Permission) *roles.Permission {
	return &roles.Permission{Id: p.ID, Name: p.Name, Description: p.Description, CreateTime: stamp(p.Created), UpdateTime: stamp(p.Updated)}
}

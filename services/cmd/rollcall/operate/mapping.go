package operate

import (
	"context"
	"fmt"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
)

type mappingCmd struct {
	Server

	Get      mappingGetCmd      `cmd:"" help:"Show which groups give which roles, the most important first."`
	Set      mappingSetCmd      `cmd:"" help:"Replace the mapping."`
	Progress mappingProgressCmd `cmd:"" help:"Show how far changes of mappings and groups are with more than 500 users, the newest first."`
}

var assignmentColumns = []column[*directories.RoleAssignment]{
	{"GROUP", (*directories.RoleAssignment).GetGroupId},
	{"ROLE", (*directories.RoleAssignment).GetRoleName},
}

type mappingGetCmd struct{ place }

// Run shows a mapping.
func (c *mappingGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.directories().GetDirectory(ctx, &directories.GetDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory})
		if err != nil {
			return err
		}
		return list(s, out, r.GetDirectory().GetRoleAssignments().GetAssignments(), assignmentColumns)
	})
}

type mappingSetCmd struct {
	place
	Assignments []string `arg:"" optional:"" name:"group=role" help:"A group's id and the name of the role that it gives, the most important first. None: no group gives a role."`
}

// Run replaces a mapping.
func (c *mappingSetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	all := &directories.RoleAssignments{}
	for _, text := range c.Assignments {
		group, role, ok := strings.Cut(text, "=")
		if !ok || group == "" || role == "" {
			return fmt.Errorf("%q is no assignment: write dirgroup_…=ROLE", text)
		}
		all.Assignments = append(all.Assignments, &directories.RoleAssignment{GroupId: group, RoleName: role})
	}
	return s.ask(ctx, func() error {
		r, err := s.directories().AssignRoles(ctx, &directories.AssignRolesRequest{OrganizationId: c.Organization, Id: c.Directory, RoleAssignments: all})
		if err != nil {
			return err
		}
		return list(s, out, r.GetRoleAssignments().GetAssignments(), assignmentColumns)
	})
}

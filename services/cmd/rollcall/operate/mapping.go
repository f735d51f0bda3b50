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
	return c.ask(ctx, s, func() error {
		r, err := s.directories().GetDirectory(ctx, &directories.GetDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory})
		if err != nil {
			return err
		}
		return list(s, out, r.GetDirectory().GetRoleAssignments().GetAssignments(), assignmentColumns)
	})
}

type mappingSetCmd struct {
	place
	Assignments []string `arg:"" optional:"" name:"group=role" help:"A group's id and the name of the role that it gives, the most important first."`
	None        bool     `help:"No group gives a role any more." env:"-"`
}

// Help is shown by kong.
func (mappingSetCmd) Help() string {
	return `Examples:

  rollcall mapping set acme dir_… dirgroup_…=admin dirgroup_…=editor
  rollcall mapping set acme dir_… --none`
}

// Run replaces a mapping.
func (c *mappingSetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if err := someOrNone(len(c.Assignments), c.None, "an assignment"); err != nil {
		return err
	}
	all := &directories.RoleAssignments{}
	for _, text := range c.Assignments {
		group, role, ok := strings.Cut(text, "=")
		if !ok || group == "" || role == "" {
			return fmt.Errorf("%q is no assignment: write dirgroup_…=ROLE", text)
		}
		all.Assignments = append(all.Assignments, &directories.RoleAssignment{GroupId: group, RoleName: role})
	}
	return c.ask(ctx, s, func() error {
		r, err := s.directories().AssignRoles(ctx, &directories.AssignRolesRequest{OrganizationId: c.Organization, Id: c.Directory, RoleAssignments: all})
		if err != nil {
			return err
		}
		return list(s, out, r.GetRoleAssignments().GetAssignments(), assignmentColumns)
	})
}

// someOrNone refuses a list that replaces another if nobody said whether it is
// to be empty: somebody may have forgotten it.
func someOrNone(n int, none bool, what string) error {
	switch {
	case n == 0 && !none:
		return fmt.Errorf("give %s, or --none to have none", what)
	case n > 0 && none:
		return fmt.Errorf("give %s or --none, not both", what)
	}
	return nil
}

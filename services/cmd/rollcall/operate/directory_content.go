package operate

import (
	"context"
	"strconv"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
)

// mostResources is the largest page of users and groups.
const mostResources = 30

var userColumns = []column[*directories.DirectoryUser]{
	{"ID", (*directories.DirectoryUser).GetId},
	{"EMAIL", (*directories.DirectoryUser).GetEmail},
	{"USER NAME", (*directories.DirectoryUser).GetPreferredUsername},
	{"GIVEN NAME", (*directories.DirectoryUser).GetGivenName},
	{"FAMILY NAME", (*directories.DirectoryUser).GetFamilyName},
	{"CHANGED", func(u *directories.DirectoryUser) string { return when(u.GetUpdatedAt()) }},
}

var groupColumns = []column[*directories.DirectoryGroup]{
	{"ID", (*directories.DirectoryGroup).GetId},
	{"NAME", (*directories.DirectoryGroup).GetDisplayName},
	{"USERS", func(g *directories.DirectoryGroup) string { return strconv.Itoa(int(g.GetTotalUsers())) }},
	{"CHANGED", func(g *directories.DirectoryGroup) string { return when(g.GetUpdatedAt()) }},
}

type directoryUsersCmd struct {
	place
	Limit
	Group  string `help:"Only members of this group (dirgroup_…)." env:"-" of:"group"`
	Detail bool   `help:"With --json, all that webhooks show of each." env:"-"`
}

// Run lists users.
func (c *directoryUsersCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		var all []*directories.DirectoryUser
		err := c.pages(out, mostResources, func(size int, token string) (string, int, error) {
			r, err := s.directories().ListDirectoryUsers(ctx, &directories.ListDirectoryUsersRequest{
				OrganizationId: c.Organization, DirectoryId: c.Directory, PageSize: uint32(size), PageToken: token, //nolint:gosec // bounded
				DirectoryGroupId: optional(c.Group), IncludeDetail: &c.Detail,
			})
			all = append(all, r.GetUsers()...)
			return r.GetNextPageToken(), len(r.GetUsers()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, userColumns)
	})
}

type directoryGroupsCmd struct {
	place
	Limit
}

// Run lists groups.
func (c *directoryGroupsCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		var all []*directories.DirectoryGroup
		err := c.pages(out, mostResources, func(size int, token string) (string, int, error) {
			r, err := s.directories().ListDirectoryGroups(ctx, &directories.ListDirectoryGroupsRequest{
				OrganizationId: c.Organization, DirectoryId: c.Directory, PageSize: uint32(size), PageToken: token, //nolint:gosec // bounded
			})
			all = append(all, r.GetGroups()...)
			return r.GetNextPageToken(), len(r.GetGroups()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, groupColumns)
	})
}

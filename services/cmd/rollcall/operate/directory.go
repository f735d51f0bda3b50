package operate

import (
	"context"
	"strconv"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
)

type directoryCmd struct {
	Server

	List      directoryListCmd    `cmd:"" help:"List an organization's directories."`
	Get       directoryGetCmd     `cmd:"" help:"Show one."`
	Create    directoryCreateCmd  `cmd:"" help:"Make one. It takes nothing in until it is enabled and has a secret."`
	Update    directoryUpdateCmd  `cmd:"" help:"Change what is given."`
	Enable    directoryEnableCmd  `cmd:"" help:"Let it take in what its provider sends."`
	Disable   directoryDisableCmd `cmd:"" help:"Take nothing in any more. What is there stays."`
	Delete    directoryDeleteCmd  `cmd:"" help:"Delete one that is disabled, with its users and groups."`
	Secret    secretCmd           `cmd:"" help:"Bearer secrets that providers send."`
	Users     directoryUsersCmd   `cmd:"" help:"List its users."`
	Groups    directoryGroupsCmd  `cmd:"" help:"List its groups."`
	Status    syncStatusCmd       `cmd:"" help:"Show when its provider was here, and how that went."`
	Log       syncLogCmd          `cmd:"" help:"List what its provider was refused or forgiven, the newest first."`
	Policy    policyCmd           `cmd:"" help:"What is taken in, and what receivers are told."`
	Allowlist allowlistCmd        `cmd:"" help:"Networks that its provider may send from."`
	Attribute attributeCmd        `cmd:"" help:"Where the attributes that receivers see of users come from."`
	Schema    schemaCmd           `cmd:"" help:"Schemas of its users and groups beside the standard ones."`
}

var directoryColumns = []column[*directories.Directory]{
	{"ID", (*directories.Directory).GetId},
	{"NAME", (*directories.Directory).GetName},
	{"PROVIDER", func(d *directories.Directory) string { return provider(d.GetDirectoryProvider()) }},
	{"ENABLED", func(d *directories.Directory) string { return yes(d.GetEnabled()) }},
	{"USERS", func(d *directories.Directory) string { return strconv.Itoa(int(d.GetTotalUsers())) }},
	{"GROUPS", func(d *directories.Directory) string { return strconv.Itoa(int(d.GetTotalGroups())) }},
	{"LAST CHANGE", func(d *directories.Directory) string { return when(d.GetLastSyncedAt()) }},
}

var directoryMembers = append(directoryColumns[:len(directoryColumns):len(directoryColumns)],
	column[*directories.Directory]{"SCIM URL", (*directories.Directory).GetDirectoryEndpoint},
	column[*directories.Directory]{"STATUS", (*directories.Directory).GetStatus},
)

func provider(p directories.DirectoryProvider) string {
	if p == directories.DirectoryProvider_DIRECTORY_PROVIDER_UNSPECIFIED {
		return ""
	}
	return p.String()
}

// place is what every directory is named by.
type place struct {
	organization
	Directory string `arg:"" help:"Id of the directory (dir_…)." of:"directory"`
}

type directoryListCmd struct {
	organization
}

// Run lists directories.
func (c *directoryListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.directories().ListDirectories(ctx, &directories.ListDirectoriesRequest{OrganizationId: c.Organization})
		if err != nil {
			return err
		}
		return list(s, out, r.GetDirectories(), directoryColumns)
	})
}

type directoryGetCmd struct{ place }

// Run shows a directory.
func (c *directoryGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.directories().GetDirectory(ctx, &directories.GetDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory})
		if err != nil {
			return err
		}
		return show(s, out, r.GetDirectory(), directoryMembers)
	})
}

type directoryCreateCmd struct {
	organization
	Provider string `help:"The identity provider, such as OKTA or MICROSOFT_AD." env:"-"`
}

// Run makes a directory.
func (c *directoryCreateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	p, err := providerNamed(c.Provider)
	if err != nil {
		return err
	}
	return c.ask(ctx, s, func() error {
		r, err := s.directories().CreateDirectory(ctx, &directories.CreateDirectoryRequest{
			OrganizationId: c.Organization,
			Directory: &directories.CreateDirectory{
				DirectoryType: directories.DirectoryType_SCIM, DirectoryProvider: p,
			},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetDirectory(), directoryMembers)
	})
}

type directoryEnableCmd struct{ place }

// Run enables a directory.
func (c *directoryEnableCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if _, err := s.directories().EnableDirectory(ctx, &directories.ToggleDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory}); err != nil {
			return err
		}
		return done(s, out, "%s is enabled.", c.Directory)
	})
}

type directoryDisableCmd struct{ place }

// Run disables a directory.
func (c *directoryDisableCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if _, err := s.directories().DisableDirectory(ctx, &directories.ToggleDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory}); err != nil {
			return err
		}
		return done(s, out, "%s is disabled.", c.Directory)
	})
}

type directoryDeleteCmd struct {
	place
	sure
}

// Run deletes a directory.
func (c *directoryDeleteCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		if err := c.confirm(ctx, out, "Delete the directory %s with its users and groups?", c.Directory); err != nil {
			return err
		}
		if _, err := s.directories().DeleteDirectory(ctx, &directories.DeleteDirectoryRequest{OrganizationId: c.Organization, Id: c.Directory}); err != nil {
			return err
		}
		return done(s, out, "Deleted %s.", c.Directory)
	})
}

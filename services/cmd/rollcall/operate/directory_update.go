package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
)

type directoryUpdateCmd struct {
	place
	Name     *string `help:"What people call it." env:"-"`
	Provider string  `help:"The identity provider, such as OKTA or MICROSOFT_AD." env:"-"`
}

// Run changes a directory.
func (c *directoryUpdateCmd) Run(ctx context.Context, s *Server, out *Output) error {
	p, err := providerNamed(c.Provider)
	if err != nil {
		return err
	}
	return c.ask(ctx, s, func() error {
		r, err := s.directories().UpdateDirectory(ctx, &directories.UpdateDirectoryRequest{
			OrganizationId: c.Organization, Id: c.Directory, Directory: &directories.UpdateDirectory{Name: c.Name, DirectoryProvider: p},
		})
		if err != nil {
			return err
		}
		return show(s, out, r.GetDirectory(), directoryMembers)
	})
}

// providerNamed reads --provider; empty is unspecified.
func providerNamed(name string) (directories.DirectoryProvider, error) {
	n, ok := directories.DirectoryProvider_value[strings.ToUpper(name)]
	if name != "" && !ok {
		return 0, fmt.Errorf("--provider: there is no provider %q; there are %s", name, providers())
	}
	return directories.DirectoryProvider(n), nil
}

// providers lists the names of all.
func providers() string {
	var names []string
	for n, name := range directories.DirectoryProvider_name {
		if n > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return joined(names)
}

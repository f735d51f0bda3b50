package operate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
)

type orgSettingsCmd struct {
	Get orgSettingsGetCmd `cmd:"" help:"Show an organization's settings."`
	Set orgSettingsSetCmd `cmd:"" help:"Change what is given."`
}

type orgSettingsGetCmd struct{ organization }

// Run shows settings.
func (c *orgSettingsGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error { return c.showSettings(ctx, s, out) })
}

// showSettings shows what two calls answer as one thing.
func (o *organization) showSettings(ctx context.Context, s *Server, out *Output) error {
	org, err := o.get(ctx, s)
	if err != nil {
		return err
	}
	r, err := s.organizations().GetOrganizationUserManagementSetting(ctx, &organizations.GetOrganizationUserManagementSettingsRequest{OrganizationId: o.Organization})
	if err != nil {
		return err
	}
	users := r.GetSettings().GetMaxAllowedUsers().GetValue()
	if s.JSON {
		features := map[string]bool{}
		for _, f := range org.GetSettings().GetFeatures() {
			features[f.GetName()] = f.GetEnabled()
		}
		return out.json(map[string]any{"features": features, "max_allowed_users": users})
	}
	w := tabwriter.NewWriter(out.Stdout, 0, 0, 2, ' ', 0)
	limit := "any number"
	if users > 0 {
		limit = strconv.Itoa(int(users))
	}
	fmt.Fprintf(w, "USERS\t%s\n", limit)
	for _, f := range org.GetSettings().GetFeatures() {
		fmt.Fprintf(w, "%s\t%s\n", printable(f.GetName()), yes(f.GetEnabled()))
	}
	return w.Flush()
}

type orgSettingsSetCmd struct {
	organization
	Enable   []string `help:"Feature that it may use, such as dir_sync; may be repeated." env:"-"`
	Disable  []string `help:"Feature that it may not use; may be repeated." env:"-"`
	MaxUsers *int32   `help:"How many users it may have; 0 is any number." env:"-"`
}

// Help is shown by kong.
func (orgSettingsSetCmd) Help() string {
	return `Examples:

  rollcall org settings set acme --max-users 500
  rollcall org settings set acme --disable dir_sync`
}

// Run changes settings.
func (c *orgSettingsSetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	settings := &organizations.OrganizationSettings{}
	for _, name := range c.Enable {
		settings.Features = append(settings.Features, &organizations.OrganizationSettingsFeature{Name: name, Enabled: true})
	}
	for _, name := range c.Disable {
		settings.Features = append(settings.Features, &organizations.OrganizationSettingsFeature{Name: name})
	}
	if len(settings.Features) == 0 && c.MaxUsers == nil {
		return errors.New("say what to change: --enable, --disable or --max-users")
	}
	return c.ask(ctx, s, func() error {
		if len(settings.Features) > 0 {
			if _, err := s.organizations().UpdateOrganizationSettings(ctx, &organizations.UpdateOrganizationSettingsRequest{Id: c.Organization, Settings: settings}); err != nil {
				return err
			}
		}
		if c.MaxUsers != nil {
			if _, err := s.organizations().UpsertUserManagementSettings(ctx, &organizations.UpsertUserManagementSettingsRequest{
				OrganizationId: c.Organization, Settings: &organizations.OrganizationUserManagementSettings{MaxAllowedUsers: wrapperspb.Int32(*c.MaxUsers)},
			}); err != nil {
				return err
			}
		}
		return c.showSettings(ctx, s, out)
	})
}

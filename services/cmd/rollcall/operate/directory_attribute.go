package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type attributeCmd struct {
	Get attributeGetCmd `cmd:"" help:"Show a directory's attributes."`
	Set attributeSetCmd `cmd:"" help:"Replace them."`
}

var attributeColumns = []column[*rollcallv1.AttributeMapping]{
	{"ATTRIBUTE", (*rollcallv1.AttributeMapping).GetKey},
	{"FROM", func(m *rollcallv1.AttributeMapping) string { return joined(m.GetSources()) }},
	{"DEFAULT", (*rollcallv1.AttributeMapping).GetDefaultValue},
}

type attributeGetCmd struct{ place }

// Run shows a mapping of attributes.
func (c *attributeGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.attributes().GetAttributeMappings(ctx, &rollcallv1.GetAttributeMappingsRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
		if err != nil {
			return err
		}
		return list(s, out, r.GetMappings(), attributeColumns)
	})
}

type attributeSetCmd struct {
	place
	Attributes []string `arg:"" optional:"" name:"attribute=source" help:"An attribute and where it comes from. Naming an attribute again adds the next source to try, up to 5."`
	Default    []string `help:"Value of an attribute where no source leads to one; may be repeated." placeholder:"ATTRIBUTE=VALUE" sep:"none" env:"-"`
	None       bool     `help:"Map nothing any more." env:"-"`
}

// Help is shown by kong.
func (attributeSetCmd) Help() string {
	return `A source is the name of a text attribute of the payload, or a SCIM path:

  rollcall directory attribute set acme dir_… title=user_type badge=employee_id badge='emails[type eq "work"].value' --default title=staff
  rollcall directory attribute set acme dir_… --none`
}

// mappings reads the arguments, in the order in which attributes are first named.
func (c *attributeSetCmd) mappings() ([]*rollcallv1.AttributeMapping, error) {
	var all []*rollcallv1.AttributeMapping
	of := func(kind, text string) (*rollcallv1.AttributeMapping, string, error) {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" || value == "" {
			return nil, "", fmt.Errorf("%q is no %s: write ATTRIBUTE=%s", text, strings.ToLower(kind), kind)
		}
		i := slices.IndexFunc(all, func(m *rollcallv1.AttributeMapping) bool { return m.GetKey() == key })
		if i < 0 {
			i = len(all)
			all = append(all, &rollcallv1.AttributeMapping{Key: key})
		}
		return all[i], value, nil
	}
	for _, text := range c.Attributes {
		m, source, err := of("SOURCE", text)
		if err != nil {
			return nil, err
		}
		m.Sources = append(m.Sources, source)
	}
	for _, text := range c.Default {
		m, value, err := of("VALUE", text)
		if err != nil {
			return nil, err
		}
		m.DefaultValue = value
	}
	return all, someOrNone(len(all), c.None, "an attribute")
}

// Run replaces a mapping of attributes.
func (c *attributeSetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	all, err := c.mappings()
	if err != nil {
		return err
	}
	return c.ask(ctx, s, func() error {
		r, err := s.attributes().ReplaceAttributeMappings(ctx, &rollcallv1.ReplaceAttributeMappingsRequest{
			OrganizationId: c.Organization, DirectoryId: c.Directory, Mappings: all,
		})
		if err != nil {
			return err
		}
		return list(s, out, r.GetMappings(), attributeColumns)
	})
}

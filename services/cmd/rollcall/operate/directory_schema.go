package operate

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type schemaCmd struct {
	Get schemaGetCmd `cmd:"" help:"Show a directory's schemas; whole with --json."`
	Set schemaSetCmd `cmd:"" help:"Replace them. What is stored stays as it is."`
}

var extensionColumns = []column[*rollcallv1.SchemaExtension]{
	{"OF", (*rollcallv1.SchemaExtension).GetResourceType},
	{"ID", func(e *rollcallv1.SchemaExtension) string { return e.GetSchema().GetFields()["id"].GetStringValue() }},
	{"NAME", func(e *rollcallv1.SchemaExtension) string { return e.GetSchema().GetFields()["name"].GetStringValue() }},
	{"ATTRIBUTES", func(e *rollcallv1.SchemaExtension) string {
		return strconv.Itoa(len(e.GetSchema().GetFields()["attributes"].GetListValue().GetValues()))
	}},
}

type schemaGetCmd struct{ place }

// Run shows schemas.
func (c *schemaGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.ask(ctx, s, func() error {
		r, err := s.schemas().GetExtensions(ctx, &rollcallv1.GetExtensionsRequest{OrganizationId: c.Organization, DirectoryId: c.Directory})
		if err != nil {
			return err
		}
		return list(s, out, r.GetExtensions(), extensionColumns)
	})
}

type schemaSetCmd struct {
	place
	User  []string `help:"JSON file with a schema of users; may be repeated." type:"existingfile" placeholder:"FILE" sep:"none" env:"-"`
	Group []string `help:"JSON file with a schema of groups; may be repeated." type:"existingfile" placeholder:"FILE" sep:"none" env:"-"`
	None  bool     `help:"Only the standard ones." env:"-"`
}

// Help is shown by kong.
func (schemaSetCmd) Help() string {
	return `A file holds one definition in the form of RFC 7643 section 7: id (a URN), name, description, attributes.

  rollcall directory schema set acme dir_… --user badge.json --group cost.json`
}

// Run replaces schemas.
func (c *schemaSetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	if err := someOrNone(len(c.User)+len(c.Group), c.None, "--user or --group"); err != nil {
		return err
	}
	req := &rollcallv1.ReplaceExtensionsRequest{}
	for _, kind := range []struct {
		name  string
		files []string
	}{{"User", c.User}, {"Group", c.Group}} {
		for _, path := range kind.files {
			schema, err := readSchema(path)
			if err != nil {
				return err
			}
			req.Extensions = append(req.Extensions, &rollcallv1.SchemaExtension{ResourceType: kind.name, Schema: schema})
		}
	}
	return c.ask(ctx, s, func() error {
		req.OrganizationId, req.DirectoryId = c.Organization, c.Directory
		r, err := s.schemas().ReplaceExtensions(ctx, req)
		if err != nil {
			return err
		}
		return list(s, out, r.GetExtensions(), extensionColumns)
	})
}

// maxSchema bounds a file with a schema, in bytes: what the API takes of all.
const maxSchema = 64 << 10

func readSchema(path string) (*structpb.Struct, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxSchema+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxSchema {
		return nil, fmt.Errorf("%s is larger than the %d bytes that all schemas may have", path, maxSchema)
	}
	schema := &structpb.Struct{}
	if err := schema.UnmarshalJSON(b); err != nil {
		return nil, fmt.Errorf("%s is no JSON object: %w", path, err)
	}
	return schema, nil
}

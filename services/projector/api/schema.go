package api

import (
	"context"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/rollcallhq/rollcall/events"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// GetExtensions shows a directory's extensions.
func (s *schemaService) GetExtensions(ctx context.Context, r *rollcallv1.GetExtensionsRequest) (*rollcallv1.GetExtensionsResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	res := &rollcallv1.GetExtensionsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, r.GetOrganizationId(), r.GetDirectoryId())
		if err == nil {
			res.Extensions, err = extensionMessages(d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// ReplaceExtensions sets them all.
func (s *schemaService) ReplaceExtensions(ctx context.Context, r *rollcallv1.ReplaceExtensionsRequest) (*rollcallv1.ReplaceExtensionsResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	cmd := directory.RegisterDirectorySchemas{Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId()}
	for i, e := range r.GetExtensions() {
		if e.GetSchema() == nil {
			return nil, fault.New(fault.Invalid, "Extension %d: schema is required.", i+1)
		}
		b, err := e.GetSchema().MarshalJSON()
		if err != nil {
			return nil, fault.New(fault.Invalid, "Extension %d: the schema cannot be written as JSON.", i+1)
		}
		kind := e.GetResourceType()
		if kind == "" {
			kind = schema.User.Name
		}
		cmd.Extensions = append(cmd.Extensions, events.DirectoryExtension{Resource: kind, Definition: b})
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	list, err := extensionMessages(d)
	if err != nil {
		return nil, err
	}
	return &rollcallv1.ReplaceExtensionsResponse{Extensions: list}, nil
}

func extensionMessages(d *directory.Directory) ([]*rollcallv1.SchemaExtension, error) {
	list := make([]*rollcallv1.SchemaExtension, 0, len(d.Extensions))
	for _, e := range d.Extensions {
		definition := &structpb.Struct{}
		if err := definition.UnmarshalJSON(e.Definition); err != nil {
			return nil, err
		}
		list = append(list, &rollcallv1.SchemaExtension{ResourceType: e.Resource, Schema: definition})
	}
	return list, nil
}

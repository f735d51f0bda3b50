package api

import (
	"context"

	"github.com/rollcallhq/rollcall/events"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// GetAttributeMappings shows a directory's mapping.
func (s *mappingService) GetAttributeMappings(ctx context.Context, r *rollcallv1.GetAttributeMappingsRequest) (*rollcallv1.GetAttributeMappingsResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	res := &rollcallv1.GetAttributeMappingsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, r.GetOrganizationId(), r.GetDirectoryId())
		if err == nil {
			res.Mappings = mappingMessages(d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// ReplaceAttributeMappings sets all of it.
func (s *mappingService) ReplaceAttributeMappings(ctx context.Context, r *rollcallv1.ReplaceAttributeMappingsRequest) (*rollcallv1.ReplaceAttributeMappingsResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	cmd := directory.MapDirectoryAttributes{Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId()}
	for _, m := range r.GetMappings() {
		cmd.Mappings = append(cmd.Mappings, events.AttributeMapping{Key: m.GetKey(), Sources: m.GetSources(), Default: m.GetDefaultValue()})
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &rollcallv1.ReplaceAttributeMappingsResponse{Mappings: mappingMessages(d)}, nil
}

func mappingMessages(d *directory.Directory) []*rollcallv1.AttributeMapping {
	list := make([]*rollcallv1.AttributeMapping, 0, len(d.Mappings))
	for _, m := range d.Mappings {
		list = append(list, &rollcallv1.AttributeMapping{Key: m.Key, Sources: m.Sources, DefaultValue: m.Default})
	}
	return list
}

// UpdateAttributes sets a directory's whole mapping in the form of the wire
// reference, which has room for one source: key is the attribute that receivers
// see, map_to where it comes from. A mapping whose map_to is the one that is
// shown keeps the further sources and the default that it has.
//
// map_to may be longer than the declared 32 characters, because a path with a
// URN is.
func (s *directoryService) UpdateAttributes(ctx context.Context, r *directories.UpdateAttributesRequest) (*directories.UpdateAttributesResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "id", r.GetId()); err != nil {
		return nil, err
	}
	if r.GetAttributeMapping() == nil {
		return nil, fault.New(fault.Invalid, "attribute_mapping is required; send one without attributes to map nothing.")
	}
	cmd := directory.MapDirectoryAttributes{Organization: r.GetOrganizationId(), Directory: r.GetId(), KeepFallbacks: true}
	for _, m := range r.GetAttributeMapping().GetAttributes() {
		to := events.AttributeMapping{Key: m.GetKey()}
		if m.GetMapTo() != "" {
			to.Sources = []string{m.GetMapTo()}
		}
		cmd.Mappings = append(cmd.Mappings, to)
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &directories.UpdateAttributesResponse{AttributeMappings: wireMappings(d)}, nil
}

// wireMappings shows a mapping with the first source of each attribute.
func wireMappings(d *directory.Directory) *directories.AttributeMappings {
	m := &directories.AttributeMappings{}
	for _, a := range d.Mappings {
		to := &directories.AttributeMapping{Key: a.Key}
		if len(a.Sources) > 0 {
			to.MapTo = a.Sources[0]
		}
		m.Attributes = append(m.Attributes, to)
	}
	return m
}

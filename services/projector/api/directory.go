package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// CreateDirectory prepares a connection.
func (s *directoryService) CreateDirectory(ctx context.Context, r *directories.CreateDirectoryRequest) (*directories.CreateDirectoryResponse, error) {
	in := r.GetDirectory()
	if in == nil {
		return nil, fault.New(fault.Invalid, "directory is required.")
	}
	if err := checkID("organization_id", r.GetOrganizationId(), "", maxID); err != nil {
		return nil, err
	}
	if in.GetDirectoryType() == directories.DirectoryType_DIRECTORY_TYPE_UNSPECIFIED {
		return nil, fault.New(fault.Invalid, "directory_type is required; SCIM is the one that is offered.")
	}
	cmd := directory.CreateDirectory{Organization: r.GetOrganizationId(), Kind: in.GetDirectoryType().String()}
	if p := in.GetDirectoryProvider(); p != directories.DirectoryProvider_DIRECTORY_PROVIDER_UNSPECIFIED {
		cmd.Provider = p.String()
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	m, err := s.show(ctx, d.Organization, d.ID)
	if err != nil {
		return nil, err
	}
	return &directories.CreateDirectoryResponse{Directory: m}, nil
}

// GetDirectory shows one.
func (s *directoryService) GetDirectory(ctx context.Context, r *directories.GetDirectoryRequest) (*directories.GetDirectoryResponse, error) {
	if err := first(checkID("organization_id", r.GetOrganizationId(), "", maxID), checkID("id", r.GetId(), "", maxID)); err != nil {
		return nil, err
	}
	m, err := s.show(ctx, r.GetOrganizationId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &directories.GetDirectoryResponse{Directory: m}, nil
}

// ListDirectories shows all of an organization: the enabled ones first, then
// the oldest. Clients take the first for the primary one.
func (s *directoryService) ListDirectories(ctx context.Context, r *directories.ListDirectoriesRequest) (*directories.ListDirectoriesResponse, error) {
	org := r.GetOrganizationId()
	if err := checkID("organization_id", org, directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	res := &directories.ListDirectoriesResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		if _, err := organizationOf(v, org, ""); err != nil {
			return err
		}
		var ids []string
		if err := v.Scan(directory.Make(directory.TableOrgDirectory, org), "", func(k directory.Key, _ directory.Row) bool {
			ids = append(ids, k.Last())
			return true
		}); err != nil {
			return err
		}
		for _, id := range ids {
			d, err := directoryOf(v, org, id)
			if err != nil {
				return err
			}
			m, err := s.message(v, d)
			if err != nil {
				return err
			}
			res.Directories = append(res.Directories, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range res.GetDirectories() {
		s.used(ctx, m)
	}
	slices.SortStableFunc(res.GetDirectories(), func(a, b *directories.Directory) int { // ids are already by age
		return cmp.Compare(rank(a.GetEnabled()), rank(b.GetEnabled()))
	})
	return res, nil
}

func rank(enabled bool) int {
	if enabled {
		return 0
	}
	return 1
}

// EnableDirectory lets SCIM writes in.
func (s *directoryService) EnableDirectory(ctx context.Context, r *directories.ToggleDirectoryRequest) (*directories.ToggleDirectoryResponse, error) {
	return s.toggle(ctx, r, directory.EnableDirectory{Organization: r.GetOrganizationId(), Directory: r.GetId()})
}

// DisableDirectory stops intake and keeps the data.
func (s *directoryService) DisableDirectory(ctx context.Context, r *directories.ToggleDirectoryRequest) (*directories.ToggleDirectoryResponse, error) {
	return s.toggle(ctx, r, directory.DisableDirectory{Organization: r.GetOrganizationId(), Directory: r.GetId()})
}

func (s *directoryService) toggle(ctx context.Context, r *directories.ToggleDirectoryRequest, cmd directory.Command) (*directories.ToggleDirectoryResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "id", r.GetId()); err != nil {
		return nil, err
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &directories.ToggleDirectoryResponse{Enabled: d.Enabled}, nil
}

// UpdateDirectory changes what is present.
func (s *directoryService) UpdateDirectory(ctx context.Context, r *directories.UpdateDirectoryRequest) (*directories.UpdateDirectoryResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "id", r.GetId()); err != nil {
		return nil, err
	}
	in := r.GetDirectory()
	switch kind := in.GetDirectoryType(); {
	case in == nil:
		return nil, fault.New(fault.Invalid, "directory is required.")
	case kind != directories.DirectoryType_DIRECTORY_TYPE_UNSPECIFIED && kind != directories.DirectoryType_SCIM:
		return nil, fault.New(fault.Invalid, "directory_type must be SCIM; other types are not offered.")
	case in.GetStatus() != directories.DirectoryStatus_DIRECTORY_STATUS_UNSPECIFIED:
		return nil, fault.New(fault.Invalid, "status cannot be set: it follows from what the directory does.")
	case len(in.GetMappings()) > 0:
		return nil, fault.New(fault.Invalid, "mappings cannot be set with this call; use UpdateAttributes.")
	case len(in.GetGroups()) > 0:
		return nil, fault.New(fault.Invalid, "groups cannot be set: a SCIM directory has the groups that its provider sends.")
	}
	cmd := directory.UpdateDirectory{Organization: r.GetOrganizationId(), Directory: r.GetId(), Name: in.Name, Enabled: in.Enabled}
	if p := in.GetDirectoryProvider(); p != directories.DirectoryProvider_DIRECTORY_PROVIDER_UNSPECIFIED {
		cmd.Provider = new(p.String())
	}
	d, err := submitFor[*directory.Directory](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	m, err := s.show(ctx, d.Organization, d.ID)
	if err != nil {
		return nil, err
	}
	return &directories.UpdateDirectoryResponse{Directory: m}, nil
}

// TriggerDirectorySync is not offered: nobody here could ask a provider for
// anything.
func (s *directoryService) TriggerDirectorySync(context.Context, *directories.TriggerDirectorySyncRequest) (*emptypb.Empty, error) {
	return nil, fault.New(fault.Unimplemented, "SCIM directories are pushed: start a synchronisation at the identity provider.")
}

// AssignGroupsForDirectory is not offered either.
func (s *directoryService) AssignGroupsForDirectory(context.Context, *directories.AssignGroupsForDirectoryRequest) (*emptypb.Empty, error) {
	return nil, fault.New(fault.Unimplemented, "SCIM directories have the groups that their provider sends: choose them at the identity provider.")
}

// DeleteDirectory removes a disabled directory.
func (s *directoryService) DeleteDirectory(ctx context.Context, r *directories.DeleteDirectoryRequest) (*emptypb.Empty, error) {
	if err := checkDirectory(r.GetOrganizationId(), "id", r.GetId()); err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.DeleteDirectory{Organization: r.GetOrganizationId(), Directory: r.GetId()}); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// checkDirectory holds the declared limits of the two ids that name a directory.
func checkDirectory(org, field, id string) error {
	return first(
		checkID("organization_id", org, directory.PrefixOrganization, maxID),
		checkID(field, id, directory.PrefixDirectory, maxID),
	)
}

func (s *directoryService) show(ctx context.Context, org, id string) (m *directories.Directory, err error) {
	err = s.core.read(ctx, func(v directory.View) error {
		d, err := directoryOf(v, org, id)
		if err != nil {
			return err
		}
		m, err = s.message(v, d)
		return err
	})
	if err == nil {
		s.used(ctx, m)
	}
	return m, err
}

// message is a directory with its secrets and totals.
func (s *directoryService) message(v directory.View, d *directory.Directory) (*directories.Directory, error) {
	secrets, err := s.secrets(v, d.ID)
	if err != nil {
		return nil, err
	}
	n, err := countsOf(v, d.ID)
	if err != nil {
		return nil, err
	}
	assigned, err := assignmentsOf(v, d.ID)
	if err != nil {
		return nil, err
	}
	return &directories.Directory{
		Id: d.ID, Name: d.Name, OrganizationId: d.Organization, Enabled: d.Enabled,
		DirectoryType:     directories.DirectoryType(directories.DirectoryType_value[d.Kind]),
		DirectoryProvider: directories.DirectoryProvider(directories.DirectoryProvider_value[d.Provider]),
		LastSyncedAt:      stamp(later(n.UsersUpdated, n.GroupsUpdated)),
		DirectoryEndpoint: s.core.cfg.PublicURL + "/directories/" + d.ID + "/scim/v2",
		TotalUsers:        clamp(n.Users), TotalGroups: clamp(n.Groups),
		Secrets: secrets,
		Stats: &directories.Stats{
			TotalUsers: clamp(n.Users), TotalGroups: clamp(n.Groups),
			GroupUpdatedAt: stamp(n.GroupsUpdated), UserUpdatedAt: stamp(n.UsersUpdated),
		},
		RoleAssignments: assigned, AttributeMappings: wireMappings(d),
		Status: setup(d, n, len(secrets)).String(), GroupsTracked: "ALL",
	}, nil
}

// setup says how far the connection is: nothing done, a secret handed out, or
// in use (now or once).
func setup(d *directory.Directory, n *directory.Counts, secrets int) directories.DirectoryStatus {
	switch {
	case d.Enabled || !n.UsersUpdated.IsZero() || !n.GroupsUpdated.IsZero():
		return directories.DirectoryStatus_COMPLETED
	case secrets > 0:
		return directories.DirectoryStatus_IN_PROGRESS
	default:
		return directories.DirectoryStatus_DRAFT
	}
}

// countsOf returns a directory's totals; a fresh directory has none yet.
func countsOf(v directory.View, dir string) (*directory.Counts, error) {
	n, ok, err := directory.Get[*directory.Counts](v, directory.Make(directory.TableCounts, dir))
	if !ok {
		n = &directory.Counts{}
	}
	return n, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

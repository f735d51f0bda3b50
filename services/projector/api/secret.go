package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// CreateDirectorySecret makes a bearer token and shows it once.
func (s *directoryService) CreateDirectorySecret(ctx context.Context, r *directories.CreateDirectorySecretRequest) (*directories.CreateDirectorySecretResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	made := credential.New(credential.PrefixSCIM)
	row, err := submitFor[*directory.Secret](ctx, s.core, directory.CreateDirectorySecret{
		Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId(), Hash: made.Hash, Suffix: made.Suffix,
	})
	if err != nil {
		return nil, err
	}
	return &directories.CreateDirectorySecretResponse{PlainSecret: shown(made, row.Hash), Secret: s.secret(row)}, nil
}

// RegenerateDirectorySecret makes a bearer token that takes the place of all
// others, and shows it once.
func (s *directoryService) RegenerateDirectorySecret(ctx context.Context, r *directories.RegenerateDirectorySecretRequest) (*directories.RegenerateDirectorySecretResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	overlap := usualOverlap
	if r.OverlapSeconds != nil {
		overlap = time.Duration(r.GetOverlapSeconds()) * time.Second
	}
	made := credential.New(credential.PrefixSCIM)
	row, err := submitFor[*directory.Secret](ctx, s.core, directory.RotateDirectorySecret{
		Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId(), Hash: made.Hash, Suffix: made.Suffix, Overlap: overlap,
	})
	if err != nil {
		return nil, err
	}
	return &directories.RegenerateDirectorySecretResponse{PlainSecret: shown(made, row.Hash), Secret: s.secret(row)}, nil
}

// RevokeSecret ends a bearer token at once.
func (s *accessService) RevokeSecret(ctx context.Context, r *rollcallv1.RevokeSecretRequest) (*emptypb.Empty, error) {
	if err := first(checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()), checkID("secret_id", r.GetSecretId(), directory.PrefixSecret, maxID)); err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.RevokeDirectorySecret{
		Organization: r.GetOrganizationId(), Directory: r.GetDirectoryId(), ID: r.GetSecretId(),
	}); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// secrets shows a directory's secrets, also those that are no longer live, until
// the next one is made.
func (s *directoryService) secrets(v directory.View, dir string) ([]*directories.Secret, error) {
	rows, err := directory.SecretsOf(v, dir)
	if err != nil {
		return nil, err
	}
	var list []*directories.Secret
	for _, row := range rows {
		list = append(list, s.secret(row))
	}
	return list, nil
}

func (s *directoryService) secret(r *directory.Secret) *directories.Secret {
	m := &directories.Secret{Id: r.ID, CreateTime: stamp(r.Created), SecretSuffix: r.Suffix, ExpireTime: stamp(r.Until), DirectoryId: r.Directory}
	if !r.LiveAt(s.core.cfg.Now()) {
		m.Status = directories.SecretStatus_INACTIVE
	}
	return m
}

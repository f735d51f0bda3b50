package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualClients = 10
	mostClients  = 100
)

// CreateApiClient adds a client and shows its secret once.
//
//nolint:staticcheck // the generated interface spells the name
func (s *clientService) CreateApiClient(ctx context.Context, r *rollcallv1.CreateApiClientRequest) (*rollcallv1.CreateApiClientResponse, error) {
	if len(r.GetScopes()) == 0 {
		return nil, fault.New(fault.Invalid, "scopes must name at least one of %q, %q and %q.", directory.ScopeRead, directory.ScopeWrite, directory.ScopeAdmin)
	}
	if org := r.GetOrganizationId(); org != "" {
		if err := checkID("organization_id", org, directory.PrefixOrganization, maxID); err != nil {
			return nil, err
		}
	}
	made := credential.New(credential.PrefixClient)
	row, err := submitFor[*directory.APIClient](ctx, s.core, directory.CreateAPIClient{
		Name: r.GetName(), Hash: made.Hash, Suffix: made.Suffix, Scopes: r.GetScopes(), Organization: r.GetOrganizationId(),
	})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.CreateApiClientResponse{Client: s.message(ctx, row), Secret: shown(made, row.Hash)}, nil
}

// ListApiClients pages through all, the oldest first.
//
//nolint:staticcheck // the generated interface spells the name
func (s *clientService) ListApiClients(ctx context.Context, r *rollcallv1.ListApiClientsRequest) (*rollcallv1.ListApiClientsResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualClients, mostClients)
	at, tokenErr := parseCursor(listClients, r.GetPageToken())
	if err := first(sizeErr, tokenErr); err != nil {
		return nil, err
	}
	key := func(id string) directory.Key { return directory.Make(directory.TableClient, id) }
	l := list{prefix: directory.Make(directory.TableClient), key: key, kind: listClients}
	res := &rollcallv1.ListApiClientsResponse{}
	var rows []*directory.APIClient
	if err := s.core.read(ctx, func(v directory.View) error {
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, id := range p.ids {
			row, err := clientOf(v, id)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, row := range rows {
		res.Clients = append(res.Clients, s.message(ctx, row))
	}
	return res, nil
}

// GetApiClient shows one.
//
//nolint:staticcheck // the generated interface spells the name
func (s *clientService) GetApiClient(ctx context.Context, r *rollcallv1.GetApiClientRequest) (*rollcallv1.GetApiClientResponse, error) {
	if err := checkClientID(r.GetId()); err != nil {
		return nil, err
	}
	var row *directory.APIClient
	if err := s.core.read(ctx, func(v directory.View) (err error) {
		row, err = clientOf(v, r.GetId())
		return err
	}); err != nil {
		return nil, err
	}
	return &rollcallv1.GetApiClientResponse{Client: s.message(ctx, row)}, nil
}

// UpdateApiClient changes what is present.
//
//nolint:staticcheck // the generated interface spells the name
func (s *clientService) UpdateApiClient(ctx context.Context, r *rollcallv1.UpdateApiClientRequest) (*rollcallv1.UpdateApiClientResponse, error) {
	if err := checkClientID(r.GetId()); err != nil {
		return nil, err
	}
	cmd := directory.UpdateAPIClient{ID: r.GetId(), Name: r.Name}
	if scopes := r.GetScopes(); len(scopes) > 0 {
		cmd.Scopes = &scopes
	}
	row, err := submitFor[*directory.APIClient](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	return &rollcallv1.UpdateApiClientResponse{Client: s.message(ctx, row)}, nil
}

// RotateApiClientSecret makes a new secret and shows it once.
//
//nolint:staticcheck // the generated interface spells the name
func (s *clientService) RotateApiClientSecret(ctx context.Context, r *rollcallv1.RotateApiClientSecretRequest) (*rollcallv1.RotateApiClientSecretResponse, error) {
	if err := checkClientID(r.GetId()); err != nil {
		return nil, err
	}
	overlap := usualOverlap
	if r.OverlapSeconds != nil {
		overlap = time.Duration(r.GetOverlapSeconds()) * time.Second
	}
	made := credential.New(credential.PrefixClient)
	row, err := submitFor[*directory.APIClient](ctx, s.core, directory.ChangeAPIClientSecret{
		ID: r.GetId(), Hash: made.Hash, Suffix: made.Suffix, Overlap: overlap,
	})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.RotateApiClientSecretResponse{Client: s.message(ctx, row), Secret: made.Plain}, nil
}

// DeleteApiClient ends a client and its tokens.
//
//nolint:staticcheck // the generated interface spells the name
func (s *clientService) DeleteApiClient(ctx context.Context, r *rollcallv1.DeleteApiClientRequest) (*emptypb.Empty, error) {
	if err := checkClientID(r.GetId()); err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.DeleteAPIClient{ID: r.GetId()}); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// maxClientID bounds the id of an API client: the first one's may be chosen.
const maxClientID = 64

func checkClientID(id string) error { return checkID("id", id, "", maxClientID) }

func clientOf(v directory.View, id string) (*directory.APIClient, error) {
	row, ok, err := directory.Get[*directory.APIClient](v, directory.Make(directory.TableClient, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no API client %q.", id)
	}
	return row, err
}

// message shows a client, without anything secret.
func (s *clientService) message(ctx context.Context, r *directory.APIClient) *rollcallv1.ApiClient {
	m := &rollcallv1.ApiClient{
		Id: r.ID, Name: r.Name, Scopes: r.Granted(), OrganizationId: r.Organization, SecretSuffix: r.Suffix,
		CreateTime: stamp(r.Created), UpdateTime: stamp(later(r.Created, r.Updated)), LastUsedTime: stamp(s.core.lastUsed(ctx, r.ID)),
	}
	now := s.core.cfg.Now()
	for _, f := range r.Former {
		if now.Before(f.Until) {
			m.FormerSecretExpireTimes = append(m.FormerSecretExpireTimes, stamp(f.Until))
		}
	}
	return m
}

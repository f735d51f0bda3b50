package api

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualNATSCredentials = 10
	mostNATSCredentials  = 100
)

// NATS is what lets NATS clients read events.
type NATS interface {
	// NewKey makes an nkey. The seed is secret.
	NewKey() (seed, public string, err error)
	// Sync returns when those who are let in are those whose credentials the model
	// shows.
	Sync(ctx context.Context) error
}

// CreateNatsCredential adds a credential and shows its seed once.
//
//nolint:staticcheck // the generated interface spells the name
func (s *natsService) CreateNatsCredential(ctx context.Context, r *rollcallv1.CreateNatsCredentialRequest) (*rollcallv1.CreateNatsCredentialResponse, error) {
	if org := r.GetOrganizationId(); org != "" {
		if err := checkID("organization_id", org, directory.PrefixOrganization, maxID); err != nil {
			return nil, err
		}
	}
	start, err := timeOf("start_time", r.GetStartTime())
	if err != nil {
		return nil, err
	}
	if s.core.cfg.NATS == nil {
		return nil, fault.New(fault.FailedPrecondition, "This server lets no NATS clients in. Start `rollcall serve` with --nats-listen; on a NATS server of your own, make users there.")
	}
	seed, public, err := s.core.cfg.NATS.NewKey()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The key could not be made.")
	}
	cmd := directory.CreateNATSCredential{Name: r.GetName(), PublicKey: public, Organization: r.GetOrganizationId(), EventTypes: slices.Clone(r.GetEventTypes())}
	if !start.IsZero() {
		cmd.Start = &start
	}
	row, err := submitFor[*directory.NATSCredential](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	if row.PublicKey != public {
		seed = "" // a repeat, which made nothing
	}
	// What fails here is made up for soon; a seed that is not shown is lost.
	s.sync(ctx)
	return &rollcallv1.CreateNatsCredentialResponse{Credential: natsMessage(row), Seed: seed}, nil
}

// ListNatsCredentials pages through all, the oldest first.
//
//nolint:staticcheck // the generated interface spells the name
func (s *natsService) ListNatsCredentials(ctx context.Context, r *rollcallv1.ListNatsCredentialsRequest) (*rollcallv1.ListNatsCredentialsResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualNATSCredentials, mostNATSCredentials)
	at, tokenErr := parseCursor(listNATSCredentials, r.GetPageToken())
	if err := first(sizeErr, tokenErr); err != nil {
		return nil, err
	}
	key := func(id string) directory.Key { return directory.Make(directory.TableNATSCredential, id) }
	l := list{prefix: directory.Make(directory.TableNATSCredential), key: key, kind: listNATSCredentials}
	res := &rollcallv1.ListNatsCredentialsResponse{}
	if err := s.core.read(ctx, func(v directory.View) error {
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, id := range p.ids {
			row, ok, err := directory.Get[*directory.NATSCredential](v, key(id))
			if err != nil {
				return err
			}
			if ok {
				res.Credentials = append(res.Credentials, natsMessage(row))
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return res, nil
}

// RevokeNatsCredential ends a credential and cuts its connections.
//
//nolint:staticcheck // the generated interface spells the name
func (s *natsService) RevokeNatsCredential(ctx context.Context, r *rollcallv1.RevokeNatsCredentialRequest) (*emptypb.Empty, error) {
	if err := checkID("id", r.GetId(), directory.PrefixNATSCredential, maxID); err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, directory.RevokeNATSCredential{ID: r.GetId()}); err != nil {
		return nil, err
	}
	if s.core.cfg.NATS != nil {
		if err := s.core.cfg.NATS.Sync(ctx); err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "The credential is revoked, but its connections may last some seconds longer.")
		}
	}
	return &emptypb.Empty{}, nil
}

// sync has a new credential let in.
func (s *natsService) sync(ctx context.Context) {
	if err := s.core.cfg.NATS.Sync(ctx); err != nil {
		s.core.cfg.Logger.WarnContext(ctx, "a new NATS credential is let in later", "error", err)
	}
}

func natsMessage(r *directory.NATSCredential) *rollcallv1.NatsCredential {
	return &rollcallv1.NatsCredential{
		Id: r.ID, Name: r.Name, PublicKey: r.PublicKey, OrganizationId: r.Organization, EventTypes: r.EventTypes,
		StartTime: stamp(r.Start), CreateTime: stamp(r.Created),
	}
}

package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/domains"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
)

// mostDomains is the largest page of domains, and the usual one: callers that
// do not page want to see them all.
const mostDomains = 100

// domainTokenSize is the random part of a TXT record, in bytes.
const domainTokenSize = 16

// CreateDomain registers a domain for an organization.
func (s *domainService) CreateDomain(ctx context.Context, r *domains.CreateDomainRequest) (*domains.CreateDomainResponse, error) {
	in := r.GetDomain()
	if in == nil {
		return nil, fault.New(fault.Invalid, "domain is required.")
	}
	cmd := directory.CreateDomain{Domain: in.GetDomain()}
	if t := in.GetDomainType(); t != domains.DomainType_DOMAIN_TYPE_UNSPECIFIED {
		cmd.Kind = t.String()
	}
	switch method := in.GetVerificationMethod(); method {
	case domains.VerificationMethod_VERIFICATION_METHOD_UNSPECIFIED, domains.VerificationMethod_ADMIN:
	case domains.VerificationMethod_DNS:
		var token [domainTokenSize]byte
		_, _ = rand.Read(token[:]) // never fails: it ends the program instead
		cmd.Token = hex.EncodeToString(token[:])
	default:
		return nil, fault.New(fault.Invalid, "verification_method must be ADMIN or DNS.")
	}
	_, err := s.in(ctx, r.GetOrganizationId(), r.GetExternalId(), func(_ directory.View, o *directory.Organization) error {
		cmd.Organization = o.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	d, err := submitFor[*directory.Domain](ctx, s.core, cmd)
	if err != nil {
		return nil, err
	}
	env, err := s.in(ctx, d.Organization, "", nil)
	if err != nil {
		return nil, err
	}
	return &domains.CreateDomainResponse{Domain: domainMessage(d, env)}, nil
}

// GetDomain shows one.
func (s *domainService) GetDomain(ctx context.Context, r *domains.GetDomainRequest) (*domains.GetDomainResponse, error) {
	d, env, err := s.find(ctx, r.GetOrganizationId(), r.GetExternalId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &domains.GetDomainResponse{Domain: domainMessage(d, env)}, nil
}

// UpdateDomain shows a domain: it has nothing that can change.
func (s *domainService) UpdateDomain(ctx context.Context, r *domains.UpdateDomainRequest) (*domains.UpdateDomainResponse, error) {
	d, env, err := s.find(ctx, r.GetOrganizationId(), r.GetExternalId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &domains.UpdateDomainResponse{Domain: domainMessage(d, env)}, nil
}

// VerifyDomain looks for a domain's TXT record now and says whether the domain is
// verified.
func (s *domainService) VerifyDomain(ctx context.Context, r *domains.VerifyDomainRequest) (*domains.VerifyDomainResponse, error) {
	d, _, err := s.find(ctx, r.GetOrganizationId(), r.GetExternalId(), r.GetId())
	if err != nil {
		return nil, err
	}
	if d.Verification == directory.VerificationPending {
		seen, err := txtrecord.Holds(ctx, s.core.cfg.Resolver, d.DNS.Key, d.DNS.Secret)
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "The TXT record at %s cannot be looked up now. Try again.", d.DNS.Key)
		}
		if !seen {
			return &domains.VerifyDomainResponse{}, nil
		}
		if d, err = submitFor[*directory.Domain](ctx, s.core, directory.ConfirmDomain{Organization: d.Organization, ID: d.ID, Secret: d.DNS.Secret}); err != nil {
			return nil, err
		}
	}
	return &domains.VerifyDomainResponse{Verified: d.Verified()}, nil
}

// find returns a domain of the organization that a request names in one of two
// ways, and the environment's id.
func (s *domainService) find(ctx context.Context, org, externalID, id string) (d *directory.Domain, env string, err error) {
	if err := checkID("id", id, "", maxID); err != nil {
		return nil, "", err
	}
	env, err = s.in(ctx, org, externalID, func(v directory.View, o *directory.Organization) (err error) {
		var ok bool
		d, ok, err = directory.Get[*directory.Domain](v, directory.Make(directory.TableDomain, o.ID, id))
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "There is no domain %q in this organization.", id)
		}
		return err
	})
	return d, env, err
}

// ListDomains shows one page, the oldest first.
func (s *domainService) ListDomains(ctx context.Context, r *domains.ListDomainRequest) (*domains.ListDomainResponse, error) {
	size, err := pageSize(r.GetPageSize().GetValue(), mostDomains, mostDomains)
	if err != nil {
		return nil, err
	}
	number := max(r.GetPageNumber().GetValue(), 1)
	if r.GetPageNumber().GetValue() < 0 {
		return nil, fault.New(fault.Invalid, "page_number must be 1 or more.")
	}
	kind := ""
	if t := r.GetDomainType(); t != domains.DomainType_DOMAIN_TYPE_UNSPECIFIED {
		kind = t.String()
	}
	var rows []*directory.Domain
	env, err := s.in(ctx, r.GetOrganizationId(), r.GetExternalId(), func(v directory.View, o *directory.Organization) error {
		skip := int64(size) * int64(number-1)
		return v.Scan(directory.Make(directory.TableDomain, o.ID), "", func(_ directory.Key, row directory.Row) bool {
			d, ok := row.(*directory.Domain)
			switch {
			case !ok || kind != "" && d.Kind != kind:
			case skip > 0:
				skip--
			default:
				rows = append(rows, d)
			}
			return len(rows) < size
		})
	})
	if err != nil {
		return nil, err
	}
	res := &domains.ListDomainResponse{PageSize: clamp(size), PageNumber: number}
	for _, d := range rows {
		res.Domains = append(res.Domains, domainMessage(d, env))
	}
	return res, nil
}

// DeleteDomain frees a domain.
func (s *domainService) DeleteDomain(ctx context.Context, r *domains.DeleteDomainRequest) (*emptypb.Empty, error) {
	if err := checkID("id", r.GetId(), "", maxID); err != nil {
		return nil, err
	}
	cmd := directory.DeleteDomain{ID: r.GetId()}
	_, err := s.in(ctx, r.GetOrganizationId(), r.GetExternalId(), func(_ directory.View, o *directory.Organization) error {
		cmd.Organization = o.ID
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.core.submit(ctx, cmd); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

// in finds the organization that a request names in one of two ways, hands it
// to f (if any) and returns the environment's id.
func (s *domainService) in(ctx context.Context, id, externalID string, f func(directory.View, *directory.Organization) error) (env string, err error) {
	if err := checkIdentity("organization_id", id, externalID); err != nil {
		return "", err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		o, err := organizationOf(v, id, externalID)
		if err != nil {
			return err
		}
		if err := v.Scan(directory.Make(directory.TableEnvironment), "", func(k directory.Key, _ directory.Row) bool {
			env = k.Last()
			return false
		}); err != nil || f == nil {
			return err
		}
		return f(v, o)
	})
	return env, err
}

func domainMessage(d *directory.Domain, env string) *domains.Domain {
	m := &domains.Domain{
		Id: d.ID, Domain: d.Name, EnvironmentId: env, OrganizationId: d.Organization,
		VerificationStatus: domains.VerificationStatus(domains.VerificationStatus_value[strings.ToUpper(d.Verification)]),
		VerificationMethod: domains.VerificationMethod_ADMIN, // an API client vouched for it
		DomainType:         domains.DomainType(domains.DomainType_value[d.Kind]),
		CreateTime:         stamp(d.Created), UpdateTime: stamp(later(d.Created, d.Updated)),
	}
	if d.DNS != nil {
		m.VerificationMethod, m.TxtRecordKey, m.TxtRecordSecret = domains.VerificationMethod_DNS, d.DNS.Key, d.DNS.Secret
	}
	return m
}

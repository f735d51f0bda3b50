package announce

import (
	"cmp"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// domain tells of an organization's domain and its verification.
func (t *telling) domain(before, after *directory.Domain) error {
	m := cmp.Or(after, before)
	if m == nil {
		return nil
	}
	was, err := t.told(m.ID)
	if err != nil {
		return err
	}
	typ := public.DomainCreated
	switch {
	case after == nil:
		typ = public.DomainDeleted
	case before == nil:
	case after.Verification == before.Verification:
		return nil
	case after.Verified():
		typ = public.DomainVerified
	default:
		typ = public.DomainFailed
	}
	data, err := t.domainData(m)
	if err != nil {
		return err
	}
	if after == nil {
		data.UpdatedAt = t.e.At
	}
	t.say(subject{m.ID, m.Organization, ""}, was, told{live: after != nil}, typ, func(v uint64) (any, error) {
		data.Version = v
		return data, nil
	})
	if after == nil {
		t.forget(m.ID)
	}
	return nil
}

// domainData is what receivers see of a domain, except for its version.
func (t *telling) domainData(m *directory.Domain) (public.Domain, error) {
	d := public.Domain{
		ID: m.ID, Domain: m.Name, DomainType: m.Kind, OrganizationID: m.Organization,
		VerificationStatus: m.Verification, VerificationMethod: "ADMIN", UpdatedAt: m.Updated,
	}
	if m.Updated.IsZero() {
		d.UpdatedAt = m.Created
	}
	if m.DNS != nil {
		d.VerificationMethod, d.TXTRecordKey, d.TXTRecordSecret = "DNS", m.DNS.Key, m.DNS.Secret
	}
	err := t.view.Scan(directory.Make(directory.TableEnvironment), "", func(k directory.Key, _ directory.Row) bool {
		d.EnvironmentID = k.Last()
		return false
	})
	return d, err
}

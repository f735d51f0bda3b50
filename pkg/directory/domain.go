package directory

import (
	"crypto/subtle"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The kinds of domains. Only the first gates what a directory may provision.
const (
	DomainOfOrganization = "ORGANIZATION_DOMAIN"
	DomainAllowedEmail   = "ALLOWED_EMAIL_DOMAIN"
)

// The states of a domain's verification. Only domains that are verified, either
// way, admit users.
const (
	VerificationAuto    = "AUTO_VERIFIED" // an API client vouches for it
	VerificationPending = "PENDING"       // waits for its TXT record
	VerificationDone    = "VERIFIED"
	VerificationFailed  = "FAILED" // the record was not seen in time
)

// DomainWindow is how long the TXT record of a domain is waited for.
const DomainWindow = 7 * 24 * time.Hour

// leastDomainToken and mostDomainToken bound what makes a TXT record unguessable, in characters.
const leastDomainToken, mostDomainToken = 32, 128

// CreateDomain registers a domain for an organization. A domain belongs to one
// organization at most, unless its verification failed.
type CreateDomain struct {
	Organization string `json:"organization"`
	Domain       string `json:"domain"`
	Kind         string `json:"kind"` // empty: DomainOfOrganization
	// Token makes the TXT record by which the domain is to be verified; empty: it
	// is taken as verified.
	Token string `json:"token,omitempty"`
}

// ConfirmDomain says that a domain's TXT record was seen, with the text that it
// has.
type ConfirmDomain struct {
	Organization string `json:"organization"`
	ID           string `json:"id"`
	Secret       string `json:"secret"`
}

// FailDomain ends a verification whose time is over. It is the verifier's.
type FailDomain struct {
	Organization string `json:"organization"`
	ID           string `json:"id"`
}

// DeleteDomain frees a domain. Users that are in stay in.
type DeleteDomain struct {
	Organization string `json:"organization"`
	ID           string `json:"id"`
}

func (CreateDomain) name() string  { return "CreateDomain" }
func (DeleteDomain) name() string  { return "DeleteDomain" }
func (ConfirmDomain) name() string { return "ConfirmDomain" }
func (FailDomain) name() string    { return "FailDomain" }

func (c CreateDomain) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	name, err := NormalDomain(c.Domain)
	if err != nil {
		return err
	}
	kind := c.Kind
	switch kind {
	case "":
		kind = DomainOfOrganization
	case DomainOfOrganization, DomainAllowedEmail:
	default:
		return fault.New(fault.Invalid, "domain_type %q is unknown; use %s or %s.", kind, DomainOfOrganization, DomainAllowedEmail)
	}
	if _, taken, err := get[Ref](d.view, Make(TableDomainName, name)); err != nil {
		return err
	} else if taken {
		return fault.New(fault.Conflict, "The domain %s is already registered.", name)
	}
	e := events.DomainCreated{Domain: name, Kind: kind, Verification: VerificationAuto}
	if c.Token != "" {
		if kind != DomainOfOrganization {
			return fault.New(fault.Invalid, "Only a domain of type %s can be verified by DNS.", DomainOfOrganization)
		}
		if err := length("token", c.Token, leastDomainToken, mostDomainToken); err != nil {
			return err
		}
		e.Verification = VerificationPending
		e.DNS = &events.DomainChallenge{Key: "_rollcall-challenge." + name, Secret: "rollcall-verification=" + c.Token, Until: d.stamp.At.Add(DomainWindow)}
	}
	id := d.mint(PrefixDomain)
	d.resource = Make(TableDomain, o.ID, id)
	return d.emit(events.Event{Organization: o.ID, Resource: id, Revision: 1}, e)
}

func (c ConfirmDomain) decide(d *decision) error {
	m, err := domain(d.view, c.Organization, c.ID)
	if err != nil {
		return err
	}
	d.resource = Make(TableDomain, m.Organization, m.ID)
	switch m.Verification {
	case VerificationPending:
	case VerificationFailed:
		return fault.New(fault.FailedPrecondition, "The time to verify %s is over. Delete the domain and register it again.", m.Name)
	default:
		return nil
	}
	if subtle.ConstantTimeCompare([]byte(m.DNS.Secret), []byte(c.Secret)) != 1 {
		return fault.New(fault.FailedPrecondition, "The TXT record at %s does not have the text that was asked for.", m.DNS.Key)
	}
	return d.emit(m.event(), events.DomainVerified{Domain: m.Name})
}

func (c FailDomain) decide(d *decision) error {
	m, err := domain(d.view, c.Organization, c.ID)
	if err != nil {
		return err
	}
	d.resource = Make(TableDomain, m.Organization, m.ID)
	if m.Verification != VerificationPending || d.stamp.At.Before(m.DNS.Until) {
		return nil
	}
	return d.emit(m.event(), events.DomainVerificationFailed{Domain: m.Name})
}

func (c DeleteDomain) decide(d *decision) error {
	m, err := domain(d.view, c.Organization, c.ID)
	if err != nil {
		return err
	}
	return d.emit(m.event(), events.DomainDeleted{Domain: m.Name, Kind: m.Kind})
}

// domain finds one within its organization.
func domain(v View, org, id string) (*Domain, error) {
	m, ok, err := get[*Domain](v, Make(TableDomain, org, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no domain %q in this organization.", id)
	}
	return m, err
}

func (r *Domain) event() events.Event {
	return events.Event{Organization: r.Organization, Resource: r.ID, Revision: max(r.Revision, 1) + 1}
}

// Verified reports whether the domain is the organization's, by whoever's word.
func (r *Domain) Verified() bool {
	return r.Verification == VerificationAuto || r.Verification == VerificationDone
}

// The names of the faults about domains. Their subject is the domain.
const (
	DomainNotRegistered = "domain_not_registered"
	DomainNotVerified   = "domain_not_verified"
	NoAddress           = "no_email_address" // without a subject
)

// DomainAdmits reports whether an organization's users may have addresses of a
// domain now.
func DomainAdmits(v View, org, domain string) (bool, error) {
	err := domainAllowed(v, org, "anybody@"+domain)
	if fault.KindOf(err) == fault.Invalid {
		return false, nil
	}
	return err == nil, err
}

// domainAllowed refuses an address whose domain the organization has not
// registered. Subdomains of a registered domain are other domains.
func domainAllowed(v View, org, address string) error {
	domain := addressDomain(address)
	if domain == "" {
		return fault.New(fault.Invalid, "The user has no e-mail address, and this directory takes only addresses of registered domains. "+
			"Send a primary or work e-mail, or a userName that is an address.").Because(fault.InvalidValue).Named(NoAddress, "")
	}
	at, ok, err := get[Ref](v, Make(TableDomainName, domain))
	if err != nil {
		return err
	}
	if owner, id, _ := strings.Cut(string(at), "/"); ok && owner == org {
		m, ok, err := get[*Domain](v, Make(TableDomain, org, id))
		if err != nil {
			return err
		}
		switch {
		case !ok || m.Kind != DomainOfOrganization:
		case m.Verified():
			return nil
		default:
			return fault.New(fault.Invalid, "The e-mail domain %s is registered for this organization and not verified yet. "+
				"Make the TXT record that was asked for, and provision the user again.", domain).Because(fault.InvalidValue).Named(DomainNotVerified, domain)
		}
	}
	return fault.New(fault.Invalid, "The e-mail domain %s is not registered for this organization. "+
		"Register the domain %s, or set the directory's domain_policy to OFF, and provision the user again.", domain, domain).Because(fault.InvalidValue).
		Named(DomainNotRegistered, domain)
}

func foldDomainCreated(f *folding, p events.DomainCreated) error {
	f.put(Make(TableDomain, f.e.Organization, f.e.Resource), &Domain{
		ID: f.e.Resource, Organization: f.e.Organization, Name: p.Domain, Kind: p.Kind, Verification: p.Verification,
		Created: f.e.At, Updated: f.e.At, Revision: f.e.Revision, DNS: p.DNS,
	})
	f.refer(f.e.Organization+"/"+f.e.Resource, Make(TableDomainName, p.Domain))
	if p.DNS != nil {
		f.refer(f.e.Organization, Make(TableDomainPending, f.e.Resource))
	}
	return nil
}

// verified ends a domain's verification, either way.
func (f *folding) verified(as string) error {
	k := Make(TableDomain, f.e.Organization, f.e.Resource)
	m, ok, err := get[*Domain](f.view, k)
	if err != nil || !ok {
		return err
	}
	f.drop(Make(TableDomainPending, m.ID))
	if as == VerificationFailed {
		if err := f.freeDomain(m.Name); err != nil {
			return err
		}
	}
	row := *m
	row.Verification, row.Updated, row.Revision = as, f.e.At, f.e.Revision
	f.put(k, &row)
	return nil
}

func foldDomainDeleted(f *folding, p events.DomainDeleted) error {
	f.drop(Make(TableDomain, f.e.Organization, f.e.Resource))
	f.drop(Make(TableDomainPending, f.e.Resource))
	return f.freeDomain(p.Domain)
}

// freeDomain drops the name of the event's domain, unless it is another's by now.
func (f *folding) freeDomain(name string) error {
	k := Make(TableDomainName, name)
	at, ok, err := get[Ref](f.view, k)
	if err == nil && ok && string(at) == f.e.Organization+"/"+f.e.Resource {
		f.drop(k)
	}
	return err
}

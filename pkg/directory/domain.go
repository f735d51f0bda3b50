package directory

import (
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The kinds of domains. Only the first gates what a directory may provision.
const (
	DomainOfOrganization = "ORGANIZATION_DOMAIN"
	DomainAllowedEmail   = "ALLOWED_EMAIL_DOMAIN"
)

// VerificationAuto marks a domain that an API client vouches for.
const VerificationAuto = "AUTO_VERIFIED"

// CreateDomain registers a domain for an organization. A domain belongs to one
// organization at most.
type CreateDomain struct {
	Organization string `json:"organization"`
	Domain       string `json:"domain"`
	Kind         string `json:"kind"` // empty: DomainOfOrganization
}

// DeleteDomain frees a domain. Users that are in stay in.
type DeleteDomain struct {
	Organization string `json:"organization"`
	ID           string `json:"id"`
}

func (CreateDomain) name() string { return "CreateDomain" }
func (DeleteDomain) name() string { return "DeleteDomain" }

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
	id := d.mint(PrefixDomain)
	d.resource = Make(TableDomain, o.ID, id)
	return d.emit(events.Event{Organization: o.ID, Resource: id, Revision: 1},
		events.DomainCreated{Domain: name, Kind: kind, Verification: VerificationAuto})
}

func (c DeleteDomain) decide(d *decision) error {
	m, ok, err := get[*Domain](d.view, Make(TableDomain, c.Organization, c.ID))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.NotFound, "There is no domain %q in this organization.", c.ID)
	}
	return d.emit(events.Event{Organization: m.Organization, Resource: m.ID, Revision: 2}, events.DomainDeleted{Domain: m.Name, Kind: m.Kind})
}

// domainAllowed refuses an address whose domain the organization has not
// registered. Subdomains of a registered domain are other domains.
func domainAllowed(v View, org, address string) error {
	domain := addressDomain(address)
	if domain == "" {
		return fault.New(fault.Invalid, "The user has no e-mail address, and this directory takes only addresses of registered domains. "+
			"Send a primary or work e-mail, or a userName that is an address.").Because(fault.InvalidValue)
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
		if ok && m.Kind == DomainOfOrganization {
			return nil
		}
	}
	return fault.New(fault.Invalid, "The e-mail domain %s is not registered for this organization. "+
		"Register the domain %s, or set the directory's domain_policy to OFF, and provision the user again.", domain, domain).Because(fault.InvalidValue)
}

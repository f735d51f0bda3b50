package directory

import (
	"maps"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// CreateOrganization adds a customer.
type CreateOrganization struct {
	Profile events.OrganizationProfile `json:"profile"`
}

// UpdateOrganization changes the fields that are set; nil leaves a field as it
// is.
type UpdateOrganization struct {
	Organization string            `json:"organization"`
	DisplayName  *string           `json:"display_name,omitempty"`
	ExternalID   *string           `json:"external_id,omitempty"`
	Slug         *string           `json:"slug,omitempty"`
	LogoURL      *string           `json:"logo_url,omitempty"`
	Metadata     map[string]string `json:"metadata"` // nil: as it is; empty: none
}

// DeleteOrganization removes a customer with its domains, directories, users
// and groups.
type DeleteOrganization struct {
	Organization string `json:"organization"`
}

func (CreateOrganization) name() string { return "CreateOrganization" }
func (UpdateOrganization) name() string { return "UpdateOrganization" }
func (DeleteOrganization) name() string { return "DeleteOrganization" }

func (c CreateOrganization) decide(d *decision) error {
	if err := checkOrganization(c.Profile); err != nil {
		return err
	}
	if err := externalIDFree(d.view, c.Profile.ExternalID); err != nil {
		return err
	}
	id := d.mint(PrefixOrganization)
	d.resource = Make(TableOrganization, id)
	return d.emit(events.Event{Organization: id, Resource: id, Revision: 1}, events.OrganizationCreated{OrganizationProfile: c.Profile})
}

func (c UpdateOrganization) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	d.resource = Make(TableOrganization, o.ID)
	p := o.OrganizationProfile
	set(&p.DisplayName, c.DisplayName)
	set(&p.ExternalID, c.ExternalID)
	set(&p.Slug, c.Slug)
	set(&p.LogoURL, c.LogoURL)
	if c.Metadata != nil {
		p.Metadata = c.Metadata
	}
	if err := checkOrganization(p); err != nil {
		return err
	}
	if sameProfile(p, o.OrganizationProfile) {
		return nil
	}
	e := events.OrganizationUpdated{OrganizationProfile: p}
	if p.ExternalID != o.ExternalID {
		if err := externalIDFree(d.view, p.ExternalID); err != nil {
			return err
		}
		e.FreedExternalID = o.ExternalID
	}
	return d.emit(events.Event{Organization: o.ID, Resource: o.ID, Revision: o.Revision + 1}, e)
}

func (c DeleteOrganization) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	var directories []string
	if err := d.view.Scan(Make(TableOrgDirectory, o.ID), "", func(k Key, _ Row) bool {
		directories = append(directories, k.Last())
		return true
	}); err != nil {
		return err
	}
	for _, id := range directories {
		dir, err := directory(d.view, o.ID, id)
		if err != nil {
			return err
		}
		if err := d.emit(dir.event(), events.DirectoryDeleted{DirectoryProfile: dir.DirectoryProfile}); err != nil {
			return err
		}
	}
	var domains []*Domain
	if err := d.view.Scan(Make(TableDomain, o.ID), "", func(_ Key, r Row) bool {
		domains = append(domains, r.(*Domain)) //nolint:errcheck // the table says what its rows are
		return true
	}); err != nil {
		return err
	}
	for _, m := range domains {
		if err := d.emit(m.event(), events.DomainDeleted{Domain: m.Name, Kind: m.Kind}); err != nil {
			return err
		}
	}
	return d.emit(events.Event{Organization: o.ID, Resource: o.ID, Revision: o.Revision + 1}, events.OrganizationDeleted{OrganizationProfile: o.OrganizationProfile})
}

// organization finds one by its id.
func organization(v View, id string) (*Organization, error) {
	o, ok, err := get[*Organization](v, Make(TableOrganization, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no organization %q.", id)
	}
	return o, err
}

func externalIDFree(v View, externalID string) error {
	if externalID == "" {
		return nil
	}
	if _, taken, err := get[Ref](v, Make(TableOrganizationName, externalID)); err != nil {
		return err
	} else if taken {
		return fault.New(fault.Conflict, "An organization with external id %q already exists.", externalID)
	}
	return nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func sameProfile(a, b events.OrganizationProfile) bool {
	return a.DisplayName == b.DisplayName && a.RegionCode == b.RegionCode && a.ExternalID == b.ExternalID &&
		a.Slug == b.Slug && a.LogoURL == b.LogoURL && maps.Equal(a.Metadata, b.Metadata)
}

// checkOrganization holds the limits of the wire reference, section 10.
func checkOrganization(p events.OrganizationProfile) error {
	if err := length("display_name", p.DisplayName, 1, 200); err != nil {
		return err
	}
	if err := length("external_id", p.ExternalID, 0, 200); err != nil {
		return err
	}
	if err := length("region_code", p.RegionCode, 0, 64); err != nil {
		return err
	}
	if err := length("slug", p.Slug, 0, 63); err != nil {
		return err
	}
	if !validSlug(p.Slug) {
		return fault.New(fault.Invalid, "slug may hold lower case letters, digits and single hyphens between them.")
	}
	if err := length("logo_url", p.LogoURL, 0, 2000); err != nil {
		return err
	}
	if len(p.Metadata) > 10 {
		return fault.New(fault.Invalid, "metadata holds %d pairs; at most 10 are allowed.", len(p.Metadata))
	}
	for k, v := range p.Metadata {
		if err := length("a metadata key", k, 3, 25); err != nil {
			return err
		}
		if err := length("metadata."+k, v, 1, 256); err != nil {
			return err
		}
	}
	return nil
}

func validSlug(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '-' && i > 0 && i < len(s)-1 && s[i-1] != '-':
		default:
			return false
		}
	}
	return true
}

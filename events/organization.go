package events

import "time"

// The types of an organization's life.
const (
	TypeOrganizationCreated Type = "organization.created.v1"
	TypeOrganizationUpdated Type = "organization.updated.v1"
	TypeOrganizationDeleted Type = "organization.deleted.v1"
	TypeDomainCreated       Type = "domain.created.v1"
	TypeDomainDeleted       Type = "domain.deleted.v1"
)

// TypeOrganizationSettingsChanged is apart from the profile's types: settings say
// what an organization may do, not what it is called.
const TypeOrganizationSettingsChanged Type = "organization.settings_changed.v1"

// The types of a domain's verification by DNS.
const (
	TypeDomainVerified           Type = "domain.verified.v1"
	TypeDomainVerificationFailed Type = "domain.verification_failed.v1"
)

// OrganizationProfile is what an organization is called.
type OrganizationProfile struct {
	DisplayName string            `json:"display_name"`
	RegionCode  string            `json:"region_code,omitempty"`
	ExternalID  string            `json:"external_id,omitempty"`
	Slug        string            `json:"slug,omitempty"`
	LogoURL     string            `json:"logo_url,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// OrganizationCreated says that a customer was added.
type OrganizationCreated struct{ OrganizationProfile }

// OrganizationUpdated holds the whole new profile, and the external id that
// became free if it changed.
type OrganizationUpdated struct {
	OrganizationProfile
	FreedExternalID string `json:"freed_external_id,omitempty"`
}

// OrganizationDeleted holds the last profile: its external id is free again.
type OrganizationDeleted struct{ OrganizationProfile }

// OrganizationFeature is one thing that an organization may use, or not.
type OrganizationFeature struct {
	Name    string `json:"name"` // "sso", "dir_sync"
	Enabled bool   `json:"enabled"`
}

// OrganizationSettings is what an organization may do. The zero value is what a
// new one starts with.
type OrganizationSettings struct {
	// Features is empty for the server's defaults, else all of them.
	Features []OrganizationFeature `json:"features,omitempty"`
	// MaxUsers is how many users the organization has at most; 0 is no limit.
	MaxUsers int `json:"max_users,omitempty"`
}

// OrganizationSettingsChanged holds the whole new settings.
type OrganizationSettingsChanged struct{ OrganizationSettings }

// DomainCreated says that an organization registered a domain.
type DomainCreated struct {
	// Domain is in lower case, without a trailing dot.
	Domain string `json:"domain"`
	// Kind is "ORGANIZATION_DOMAIN" or "ALLOWED_EMAIL_DOMAIN".
	Kind         string `json:"kind"`
	Verification string `json:"verification"`
	// DNS says how the domain is to be verified; nil: it is taken as verified.
	DNS *DomainChallenge `json:"dns,omitempty"`
}

// DomainChallenge asks for a TXT record that only who holds the domain can make.
type DomainChallenge struct {
	Key    string `json:"key"`    // the record's name
	Secret string `json:"secret"` // its text; it is published, so it is kept as it is
	// Until is when the verification fails if the record was not seen.
	Until time.Time `json:"until"`
}

// DomainVerified says that the TXT record was seen.
type DomainVerified struct {
	Domain string `json:"domain"`
}

// DomainVerificationFailed says that it was not seen in time. The domain stays to
// be looked at, and is free for others.
type DomainVerificationFailed struct {
	Domain string `json:"domain"`
}

// DomainDeleted says that a domain is free again.
type DomainDeleted struct {
	Domain string `json:"domain"`
	Kind   string `json:"kind"`
}

func (OrganizationCreated) Type() Type { return TypeOrganizationCreated }
func (OrganizationUpdated) Type() Type { return TypeOrganizationUpdated }
func (OrganizationDeleted) Type() Type { return TypeOrganizationDeleted }
func (DomainCreated) Type() Type       { return TypeDomainCreated }
func (DomainDeleted) Type() Type       { return TypeDomainDeleted }

func (OrganizationSettingsChanged) Type() Type { return TypeOrganizationSettingsChanged }
func (DomainVerified) Type() Type              { return TypeDomainVerified }
func (DomainVerificationFailed) Type() Type    { return TypeDomainVerificationFailed }

package public

import (
	"encoding/json"
	"time"
)

// Head is what the data of every directory resource begins with.
type Head struct {
	ID             string `json:"id"`
	OrganizationID string `json:"organization_id"`
	DirectoryID    string `json:"directory_id,omitempty"`
	// Version rises with every public event of the resource: a receiver that
	// has seen a higher one can drop this event.
	Version uint64 `json:"version"`
}

// User is the data of UserCreated and UserUpdated. Attributes that the
// directory does not know are left out; the lists and objects are always there.
type User struct {
	Head
	// PreviousID is the id of the deleted user who came back as this one: the
	// application's record of that user goes on.
	PreviousID          string          `json:"previous_id,omitempty"`
	DirectoryProviderID string          `json:"dp_id,omitempty"` // SCIM externalId
	PreferredUsername   string          `json:"preferred_username,omitempty"`
	Email               string          `json:"email,omitempty"`
	Active              bool            `json:"active"`
	Name                string          `json:"name,omitempty"`
	GivenName           string          `json:"given_name,omitempty"`
	FamilyName          string          `json:"family_name,omitempty"`
	Nickname            string          `json:"nickname,omitempty"`
	Title               string          `json:"title,omitempty"`
	UserType            string          `json:"user_type,omitempty"`
	Department          string          `json:"department,omitempty"`
	Division            string          `json:"division,omitempty"`
	CostCenter          string          `json:"cost_center,omitempty"`
	EmployeeID          string          `json:"employee_id,omitempty"`
	Organization        string          `json:"organization,omitempty"`
	PhoneNumber         string          `json:"phone_number,omitempty"`
	Picture             string          `json:"picture,omitempty"`
	Profile             string          `json:"profile,omitempty"`
	Language            string          `json:"language,omitempty"`
	Locale              string          `json:"locale,omitempty"`
	Zoneinfo            string          `json:"zoneinfo,omitempty"`
	Address             *Address        `json:"address,omitempty"`
	Manager             *ManagerRef     `json:"manager,omitempty"`
	Groups              []GroupRef      `json:"groups"`
	Roles               []RoleRef       `json:"roles"`
	CustomAttributes    map[string]any  `json:"custom_attributes"`
	RawAttributes       json.RawMessage `json:"raw_attributes"`
}

// ManagerRef names whom a user reports to, as the directory has it.
type ManagerRef struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Address is a postal address. State is the same as Region.
type Address struct {
	Formatted     string `json:"formatted,omitempty"`
	StreetAddress string `json:"street_address,omitempty"`
	Locality      string `json:"locality,omitempty"`
	Region        string `json:"region,omitempty"`
	State         string `json:"state,omitempty"`
	PostalCode    string `json:"postal_code,omitempty"`
	Country       string `json:"country,omitempty"`
}

// GroupRef names a group that a user is in.
type GroupRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// RoleRef names a role that a user has.
type RoleRef struct {
	RoleName string `json:"role_name"`
}

// The reasons of a UserDeleted.
const (
	ReasonDeleted     = "deleted"
	ReasonDeactivated = "deactivated"
)

// DeletedUser is the data of UserDeleted.
type DeletedUser struct {
	Head
	DirectoryProviderID string `json:"dp_id,omitempty"`
	Email               string `json:"email,omitempty"`
	// Reason is ReasonDeleted or ReasonDeactivated.
	Reason string `json:"reason"`
}

// Group is the data of GroupCreated and GroupUpdated.
type Group struct {
	Head
	PreviousID    string          `json:"previous_id,omitempty"` // of the deleted group that came back as this one
	DisplayName   string          `json:"display_name"`
	ExternalID    *string         `json:"external_id"` // null when the provider sent none
	RawAttributes json.RawMessage `json:"raw_attributes"`
}

// DeletedGroup is the data of GroupDeleted.
type DeletedGroup struct {
	Head
	DisplayName         string          `json:"display_name"`
	DirectoryProviderID *string         `json:"dp_id"`
	RawAttributes       json.RawMessage `json:"raw_attributes"`
}

// Directory is the data of DirectoryEnabled and DirectoryDisabled.
type Directory struct {
	Head
	DirectoryType string    `json:"directory_type"`
	Provider      string    `json:"provider,omitempty"`
	Enabled       bool      `json:"enabled"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// Organization is the data of the organization's own events.
type Organization struct {
	ID          string            `json:"id"`
	Version     uint64            `json:"version"`
	DisplayName string            `json:"display_name"`
	ExternalID  string            `json:"external_id,omitempty"`
	RegionCode  string            `json:"region_code,omitempty"`
	CreateTime  time.Time         `json:"create_time"`
	UpdateTime  time.Time         `json:"update_time"`
	DeletedAt   *time.Time        `json:"deleted_at,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Settings    Settings          `json:"settings"`
}

// Settings is an organization's features.
type Settings struct {
	Features []Feature `json:"features"`
}

// Feature is one thing that an organization may use.
type Feature struct {
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
}

// Domain is the data of the events of an organization's domains.
type Domain struct {
	ID                 string    `json:"id"`
	Version            uint64    `json:"version"`
	Domain             string    `json:"domain"`
	DomainType         string    `json:"domain_type"`
	OrganizationID     string    `json:"organization_id"`
	EnvironmentID      string    `json:"environment_id"`
	VerificationStatus string    `json:"verification_status"`
	VerificationMethod string    `json:"verification_method"` // "ADMIN" or "DNS"
	TXTRecordKey       string    `json:"txt_record_key,omitempty"`
	TXTRecordSecret    string    `json:"txt_record_secret,omitempty"`
	UpdatedAt          time.Time `json:"updated_at"`
}

// Role is the data of RoleCreated, RoleUpdated and RoleDeleted. OrganizationID is
// set for a role that one organization has of its own.
type Role struct {
	ID             string   `json:"id"`
	Version        uint64   `json:"version"`
	OrganizationID string   `json:"organization_id,omitempty"`
	Name           string   `json:"name"`
	DisplayName    string   `json:"display_name,omitempty"`
	Description    string   `json:"description,omitempty"`
	Extends        string   `json:"extends,omitempty"` // a role's name
	Permissions    []string `json:"permissions"`       // names, without those of Extends
}

// Permission is the data of PermissionCreated, PermissionUpdated and
// PermissionDeleted.
type Permission struct {
	ID          string `json:"id"`
	Version     uint64 `json:"version"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// OrgMembership is the data of MembershipCreated, MembershipUpdated,
// MembershipDeleted and MembershipInvited. Version counts those of the same user
// in the same organization.
type OrgMembership struct {
	// ID is "<organization id>/<user id>".
	ID           string         `json:"id"`
	Version      uint64         `json:"version"`
	Organization MemberOrg      `json:"organization"`
	User         MemberUser     `json:"user"`
	Membership   MemberStanding `json:"membership"`
}

// MemberOrg is the organization of an OrgMembership.
type MemberOrg struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name,omitempty"`
	ExternalID  string `json:"external_id,omitempty"`
}

// MemberUser is the user of an OrgMembership.
type MemberUser struct {
	ID         string            `json:"id"`
	Email      string            `json:"email,omitempty"`
	ExternalID string            `json:"external_id,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Profile    MemberProfile     `json:"user_profile"`
}

// MemberProfile is what is known of the user of an OrgMembership.
type MemberProfile struct {
	Name              string            `json:"name,omitempty"`
	GivenName         string            `json:"given_name,omitempty"`
	FamilyName        string            `json:"family_name,omitempty"`
	PreferredUsername string            `json:"preferred_username,omitempty"`
	PhoneNumber       string            `json:"phone_number,omitempty"`
	Picture           string            `json:"picture,omitempty"`
	Locale            string            `json:"locale,omitempty"`
	Gender            string            `json:"gender,omitempty"`
	Groups            []string          `json:"groups,omitempty"`
	CustomAttributes  map[string]string `json:"custom_attributes,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
}

// MemberStanding is what the user is in the organization.
type MemberStanding struct {
	// Status is ACTIVE, INACTIVE or PENDING_INVITE.
	Status string `json:"membership_status"`
	// Roles are complete, the most important first.
	Roles        []RoleRef         `json:"roles"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	InviterEmail string            `json:"inviter_email,omitempty"`
	JoinTime     *time.Time        `json:"join_time,omitempty"`
	ExpiresAt    *time.Time        `json:"expires_at,omitempty"` // of an open invitation
}

// Endpoint is the data of EndpointFailing and EndpointDisabled. It does not show
// the URL, which may hold what lets somebody in.
type Endpoint struct {
	ID             string `json:"id"`
	Version        uint64 `json:"version"`
	OrganizationID string `json:"organization_id,omitempty"`
	Description    string `json:"description,omitempty"`
	// FailingSince and DisableAt are of EndpointFailing.
	FailingSince *time.Time `json:"failing_since,omitempty"`
	DisableAt    *time.Time `json:"disable_at,omitempty"`
	// Reason is of EndpointDisabled: "gone" or "failing".
	Reason string `json:"reason,omitempty"`
}

// Package public is the contract with the outside: the events that webhooks
// deliver and that the EVENTS stream holds.
//
// An Event's body is compact JSON without HTML escaping and without a final
// newline, so that a receiver that parses and writes it again in JavaScript
// gets the same bytes. Fields may be added; none changes its meaning.
//
// What must not live here: when an event is due (pkg/announce) and how it
// travels (services/projector, services/delivery).
package public

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Type is the name that receivers subscribe to.
type Type string

// The public events.
const (
	OrganizationCreated Type = "organization.created"
	OrganizationUpdated Type = "organization.updated"
	OrganizationDeleted Type = "organization.deleted"
	DirectoryEnabled    Type = "organization.directory_enabled"
	DirectoryDisabled   Type = "organization.directory_disabled"
	UserCreated         Type = "organization.directory.user_created"
	UserUpdated         Type = "organization.directory.user_updated"
	UserDeleted         Type = "organization.directory.user_deleted"
	GroupCreated        Type = "organization.directory.group_created"
	GroupUpdated        Type = "organization.directory.group_updated"
	GroupDeleted        Type = "organization.directory.group_deleted"
	RoleCreated         Type = "role.created"
	RoleUpdated         Type = "role.updated"
	RoleDeleted         Type = "role.deleted"
	PermissionCreated   Type = "permission.created"
	PermissionUpdated   Type = "permission.updated"
	PermissionDeleted   Type = "permission.deleted"
	MembershipCreated   Type = "user.organization_membership_created"
	MembershipUpdated   Type = "user.organization_membership_updated"
	MembershipDeleted   Type = "user.organization_membership_deleted"
	MembershipInvited   Type = "user.organization_invitation"
	DomainCreated       Type = "organization.domain_created"
	DomainDeleted       Type = "organization.domain_deleted"
	DomainVerified      Type = "organization.domain_dns_verification_success"
	DomainFailed        Type = "organization.domain_dns_verification_failed"
	EndpointFailing     Type = "webhook_endpoint.failing"
	EndpointDisabled    Type = "webhook_endpoint.disabled"
	// EndpointTest is sent to the endpoint that is tested only.
	EndpointTest Type = "webhook_endpoint.test"
)

// described holds what the envelope says of each type besides its name.
var described = map[Type]struct{ object, display string }{
	OrganizationCreated: {"Organization", "Organization Created"},
	OrganizationUpdated: {"Organization", "Organization Updated"},
	OrganizationDeleted: {"Organization", "Organization Deleted"},
	DirectoryEnabled:    {"Directory", "Directory Enabled"},
	DirectoryDisabled:   {"Directory", "Directory Disabled"},
	UserCreated:         {"DirectoryUser", "Directory User Created"},
	UserUpdated:         {"DirectoryUser", "Directory User Updated"},
	UserDeleted:         {"DirectoryUser", "Directory User Deleted"},
	GroupCreated:        {"DirectoryGroup", "Directory Group Created"},
	GroupUpdated:        {"DirectoryGroup", "Directory Group Updated"},
	GroupDeleted:        {"DirectoryGroup", "Directory Group Deleted"},
	RoleCreated:         {"Role", "Role Created"},
	RoleUpdated:         {"Role", "Role Updated"},
	RoleDeleted:         {"Role", "Role Deleted"},
	PermissionCreated:   {"Permission", "Permission Created"},
	PermissionUpdated:   {"Permission", "Permission Updated"},
	PermissionDeleted:   {"Permission", "Permission Deleted"},
	MembershipCreated:   {"OrgMembership", "Organization Membership Created"},
	MembershipUpdated:   {"OrgMembership", "Organization Membership Updated"},
	MembershipDeleted:   {"OrgMembership", "Organization Membership Deleted"},
	MembershipInvited:   {"OrgMembership", "Organization Invitation"},
	DomainCreated:       {"Organization", "Organization Domain Created"},
	DomainDeleted:       {"Organization", "Organization Domain Deleted"},
	DomainVerified:      {"Organization", "Organization Domain DNS Verification Success"},
	DomainFailed:        {"Organization", "Organization Domain DNS Verification Failed"},
	EndpointFailing:     {"WebhookEndpoint", "Webhook Endpoint Failing"},
	EndpointDisabled:    {"WebhookEndpoint", "Webhook Endpoint Disabled"},
	EndpointTest:        {"WebhookEndpoint", "Webhook Endpoint Test"},
}

// Types returns every type, in no particular order.
func Types() []Type {
	all := make([]Type, 0, len(described))
	for t := range described {
		all = append(all, t)
	}
	return all
}

// Object returns what kind of thing the type is about, for example
// "DirectoryUser".
func (t Type) Object() string { return described[t].object }

// Display returns the type's name for people, for example "Directory User
// Created".
func (t Type) Display() string { return described[t].display }

// MaxDerived is how many public events one log event can cause.
const MaxDerived = 10_000

// Number is the order of public events: by the log event that caused them, then
// as they were derived from it. It is a function of the log alone, so that an
// event derived twice has one number, and it never exceeds 18 digits.
type Number uint64

// NumberOf returns the number of the n-th event (from 0) derived from the log
// event with the given ordinal (from 1).
func NumberOf(ordinal uint64, n int) Number { return Number(ordinal*MaxDerived + uint64(n)) } //nolint:gosec // n < MaxDerived

// ID is the event's id on the wire, and the webhook-id of its deliveries.
func (n Number) ID() string { return fmt.Sprintf("evt_%018d", uint64(n)) }

// Event is the envelope of a public event.
type Event struct {
	SpecVersion    string    `json:"spec_version"`
	ID             string    `json:"id"`
	Type           Type      `json:"type"`
	Object         string    `json:"object"`
	OccurredAt     time.Time `json:"occurred_at"`
	EnvironmentID  string    `json:"environment_id"`
	OrganizationID string    `json:"organization_id,omitempty"`
	DisplayName    string    `json:"display_name"`
	Data           any       `json:"data"`
}

// New fills in what follows from the type.
func New(t Type, n Number, at time.Time, environment, organization string, data any) Event {
	d := described[t]
	return Event{
		SpecVersion: "1", ID: n.ID(), Type: t, Object: d.object, OccurredAt: at.UTC(), EnvironmentID: environment,
		OrganizationID: organization, DisplayName: d.display, Data: data,
	}
}

// Body returns the bytes that are stored, signed and sent.
func (e Event) Body() ([]byte, error) { return compact(e) }

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

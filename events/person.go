package events

import "time"

// The types of the life of a person and of its memberships. A person is what
// the API calls a user: somebody in the environment, whom directories know as
// directory users.
const (
	TypePersonCreated     Type = "person.created.v1"
	TypePersonUpdated     Type = "person.updated.v1"
	TypePersonDeleted     Type = "person.deleted.v1"
	TypeMembershipCreated Type = "membership.created.v1"
	TypeMembershipUpdated Type = "membership.updated.v1"
	TypeMembershipDeleted Type = "membership.deleted.v1"
)

// PersonProfile is what is known of a person, empty where nothing is.
type PersonProfile struct {
	GivenName         string            `json:"given_name,omitempty"`
	FamilyName        string            `json:"family_name,omitempty"`
	Name              string            `json:"name,omitempty"`
	Locale            string            `json:"locale,omitempty"`
	PhoneNumber       string            `json:"phone_number,omitempty"`
	PreferredUsername string            `json:"preferred_username,omitempty"`
	Picture           string            `json:"picture,omitempty"`
	Gender            string            `json:"gender,omitempty"`
	Groups            []string          `json:"groups,omitempty"`
	CustomAttributes  map[string]string `json:"custom_attributes,omitempty"`
	Metadata          map[string]string `json:"metadata,omitempty"`
}

// PersonState is a person as a whole.
type PersonState struct {
	Email string `json:"email,omitempty"`
	// ExternalID is the application's own id of the person.
	ExternalID string            `json:"external_id,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Profile    PersonProfile     `json:"profile"`
}

// PersonCreated says that the API made a person or, if the envelope names a
// directory, that it was about to write one that so far was a user of that
// directory alone: the user whose id has the same number.
type PersonCreated struct {
	PersonState
	// Written are the names of the attributes that the API gave a value.
	Written []string `json:"written,omitempty"`
}

// PersonUpdated holds the person as a whole after the change.
type PersonUpdated struct {
	PersonState
	// Written are the names of the attributes that changed.
	Written []string `json:"written"`
	// FreedExternalID is the external id before, if that changed.
	FreedExternalID string `json:"freed_external_id,omitempty"`
}

// PersonDeleted ends a person who is in no organization any more.
type PersonDeleted struct {
	Email      string `json:"email,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
}

// MembershipState is what the API says of a person in the envelope's
// organization.
type MembershipState struct {
	// Roles are ids, each once, the most important first.
	Roles        []string          `json:"roles,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	InviterEmail string            `json:"inviter_email,omitempty"`
	// Invitation is set as long as the person was invited and has not come.
	Invitation *Invitation `json:"invitation,omitempty"`
}

// Invitation asks somebody to come.
type Invitation struct {
	Expires time.Time `json:"expires"`
	// Sent counts how often it was sent, 1 for the first; Last is when.
	Sent int       `json:"sent"`
	Last time.Time `json:"last"`
}

// MembershipCreated puts the envelope's person into its organization.
type MembershipCreated struct {
	MembershipState
	// Provisioned says that the person is there because of a directory: what the
	// API adds ends with the directory's user.
	Provisioned bool `json:"provisioned,omitempty"`
}

// MembershipUpdated holds what the API says after the change.
type MembershipUpdated struct{ MembershipState }

// MembershipDeleted takes the person out, with the roles that it had.
type MembershipDeleted struct {
	Roles []string `json:"roles,omitempty"`
}

func (PersonCreated) Type() Type     { return TypePersonCreated }
func (PersonUpdated) Type() Type     { return TypePersonUpdated }
func (PersonDeleted) Type() Type     { return TypePersonDeleted }
func (MembershipCreated) Type() Type { return TypeMembershipCreated }
func (MembershipUpdated) Type() Type { return TypeMembershipUpdated }
func (MembershipDeleted) Type() Type { return TypeMembershipDeleted }

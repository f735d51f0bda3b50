package events

import (
	"encoding/json"
	"time"
)

// The types of a directory's life.
const (
	TypeDirectoryCreated       Type = "directory.created.v1"
	TypeDirectoryEnabled       Type = "directory.enabled.v1"
	TypeDirectoryDisabled      Type = "directory.disabled.v1"
	TypeDirectoryDeleted       Type = "directory.deleted.v1"
	TypeDirectoryPolicyChanged Type = "directory.policy_changed.v1"
	TypeDirectorySecretCreated Type = "directory.secret_created.v1"
	TypeDirectorySecretRevoked Type = "directory.secret_revoked.v1"

	TypeDirectoryUpdated          Type = "directory.updated.v1"
	TypeDirectorySecretExpiring   Type = "directory.secret_expiring.v1"
	TypeDirectoryNetworksAllowed  Type = "directory.networks_allowed.v1"
	TypeDirectorySchemasChanged   Type = "directory.schemas_changed.v1"
	TypeDirectoryAttributesMapped Type = "directory.attributes_mapped.v1"
)

// DirectoryProfile is what a directory connects to.
type DirectoryProfile struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`               // "SCIM"
	Provider string `json:"provider,omitempty"` // "OKTA", "MICROSOFT_AD", …
}

// DirectoryPolicy is how a directory treats what its provider sends.
type DirectoryPolicy struct {
	// DomainPolicy is "ENFORCE" or "OFF".
	DomainPolicy string `json:"domain_policy"`
	// EmailPolicy is "IMMUTABLE" or "FOLLOW_DIRECTORY".
	EmailPolicy string `json:"email_policy"`
	// DeactivationEvent is "USER_DELETED" or "USER_UPDATED".
	DeactivationEvent string `json:"deactivation_event"`
	// Conformance is "LENIENT" or "STRICT". Events from before there was a choice
	// lack it, which means LENIENT.
	Conformance string `json:"conformance,omitempty"`
}

// DirectoryCreated says that a connection was prepared; it takes no SCIM
// writes before DirectoryEnabled.
type DirectoryCreated struct {
	DirectoryProfile
	Policy DirectoryPolicy `json:"policy"`
}

// DirectoryEnabled says that SCIM writes are taken from now on.
type DirectoryEnabled struct{}

// DirectoryDisabled says that SCIM requests are answered 503 from now on; the
// data stays.
type DirectoryDisabled struct{}

// DirectoryDeleted starts the removal of all that the directory holds. A
// fan-out named after this event carries it through.
type DirectoryDeleted struct{ DirectoryProfile }

// DirectoryPolicyChanged holds the whole new policy.
type DirectoryPolicyChanged struct{ DirectoryPolicy }

// DirectorySecretCreated holds the SHA-256 of a bearer secret, never the
// secret.
type DirectorySecretCreated struct {
	Hash   []byte `json:"hash"`
	Suffix string `json:"suffix"`
}

// DirectorySecretRevoked says that a secret is dead.
type DirectorySecretRevoked struct {
	Hash []byte `json:"hash"`
}

// DirectoryUpdated holds the whole new profile.
type DirectoryUpdated struct{ DirectoryProfile }

// DirectorySecretExpiring says that another secret takes the place of this one,
// which opens the directory before Until and not from then on.
type DirectorySecretExpiring struct {
	Hash  []byte    `json:"hash"`
	Until time.Time `json:"until"`
}

// DirectoryNetworksAllowed holds all networks that SCIM requests may come from,
// from now on.
type DirectoryNetworksAllowed struct {
	// Networks are in CIDR form, those of IPv4 as IPv4; none: from everywhere.
	Networks []string `json:"networks"`
}

// DirectoryExtension is a schema that the operator registered for a directory,
// to extend one kind of resource (RFC 7643 section 3.3).
type DirectoryExtension struct {
	// Resource is "User" or "Group".
	Resource string `json:"resource"`
	// Definition is the schema in the form of RFC 7643 section 7.
	Definition json.RawMessage `json:"definition"`
}

// DirectorySchemasChanged holds all registered extensions as they are from now
// on. Stored resources stay as they are.
type DirectorySchemasChanged struct {
	Extensions []DirectoryExtension `json:"extensions"`
}

// AttributeMapping says where one attribute that receivers see comes from.
type AttributeMapping struct {
	// Key is the name that receivers see.
	Key string `json:"key"`
	// Sources are tried in order; the first that leads to a value counts.
	Sources []string `json:"sources"`
	// Default is the value where no source leads to one, empty for none.
	Default string `json:"default,omitempty"`
}

// DirectoryAttributesMapped holds the whole new mapping. A fan-out named after
// this event applies it to the users that are there.
type DirectoryAttributesMapped struct {
	Mappings []AttributeMapping `json:"mappings"`
}

func (DirectoryCreated) Type() Type       { return TypeDirectoryCreated }
func (DirectoryEnabled) Type() Type       { return TypeDirectoryEnabled }
func (DirectoryDisabled) Type() Type      { return TypeDirectoryDisabled }
func (DirectoryDeleted) Type() Type       { return TypeDirectoryDeleted }
func (DirectoryPolicyChanged) Type() Type { return TypeDirectoryPolicyChanged }
func (DirectorySecretCreated) Type() Type { return TypeDirectorySecretCreated }
func (DirectorySecretRevoked) Type() Type { return TypeDirectorySecretRevoked }

func (DirectorySchemasChanged) Type() Type   { return TypeDirectorySchemasChanged }
func (DirectoryAttributesMapped) Type() Type { return TypeDirectoryAttributesMapped }

func (DirectoryUpdated) Type() Type         { return TypeDirectoryUpdated }
func (DirectorySecretExpiring) Type() Type  { return TypeDirectorySecretExpiring }
func (DirectoryNetworksAllowed) Type() Type { return TypeDirectoryNetworksAllowed }

package events

import "time"

// The types of the life of a credential that NATS clients read EVENTS with.
const (
	TypeNATSCredentialCreated Type = "nats_credential.created.v1" //nolint:gosec // no secret, a name
	TypeNATSCredentialRevoked Type = "nats_credential.revoked.v1" //nolint:gosec // no secret, a name
)

// NATSCredentialCreated holds the public half of a credential's nkey, never the
// seed. One that the envelope names an organization for reads only what is of it.
type NATSCredentialCreated struct {
	Name string `json:"name,omitempty"`
	// PublicKey is the nkey of a user, in NATS' own form: U and 55 characters.
	PublicKey string `json:"public_key"`
	// EventTypes are the types of public events that it reads; none: all.
	EventTypes []string `json:"event_types,omitempty"`
	// Start is the time from which on it reads; nil: from the oldest kept event.
	Start *time.Time `json:"start,omitempty"`
}

// NATSCredentialRevoked says that nobody gets in with the credential any more.
type NATSCredentialRevoked struct{}

func (NATSCredentialCreated) Type() Type { return TypeNATSCredentialCreated }
func (NATSCredentialRevoked) Type() Type { return TypeNATSCredentialRevoked }

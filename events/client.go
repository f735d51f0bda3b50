package events

import "time"

// The types of an API client's life, and of the calls that it must not make twice.
const (
	TypeAPIClientCreated       Type = "api_client.created.v1"
	TypeAPIClientUpdated       Type = "api_client.updated.v1"
	TypeAPIClientSecretChanged Type = "api_client.secret_changed.v1" //nolint:gosec // no secret, a name
	TypeAPIClientDeleted       Type = "api_client.deleted.v1"
	TypeIdempotencyKeyUsed     Type = "idempotency_key.used.v1"
)

// APIClientCreated holds the SHA-256 of an API client's secret, never the
// secret. A client that the envelope names an organization for may do nothing
// outside of it.
type APIClientCreated struct {
	Name   string `json:"name,omitempty"`
	Hash   []byte `json:"hash"`
	Suffix string `json:"suffix"`
	// Scopes are what the client may do: "read", "write", "admin". Empty is all.
	Scopes []string `json:"scopes,omitempty"`
}

// APIClientUpdated holds the whole new name and scopes.
type APIClientUpdated struct {
	Name   string   `json:"name,omitempty"`
	Scopes []string `json:"scopes"`
}

// APIClientSecretChanged replaces the secret. The one that it replaces counts
// until FormerUntil; nil ends it at once, with all that were replaced before.
type APIClientSecretChanged struct {
	Hash        []byte     `json:"hash"`
	Suffix      string     `json:"suffix"`
	FormerUntil *time.Time `json:"former_until,omitempty"`
}

// APIClientDeleted says that a client's secrets and tokens are dead.
type APIClientDeleted struct{}

// IdempotencyKeyUsed says what a client's command with an idempotency key led
// to, so that the same command is not carried out again. It is in the command's
// own commit.
type IdempotencyKeyUsed struct {
	// Key is the SHA-256 of the client and the key, Request that of what was asked.
	Key     []byte `json:"key"`
	Request []byte `json:"request"`
	// Row is the key of the row that the command is about.
	Row string `json:"row"`
}

func (APIClientCreated) Type() Type       { return TypeAPIClientCreated }
func (APIClientUpdated) Type() Type       { return TypeAPIClientUpdated }
func (APIClientSecretChanged) Type() Type { return TypeAPIClientSecretChanged }
func (APIClientDeleted) Type() Type       { return TypeAPIClientDeleted }
func (IdempotencyKeyUsed) Type() Type     { return TypeIdempotencyKeyUsed }

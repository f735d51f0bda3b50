package events

import (
	"bytes"
	"slices"
	"time"
)

// The types of a webhook endpoint's life.
const (
	TypeWebhookEndpointCreated       Type = "webhook_endpoint.created.v1"
	TypeWebhookEndpointUpdated       Type = "webhook_endpoint.updated.v1"
	TypeWebhookEndpointDeleted       Type = "webhook_endpoint.deleted.v1"
	TypeWebhookEndpointSecretChanged Type = "webhook_endpoint.secret_changed.v1"
	TypeWebhookEndpointFailing       Type = "webhook_endpoint.failing.v1"
	TypeWebhookEndpointTested        Type = "webhook_endpoint.tested.v1"
)

// WebhookEndpointConfig is where events go, which ones and how. Whose events:
// those of the envelope's organization, or of all if that is empty. The zero
// value of every setting behind Enabled is the server's default.
type WebhookEndpointConfig struct {
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	EventTypes  []string `json:"event_types"`
	Enabled     bool     `json:"enabled"`
	// Headers are sent with every attempt, in this order.
	Headers []WebhookHeader `json:"headers,omitempty"`
	// RateLimit is attempts a second at most.
	RateLimit int `json:"rate_limit,omitempty"`
	// Concurrency is attempts in flight at most.
	Concurrency int `json:"concurrency,omitempty"`
	// TimeLimit bounds one attempt, in milliseconds.
	TimeLimit int `json:"time_limit_ms,omitempty"`
	// Ordering is "resource", the default, or "none".
	Ordering string `json:"ordering,omitempty"`
	// Ladder is the times between attempts, as the flag --webhook-ladder.
	Ladder string `json:"ladder,omitempty"`
	// Signatures are the schemes of Standard Webhooks that attempts are signed
	// with: "v1" (HMAC-SHA-256), "v1a" (ed25519). Empty is "v1".
	Signatures []string `json:"signatures,omitempty"`
}

// WebhookHeader is one header of an attempt. Its value may let somebody in at the
// receiver, so it is sealed as the signing keys are.
type WebhookHeader struct {
	Name        string `json:"name"`
	SealedValue []byte `json:"sealed_value"`
}

// Equal reports whether both say the same.
func (c WebhookEndpointConfig) Equal(o WebhookEndpointConfig) bool {
	return c.URL == o.URL && c.Description == o.Description && slices.Equal(c.EventTypes, o.EventTypes) && c.Enabled == o.Enabled &&
		slices.EqualFunc(c.Headers, o.Headers, sameHeader) && c.RateLimit == o.RateLimit && c.Concurrency == o.Concurrency && c.TimeLimit == o.TimeLimit &&
		c.Ordering == o.Ordering && c.Ladder == o.Ladder && slices.Equal(c.Signatures, o.Signatures)
}

func sameHeader(a, b WebhookHeader) bool {
	return a.Name == b.Name && bytes.Equal(a.SealedValue, b.SealedValue)
}

// WebhookSigningKeys is what an endpoint's attempts are signed with, sealed with
// the installation's master key. SealedKey and PublicKey are of the ed25519
// scheme and empty while that was never asked for.
type WebhookSigningKeys struct {
	SealedSecret []byte `json:"sealed_secret"`
	SealedKey    []byte `json:"sealed_key,omitempty"`
	PublicKey    []byte `json:"public_key,omitempty"`
}

// WebhookEndpointCreated holds the endpoint as a whole.
type WebhookEndpointCreated struct {
	WebhookEndpointConfig
	WebhookSigningKeys
}

// WebhookEndpointUpdated holds the whole new configuration.
type WebhookEndpointUpdated struct {
	WebhookEndpointConfig
	// SealedKey and PublicKey are set when the endpoint gets its first ed25519 key.
	SealedKey []byte `json:"sealed_key,omitempty"`
	PublicKey []byte `json:"public_key,omitempty"`
	// Reason says why the server disabled the endpoint by itself: "gone" (it
	// answered 410) or "failing" (days of only failures). Empty: somebody asked.
	Reason string `json:"reason,omitempty"`
}

// WebhookEndpointDeleted ends all deliveries to the endpoint.
type WebhookEndpointDeleted struct{}

// WebhookEndpointSecretChanged replaces the signing keys. Those it replaces are
// signed with as well until FormerUntil; nil is not at all.
type WebhookEndpointSecretChanged struct {
	WebhookSigningKeys
	FormerUntil *time.Time `json:"former_until,omitempty"`
}

// WebhookEndpointFailing warns that an endpoint has answered nothing but
// failures since a time, and when it will be disabled if that goes on.
type WebhookEndpointFailing struct {
	Since     time.Time `json:"since"`
	DisableAt time.Time `json:"disable_at"`
	// Level counts the warnings of this stretch of failures, from 1.
	Level int `json:"level"`
}

// WebhookEndpointTested asks that a test event is sent to the endpoint.
type WebhookEndpointTested struct{}

func (WebhookEndpointTested) Type() Type        { return TypeWebhookEndpointTested }
func (WebhookEndpointCreated) Type() Type       { return TypeWebhookEndpointCreated }
func (WebhookEndpointUpdated) Type() Type       { return TypeWebhookEndpointUpdated }
func (WebhookEndpointDeleted) Type() Type       { return TypeWebhookEndpointDeleted }
func (WebhookEndpointSecretChanged) Type() Type { return TypeWebhookEndpointSecretChanged }
func (WebhookEndpointFailing) Type() Type       { return TypeWebhookEndpointFailing }

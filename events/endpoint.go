package events

// The types of a webhook endpoint's life.
const (
	TypeWebhookEndpointCreated       Type = "webhook_endpoint.created.v1"
	TypeWebhookEndpointUpdated       Type = "webhook_endpoint.updated.v1"
	TypeWebhookEndpointDeleted       Type = "webhook_endpoint.deleted.v1"
	TypeWebhookEndpointSecretChanged Type = "webhook_endpoint.secret_changed.v1"
)

// WebhookEndpointConfig is where events go and which ones. Whose events: those
// of the envelope's organization, or of all if that is empty.
type WebhookEndpointConfig struct {
	URL         string   `json:"url"`
	Description string   `json:"description,omitempty"`
	EventTypes  []string `json:"event_types"`
	Enabled     bool     `json:"enabled"`
}

// WebhookEndpointCreated holds the signing secret sealed with the
// installation's master key.
type WebhookEndpointCreated struct {
	WebhookEndpointConfig
	SealedSecret []byte `json:"sealed_secret"`
}

// WebhookEndpointUpdated holds the whole new configuration.
type WebhookEndpointUpdated struct{ WebhookEndpointConfig }

// WebhookEndpointDeleted ends all deliveries to the endpoint.
type WebhookEndpointDeleted struct{}

// WebhookEndpointSecretChanged replaces the signing secret.
type WebhookEndpointSecretChanged struct {
	SealedSecret []byte `json:"sealed_secret"`
}

func (WebhookEndpointCreated) Type() Type       { return TypeWebhookEndpointCreated }
func (WebhookEndpointUpdated) Type() Type       { return TypeWebhookEndpointUpdated }
func (WebhookEndpointDeleted) Type() Type       { return TypeWebhookEndpointDeleted }
func (WebhookEndpointSecretChanged) Type() Type { return TypeWebhookEndpointSecretChanged }

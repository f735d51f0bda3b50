package directory

import (
	"bytes"
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxEventTypes is how many patterns one endpoint names at most.
const MaxEventTypes = 50

type (
	// CreateWebhookEndpoint adds a receiver for one organization's events, or for
	// all if Organization is empty. Whoever sends it has checked the URL.
	CreateWebhookEndpoint struct {
		Organization string                       `json:"organization,omitempty"`
		Config       events.WebhookEndpointConfig `json:"config"`
		SealedSecret []byte                       `json:"sealed_secret"`
	}
	// UpdateWebhookEndpoint changes the fields that are set.
	UpdateWebhookEndpoint struct {
		ID          string   `json:"id"`
		URL         *string  `json:"url,omitempty"`
		Description *string  `json:"description,omitempty"`
		EventTypes  []string `json:"event_types"` // nil: as it is
		Enabled     *bool    `json:"enabled,omitempty"`
	}
	// ChangeWebhookSecret replaces an endpoint's signing secret.
	ChangeWebhookSecret struct {
		ID           string `json:"id"`
		SealedSecret []byte `json:"sealed_secret"`
	}
	// DeleteWebhookEndpoint removes a receiver.
	DeleteWebhookEndpoint struct {
		ID string `json:"id"`
	}
)

func (CreateWebhookEndpoint) name() string { return "CreateWebhookEndpoint" }
func (UpdateWebhookEndpoint) name() string { return "UpdateWebhookEndpoint" }
func (ChangeWebhookSecret) name() string   { return "ChangeWebhookSecret" }
func (DeleteWebhookEndpoint) name() string { return "DeleteWebhookEndpoint" }

func (c CreateWebhookEndpoint) decide(d *decision) error {
	if c.Organization != "" {
		if _, err := organization(d.view, c.Organization); err != nil {
			return err
		}
	}
	if err := checkEndpoint(c.Config); err != nil {
		return err
	}
	id := d.mint(PrefixEndpoint)
	d.resource = Make(TableEndpoint, id)
	return d.emit(events.Event{Organization: c.Organization, Resource: id, Revision: 1},
		events.WebhookEndpointCreated{WebhookEndpointConfig: c.Config, SealedSecret: c.SealedSecret})
}

func (c UpdateWebhookEndpoint) decide(d *decision) error {
	ep, err := endpoint(d.view, c.ID)
	if err != nil {
		return err
	}
	d.resource = Make(TableEndpoint, ep.ID)
	cfg := ep.WebhookEndpointConfig
	set(&cfg.URL, c.URL)
	set(&cfg.Description, c.Description)
	set(&cfg.Enabled, c.Enabled)
	if c.EventTypes != nil {
		cfg.EventTypes = c.EventTypes
	}
	if err := checkEndpoint(cfg); err != nil {
		return err
	}
	if old := ep.WebhookEndpointConfig; cfg.URL == old.URL && cfg.Description == old.Description &&
		cfg.Enabled == old.Enabled && slices.Equal(cfg.EventTypes, old.EventTypes) {
		return nil
	}
	return d.emit(ep.event(), events.WebhookEndpointUpdated{WebhookEndpointConfig: cfg})
}

func (c ChangeWebhookSecret) decide(d *decision) error {
	ep, err := endpoint(d.view, c.ID)
	if err != nil {
		return err
	}
	d.resource = Make(TableEndpoint, ep.ID)
	if bytes.Equal(c.SealedSecret, ep.SealedSecret) {
		return nil
	}
	return d.emit(ep.event(), events.WebhookEndpointSecretChanged{SealedSecret: c.SealedSecret})
}

func (c DeleteWebhookEndpoint) decide(d *decision) error {
	ep, err := endpoint(d.view, c.ID)
	if err != nil {
		return err
	}
	return d.emit(ep.event(), events.WebhookEndpointDeleted{})
}

func (r *Endpoint) event() events.Event {
	return events.Event{Organization: r.Organization, Resource: r.ID, Revision: r.Revision + 1}
}

func endpoint(v View, id string) (*Endpoint, error) {
	r, ok, err := get[*Endpoint](v, Make(TableEndpoint, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no webhook endpoint %q.", id)
	}
	return r, err
}

func checkEndpoint(c events.WebhookEndpointConfig) error {
	if err := length("url", c.URL, 8, 2000); err != nil {
		return err
	}
	if err := length("description", c.Description, 0, 1000); err != nil {
		return err
	}
	if len(c.EventTypes) == 0 || len(c.EventTypes) > MaxEventTypes {
		return fault.New(fault.Invalid, "event_types must name 1 to %d patterns, for example \"organization.directory.*\".", MaxEventTypes)
	}
	for _, p := range c.EventTypes {
		if err := length("an event type", p, 1, 128); err != nil {
			return err
		}
	}
	return nil
}

package directory

import (
	"bytes"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxEventTypes is how many patterns one endpoint names at most.
const MaxEventTypes = 50

// The orders in which deliveries to an endpoint are made.
const (
	OrderingResource = "resource" // those of one user, group, … one after the other
	OrderingNone     = "none"     // as they come
)

// The signature schemes of Standard Webhooks.
const (
	SignatureHMAC    = "v1"
	SignatureEd25519 = "v1a"
)

// Why the server disabled an endpoint by itself.
const (
	BecauseGone    = "gone"    // it answered 410
	BecauseFailing = "failing" // nothing but failures for days
)

// MaxFormerKeys is how many replaced keys an endpoint signs with besides the
// current ones at most; the oldest goes first. MaxOverlap bounds how long.
const (
	MaxFormerKeys = 4
	MaxOverlap    = 7 * 24 * time.Hour
)

type (
	// CreateWebhookEndpoint adds a receiver for one organization's events, or for
	// all if Organization is empty. Whoever sends it has checked the URL, the
	// headers and the ladder.
	CreateWebhookEndpoint struct {
		Organization string                       `json:"organization,omitempty"`
		Config       events.WebhookEndpointConfig `json:"config"`
		events.WebhookSigningKeys
	}
	// UpdateWebhookEndpoint changes the fields that are set.
	UpdateWebhookEndpoint struct {
		ID          string                  `json:"id"`
		URL         *string                 `json:"url,omitempty"`
		Description *string                 `json:"description,omitempty"`
		EventTypes  []string                `json:"event_types"` // nil: as it is
		Enabled     *bool                   `json:"enabled,omitempty"`
		Headers     *[]events.WebhookHeader `json:"headers,omitempty"`
		RateLimit   *int                    `json:"rate_limit,omitempty"`
		Concurrency *int                    `json:"concurrency,omitempty"`
		TimeLimit   *int                    `json:"time_limit_ms,omitempty"`
		Ordering    *string                 `json:"ordering,omitempty"`
		Ladder      *string                 `json:"ladder,omitempty"`
		Signatures  *[]string               `json:"signatures,omitempty"`
		// SealedKey and PublicKey are used if the endpoint has no ed25519 key and
		// now needs one.
		SealedKey []byte `json:"sealed_key,omitempty"`
		PublicKey []byte `json:"public_key,omitempty"`
	}
	// ChangeWebhookSecret replaces an endpoint's signing keys. Those that it
	// replaces count for Overlap more, 0 to MaxOverlap.
	ChangeWebhookSecret struct {
		ID string `json:"id"`
		events.WebhookSigningKeys
		Overlap time.Duration `json:"overlap"`
	}
	// WarnWebhookEndpoint says that an endpoint of the given revision has failed
	// since a time. It is the delivery worker's.
	WarnWebhookEndpoint struct {
		ID       string `json:"id"`
		Revision uint64 `json:"revision"`
		events.WebhookEndpointFailing
	}
	// DisableWebhookEndpoint stops deliveries to an endpoint of the given revision,
	// for a reason. It is the delivery worker's: what somebody changed meanwhile
	// goes before.
	DisableWebhookEndpoint struct {
		ID       string `json:"id"`
		Revision uint64 `json:"revision"`
		Reason   string `json:"reason"`
	}
	// TestWebhookEndpoint sends a receiver a test event.
	TestWebhookEndpoint struct {
		ID string `json:"id"`
	}
	// DeleteWebhookEndpoint removes a receiver.
	DeleteWebhookEndpoint struct {
		ID string `json:"id"`
	}
)

func (CreateWebhookEndpoint) name() string  { return "CreateWebhookEndpoint" }
func (UpdateWebhookEndpoint) name() string  { return "UpdateWebhookEndpoint" }
func (ChangeWebhookSecret) name() string    { return "ChangeWebhookSecret" }
func (WarnWebhookEndpoint) name() string    { return "WarnWebhookEndpoint" }
func (DisableWebhookEndpoint) name() string { return "DisableWebhookEndpoint" }
func (TestWebhookEndpoint) name() string    { return "TestWebhookEndpoint" }
func (DeleteWebhookEndpoint) name() string  { return "DeleteWebhookEndpoint" }

func (c CreateWebhookEndpoint) decide(d *decision) error {
	if c.Organization != "" {
		if _, err := organization(d.view, c.Organization); err != nil {
			return err
		}
	}
	if err := checkEndpoint(c.Config); err != nil {
		return err
	}
	if err := checkKeys(c.Config, c.WebhookSigningKeys); err != nil {
		return err
	}
	id := d.mint(PrefixEndpoint)
	d.resource = Make(TableEndpoint, id)
	return d.emit(events.Event{Organization: c.Organization, Resource: id, Revision: 1},
		events.WebhookEndpointCreated{WebhookEndpointConfig: c.Config, WebhookSigningKeys: c.WebhookSigningKeys})
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
	set(&cfg.Headers, c.Headers)
	set(&cfg.RateLimit, c.RateLimit)
	set(&cfg.Concurrency, c.Concurrency)
	set(&cfg.TimeLimit, c.TimeLimit)
	set(&cfg.Ordering, c.Ordering)
	set(&cfg.Ladder, c.Ladder)
	set(&cfg.Signatures, c.Signatures)
	if c.EventTypes != nil {
		cfg.EventTypes = c.EventTypes
	}
	if err := checkEndpoint(cfg); err != nil {
		return err
	}
	e := events.WebhookEndpointUpdated{WebhookEndpointConfig: cfg}
	keys := ep.WebhookSigningKeys
	if len(keys.SealedKey) == 0 && slices.Contains(cfg.Signatures, SignatureEd25519) {
		e.SealedKey, e.PublicKey = c.SealedKey, c.PublicKey
		keys.SealedKey, keys.PublicKey = c.SealedKey, c.PublicKey
	}
	if err := checkKeys(cfg, keys); err != nil {
		return err
	}
	if cfg.Equal(ep.WebhookEndpointConfig) {
		return nil
	}
	return d.emit(ep.event(), e)
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
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		return fault.New(fault.Invalid, "The overlap of the old and the new secret is 0 to %d hours.", int(MaxOverlap.Hours()))
	}
	if err := checkKeys(ep.WebhookEndpointConfig, c.WebhookSigningKeys); err != nil {
		return err
	}
	e := events.WebhookEndpointSecretChanged{WebhookSigningKeys: c.WebhookSigningKeys}
	if c.Overlap > 0 {
		until := d.stamp.At.Add(c.Overlap)
		e.FormerUntil = &until
	}
	return d.emit(ep.event(), e)
}

func (c WarnWebhookEndpoint) decide(d *decision) error {
	ep, ok, err := get[*Endpoint](d.view, Make(TableEndpoint, c.ID))
	switch {
	case err != nil || !ok || !ep.Enabled:
		return err
	case ep.FailingSince.Equal(c.Since) && ep.Warned >= c.Level:
		return nil // said before
	case ep.Revision != c.Revision:
		return nil
	}
	return d.emit(ep.event(), c.WebhookEndpointFailing)
}

func (c DisableWebhookEndpoint) decide(d *decision) error {
	ep, ok, err := get[*Endpoint](d.view, Make(TableEndpoint, c.ID))
	if err != nil || !ok || !ep.Enabled || ep.Revision != c.Revision {
		return err
	}
	if c.Reason != BecauseGone && c.Reason != BecauseFailing {
		return fault.New(fault.Invalid, "%q is no reason to disable an endpoint.", c.Reason)
	}
	cfg := ep.WebhookEndpointConfig
	cfg.Enabled = false
	return d.emit(ep.event(), events.WebhookEndpointUpdated{WebhookEndpointConfig: cfg, Reason: c.Reason})
}

func (c TestWebhookEndpoint) decide(d *decision) error {
	ep, err := endpoint(d.view, c.ID)
	if err != nil {
		return err
	}
	if !ep.Enabled {
		return fault.New(fault.FailedPrecondition, "The webhook endpoint %q is disabled; enable it before it is tested.", ep.ID)
	}
	d.resource = Make(TableEndpoint, ep.ID)
	return d.emit(ep.event(), events.WebhookEndpointTested{})
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

// The bounds of an endpoint's settings.
const (
	MaxHeaders      = 20
	maxSealedHeader = 4 << 10
	maxRate         = 10_000
	maxConcurrency  = 256
	minTimeLimit    = 1_000
	maxTimeLimit    = 60_000
)

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
	if len(c.Headers) > MaxHeaders {
		return fault.New(fault.Invalid, "headers has %d entries; at most %d are allowed.", len(c.Headers), MaxHeaders)
	}
	for _, h := range c.Headers {
		if err := length("a header's name", h.Name, 1, 100); err != nil {
			return err
		}
		if len(h.SealedValue) == 0 || len(h.SealedValue) > maxSealedHeader {
			return fault.New(fault.Invalid, "The value of the header %q is missing or too long.", h.Name)
		}
	}
	switch {
	case c.RateLimit < 0 || c.RateLimit > maxRate:
		return fault.New(fault.Invalid, "rate_limit is attempts a second, 1 to %d, or 0 for no limit.", maxRate)
	case c.Concurrency < 0 || c.Concurrency > maxConcurrency:
		return fault.New(fault.Invalid, "concurrency is attempts at a time, 1 to %d, or 0 for the server's default.", maxConcurrency)
	case c.TimeLimit != 0 && (c.TimeLimit < minTimeLimit || c.TimeLimit > maxTimeLimit):
		return fault.New(fault.Invalid, "time_limit_ms is milliseconds, %d to %d, or 0 for the server's default.", minTimeLimit, maxTimeLimit)
	case c.Ordering != "" && c.Ordering != OrderingResource && c.Ordering != OrderingNone:
		return fault.New(fault.Invalid, "ordering is %q or %q.", OrderingResource, OrderingNone)
	case len(c.Signatures) > 2:
		return fault.New(fault.Invalid, "signatures names each scheme once.")
	}
	for _, s := range c.Signatures {
		if s != SignatureHMAC && s != SignatureEd25519 {
			return fault.New(fault.Invalid, "signatures: %q is no scheme; there are %q and %q.", s, SignatureHMAC, SignatureEd25519)
		}
	}
	return length("ladder", c.Ladder, 0, 400)
}

// checkKeys refuses a configuration whose signatures could not be made.
func checkKeys(c events.WebhookEndpointConfig, k events.WebhookSigningKeys) error {
	if slices.Contains(c.Signatures, SignatureEd25519) && (len(k.SealedKey) == 0 || len(k.PublicKey) == 0) {
		return fault.New(fault.Invalid, "The endpoint has no ed25519 key to make %q signatures with.", SignatureEd25519)
	}
	return nil
}

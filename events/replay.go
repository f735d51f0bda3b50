package events

import "time"

// The types of a replay's life.
const (
	TypeWebhookReplayRequested Type = "webhook_replay.requested.v1"
	TypeWebhookReplayCancelled Type = "webhook_replay.cancelled.v1"
	TypeWebhookReplayFinished  Type = "webhook_replay.finished.v1"
)

// WebhookReplayRequested asks that public events are sent to an endpoint once
// more. The envelope's resource is the replay, its organization the endpoint's.
type WebhookReplayRequested struct {
	Endpoint string `json:"endpoint"`
	// Kind is "delivery" (EventID, at the sequence Seq of EVENTS), "failed" (dead
	// letters since Since), "range" (events of some types and an organization
	// that occurred from Since on and before Until, whether they were ever sent to
	// the endpoint or not) or "everyone" (the present state of every group and
	// user as events of its own: a fan-out).
	Kind    string     `json:"kind"`
	EventID string     `json:"event_id,omitempty"`
	Seq     uint64     `json:"seq,omitempty"`
	Since   *time.Time `json:"since,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	// EventTypes are patterns; none are the endpoint's own.
	EventTypes []string `json:"event_types,omitempty"`
	// Organization is whose events; empty are those of all that are the
	// endpoint's.
	Organization string `json:"organization,omitempty"`
	// RateLimit is how many events a second are queued at most.
	RateLimit int `json:"rate_limit"`
}

// WebhookReplayCancelled ends a replay: nothing more is queued for it.
type WebhookReplayCancelled struct {
	Endpoint string `json:"endpoint"`
}

// WebhookReplayFinished says what came of a replay: how many events were queued
// and how many were passed over because they waited already; and of the queued,
// how many were delivered and how many became dead letters.
type WebhookReplayFinished struct {
	Endpoint  string `json:"endpoint"`
	Queued    uint64 `json:"queued"`
	Skipped   uint64 `json:"skipped"`
	Delivered uint64 `json:"delivered"`
	Dead      uint64 `json:"dead"`
}

func (WebhookReplayRequested) Type() Type { return TypeWebhookReplayRequested }
func (WebhookReplayCancelled) Type() Type { return TypeWebhookReplayCancelled }
func (WebhookReplayFinished) Type() Type  { return TypeWebhookReplayFinished }

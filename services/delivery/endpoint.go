package delivery

import (
	"slices"
	"sync"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// endpoint is a receiver as of some place in the log. It is never changed.
type endpoint struct {
	*directory.Endpoint
	// settings is which events the endpoint wanted when, oldest first.
	settings []setting
	// replays are those that the log remembers, in the order of their ids.
	replays []*directory.Replay
	// ladder is its own; zero if it has none.
	ladder webhook.Ladder

	opened  sync.Once
	signing signing
}

func newEndpoint(row *directory.Endpoint) *endpoint {
	ep := &endpoint{Endpoint: row}
	if row.Ladder != "" {
		// One that cannot be read is none: whoever set it was told.
		ep.ladder, _ = webhook.ParseLadder(row.Ladder)
	}
	return ep
}

// setting is what an endpoint wanted of the events that were caused after an
// event of the log, up to the next setting.
type setting struct {
	// After is the ordinal of the log event that set it.
	After   uint64   `json:"after"`
	Enabled bool     `json:"enabled"`
	Types   []string `json:"types"`

	patterns webhook.Patterns
}

// maxSettings bounds an endpoint's history. Beyond it the oldest is forgotten,
// as if the endpoint had wanted nothing then: events that old were delivered
// long ago.
const maxSettings = 256

// created returns the ordinal of the log event behind which the endpoint wants
// events at all.
func (e *endpoint) created() uint64 {
	if len(e.settings) == 0 {
		return 0
	}
	return e.settings[0].After
}

// wants reports whether the endpoint is to get the event: it is of its
// organization, and of a type that it wanted when the event was caused.
func (e *endpoint) wants(ev *event) bool {
	switch {
	case ev.only != "" && ev.only != e.ID:
		return false
	case ev.only != "" && ev.typ == string(public.EndpointTest):
		return e.Enabled // whatever it chose otherwise
	case e.Organization != "" && e.Organization != ev.organization:
		return false
	}
	for i := len(e.settings) - 1; i >= 0; i-- {
		if s := &e.settings[i]; s.After < ev.ordinal {
			return s.Enabled && s.patterns.Match(ev.typ)
		}
	}
	return false
}

// from returns the settings that say what the endpoint wants of events with at
// least this ordinal.
func (e *endpoint) from(ordinal uint64) []setting {
	for i := len(e.settings) - 1; i > 0; i-- {
		if e.settings[i].After < ordinal {
			return e.settings[i:]
		}
	}
	return e.settings
}

// now returns what the endpoint wants of what is caused now.
func (e *endpoint) now() webhook.Patterns {
	if len(e.settings) == 0 {
		return nil
	}
	return e.settings[len(e.settings)-1].patterns
}

// set returns the settings with one more, unless it says the same as the last.
func set(settings []setting, ordinal uint64, row *directory.Endpoint) []setting {
	if n := len(settings); n > 0 && settings[n-1].Enabled == row.Enabled && slices.Equal(settings[n-1].Types, row.EventTypes) {
		return settings
	}
	s := setting{After: ordinal, Enabled: row.Enabled, Types: row.EventTypes}
	s.parse()
	settings = append(slices.Clip(settings), s)
	if len(settings) > maxSettings {
		settings = settings[1:]
	}
	return settings
}

// parse reads the patterns. One that cannot be read chooses nothing: whoever
// set it was told, and a log is folded whatever is in it.
func (s *setting) parse() {
	s.patterns = make(webhook.Patterns, 0, len(s.Types))
	for _, t := range s.Types {
		if p, err := webhook.ParsePattern(t); err == nil {
			s.patterns = append(s.patterns, p)
		}
	}
}

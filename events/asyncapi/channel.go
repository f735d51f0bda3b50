package asyncapi

import "github.com/rollcallhq/rollcall/events/public"

func streamChannel(types []public.Type, messages object) object {
	names := make([]string, 0, len(types))
	for _, t := range types {
		if messages[string(t)] != nil {
			names = append(names, string(t))
		}
	}
	return object{
		"address": "events.{organization}.{directory}.{type}", "title": "Stream EVENTS",
		"description": "A JetStream stream, to be read with a consumer whose filter is events.> or narrower. The type is several tokens of the subject.",
		"servers":     []any{object{"$ref": "#/servers/nats"}},
		"messages":    messages,
		"parameters": object{
			"organization": object{"description": "The organization's id, or - if the event is of none."},
			"directory":    object{"description": "The directory's id, or - if the event is of none."},
			"type":         object{"description": "The event's type, dots included.", "enum": names},
		},
	}
}

func webhookChannel(messages object) object {
	return object{
		"address": nil, "title": "Webhook endpoint",
		"description": "The URL of a webhook endpoint, called as Standard Webhooks describes. Any 2xx within the time limit takes the event.",
		"servers":     []any{object{"$ref": "#/servers/receiver"}},
		"messages":    messages,
	}
}

// text is the schema of a header.
func text(description, pattern string) object {
	o := object{"type": "string", "description": description}
	if pattern != "" {
		o["pattern"] = pattern
	}
	return o
}

const (
	idPattern     = `^evt_[0-9]{18}$`
	numberPattern = `^[0-9]+$`
)

var streamHeaders = object{
	"type":     "object",
	"required": []string{public.HeaderEventID, public.HeaderEventType, public.HeaderLogSeq, public.HeaderLogOrdinal, public.HeaderNumber},
	"properties": object{
		public.HeaderEventID:      text("The event's id, as in the body.", idPattern),
		public.HeaderEventType:    text("The event's type, as in the body.", ""),
		public.HeaderOrganization: text("The organization's id, or empty.", ""),
		public.HeaderLogSeq:       text("Sequence in LOG of the frame that caused the event.", numberPattern),
		public.HeaderLogOrdinal:   text("Place of the cause among all events of the log, from 1.", numberPattern),
		public.HeaderNumber:       text("The number in the id. It rises along the stream.", numberPattern),
	},
}

var webhookHeaders = object{
	"type":     "object",
	"required": []string{"webhook-id", "webhook-timestamp", "webhook-signature"},
	"properties": object{
		"webhook-id":        text("The event's id: the same however often the event is sent.", idPattern),
		"webhook-timestamp": text("When this attempt was signed, in seconds since 1970.", numberPattern),
		"webhook-signature": text("Signatures, separated by spaces: v1 (HMAC-SHA-256) and v1a (ed25519), one for each secret that counts.", ""),
		"webhook-replay":    text("Id of the replay that sent the event again, if one did.", ""),
	},
}

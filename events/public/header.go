package public

// The headers of a message in the EVENTS stream. Its body is Event.Body, its
// subject events.<organization or "-">.<directory or "-">.<type>.
const (
	HeaderEventID      = "Rollcall-Event-Id"
	HeaderEventType    = "Rollcall-Event-Type"
	HeaderOrganization = "Rollcall-Organization"
	// HeaderLogSeq is the sequence in LOG of the frame that caused the event,
	// HeaderLogOrdinal the place of the log event among all, from 1.
	HeaderLogSeq     = "Rollcall-Log-Seq"
	HeaderLogOrdinal = "Rollcall-Log-Ordinal"
	// HeaderNumber is the event's Number: the stream rises in it.
	HeaderNumber = "Rollcall-Number"
	// HeaderEndpoint is set in events that are for one webhook endpoint only, and
	// HeaderReplay says which replay asked for them, if one did. Nobody else is to
	// be told of them: their subject is
	// endpoint.<id>.<organization or "-">.<directory or "-">.<type>.
	HeaderEndpoint = "Rollcall-Endpoint"
	HeaderReplay   = "Rollcall-Replay"
)

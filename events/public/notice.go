package public

// A notice tells delivery workers of an event while it is on its way to EVENTS,
// so that a webhook need not wait for the disk: what caused the event is stored
// already, and what an event says, its id and its place in EVENTS follow from
// that alone. It is a message as in EVENTS, headers and body, with HeaderSequence
// beside.
//
// Notices are between the services of an installation. Nobody stores them, any of
// them may be lost, and only EVENTS says what happened.
const (
	// NoticeSubject is where they are published, outside every stream.
	NoticeSubject = "notice.events"
	// HeaderSequence is the sequence that the event gets in EVENTS.
	HeaderSequence = "Rollcall-Sequence"
	// MaxNotice bounds the body of a notice, in bytes. Of a larger event none is
	// given.
	MaxNotice = 16 << 10
	// MaxNoticeAhead is how many events may be ahead of EVENTS. Beyond that it is
	// a backlog, which is worth more as whole batches than early.
	MaxNoticeAhead = 512
)

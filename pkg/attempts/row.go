package attempts

import (
	"strconv"
	"strings"
	"time"
)

// Endpoint is the row of one endpoint: its cursor and how its receiver fares.
type Endpoint struct {
	ID string
	// Position is a sequence in EVENTS: every event up to it that is for this
	// endpoint is settled or has a delivery row.
	Position uint64
	// Failures counts failed attempts since the last success, of all deliveries.
	Failures uint64
	// OpenedAt is when the circuit opened, zero while it is closed.
	OpenedAt time.Time
	// Dead counts the dead letters that are kept.
	Dead uint64
}

// Open reports whether the circuit is open: only the earliest delivery is tried,
// everything else waits.
func (e Endpoint) Open() bool { return !e.OpenedAt.IsZero() }

// Status is where a delivery stands. The numbers are stored.
type Status uint8

// The statuses.
const (
	Pending   Status = 1 // waits for its first attempt
	Success   Status = 2 // delivered
	Retrying  Status = 3 // failed, and there is another attempt
	Exhausted Status = 4 // a dead letter
)

// Waiting reports whether there will be another attempt.
func (s Status) Waiting() bool { return s == Pending || s == Retrying }

// String returns the name that the API shows.
func (s Status) String() string {
	switch s {
	case Pending:
		return "PENDING"
	case Success:
		return "DELIVERED"
	case Retrying:
		return "RETRYING"
	case Exhausted:
		return "DEAD"
	}
	return "UNKNOWN"
}

// Delivery is the row of one event on its way to one endpoint.
type Delivery struct {
	Endpoint  string
	Seq       uint64
	EventID   string
	EventType string
	Resource  string
	Status    Status
	Attempts  int
	// LastAt, Duration, StatusCode, Class and Error are of the last attempt.
	LastAt     time.Time
	Duration   time.Duration
	StatusCode int
	Class      string
	Error      string
	// Due is when the next attempt is to be made. It is zero if there is none,
	// and if the delivery waits for an earlier one of its resource.
	Due time.Time
	// Replay is the replay that asked for it last, empty if none did.
	Replay string
	// Detail is of the last attempt. It is for listings: State and checkpoints do
	// not keep it.
	Detail *Detail
}

// DeliveryID names a delivery among those of its endpoint: the event, and the
// sequence in EVENTS where its body is.
func DeliveryID(event string, seq uint64) string { return event + "." + strconv.FormatUint(seq, 10) }

// ParseDeliveryID reads what DeliveryID wrote, and nothing else.
func ParseDeliveryID(id string) (event string, seq uint64, ok bool) {
	event, number, ok := strings.Cut(id, ".")
	if !ok {
		return "", 0, false
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	return event, seq, err == nil && DeliveryID(event, seq) == id
}

// Replay is the row of a replay: a second cursor of an endpoint over EVENTS,
// with an end.
type Replay struct {
	ID       string
	Endpoint string
	// First and End are the first and the last sequence that it is about, and
	// Position is the one up to which it has looked. Read says that it has looked
	// at all.
	First, End, Position uint64
	Read                 bool
	// Queued counts what it gave the endpoint to deliver, and Skipped what it
	// passed over because it waited already. Of the queued, Delivered and Dead are
	// settled.
	Queued, Skipped, Delivered, Dead uint64
}

// Settled reports whether nothing is left to be done.
func (p Replay) Settled() bool { return p.Read && p.Delivered+p.Dead >= p.Queued }

// Rows is where Fold keeps what it folds. Errors mean that the store is broken.
type Rows interface {
	Endpoint(id string) (Endpoint, bool, error)
	PutEndpoint(Endpoint) error
	// DropEndpoint removes the endpoint and all its deliveries.
	DropEndpoint(id string) error
	Delivery(endpoint string, seq uint64) (Delivery, bool, error)
	// PutDelivery sets a row. Of delivered ones a store may keep as few as it
	// likes, but those above the endpoint's position.
	PutDelivery(Delivery) error
	// Waiting returns the endpoint's deliveries whose status is Waiting, by Seq.
	Waiting(endpoint string) ([]Delivery, error)
	// Replay returns a replay's row.
	Replay(endpoint, id string) (Replay, bool, error)
	PutReplay(Replay) error
	// DropReplay says that the row is not needed to go on.
	DropReplay(endpoint, id string) error
	// DropOldestDead removes the endpoint's dead letter with the lowest Seq.
	DropOldestDead(endpoint string) error
}

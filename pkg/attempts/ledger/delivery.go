package ledger

import (
	"time"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// MaxLog is how many attempts of one delivery are kept, the last ones.
const MaxLog = 20

// Delivery is a delivery as it is listed.
type Delivery struct {
	attempts.Delivery
	// Since is when the delivery was first recorded. It is zero if that was
	// trimmed before the file was built.
	Since time.Time
	// earlier are the attempts before the one that the row describes.
	earlier []Attempt
}

// Attempt is one POST.
type Attempt struct {
	// Number counts from 1; it begins again when a delivery is asked for again.
	Number   int
	At       time.Time
	Duration time.Duration
	// StatusCode is 0 without an answer.
	StatusCode   int
	Class, Error string
	// Replay is the replay that asked for it, empty if none did.
	Replay string
	// Detail is nil if it was not recorded, or trimmed before the file was built.
	Detail *attempts.Detail
}

// Log returns the last attempts, at most MaxLog, in order. What was trimmed from
// the stream of attempts before the file was built is not in it.
func (d *Delivery) Log() []Attempt {
	if d.Attempts == 0 {
		return d.earlier
	}
	return append(d.earlier[:len(d.earlier):len(d.earlier)], last(d.Delivery))
}

// last is the attempt that a row describes.
func last(d attempts.Delivery) Attempt {
	return Attempt{Number: d.Attempts, At: d.LastAt, Duration: d.Duration, StatusCode: d.StatusCode, Class: d.Class, Error: d.Error, Replay: d.Replay, Detail: d.Detail}
}

// earlier returns what the row that replaces old keeps of its attempts.
func earlier(old *Delivery, d attempts.Delivery) []Attempt {
	log := old.earlier
	if old.Attempts > 0 && (old.Attempts != d.Attempts || !old.LastAt.Equal(d.LastAt)) {
		log = old.Log()
	}
	if room := MaxLog - 1; len(log) > room {
		log = log[len(log)-room:]
	}
	return log
}

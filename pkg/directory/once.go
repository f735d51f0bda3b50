package directory

import (
	"crypto/subtle"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// KeyLife is how long an idempotency key counts.
const KeyLife = 24 * time.Hour

// Once is the idempotency key of a request: of the same two hashes, only the
// first within KeyLife is carried out. A refused one does not count.
type Once struct {
	// Key is the SHA-256 of who asks and the key that they chose.
	Key []byte `json:"key"`
	// Request is the SHA-256 of what they ask.
	Request []byte `json:"request"`
}

// repeated reports whether the request was carried out before, and then what it
// was about.
func (d *decision) repeated(o *Once) (done bool, row Key, err error) {
	if o == nil {
		return false, "", nil
	}
	if len(o.Key) != 32 || len(o.Request) != 32 {
		return false, "", fault.New(fault.Invalid, "The hashes of an idempotency key must be SHA-256.")
	}
	used, ok, err := get[*UsedKey](d.view, Make(TableUsedKey, HashKey(o.Key)))
	if err != nil || !ok || !d.stamp.At.Before(used.At.Add(KeyLife)) {
		return false, "", err
	}
	if subtle.ConstantTimeCompare(used.Request, o.Request) != 1 {
		return false, "", fault.New(fault.Invalid,
			"This Idempotency-Key was used for another request within the last %d hours; use a new key for a new request.", int(KeyLife.Hours()))
	}
	return true, used.Row, nil
}

// remember adds to the commit that the request is carried out.
func (d *decision) remember(o *Once) error {
	if o == nil || len(d.events) == 0 {
		return nil
	}
	return d.emit(events.Event{}, events.IdempotencyKeyUsed{Key: o.Key, Request: o.Request, Row: string(d.resource)})
}

package ledger

import (
	"bytes"
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// The buckets. Ids hold no NUL, which ends them in keys.
var (
	metaBucket     = []byte("meta")
	slotBucket     = []byte("slots")      // slot -> attempts.Place
	endpointBucket = []byte("endpoints")  // slot, endpoint -> row
	deliveryBucket = []byte("deliveries") // endpoint, seq -> attempts.Delivery
	statusBucket   = []byte("statuses")   // endpoint, status, seq -> nothing
	dueBucket      = []byte("due")        // due, endpoint, seq -> attempts made
	replayBucket   = []byte("replays")    // endpoint, replay -> attempts.Replay
	formatKey      = []byte("format")
	positionKey    = []byte("position")
)

// row is an endpoint's row in the file.
type row struct {
	attempts.Endpoint
	// delivered counts the delivered rows that are kept.
	delivered uint64
	total     uint64    // all rows
	newest    time.Time // of the attempts
	// lastSuccess and lastFailure are when attempts of either kind began last.
	lastSuccess, lastFailure time.Time
}

// rows is attempts.Loader on one transaction and one slot. Endpoint rows are
// written by flush, because almost every record changes one.
type rows struct {
	slot                               int
	endpoints, deliveries, status, due *bolt.Bucket
	replays                            *bolt.Bucket
	changed                            map[string]*row
	now                                time.Time // about when what is folded happened
}

var _ attempts.Loader = (*rows)(nil)

func newRows(tx *bolt.Tx, slot int) *rows {
	return &rows{
		slot: slot, changed: map[string]*row{},
		endpoints: tx.Bucket(endpointBucket), deliveries: tx.Bucket(deliveryBucket), status: tx.Bucket(statusBucket), due: tx.Bucket(dueBucket),
		replays: tx.Bucket(replayBucket),
	}
}

func (r *rows) row(id string) (*row, error) {
	if e, ok := r.changed[id]; ok {
		return e, nil
	}
	b := r.endpoints.Get(endpointKey(r.slot, id))
	if b == nil {
		return nil, nil
	}
	e, err := decodeRow(id, b)
	if err != nil {
		return nil, err
	}
	r.changed[id] = e
	return e, nil
}

// Endpoint implements attempts.Rows.
func (r *rows) Endpoint(id string) (attempts.Endpoint, bool, error) {
	e, err := r.row(id)
	if err != nil || e == nil {
		return attempts.Endpoint{}, false, err
	}
	return e.Endpoint, true, nil
}

// PutEndpoint implements attempts.Rows.
func (r *rows) PutEndpoint(ep attempts.Endpoint) error {
	e, err := r.ensure(ep.ID)
	if err == nil {
		e.Endpoint = ep
	}
	return err
}

func (r *rows) ensure(id string) (*row, error) {
	e, err := r.row(id)
	if err == nil && e == nil {
		e = &row{Endpoint: attempts.Endpoint{ID: id}}
		r.changed[id] = e
	}
	return e, err
}

// Delivery implements attempts.Rows.
func (r *rows) Delivery(endpoint string, seq uint64) (attempts.Delivery, bool, error) {
	d, err := r.delivery(endpoint, seq)
	if err != nil || d == nil {
		return attempts.Delivery{}, false, err
	}
	return d.Delivery, true, nil
}

// delivery returns a whole row, nil if there is none.
func (r *rows) delivery(endpoint string, seq uint64) (*Delivery, error) {
	b := r.deliveries.Get(deliveryKey(endpoint, seq))
	if b == nil {
		return nil, nil
	}
	return decodeDelivery(endpoint, seq, b)
}

// PutDelivery implements attempts.Rows.
func (r *rows) PutDelivery(d attempts.Delivery) error {
	e, err := r.ensure(d.Endpoint)
	if err != nil {
		return err
	}
	row := &Delivery{Delivery: d, Since: r.now}
	old, err := r.delivery(d.Endpoint, d.Seq)
	if err != nil {
		return err
	}
	if old != nil {
		row.earlier, row.Since = earlier(old, d), old.Since
		if err := r.remove(e, old); err != nil {
			return err
		}
	}
	if err := r.deliveries.Put(deliveryKey(d.Endpoint, d.Seq), encodeDelivery(row)); err != nil {
		return err
	}
	if err := r.status.Put(statusKey(d.Endpoint, d.Status, d.Seq), nil); err != nil {
		return err
	}
	if !d.Due.IsZero() {
		if err := r.due.Put(dueKey(d), binary.AppendUvarint(nil, uint64(d.Attempts))); err != nil { //nolint:gosec // a count
			return err
		}
	}
	if d.LastAt.After(e.newest) {
		e.newest = d.LastAt
	}
	switch {
	case d.Status == attempts.Success && d.LastAt.After(e.lastSuccess):
		e.lastSuccess = d.LastAt
	case d.Status != attempts.Success && d.LastAt.After(e.lastFailure):
		e.lastFailure = d.LastAt
	}
	if d.Status == attempts.Success {
		e.delivered++
	}
	e.total++
	return nil
}

// remove drops a delivery and what leads to it.
func (r *rows) remove(e *row, old *Delivery) error {
	if !old.Due.IsZero() {
		if err := r.due.Delete(dueKey(old.Delivery)); err != nil {
			return err
		}
	}
	if err := r.status.Delete(statusKey(old.Endpoint, old.Status, old.Seq)); err != nil {
		return err
	}
	if old.Status == attempts.Success {
		e.delivered--
	}
	e.total--
	return r.deliveries.Delete(deliveryKey(old.Endpoint, old.Seq))
}

// Waiting implements attempts.Rows.
func (r *rows) Waiting(endpoint string) ([]attempts.Delivery, error) {
	var list []attempts.Delivery
	for _, s := range []attempts.Status{attempts.Pending, attempts.Retrying} {
		for _, seq := range r.seqs(endpoint, s, 0) {
			d, ok, err := r.Delivery(endpoint, seq)
			if err != nil {
				return nil, err
			}
			if ok {
				list = append(list, d)
			}
		}
	}
	return list, nil
}

// seqs returns the sequences of the endpoint's deliveries of a status, lowest
// first, at most limit if that is not 0.
func (r *rows) seqs(endpoint string, s attempts.Status, limit int) []uint64 {
	var list []uint64
	prefix := statusPrefix(endpoint, s)
	c := r.status.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if list = append(list, binary.BigEndian.Uint64(k[len(prefix):])); len(list) == limit {
			break
		}
	}
	return list
}

// DropOldestDead implements attempts.Rows.
func (r *rows) DropOldestDead(endpoint string) error { return r.drop(endpoint, attempts.Exhausted, 1) }

func (r *rows) drop(endpoint string, s attempts.Status, limit int) error {
	e, err := r.ensure(endpoint)
	if err != nil {
		return err
	}
	for _, seq := range r.seqs(endpoint, s, limit) {
		d, err := r.delivery(endpoint, seq)
		if err == nil && d != nil {
			err = r.remove(e, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Replay implements attempts.Rows.
func (r *rows) Replay(endpoint, id string) (p attempts.Replay, ok bool, err error) {
	b := r.replays.Get(replayKey(endpoint, id))
	if b == nil {
		return p, false, nil
	}
	p, err = decodeReplay(endpoint, id, b)
	return p, err == nil, err
}

// PutReplay implements attempts.Rows.
func (r *rows) PutReplay(p attempts.Replay) error {
	key := replayKey(p.Endpoint, p.ID)
	if r.replays.Get(key) == nil {
		for keys := r.replaysOf(p.Endpoint); len(keys) >= MaxReplays; keys = keys[1:] {
			if err := r.replays.Delete(keys[0]); err != nil {
				return err
			}
		}
	}
	return r.replays.Put(key, encodeReplay(p))
}

// DropReplay implements attempts.Rows. The row stays: how far a replay came is
// shown after its end, too.
func (r *rows) DropReplay(string, string) error { return nil }

// replaysOf returns the keys of an endpoint's replays, the oldest first.
func (r *rows) replaysOf(endpoint string) (keys [][]byte) {
	prefix := replayKey(endpoint, "")
	c := r.replays.Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}

// DropEndpoint implements attempts.Rows.
func (r *rows) DropEndpoint(id string) error {
	for s := attempts.Pending; s <= attempts.Exhausted; s++ {
		if err := r.drop(id, s, 0); err != nil {
			return err
		}
	}
	delete(r.changed, id)
	for _, k := range r.replaysOf(id) {
		if err := r.replays.Delete(k); err != nil {
			return err
		}
	}
	return r.endpoints.Delete(endpointKey(r.slot, id))
}

// Reset implements attempts.Loader. Delivered rows stay: they are history, and
// no checkpoint has them. Replays that have ended go.
func (r *rows) Reset(slot int) error {
	var ids []string
	c := r.endpoints.Cursor()
	for k, _ := c.Seek(slotKey(slot)); len(k) > 0 && int(k[0]) == slot; k, _ = c.Next() {
		ids = append(ids, string(k[1:]))
	}
	for _, id := range ids {
		for _, k := range r.replaysOf(id) {
			if err := r.replays.Delete(k); err != nil {
				return err
			}
		}
		for _, s := range []attempts.Status{attempts.Pending, attempts.Retrying, attempts.Exhausted} {
			if err := r.drop(id, s, 0); err != nil {
				return err
			}
		}
		e, err := r.ensure(id)
		if err != nil {
			return err
		}
		e.Endpoint = attempts.Endpoint{ID: id}
	}
	return nil
}

// flush trims the history of the endpoints that changed and writes their rows.
func (r *rows) flush() error {
	for id, e := range r.changed {
		if err := r.trim(id, e); err != nil {
			return err
		}
		if err := r.endpoints.Put(endpointKey(r.slot, id), encodeRow(e)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) trim(id string, e *row) error {
	for e.delivered > MaxDelivered {
		if err := r.drop(id, attempts.Success, int(e.delivered-MaxDelivered)); err != nil { //nolint:gosec // a count
			return err
		}
	}
	for {
		first := r.seqs(id, attempts.Success, 1)
		if len(first) == 0 {
			return nil
		}
		d, err := r.delivery(id, first[0])
		if err != nil || d == nil || e.newest.Sub(d.LastAt) <= MaxAge {
			return err
		}
		if err := r.remove(e, d); err != nil {
			return err
		}
	}
}

package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// MaxPage is how many deliveries one page holds at most.
const MaxPage = 500

// Query chooses deliveries of one endpoint.
type Query struct {
	Endpoint string
	// Status chooses one status; 0 is all.
	Status attempts.Status
	// EventType and Resource choose what it is about, and Since and Until when it
	// was first recorded (Until itself not included); empty and zero are all.
	EventType, Resource string
	Since, Until        time.Time
	// Before continues a listing: only deliveries of events before this sequence.
	// 0 begins with the newest.
	Before uint64
	// Limit is how many are wanted, 1 to MaxPage; others are brought into that
	// range.
	Limit int
}

// Page is a part of a listing, newest event first.
type Page struct {
	Deliveries []Delivery
	// Total counts the endpoint's deliveries, whatever is chosen of them.
	Total int
	// Next is the Before of the next page, 0 if this is the last.
	Next uint64
}

// List returns one page. Pages do not overlap, whatever is folded meanwhile.
//
// Errors: ctx's, ErrCorrupt.
func (l *Ledger) List(ctx context.Context, q Query) (Page, error) {
	if err := ctx.Err(); err != nil {
		return Page{}, err
	}
	limit := max(1, min(q.Limit, MaxPage))
	bucket, prefix := deliveryBucket, append([]byte(q.Endpoint), 0)
	if q.Status != 0 {
		bucket, prefix = statusBucket, statusPrefix(q.Endpoint, q.Status)
	}
	before := q.Before
	if before == 0 {
		before = math.MaxUint64
	}
	var page Page
	err := l.db.View(func(tx *bolt.Tx) error {
		r := newRows(tx, attempts.SlotOf(q.Endpoint))
		e, err := r.row(q.Endpoint)
		if err != nil || e == nil {
			return err
		}
		page.Total = int(e.total) //nolint:gosec // a count
		c := tx.Bucket(bucket).Cursor()
		for k := below(c, binary.BigEndian.AppendUint64(bytes.Clone(prefix), before)); bytes.HasPrefix(k, prefix); k, _ = c.Prev() {
			seq := binary.BigEndian.Uint64(k[len(prefix):])
			if len(page.Deliveries) == limit {
				page.Next = page.Deliveries[limit-1].Seq
				return nil
			}
			d, err := r.delivery(q.Endpoint, seq)
			if err != nil {
				return err
			}
			if d != nil && q.wants(d) {
				page.Deliveries = append(page.Deliveries, *d)
			}
		}
		return nil
	})
	return page, err
}

func (q *Query) wants(d *Delivery) bool {
	return (q.EventType == "" || q.EventType == d.EventType) && (q.Resource == "" || q.Resource == d.Resource) &&
		(q.Since.IsZero() || !d.Since.Before(q.Since)) && (q.Until.IsZero() || d.Since.Before(q.Until))
}

// below returns the last key that sorts before limit.
func below(c *bolt.Cursor, limit []byte) []byte {
	k, _ := c.Seek(limit)
	if k == nil {
		k, _ = c.Last()
		return k
	}
	k, _ = c.Prev()
	return k
}

// Delivery returns one delivery by its endpoint and its event's sequence, ok
// false if it is not known (any more).
func (l *Ledger) Delivery(ctx context.Context, endpoint string, seq uint64) (d Delivery, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return d, false, err
	}
	err = l.db.View(func(tx *bolt.Tx) error {
		row, err := newRows(tx, attempts.SlotOf(endpoint)).delivery(endpoint, seq)
		if ok = row != nil; ok {
			d = *row
		}
		return err
	})
	return d, ok, err
}

// Endpoint returns the endpoint's cursor and circuit, ok false if nothing was
// ever recorded of it.
func (l *Ledger) Endpoint(ctx context.Context, id string) (e attempts.Endpoint, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return e, false, err
	}
	err = l.db.View(func(tx *bolt.Tx) error {
		e, ok, err = newRows(tx, attempts.SlotOf(id)).Endpoint(id)
		return err
	})
	return e, ok, err
}

// Due returns deliveries of all endpoints whose next attempt is due before a
// time, the earliest first, at most limit.
func (l *Ledger) Due(ctx context.Context, before time.Time, limit int) ([]Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var list []Delivery
	err := l.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(dueBucket).Cursor()
		for k, _ := c.First(); len(k) > 17 && len(list) < limit; k, _ = c.Next() {
			if at := time.UnixMicro(int64(binary.BigEndian.Uint64(k))); !at.Before(before) { //nolint:gosec // written by dueKey
				return nil
			}
			endpoint, seq := string(k[8:len(k)-9]), binary.BigEndian.Uint64(k[len(k)-8:])
			d, err := newRows(tx, attempts.SlotOf(endpoint)).delivery(endpoint, seq)
			if err != nil {
				return err
			}
			if d != nil {
				list = append(list, *d)
			}
		}
		return nil
	})
	return list, err
}

package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

// HealthSample is how many of an endpoint's newest deliveries Health looks at.
const HealthSample = 1000

// Health is how an endpoint fares.
type Health struct {
	attempts.Endpoint
	// Waiting counts the deliveries that wait for an attempt.
	Waiting int
	// Attempts and Succeeded count the attempts of the newest HealthSample
	// deliveries that began at the given time or later; P50 and P99 are
	// percentiles of how long those took that got an answer, 0 without any.
	Attempts, Succeeded int
	P50, P99            time.Duration
	// LastSuccess and LastFailure are when attempts began, zero if there was none.
	LastSuccess, LastFailure time.Time
}

// Health looks at the endpoint's attempts since a time.
//
// Errors: ctx's, ErrCorrupt.
func (l *Ledger) Health(ctx context.Context, endpoint string, since time.Time) (h Health, err error) {
	if err := ctx.Err(); err != nil {
		return h, err
	}
	h.ID = endpoint
	err = l.db.View(func(tx *bolt.Tx) error {
		r := newRows(tx, attempts.SlotOf(endpoint))
		e, err := r.row(endpoint)
		if err != nil || e == nil {
			return err
		}
		h.Endpoint, h.LastSuccess, h.LastFailure = e.Endpoint, e.lastSuccess, e.lastFailure
		h.Waiting = len(r.seqs(endpoint, attempts.Pending, 0)) + len(r.seqs(endpoint, attempts.Retrying, 0))
		var took []time.Duration
		prefix := append([]byte(endpoint), 0)
		c := tx.Bucket(deliveryBucket).Cursor()
		end := binary.BigEndian.AppendUint64(bytes.Clone(prefix), 1<<64-1)
		for k, n := below(c, end), 0; bytes.HasPrefix(k, prefix) && n < HealthSample; k, _ = c.Prev() {
			n++
			d, err := r.delivery(endpoint, binary.BigEndian.Uint64(k[len(prefix):]))
			if err != nil {
				return err
			}
			for _, a := range d.Log() {
				if a.At.Before(since) {
					continue
				}
				h.Attempts++
				if a.StatusCode/100 == 2 {
					h.Succeeded++
				}
				if a.StatusCode > 0 {
					took = append(took, a.Duration)
				}
			}
		}
		slices.Sort(took)
		h.P50, h.P99 = percentile(took, 50), percentile(took, 99)
		return nil
	})
	return h, err
}

// percentile returns the nearest rank of sorted values.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*p+99)/100-1]
}

// Replays returns how far the endpoint's replays are, the newest first, at most
// MaxReplays.
//
// Errors: ctx's, ErrCorrupt.
func (l *Ledger) Replays(ctx context.Context, endpoint string) (list []attempts.Replay, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = l.db.View(func(tx *bolt.Tx) error {
		r := newRows(tx, attempts.SlotOf(endpoint))
		for _, k := range slices.Backward(r.replaysOf(endpoint)) {
			p, _, err := r.Replay(endpoint, string(k[len(endpoint)+1:]))
			if err != nil {
				return err
			}
			list = append(list, p)
		}
		return nil
	})
	return list, err
}

package ledger

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events/wire"
	"github.com/rollcallhq/rollcall/pkg/attempts"
)

func slotKey(slot int) []byte { return []byte{byte(slot)} } //nolint:gosec // below attempts.Slots

func endpointKey(slot int, id string) []byte { return append(slotKey(slot), id...) }

func deliveryKey(endpoint string, seq uint64) []byte {
	return wire.AppendUint64(append([]byte(endpoint), 0), seq)
}

func statusPrefix(endpoint string, s attempts.Status) []byte {
	return append([]byte(endpoint), 0, byte(s))
}

func statusKey(endpoint string, s attempts.Status, seq uint64) []byte {
	return wire.AppendUint64(statusPrefix(endpoint, s), seq)
}

func dueKey(d attempts.Delivery) []byte {
	b := wire.AppendUint64(nil, uint64(d.Due.UnixMicro()))
	return append(b, deliveryKey(d.Endpoint, d.Seq)...)
}

func encodeRow(e *row) []byte {
	var b []byte
	b = wire.AppendUvarint(b, e.Position)
	b = wire.AppendUvarint(b, e.Failures)
	b = wire.AppendTime(b, e.OpenedAt)
	b = wire.AppendUvarint(b, e.Dead)
	b = wire.AppendUvarint(b, e.delivered)
	b = wire.AppendUvarint(b, e.total)
	b = wire.AppendTime(b, e.newest)
	b = wire.AppendTime(b, e.lastSuccess)
	return wire.AppendTime(b, e.lastFailure)
}

func decodeRow(id string, b []byte) (*row, error) {
	r := wire.NewReader(b)
	e := &row{
		Endpoint:  attempts.Endpoint{ID: id, Position: r.Uvarint(), Failures: r.Uvarint(), OpenedAt: r.Time(), Dead: r.Uvarint()},
		delivered: r.Uvarint(), total: r.Uvarint(), newest: r.Time(), lastSuccess: r.Time(), lastFailure: r.Time(),
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("%w: the row of endpoint %s does not decode", ErrCorrupt, id)
	}
	return e, nil
}

func encodeDelivery(d *Delivery) []byte {
	b := make([]byte, 0, 192)
	b = wire.AppendString(b, d.EventID)
	b = wire.AppendString(b, d.EventType)
	b = wire.AppendString(b, d.Resource)
	b = append(b, byte(d.Status))
	b = wire.AppendUvarint(b, uint64(d.Attempts)) //nolint:gosec // a count
	b = wire.AppendTime(b, d.LastAt)
	b = wire.AppendUvarint(b, uint64(d.Duration))   //nolint:gosec // not negative
	b = wire.AppendUvarint(b, uint64(d.StatusCode)) //nolint:gosec // not negative
	b = wire.AppendString(b, d.Class)
	b = wire.AppendString(b, d.Error)
	b = wire.AppendTime(b, d.Due)
	b = wire.AppendString(b, d.Replay)
	b = wire.AppendTime(b, d.Since)
	b = appendDetail(b, d.Detail)
	b = wire.AppendUvarint(b, uint64(len(d.earlier)))
	for _, a := range d.earlier {
		b = wire.AppendUvarint(b, uint64(a.Number)) //nolint:gosec // a count
		b = wire.AppendTime(b, a.At)
		b = wire.AppendUvarint(b, uint64(a.Duration))   //nolint:gosec // not negative
		b = wire.AppendUvarint(b, uint64(a.StatusCode)) //nolint:gosec // not negative
		b = wire.AppendString(b, a.Class)
		b = wire.AppendString(b, a.Error)
		b = wire.AppendString(b, a.Replay)
		b = appendDetail(b, a.Detail)
	}
	return b
}

func appendDetail(b []byte, d *attempts.Detail) []byte {
	b = wire.AppendBool(b, d != nil)
	if d == nil {
		return b
	}
	for _, v := range [...]time.Duration{d.DNS, d.Connect, d.TLS, d.FirstByte} {
		b = wire.AppendUvarint(b, uint64(v)) //nolint:gosec // not negative
	}
	b = wire.AppendString(b, d.Head)
	return wire.AppendString(b, d.Body)
}

func readDetail(r *wire.Reader) *attempts.Detail {
	if !r.Bool() {
		return nil
	}
	d := &attempts.Detail{}
	for _, v := range [...]*time.Duration{&d.DNS, &d.Connect, &d.TLS, &d.FirstByte} {
		*v = time.Duration(r.Uvarint()) //nolint:gosec // written by appendDetail
	}
	d.Head, d.Body = r.String(), r.String()
	return d
}

func replayKey(endpoint, id string) []byte { return append(append([]byte(endpoint), 0), id...) }

func encodeReplay(p attempts.Replay) []byte {
	var b []byte
	for _, v := range [...]uint64{p.First, p.End, p.Position, p.Queued, p.Skipped, p.Delivered, p.Dead} {
		b = wire.AppendUvarint(b, v)
	}
	return wire.AppendBool(b, p.Read)
}

func decodeReplay(endpoint, id string, b []byte) (attempts.Replay, error) {
	r := wire.NewReader(b)
	p := attempts.Replay{
		ID: id, Endpoint: endpoint, First: r.Uvarint(), End: r.Uvarint(), Position: r.Uvarint(),
		Queued: r.Uvarint(), Skipped: r.Uvarint(), Delivered: r.Uvarint(), Dead: r.Uvarint(), Read: r.Bool(),
	}
	if r.Err() != nil {
		return p, fmt.Errorf("%w: replay %s of endpoint %s does not decode", ErrCorrupt, id, endpoint)
	}
	return p, nil
}

func decodeDelivery(endpoint string, seq uint64, b []byte) (*Delivery, error) {
	r := wire.NewReader(b)
	d := &Delivery{Delivery: attempts.Delivery{Endpoint: endpoint, Seq: seq, EventID: r.String(), EventType: r.String(), Resource: r.String()}}
	if s := r.Fixed(1); s != nil {
		d.Status = attempts.Status(s[0])
	}
	d.Attempts, d.LastAt = int(r.Uvarint()), r.Time()                       //nolint:gosec // written by encodeDelivery
	d.Duration, d.StatusCode = time.Duration(r.Uvarint()), int(r.Uvarint()) //nolint:gosec // as above
	d.Class, d.Error, d.Due = r.String(), r.String(), r.Time()
	d.Replay, d.Since, d.Detail = r.String(), r.Time(), readDetail(r)
	for range min(r.Uvarint(), MaxLog) {
		d.earlier = append(d.earlier, Attempt{
			Number: int(r.Uvarint()), At: r.Time(), Duration: time.Duration(r.Uvarint()), StatusCode: int(r.Uvarint()), //nolint:gosec // as above
			Class: r.String(), Error: r.String(), Replay: r.String(), Detail: readDetail(r),
		})
	}
	if r.Err() != nil {
		return nil, fmt.Errorf("%w: delivery %d of endpoint %s does not decode", ErrCorrupt, seq, endpoint)
	}
	return d, nil
}

// position is the last frame that was folded, of whichever slot.
type position struct {
	seq   uint64
	slot  int
	index uint64
}

func readPosition(tx *bolt.Tx) (position, error) {
	b := tx.Bucket(metaBucket).Get(positionKey)
	if b == nil {
		return position{}, nil
	}
	r := wire.NewReader(b)
	p := position{seq: r.Uvarint(), slot: int(r.Uvarint()), index: r.Uvarint()} //nolint:gosec // a slot
	if r.Err() != nil {
		return p, fmt.Errorf("%w: its position does not decode", ErrCorrupt)
	}
	return p, nil
}

func writePosition(tx *bolt.Tx, p position) error {
	b := wire.AppendUvarint(nil, p.seq)
	b = wire.AppendUvarint(b, uint64(p.slot)) //nolint:gosec // a slot
	return tx.Bucket(metaBucket).Put(positionKey, wire.AppendUvarint(b, p.index))
}

func readPlace(tx *bolt.Tx, slot int) (attempts.Place, error) {
	b := tx.Bucket(slotBucket).Get(slotKey(slot))
	if b == nil {
		return attempts.Place{}, nil
	}
	r := wire.NewReader(b)
	p := attempts.Place{Seq: r.Uvarint(), Index: r.Uvarint(), Checkpoint: r.Uvarint(), Since: r.Uvarint(), Begun: r.Uvarint(), Loading: r.Bool()}
	if r.Err() != nil {
		return p, fmt.Errorf("%w: the place of slot %d does not decode", ErrCorrupt, slot)
	}
	return p, nil
}

func writePlace(tx *bolt.Tx, slot int, p attempts.Place) error {
	var b []byte
	for _, v := range [...]uint64{p.Seq, p.Index, p.Checkpoint, p.Since, p.Begun} {
		b = binary.AppendUvarint(b, v)
	}
	return tx.Bucket(slotBucket).Put(slotKey(slot), wire.AppendBool(b, p.Loading))
}

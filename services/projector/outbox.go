package projector

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/events/wire"
)

// message is a public event on its way to EVENTS.
type message struct {
	number       public.Number
	typ          public.Type
	organization string
	directory    string
	seq          uint64
	ordinal      uint64
	body         []byte
	// endpoint is who alone is told, empty for everybody, and replay what asked
	// for it.
	endpoint, replay string
}

// Subject is where an event of a type, organization and directory is
// published; empty ids are "-".
func Subject(organization, directory string, t public.Type) string {
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	return "events." + dash(organization) + "." + dash(directory) + "." + string(t)
}

func (m *message) nats() *nats.Msg {
	msg := &nats.Msg{
		Subject: Subject(m.organization, m.directory, m.typ),
		Header: nats.Header{
			public.HeaderEventID:      {m.number.ID()},
			public.HeaderEventType:    {string(m.typ)},
			public.HeaderOrganization: {m.organization},
			public.HeaderLogSeq:       {strconv.FormatUint(m.seq, 10)},
			public.HeaderLogOrdinal:   {strconv.FormatUint(m.ordinal, 10)},
			public.HeaderNumber:       {strconv.FormatUint(uint64(m.number), 10)},
		},
		Data: m.body,
	}
	if m.endpoint != "" {
		msg.Subject = "endpoint." + m.endpoint + strings.TrimPrefix(msg.Subject, "events")
		msg.Header.Set(public.HeaderEndpoint, m.endpoint)
		if m.replay != "" {
			msg.Header.Set(public.HeaderReplay, m.replay)
		}
	}
	return msg
}

var outboxBucket = []byte("outbox")

func (m *message) key() []byte { return binary.BigEndian.AppendUint64(nil, uint64(m.number)) }

func (m *message) encode() []byte {
	b := make([]byte, 0, len(m.body)+128)
	b = wire.AppendString(b, m.typ)
	b = wire.AppendString(b, m.organization)
	b = wire.AppendString(b, m.directory)
	b = wire.AppendUvarint(b, m.seq)
	b = wire.AppendUvarint(b, m.ordinal)
	b = wire.AppendString(b, m.body)
	if m.endpoint != "" {
		b = wire.AppendString(b, m.endpoint)
		b = wire.AppendString(b, m.replay)
	}
	return b
}

func decodeMessage(k, v []byte) (message, error) {
	if len(k) != 8 {
		return message{}, fmt.Errorf("outbox: a key of %d bytes", len(k))
	}
	r := wire.NewReader(v)
	m := message{
		number: public.Number(binary.BigEndian.Uint64(k)), typ: public.Type(r.String()), organization: r.String(), directory: r.String(),
		seq: r.Uvarint(), ordinal: r.Uvarint(), body: append([]byte(nil), r.Bytes()...),
	}
	if r.Len() > 0 { // for one endpoint
		m.endpoint, m.replay = r.String(), r.String()
	}
	if r.Err() != nil {
		return m, fmt.Errorf("outbox: row %d: %w", m.number, r.Err())
	}
	return m, nil
}

// putOutbox keeps messages until they are known to be in EVENTS.
func putOutbox(tx *bolt.Tx, ms []message) error {
	if len(ms) == 0 {
		return nil
	}
	b, err := tx.CreateBucketIfNotExists(outboxBucket)
	if err != nil {
		return err
	}
	b.FillPercent = 0.95
	for i := range ms {
		if err := b.Put(ms[i].key(), ms[i].encode()); err != nil {
			return err
		}
	}
	return nil
}

// droppedBucket holds up to which number the outbox has forgotten messages, as
// they were in EVENTS then. If EVENTS ever ends before that, because it was
// lost or is an older copy, only the log can tell what is missing.
var (
	droppedBucket = []byte("outbox-dropped")
	droppedKey    = []byte("number")
)

// dropped returns that number, 0 before any.
func dropped(tx *bolt.Tx) (public.Number, error) {
	b := tx.Bucket(droppedBucket)
	if b == nil {
		return 0, nil
	}
	v := b.Get(droppedKey)
	if len(v) != 8 {
		return 0, fmt.Errorf("outbox: the number of the last message dropped has %d bytes", len(v))
	}
	return public.Number(binary.BigEndian.Uint64(v)), nil
}

// dropOutbox forgets what is in EVENTS, up to and including the number. When
// that is everything, as it mostly is, the bucket goes as a whole: deleting row
// by row visits the emptied pages again and again.
func dropOutbox(tx *bolt.Tx, upTo public.Number) error {
	if upTo > 0 {
		d, err := tx.CreateBucketIfNotExists(droppedBucket)
		if err == nil {
			err = d.Put(droppedKey, binary.BigEndian.AppendUint64(nil, uint64(upTo)))
		}
		if err != nil {
			return err
		}
	}
	b := tx.Bucket(outboxBucket)
	if b == nil {
		return nil
	}
	c := b.Cursor()
	if last, _ := c.Last(); last == nil || binary.BigEndian.Uint64(last) <= uint64(upTo) {
		return tx.DeleteBucket(outboxBucket)
	}
	var done [][]byte
	for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) <= uint64(upTo); k, _ = c.Next() {
		done = append(done, bytes.Clone(k))
	}
	for _, k := range done {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// loadOutbox returns up to n messages behind the number, in order.
func loadOutbox(tx *bolt.Tx, after public.Number, n int) ([]message, error) {
	b := tx.Bucket(outboxBucket)
	if b == nil {
		return nil, nil
	}
	var ms []message
	c := b.Cursor()
	for k, v := c.Seek(binary.BigEndian.AppendUint64(nil, uint64(after)+1)); k != nil && len(ms) < n; k, v = c.Next() {
		m, err := decodeMessage(k, v)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// lastInOutbox returns the highest number that waits, 0 if none does.
func lastInOutbox(tx *bolt.Tx) public.Number {
	b := tx.Bucket(outboxBucket)
	if b == nil {
		return 0
	}
	k, _ := b.Cursor().Last()
	if len(k) != 8 {
		return 0
	}
	return public.Number(binary.BigEndian.Uint64(k))
}

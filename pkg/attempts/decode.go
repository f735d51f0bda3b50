package attempts

import (
	"fmt"
	"math"
	"time"

	"github.com/rollcallhq/rollcall/events/wire"
)

// DecodeHeader reads only the header.
//
// Errors: ErrNotAFrame, *UnknownVersionError.
func DecodeHeader(b []byte) (Header, error) {
	r, h, err := header(b)
	if err == nil {
		err = r.err()
	}
	return h, err
}

// Decode reads a whole frame. What it returns shares nothing with b.
//
// Errors: ErrNotAFrame, *UnknownVersionError. Trailing bytes, references to
// strings that are not there and numbers out of range are ErrNotAFrame.
func Decode(b []byte) (Frame, error) {
	r, h, err := header(b)
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Header: h}
	n := r.count()
	r.strings = make([]string, 0, n)
	for range n {
		r.strings = append(r.strings, r.in.String())
	}
	if n = r.count(); n > MaxRecords {
		return Frame{}, ErrNotAFrame
	}
	for range n {
		rec := r.record()
		if r.bad || r.in.Err() != nil || rec.check() != nil {
			return Frame{}, ErrNotAFrame
		}
		f.Records = append(f.Records, rec)
	}
	if h.Part > 0 {
		for range r.count() {
			f.Endpoints = append(f.Endpoints, r.endpoint())
		}
		for range r.count() {
			f.Deliveries = append(f.Deliveries, r.delivery())
		}
		if r.version >= 2 {
			for range r.count() {
				f.Replays = append(f.Replays, r.replay())
			}
		}
	}
	if err := r.err(); err != nil {
		return Frame{}, err
	}
	if r.in.Len() != 0 || h.Part > 0 && len(f.Records) > 0 {
		return Frame{}, ErrNotAFrame
	}
	return f, nil
}

// reader reads fields and remembers whether one was out of range.
type reader struct {
	in      *wire.Reader
	version byte
	strings []string
	bad     bool
}

func header(b []byte) (*reader, Header, error) {
	if err := isFrame(b); err != nil {
		return nil, Header{}, err
	}
	if len(b) > MaxFrame {
		return nil, Header{}, ErrNotAFrame
	}
	r := &reader{in: wire.NewReader(b[6:]), version: b[4]}
	h := Header{Part: r.number(), Parts: r.number(), Slot: r.number(), Index: r.in.Uvarint(), Checkpoint: r.in.Uvarint()}
	if h.Slot >= Slots || h.Part > h.Parts || h.Parts > 0 && h.Part == 0 || h.Index == 0 {
		return nil, Header{}, ErrNotAFrame
	}
	return r, h, r.err()
}

func (r *reader) err() error {
	if r.in.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNotAFrame, r.in.Err())
	}
	if r.bad {
		return ErrNotAFrame
	}
	return nil
}

// count reads how many entries follow; each takes a byte at least.
func (r *reader) count() int {
	n := r.in.Uvarint()
	if r.in.Err() != nil || n > uint64(r.in.Len()) { //nolint:gosec // a length
		r.bad = true
		return 0
	}
	return int(n) //nolint:gosec // bounded by the input's length
}

func (r *reader) number() int {
	n := r.in.Uvarint()
	if n > math.MaxInt32 {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) duration() time.Duration {
	n := r.in.Uvarint()
	if n > uint64(math.MaxInt64/time.Microsecond) {
		r.bad = true
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

func (r *reader) byte() byte {
	if b := r.in.Fixed(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) string() string {
	at := r.in.Uvarint()
	if at >= uint64(len(r.strings)) {
		r.bad = true
		return ""
	}
	return r.strings[at]
}

func (r *reader) record() Record {
	rec := Record{Kind: Kind(r.byte()), Endpoint: r.string()}
	if rec.Kind == KindCursor {
		rec.Position = r.in.Uvarint()
		return rec
	}
	if rec.Kind > KindDropped && r.version < 2 {
		r.bad = true
		return rec
	}
	rec.At = r.in.Time()
	switch rec.Kind {
	case KindDropped:
		return rec
	case KindReplay, KindReplayEnded:
		rec.Progress = r.replay()
		r.bad = r.bad || rec.Progress.Endpoint != rec.Endpoint
		return rec
	default: // below
	}
	rec.Seq = r.in.Uvarint()
	rec.EventID, rec.EventType, rec.Resource, rec.Due = r.string(), r.string(), r.string(), r.in.Time()
	if r.version >= 2 {
		rec.Replay = r.string()
	}
	if rec.Kind == KindQueued {
		return rec
	}
	rec.Outcome, rec.Opens = Outcome(r.byte()), r.in.Bool()
	rec.Attempt, rec.Duration, rec.Status = r.number(), r.duration(), r.number()
	rec.Class, rec.Error = r.string(), r.string()
	if r.version >= 2 && r.in.Bool() {
		rec.Detail = &Detail{DNS: r.duration(), Connect: r.duration(), TLS: r.duration(), FirstByte: r.duration(), Head: r.string(), Body: r.string()}
	}
	return rec
}

func (r *reader) replay() Replay {
	p := Replay{Endpoint: r.string(), ID: r.string(), Position: r.in.Uvarint(), First: r.in.Uvarint(), End: r.in.Uvarint(), Read: r.in.Bool()}
	p.Queued, p.Skipped, p.Delivered, p.Dead = r.in.Uvarint(), r.in.Uvarint(), r.in.Uvarint(), r.in.Uvarint()
	return p
}

func (r *reader) endpoint() Endpoint {
	return Endpoint{ID: r.string(), Position: r.in.Uvarint(), Failures: r.in.Uvarint(), OpenedAt: r.in.Time(), Dead: r.in.Uvarint()}
}

func (r *reader) delivery() Delivery {
	d := Delivery{Endpoint: r.string(), Seq: r.in.Uvarint(), EventID: r.string(), EventType: r.string(), Resource: r.string()}
	d.Status, d.Attempts, d.LastAt, d.Duration, d.StatusCode = Status(r.byte()), r.number(), r.in.Time(), r.duration(), r.number()
	d.Class, d.Error, d.Due = r.string(), r.string(), r.in.Time()
	if r.version >= 2 {
		d.Replay = r.string()
	}
	if d.Status < Pending || d.Status > Exhausted {
		r.bad = true
	}
	return d
}

package attempts

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/rollcallhq/rollcall/events/wire"
)

// Version is the version of the frames that are written.
//
//	1  2026-11  first format
//	2  2026-11  details of attempts, replays
const Version = 2

// Bounds of a frame. Whoever fills one counts the records and adds up their
// sizes; up to FillFrame it fits.
const (
	MaxRecords = 1000
	MaxFrame   = 1 << 20 // bytes
	FillFrame  = 768 << 10
	// partSize is what a part of a checkpoint aims at, in bytes.
	partSize = 512 << 10
)

var magic = []byte("RCLA")

// ErrNotAFrame says that the bytes are not an attempts frame, or break its
// format.
var ErrNotAFrame = errors.New("attempts: not an attempts frame")

// UnknownVersionError says that a newer program wrote the frame.
type UnknownVersionError struct{ Version, Flags byte }

func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("attempts: a frame of version %d (flags %#x) is newer than this program, which reads up to version %d; upgrade rollcall",
		e.Version, e.Flags, Version)
}

// Header leads every frame.
//
// Layout, version 2 (integers are uvarints, strings length-prefixed, times
// microseconds since 1970):
//
//	"RCLA"   4 bytes
//	version  1 byte     1 or 2
//	flags    1 byte     0; a reader refuses flags that it does not know
//	part     uvarint    0 for records, else which part of a checkpoint, from 1
//	parts    uvarint    0 for records, else how many parts there are
//	slot, index, checkpoint
//	strings  count, then each: what the rest refers to by place
//	records  count, then each
//	rows     in a part only: endpoints, deliveries and, since version 2,
//	         replays, each a count and its rows
type Header struct {
	Slot int
	// Index counts the slot's frames, from 1.
	Index uint64
	// Checkpoint is the sequence in ATTEMPTS of the first part of the last
	// checkpoint that is complete before this frame, 0 if there is none.
	Checkpoint uint64
	// Part and Parts are set in the parts of a checkpoint.
	Part, Parts int
}

// Frame is one message of ATTEMPTS: records, or a part of a checkpoint.
type Frame struct {
	Header
	Records    []Record
	Endpoints  []Endpoint
	Deliveries []Delivery
	Replays    []Replay
}

// Encode writes a frame. It fails if a record is out of bounds, which is a bug
// of the caller.
func Encode(f Frame) ([]byte, error) {
	if len(f.Records) > MaxRecords || f.Part > 0 && len(f.Records) > 0 || f.Part > f.Parts {
		return nil, fmt.Errorf("attempts: a frame with %d records as part %d of %d", len(f.Records), f.Part, f.Parts)
	}
	w := writer{places: map[string]uint64{}}
	w.uint(uint64(len(f.Records)))
	for i := range f.Records {
		if err := f.Records[i].check(); err != nil {
			return nil, err
		}
		w.record(&f.Records[i])
	}
	if f.Part > 0 {
		w.uint(uint64(len(f.Endpoints)))
		for i := range f.Endpoints {
			w.endpoint(&f.Endpoints[i])
		}
		w.uint(uint64(len(f.Deliveries)))
		for i := range f.Deliveries {
			w.delivery(&f.Deliveries[i])
		}
		w.uint(uint64(len(f.Replays)))
		for i := range f.Replays {
			w.replay(&f.Replays[i])
		}
	}
	b := make([]byte, 0, len(w.body)+w.size+64)
	b = append(b, magic...)
	b = append(b, Version, 0)
	for _, v := range [...]int{f.Part, f.Parts, f.Slot} {
		b = wire.AppendUvarint(b, uint64(v)) //nolint:gosec // counts
	}
	b = wire.AppendUvarint(b, f.Index)
	b = wire.AppendUvarint(b, f.Checkpoint)
	b = wire.AppendUvarint(b, uint64(len(w.strings)))
	for _, s := range w.strings {
		b = wire.AppendString(b, s)
	}
	if b = append(b, w.body...); len(b) > MaxFrame {
		return nil, fmt.Errorf("attempts: a frame of %d bytes; the limit is %d", len(b), MaxFrame)
	}
	return b, nil
}

// writer collects the strings of a frame, each once, beside its body.
type writer struct {
	body    []byte
	strings []string
	places  map[string]uint64
	size    int
}

func (w *writer) uint(v uint64)            { w.body = wire.AppendUvarint(w.body, v) }
func (w *writer) time(t time.Time)         { w.body = wire.AppendTime(w.body, t) }
func (w *writer) number(n int)             { w.uint(uint64(n)) }                //nolint:gosec // checked before
func (w *writer) duration(d time.Duration) { w.uint(uint64(d.Microseconds())) } //nolint:gosec // checked before

func (w *writer) string(s string) {
	at, ok := w.places[s]
	if !ok {
		at = uint64(len(w.strings))
		w.places[s] = at
		w.strings = append(w.strings, s)
		w.size += len(s) + 2
	}
	w.uint(at)
}

func (w *writer) record(r *Record) {
	w.body = append(w.body, byte(r.Kind))
	w.string(r.Endpoint)
	if r.Kind == KindCursor {
		w.uint(r.Position)
		return
	}
	w.time(r.At)
	switch r.Kind {
	case KindDropped:
		return
	case KindReplay, KindReplayEnded:
		p := r.Progress
		p.Endpoint = r.Endpoint
		w.replay(&p)
		return
	default: // below
	}
	w.uint(r.Seq)
	w.string(r.EventID)
	w.string(r.EventType)
	w.string(r.Resource)
	w.time(r.Due)
	w.string(r.Replay)
	if r.Kind == KindQueued {
		return
	}
	w.body = append(w.body, byte(r.Outcome))
	w.body = wire.AppendBool(w.body, r.Opens)
	w.number(r.Attempt)
	w.duration(r.Duration)
	w.number(r.Status)
	w.string(r.Class)
	w.string(r.Error)
	w.body = wire.AppendBool(w.body, r.Detail != nil)
	if d := r.Detail; d != nil {
		w.duration(d.DNS)
		w.duration(d.Connect)
		w.duration(d.TLS)
		w.duration(d.FirstByte)
		w.string(d.Head)
		w.string(d.Body)
	}
}

func (w *writer) replay(p *Replay) {
	w.string(p.Endpoint)
	w.string(p.ID)
	w.uint(p.Position)
	w.uint(p.First)
	w.uint(p.End)
	w.body = wire.AppendBool(w.body, p.Read)
	w.uint(p.Queued)
	w.uint(p.Skipped)
	w.uint(p.Delivered)
	w.uint(p.Dead)
}

func (w *writer) endpoint(e *Endpoint) {
	w.string(e.ID)
	w.uint(e.Position)
	w.uint(e.Failures)
	w.time(e.OpenedAt)
	w.uint(e.Dead)
}

func (w *writer) delivery(d *Delivery) {
	w.string(d.Endpoint)
	w.uint(d.Seq)
	w.string(d.EventID)
	w.string(d.EventType)
	w.string(d.Resource)
	w.body = append(w.body, byte(d.Status))
	w.number(d.Attempts)
	w.time(d.LastAt)
	w.duration(d.Duration)
	w.number(d.StatusCode)
	w.string(d.Class)
	w.string(d.Error)
	w.time(d.Due)
	w.string(d.Replay)
}

// isFrame checks the first bytes.
func isFrame(b []byte) error {
	if len(b) < len(magic)+2 || !bytes.Equal(b[:len(magic)], magic) {
		return ErrNotAFrame
	}
	if v, flags := b[4], b[5]; v < 1 || v > Version || flags != 0 {
		return &UnknownVersionError{Version: v, Flags: flags}
	}
	return nil
}

// Package frame is the format of one log message: the commits of one group
// commit, in order, hash-chained to the frame before.
//
// Layout, version 1 (integers are uvarints unless said otherwise, strings are
// length-prefixed):
//
//	"RCLF"  4 bytes       magic
//	version 1 byte        1
//	flags   1 byte        0; a reader refuses flags that it does not know
//	generation            0; a new generation starts a new chain from a snapshot
//	index                 1 for the first frame of a generation, then +1
//	ordinal               how many events came before this frame
//	previous 32 bytes     SHA-256 of the whole frame before, zero for the first
//	commits               count, then each commit:
//	  command id, count of events, then each event:
//	    type, id, at (microseconds), actor, organization, directory, resource,
//	    revision, payload
//
// A frame's hash is the SHA-256 of all its bytes. Altering, dropping or
// reordering any frame therefore breaks the chain at a place that a reader can
// name. The golden files in testdata are kept for ever: every version that was
// ever written stays readable.
package frame

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/wire"
)

// Version is the version that Encode writes.
//
//	1  2026-11  first format
const Version = 1

const (
	// TargetSize is what a group commit aims at, in bytes.
	TargetSize = 1 << 20
	// MaxSize is what a frame never exceeds, in bytes; the log's message limit
	// is 8 MiB.
	MaxSize = 7 << 20
)

var magic = []byte("RCLF")

// ErrNotAFrame says that the bytes do not begin like a frame.
var ErrNotAFrame = errors.New("frame: not a log frame")

// ErrMalformed says that the bytes begin like a frame and then break the
// format.
var ErrMalformed = errors.New("frame: malformed")

// UnknownVersionError says that a newer program wrote the frame.
type UnknownVersionError struct{ Version, Flags byte }

func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("frame: version %d (flags %#x) is newer than this program, which reads up to version %d; upgrade rollcall",
		e.Version, e.Flags, Version)
}

// Hash is the SHA-256 of a whole frame; the zero value stands for "no frame".
type Hash [sha256.Size]byte

// Header is what a chain check needs.
type Header struct {
	Generation uint64
	Index      uint64
	Ordinal    uint64
	Previous   Hash
}

// Commit is what one command caused: all of it or none.
type Commit struct {
	// Command is the command's id, chosen by whoever sent it. It is how an
	// append with an unknown outcome is recognised in the log.
	Command string
	Events  []events.Event
}

// Frame is one decoded log message.
type Frame struct {
	Header
	Commits []Commit
}

// Events returns how many events the frame holds.
func (f *Frame) Events() int {
	n := 0
	for i := range f.Commits {
		n += len(f.Commits[i].Events)
	}
	return n
}

// Sum returns the hash of an encoded frame.
func Sum(b []byte) Hash { return sha256.Sum256(b) }

// AppendCommit appends the encoded commit to b. Encoding commits one by one
// lets the committer know a frame's size before it takes the next command.
func AppendCommit(b []byte, c Commit) []byte {
	b = wire.AppendString(b, c.Command)
	b = wire.AppendUvarint(b, uint64(len(c.Events)))
	for i := range c.Events {
		e := &c.Events[i]
		b = wire.AppendString(b, e.Type)
		b = wire.AppendUvarint(b, e.ID)
		b = wire.AppendTime(b, e.At)
		b = wire.AppendString(b, e.Actor)
		b = wire.AppendString(b, e.Organization)
		b = wire.AppendString(b, e.Directory)
		b = wire.AppendString(b, e.Resource)
		b = wire.AppendUvarint(b, e.Revision)
		b = wire.AppendString(b, e.Payload)
	}
	return b
}

// Assemble puts a header in front of n commits that AppendCommit encoded.
func Assemble(h Header, n int, commits []byte) []byte {
	b := make([]byte, 0, len(commits)+96)
	b = append(b, magic...)
	b = append(b, Version, 0)
	b = wire.AppendUvarint(b, h.Generation)
	b = wire.AppendUvarint(b, h.Index)
	b = wire.AppendUvarint(b, h.Ordinal)
	b = append(b, h.Previous[:]...)
	b = wire.AppendUvarint(b, uint64(n)) //nolint:gosec // a count
	return append(b, commits...)
}

// Encode writes a whole frame.
func Encode(f Frame) []byte {
	var commits []byte
	for _, c := range f.Commits {
		commits = AppendCommit(commits, c)
	}
	return Assemble(f.Header, len(f.Commits), commits)
}

// DecodeHeader reads only what the chain check needs.
//
// Errors: ErrNotAFrame, ErrMalformed, *UnknownVersionError.
func DecodeHeader(b []byte) (Header, error) {
	h, _, err := decodeHeader(b)
	return h, err
}

func decodeHeader(b []byte) (Header, *wire.Reader, error) {
	var h Header
	if len(b) < len(magic)+2 || !bytes.Equal(b[:len(magic)], magic) {
		return h, nil, ErrNotAFrame
	}
	if v, flags := b[4], b[5]; v != Version || flags != 0 {
		return h, nil, &UnknownVersionError{Version: v, Flags: flags}
	}
	r := wire.NewReader(b[6:])
	h.Generation = r.Uvarint()
	h.Index = r.Uvarint()
	h.Ordinal = r.Uvarint()
	copy(h.Previous[:], r.Fixed(len(h.Previous)))
	if r.Err() != nil {
		return h, nil, fmt.Errorf("%w: %w", ErrMalformed, r.Err())
	}
	return h, r, nil
}

// Decode reads a whole frame. Payloads point into b, which must not change
// afterwards.
//
// Errors: as DecodeHeader. Trailing bytes are ErrMalformed: what is hashed is
// what is read.
func Decode(b []byte) (Frame, error) {
	h, r, err := decodeHeader(b)
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Header: h}
	n, err := count(r, leastCommit)
	if err != nil {
		return Frame{}, err
	}
	f.Commits = make([]Commit, 0, n)
	var names interner
	for range n {
		c := Commit{Command: r.String()}
		m, err := count(r, leastEvent)
		if err != nil {
			return Frame{}, err
		}
		c.Events = make([]events.Event, m)
		for i := range c.Events {
			c.Events[i] = events.Event{
				Type:         events.Type(names.string(r.Bytes())),
				ID:           r.Uvarint(),
				At:           r.Time(),
				Actor:        names.string(r.Bytes()),
				Organization: names.string(r.Bytes()),
				Directory:    names.string(r.Bytes()),
				Resource:     r.String(),
				Revision:     r.Uvarint(),
				Payload:      r.Bytes(),
			}
		}
		f.Commits = append(f.Commits, c)
	}
	if r.Err() != nil {
		return Frame{}, fmt.Errorf("%w: %w", ErrMalformed, r.Err())
	}
	if r.Len() != 0 {
		return Frame{}, fmt.Errorf("%w: %d bytes behind its end", ErrMalformed, r.Len())
	}
	return f, nil
}

// The least bytes that a commit and an event take: one for each field.
const (
	leastCommit = 2
	leastEvent  = 9
)

// count reads how many items follow. More than could fit into what is left are
// refused before anything is allocated for them.
func count(r *wire.Reader, least int) (int, error) {
	n := r.Uvarint()
	if r.Err() != nil {
		return 0, fmt.Errorf("%w: %w", ErrMalformed, r.Err())
	}
	if n > uint64(r.Len()/least) { //nolint:gosec // a length
		return 0, fmt.Errorf("%w: it announces %d items, more than its %d bytes can hold", ErrMalformed, n, r.Len())
	}
	return int(n), nil //nolint:gosec // bounded by the lines above
}

// interner shares the strings that repeat through a frame: types, actors and
// tenant ids. It keeps the last few only; frames are local in what they touch.
type interner struct {
	seen [8]string
	next int
}

func (n *interner) string(b []byte) string {
	for i := range n.seen {
		if n.seen[i] == string(b) {
			return n.seen[i]
		}
	}
	s := string(b)
	n.seen[n.next%len(n.seen)] = s
	n.next++
	return s
}

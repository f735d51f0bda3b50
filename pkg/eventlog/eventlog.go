// Package eventlog is the port to the log: one ordered, hash-chained sequence
// of frames per partition, appended under an expectation.
//
// Adapters: memlog (in memory, for tests and tools) and natslog (NATS
// JetStream). Both pass the suite in logtest. What must not live here: any
// storage, and any decision about what to append; that is pkg/commit's.
//
// The promises every adapter keeps:
//
//   - Append is durable when it returns nil, and only if the partition's last
//     frame was exactly the one expected.
//   - A Reader yields every frame once, in order, and checks the chain: a gap, a
//     broken link or a frame of an unknown newer version is an error, never
//     skipped.
//   - An outcome that is not known is ErrUnknown, never "failed".
//
// What an error of Append says is about that call only. Once a call has
// answered ErrUnknown, only an ErrConflict followed by reading up to the tail,
// or an ack, settles whether the frame is in the log: an ErrUnavailable or
// ErrFull of a repeat does not.
package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/rollcallhq/rollcall/events/frame"
)

var (
	// ErrConflict says that the partition's last frame is not the expected one.
	// This append was not stored. Read up to the tail before deciding again; if
	// nothing new is there (a replicated log can see its own last write as a
	// rival for a moment), append the same frame once more.
	ErrConflict = errors.New("eventlog: the partition moved on")
	// ErrUnknown says that no answer came: the frame may be stored or not. Append
	// the identical bytes with the identical expectation until the outcome is
	// known.
	ErrUnknown = errors.New("eventlog: the outcome of the append is unknown")
	// ErrFull says that the store refused the frame for lack of room. Nothing
	// was stored.
	ErrFull = errors.New("eventlog: the store is full")
	// ErrTooLarge says that the frame exceeds frame.MaxSize or the server's
	// message limit. Nothing was stored.
	ErrTooLarge = errors.New("eventlog: the frame is too large")
	// ErrUnavailable says that the log cannot be reached and that nothing was
	// stored.
	ErrUnavailable = errors.New("eventlog: the log is unavailable")
	// ErrClosed says that the reader was closed.
	ErrClosed = errors.New("eventlog: the reader is closed")
	// ErrNotNext says that the bytes are not a frame that continues the expected
	// position. It is a bug of the caller; nothing was stored.
	ErrNotNext = errors.New("eventlog: the frame does not continue the expected position")
	// ErrDamaged says that the log lost or altered what it once acknowledged. The
	// concrete errors (*GapError, *LinkError, *LostError) match it.
	ErrDamaged = errors.New("eventlog: the log is damaged")
)

// Position is a place in a partition: after the frame with this sequence and
// hash. The zero Position is before the first frame. Kept as a checkpoint, it
// is compared with the log at start.
type Position struct {
	// Seq is the log's own sequence number of the frame.
	Seq uint64
	// Index counts frames, 1 for the first.
	Index uint64
	// Ordinal counts the events up to and including the frame.
	Ordinal uint64
	Hash    frame.Hash
}

// Next returns the header that the frame after p must carry.
func (p Position) Next() frame.Header {
	return frame.Header{Index: p.Index + 1, Ordinal: p.Ordinal, Previous: p.Hash}
}

// After returns the position behind a frame stored at seq.
func (p Position) After(seq uint64, h frame.Hash, events int) Position {
	return Position{Seq: seq, Index: p.Index + 1, Ordinal: p.Ordinal + uint64(events), Hash: h} //nolint:gosec // a count
}

// Entry is one frame as it stands in the log.
type Entry struct {
	// Position is the place behind this frame.
	Position Position
	Frame    frame.Frame
	// Size is the frame's encoded length in bytes.
	Size int
}

// Appender appends encoded frames to one partition.
type Appender interface {
	// Append stores b if the partition's last frame is the one at expect, and
	// returns the sequence it was given. b must be a whole frame whose header is
	// expect.Next().
	//
	// Errors: ErrConflict, ErrUnknown, ErrFull, ErrTooLarge, ErrUnavailable,
	// ErrNotNext. A ctx that ends before the answer came is ErrUnknown.
	Append(ctx context.Context, expect Position, b []byte) (uint64, error)
}

// Source reads one partition.
type Source interface {
	// Open starts a reader behind the given position. If the log no longer
	// holds the frame that the position names, or holds another one in its
	// place, the error is a *MismatchError: rebuild from the zero Position. If
	// the partition's last frame cannot be read, it is a *GapError: a reader that
	// waited for it would wait for ever.
	//
	// Errors: *MismatchError, *GapError, *LostError, ErrUnavailable.
	Open(ctx context.Context, after Position) (Reader, error)
	// Tail returns the sequence of the partition's last frame, 0 if it is
	// empty. It is asked of the stream's leader: every frame acknowledged before
	// the call is counted.
	//
	// Errors: ErrUnavailable, *LostError.
	Tail(ctx context.Context) (uint64, error)
}

// Reader yields the frames behind its position. It is for one goroutine.
type Reader interface {
	// Next waits for the next frame. While the log cannot be reached it answers
	// ErrUnavailable, at most some times a second, and goes on where it was when
	// called again.
	//
	// Errors: ctx's and ErrUnavailable (call again); *GapError, *LinkError,
	// *MismatchError and *frame.UnknownVersionError (final, every later call
	// answers the same); ErrClosed.
	Next(ctx context.Context) (Entry, error)
	// Close frees the reader. It may be called twice.
	Close() error
}

// Log is one partition, read and written.
type Log interface {
	Appender
	Source
	// Check reports whether the log is whole and can take an append now,
	// without appending. Errors: ErrUnavailable, ErrFull, *LostError.
	Check(ctx context.Context) error
}

// MismatchError says that a checkpoint does not fit the log.
type MismatchError struct {
	Want Position
	// Found is the hash of the frame at Want.Seq, zero if there is none.
	Found frame.Hash
}

func (e *MismatchError) Error() string {
	if e.Found == (frame.Hash{}) {
		return fmt.Sprintf("eventlog: the checkpoint is at sequence %d, which the log does not hold", e.Want.Seq)
	}
	return fmt.Sprintf("eventlog: the checkpoint at sequence %d has hash %x, the log's frame has %x", e.Want.Seq, e.Want.Hash[:6], e.Found[:6])
}

// GapError says that frames are missing.
type GapError struct {
	Seq uint64 // where the reader noticed
	// Want and Found are frame indexes. Found is 0 if nothing from Want up to Seq
	// can be read, although the server says that it is there.
	Want, Found uint64
}

func (e *GapError) Error() string {
	if e.Found == 0 {
		return fmt.Sprintf("eventlog: a gap in the log: what stands between frame %d and sequence %d cannot be read; restore the log from a backup or replica", e.Want, e.Seq)
	}
	return fmt.Sprintf("eventlog: a gap in the log at sequence %d: expected frame %d, found frame %d; restore the log from a backup or replica", e.Seq, e.Want, e.Found)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *GapError) Is(target error) bool { return target == ErrDamaged }

// LinkError says that a frame does not continue the one before.
type LinkError struct {
	Seq, Index  uint64
	Want, Found frame.Hash
	Cause       error // set when the frame cannot be decoded at all
}

func (e *LinkError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("eventlog: the message at sequence %d is not a readable frame (%v); restore the log from a backup or replica", e.Seq, e.Cause)
	}
	return fmt.Sprintf("eventlog: a broken link in the log at sequence %d (frame %d): it continues %x, but the frame before is %x; restore the log from a backup or replica",
		e.Seq, e.Index, e.Found[:6], e.Want[:6])
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *LinkError) Is(target error) bool { return target == ErrDamaged }

func (e *LinkError) Unwrap() error { return e.Cause }

// LostError says that the server itself reports messages missing from a stream
// that nobody may delete from.
type LostError struct {
	Deleted  uint64
	FirstSeq uint64
}

func (e *LostError) Error() string {
	return fmt.Sprintf("eventlog: the server reports %d messages lost (first sequence %d) in a log that denies deletion; restore it from a backup or replica", e.Deleted, e.FirstSeq)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *LostError) Is(target error) bool { return target == ErrDamaged }

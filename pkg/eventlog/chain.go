package eventlog

import (
	"errors"
	"fmt"

	"github.com/rollcallhq/rollcall/events/frame"
)

// Chain checks frames against the position before them. Adapters feed it every
// message they read, so that no reader can forget to.
type Chain struct{ At Position }

// Admit decodes the message stored at seq and checks that it continues the
// chain. On success the chain moves behind it.
//
// Errors: *GapError, *LinkError, *frame.UnknownVersionError.
func (c *Chain) Admit(seq uint64, b []byte) (Entry, error) {
	h, err := frame.DecodeHeader(b)
	if err != nil {
		return Entry{}, unreadable(seq, err)
	}
	if seq <= c.At.Seq {
		return Entry{}, &LinkError{Seq: seq, Index: h.Index, Cause: fmt.Errorf("its sequence does not rise above %d", c.At.Seq)}
	}
	if h.Generation != 0 {
		return Entry{}, &LinkError{Seq: seq, Index: h.Index, Cause: fmt.Errorf("it belongs to generation %d, this log is generation 0", h.Generation)}
	}
	if h.Index != c.At.Index+1 {
		return Entry{}, &GapError{Seq: seq, Want: c.At.Index + 1, Found: h.Index}
	}
	if h.Ordinal != c.At.Ordinal {
		return Entry{}, &LinkError{Seq: seq, Index: h.Index, Cause: errors.New("its event count does not continue the frame before")}
	}
	if h.Previous != c.At.Hash {
		return Entry{}, &LinkError{Seq: seq, Index: h.Index, Want: c.At.Hash, Found: h.Previous}
	}
	f, err := frame.Decode(b)
	if err != nil {
		return Entry{}, unreadable(seq, err)
	}
	c.At = c.At.After(seq, frame.Sum(b), f.Events())
	return Entry{Position: c.At, Frame: f, Size: len(b)}, nil
}

// Admissible reports whether an adapter may try to append b behind expect. A
// frame that does not continue the position would break the chain for ever, so
// every adapter asks before it sends.
//
// Errors: ErrTooLarge, ErrNotNext.
func Admissible(expect Position, b []byte) error {
	if len(b) > frame.MaxSize {
		return fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrTooLarge, len(b), frame.MaxSize)
	}
	h, err := frame.DecodeHeader(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotNext, err)
	}
	if h != expect.Next() {
		return fmt.Errorf("%w: it is frame %d, expected frame %d", ErrNotNext, h.Index, expect.Index+1)
	}
	return nil
}

func unreadable(seq uint64, err error) error {
	if v, ok := errors.AsType[*frame.UnknownVersionError](err); ok {
		return v
	}
	return &LinkError{Seq: seq, Cause: err}
}

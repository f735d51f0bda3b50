// Package wire holds the binary primitives of Rollcall's own formats: log
// frames, attempt frames and stored rows. Everything is a uvarint, a fixed
// 8-byte big-endian integer, or a length-prefixed string of bytes.
//
// A Reader keeps its first error, so a decoder reads field after field and
// asks once, at the end. It never allocates more than its input is long.
package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

var (
	// ErrTruncated says that the input ended inside a field.
	ErrTruncated = errors.New("wire: input ends inside a field")
	// ErrNotCanonical says that a field is written in another way than this
	// package writes it. One value has one encoding, so that what was decoded
	// and encoded again is the same bytes, with the same hash.
	ErrNotCanonical = errors.New("wire: a field is not in its canonical form")
)

// AppendUvarint appends v in the variable-length form of encoding/binary.
func AppendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendUint64 appends v as 8 bytes, most significant first.
func AppendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// AppendString appends s behind its length.
func AppendString[S ~string | ~[]byte](b []byte, s S) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendBool appends one byte, 1 or 0.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendTime appends t as microseconds since 1970, the zero time as 0.
func AppendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return AppendUvarint(b, 0)
	}
	return AppendUvarint(b, uint64(t.UnixMicro()))
}

// Reader takes fields off the front of a byte slice.
type Reader struct {
	rest []byte
	err  error
}

// NewReader reads from b, which it does not copy.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Err returns the first error, nil while all is well.
func (r *Reader) Err() error { return r.err }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.rest) }

// Uvarint reads one variable-length integer.
func (r *Reader) Uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail(ErrTruncated)
		return 0
	}
	if n > 1 && r.rest[n-1] == 0 {
		r.fail(ErrNotCanonical)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// Uint64 reads 8 bytes, most significant first.
func (r *Reader) Uint64() uint64 {
	b := r.Fixed(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Fixed returns the next n bytes without copying them, nil on error.
func (r *Reader) Fixed(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail(ErrTruncated)
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Bytes reads a length-prefixed field without copying it.
func (r *Reader) Bytes() []byte {
	n := r.Uvarint()
	if r.err != nil || n > uint64(len(r.rest)) {
		r.fail(ErrTruncated)
		return nil
	}
	return r.Fixed(int(n)) //nolint:gosec // bounded by the line above
}

// String reads a length-prefixed field as a string.
func (r *Reader) String() string { return string(r.Bytes()) }

// Bool reads one byte, 0 or 1.
func (r *Reader) Bool() bool {
	b := r.Fixed(1)
	if b != nil && b[0] > 1 {
		r.fail(ErrNotCanonical)
	}
	return b != nil && b[0] == 1
}

// Time reads what AppendTime wrote, in UTC.
func (r *Reader) Time() time.Time {
	v := r.Uvarint()
	if v == 0 {
		return time.Time{}
	}
	if v > math.MaxInt64 {
		r.fail(ErrNotCanonical)
		return time.Time{}
	}
	return time.UnixMicro(int64(v)).UTC()
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

package wire_test

import (
	"errors"
	"math"
	"testing"
	"testing/quick"
	"time"

	"github.com/rollcallhq/rollcall/events/wire"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	property := func(u, fixed uint64, s string, b []byte, yes bool, micros uint32) bool {
		at := time.UnixMicro(int64(micros) + 1).UTC()
		e := wire.AppendUvarint(nil, u)
		e = wire.AppendUint64(e, fixed)
		e = wire.AppendString(e, s)
		e = wire.AppendString(e, b)
		e = wire.AppendBool(e, yes)
		e = wire.AppendTime(e, at)
		e = wire.AppendTime(e, time.Time{})
		r := wire.NewReader(e)
		return r.Uvarint() == u && r.Uint64() == fixed && r.String() == s && string(r.Bytes()) == string(b) && r.Bool() == yes &&
			r.Time().Equal(at) && r.Time().IsZero() && r.Len() == 0 && r.Err() == nil
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		b    []byte
		read func(*wire.Reader)
		want error
	}{
		"no number":            {nil, func(r *wire.Reader) { r.Uvarint() }, wire.ErrTruncated},
		"half a number":        {[]byte{0x80}, func(r *wire.Reader) { r.Uvarint() }, wire.ErrTruncated},
		"a number in excess":   {[]byte{0x80, 0}, func(r *wire.Reader) { r.Uvarint() }, wire.ErrNotCanonical},
		"a number too large":   {[]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, func(r *wire.Reader) { r.Uvarint() }, wire.ErrTruncated},
		"seven bytes":          {make([]byte, 7), func(r *wire.Reader) { r.Uint64() }, wire.ErrTruncated},
		"a short string":       {[]byte{3, 'a', 'b'}, func(r *wire.Reader) { _ = r.String() }, wire.ErrTruncated},
		"a string beyond all":  {wire.AppendUvarint(nil, math.MaxUint64), func(r *wire.Reader) { r.Bytes() }, wire.ErrTruncated},
		"a negative length":    {[]byte{1}, func(r *wire.Reader) { r.Fixed(-1) }, wire.ErrTruncated},
		"a bool of 2":          {[]byte{2}, func(r *wire.Reader) { r.Bool() }, wire.ErrNotCanonical},
		"a time before 1970":   {wire.AppendUvarint(nil, 1<<63), func(r *wire.Reader) { r.Time() }, wire.ErrNotCanonical},
		"the first error wins": {[]byte{2}, func(r *wire.Reader) { r.Bool(); r.Uint64() }, wire.ErrNotCanonical},
	} {
		r := wire.NewReader(test.b)
		test.read(r)
		if !errors.Is(r.Err(), test.want) {
			t.Errorf("%s: %v, want %v", name, r.Err(), test.want)
		}
	}
}

package frame_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/events/wire"
)

// TestRoundTrip holds for any values: what is encoded is decoded to the same.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	property := func(h frame.Header, command, actor, resource string, typ string, id, revision uint64, micros uint32, payload []byte, commits, count uint8) bool {
		f := frame.Frame{Header: h, Commits: []frame.Commit{}}
		for c := range commits % 5 {
			commit := frame.Commit{Command: fmt.Sprint(command, c), Events: []events.Event{}}
			for e := range count % 7 {
				commit.Events = append(commit.Events, events.Event{
					Type: events.Type(typ), ID: id + uint64(e), At: time.UnixMicro(int64(micros) + 1).UTC(), Actor: actor,
					Organization: actor + "o", Directory: "d" + actor, Resource: fmt.Sprint(resource, e), Revision: revision,
					Payload: append(json.RawMessage{}, payload...),
				})
			}
			f.Commits = append(f.Commits, commit)
		}
		got, err := frame.Decode(frame.Encode(f))
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Logf("%+v reads as %+v, %v", f, got, err)
			return false
		}
		return got.Events() == len(f.Commits)*int(count%7)
	}
	if err := quick.Check(property, &quick.Config{MaxCount: 500}); err != nil {
		t.Error(err)
	}
}

// TestAssemble holds that commits encoded one by one make the same frame.
func TestAssemble(t *testing.T) {
	t.Parallel()
	for name, f := range written() {
		var commits []byte
		for _, c := range f.Commits {
			commits = frame.AppendCommit(commits, c)
		}
		if !bytes.Equal(frame.Assemble(f.Header, len(f.Commits), commits), frame.Encode(f)) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good := frame.Encode(written()["v1-second"])
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	header := frame.Assemble(frame.Header{Index: 1}, 0, nil)
	header = header[:len(header)-1]
	for name, test := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":             {nil, frame.ErrNotAFrame},
		"only the magic":      {good[:4], frame.ErrNotAFrame},
		"another magic":       {with(func(b []byte) []byte { b[0] = 'X'; return b }), frame.ErrNotAFrame},
		"a byte behind":       {append(bytes.Clone(good), 0), frame.ErrMalformed},
		"a missing byte":      {good[:len(good)-1], frame.ErrMalformed},
		"a cut header":        {good[:20], frame.ErrMalformed},
		"commits beyond all":  {wire.AppendUvarint(bytes.Clone(header), 1<<62), frame.ErrMalformed},
		"events beyond all":   {append(bytes.Clone(header), 1, 0, 0xff, 0xff, 0xff, 0x7f), frame.ErrMalformed},
		"a number in excess":  {with(func(b []byte) []byte { return append(append(b[:6:6], 0x80, 0), b[7:]...) }), wire.ErrNotCanonical},
		"a time out of range": {bytes.Replace(good, wire.AppendTime(nil, written()["v1-second"].Commits[0].Events[0].At), wire.AppendUvarint(nil, 1<<63), 1), wire.ErrNotCanonical},
	} {
		if _, err := frame.Decode(test.b); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for name, b := range map[string][]byte{
		"a newer version": with(func(b []byte) []byte { b[4]++; return b }),
		"version 0":       with(func(b []byte) []byte { b[4] = 0; return b }),
		"a flag":          with(func(b []byte) []byte { b[5] = 0x80; return b }),
	} {
		_, err := frame.Decode(b)
		u, ok := errors.AsType[*frame.UnknownVersionError](err)
		if !ok || u.Version != b[4] || u.Flags != b[5] {
			t.Errorf("%s: %v, want an UnknownVersionError", name, err)
		}
	}
	for cut := range len(good) {
		if _, err := frame.Decode(good[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes read as a frame", cut, len(good))
		}
	}
}

// FuzzDecode holds for any bytes: Decode does not panic, and what it accepts
// has exactly one encoding. Otherwise two frames with different hashes could
// say the same.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(golden, "*.bin"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files to start from: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		decoded, err := frame.Decode(b)
		h, headerErr := frame.DecodeHeader(b)
		if err != nil {
			return
		}
		if headerErr != nil || h != decoded.Header {
			t.Errorf("the header alone reads as %+v, %v; want %+v", h, headerErr, decoded.Header)
		}
		if again := frame.Encode(decoded); !bytes.Equal(again, b) {
			t.Errorf("%x is encoded as %x", b, again)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	f := frame.Frame{Header: frame.Header{Index: 1}}
	for i := range 64 {
		f.Commits = append(f.Commits, frame.Commit{Command: fmt.Sprint("command-", i), Events: []events.Event{{
			Type: "user.updated.v1", ID: uint64(i), At: time.UnixMicro(1).UTC(), Actor: "scim:sec_1", Organization: "org_1",
			Directory: "dir_1", Resource: fmt.Sprint("diruser_", i), Revision: 1, Payload: bytes.Repeat([]byte("x"), 1000),
		}}})
	}
	encoded := frame.Encode(f)
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		if _, err := frame.Decode(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

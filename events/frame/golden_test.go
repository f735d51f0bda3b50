package frame_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet; existing ones are never changed")

const golden = "testdata/golden"

// written are the frames that the golden files of the current version were
// made from.
func written() map[string]frame.Frame {
	at := time.Date(2026, 11, 3, 9, 30, 0, 123456000, time.UTC)
	first := frame.Frame{
		Header: frame.Header{Index: 1},
		Commits: []frame.Commit{{Command: "cmd-1", Events: []events.Event{{
			Type: "user.created.v1", ID: 87654321012345678, At: at, Actor: "scim:sec_1", Organization: "org_1",
			Directory: "dir_1", Resource: "diruser_1", Revision: 1, Payload: json.RawMessage(`{"user_name":"ada@example.com"}`),
		}}}},
	}
	second := frame.Frame{
		Header: frame.Header{Index: 2, Ordinal: 1, Previous: frame.Sum(frame.Encode(first))},
		Commits: []frame.Commit{
			{Command: "cmd-2", Events: []events.Event{
				{
					Type: "user.updated.v1", ID: 87654321012345679, At: at.Add(time.Microsecond), Actor: "scim:sec_1", Organization: "org_1",
					Directory: "dir_1", Resource: "diruser_1", Revision: 2, Payload: json.RawMessage(`{"family_name":"Łukasiewicz \u0000 名"}`),
				},
				{Type: "environment.created.v1", ID: 87654321012345680, At: at.Add(time.Hour), Actor: "system"},
			}},
			{Command: "cmd-without-events"},
			{Command: "", Events: []events.Event{{}}},
		},
	}
	return map[string]frame.Frame{
		"v1-first":  first,
		"v1-second": second,
		"v1-empty":  {Header: frame.Header{Index: 3, Ordinal: 4, Previous: frame.Sum(frame.Encode(second))}},
		"v1-extremes": {
			Header: frame.Header{Generation: 1, Index: 1<<64 - 1, Ordinal: 1 << 63, Previous: frame.Hash(bytes.Repeat([]byte{0xff}, 32))},
			Commits: []frame.Commit{{Command: strings.Repeat("c", 300), Events: []events.Event{{
				Type: "t", ID: 1<<64 - 1, At: time.UnixMicro(1<<63 - 1).UTC(), Revision: 1 << 32,
				Payload: json.RawMessage(`"` + strings.Repeat("p", 20_000) + `"`),
			}}}},
		},
	}
}

// readable is what the .json files beside the frames show.
type readable struct {
	Generation, Index, Ordinal uint64
	Previous                   string
	Commits                    []readableCommit
}

type readableCommit struct {
	Command string
	Events  []readableEvent
}

type readableEvent struct {
	Type                                   events.Type
	ID                                     uint64
	At                                     time.Time
	Actor, Organization, Directory, Target string
	Revision                               uint64
	Payload                                string
}

func show(t *testing.T, f frame.Frame) []byte {
	t.Helper()
	r := readable{Generation: f.Generation, Index: f.Index, Ordinal: f.Ordinal, Previous: hex.EncodeToString(f.Previous[:])}
	for _, c := range f.Commits {
		rc := readableCommit{Command: c.Command}
		for _, e := range c.Events {
			// The largest time has no year that JSON can write.
			at := e.At
			if at.Year() > 9999 {
				at = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
			}
			rc.Events = append(rc.Events, readableEvent{e.Type, e.ID, at, e.Actor, e.Organization, e.Directory, e.Resource, e.Revision, string(e.Payload)})
		}
		r.Commits = append(r.Commits, rc)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// TestGolden reads every frame that was ever written down: it decodes to what
// its .json shows, and its hash is the one in SHA256SUMS. Frames of the current
// version are encoded to the same bytes.
func TestGolden(t *testing.T) {
	if *update {
		writeMissing(t) // before any parallel test looks
	}
	t.Parallel()
	for name, sum := range sums(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := read(t, name)
			if got := fmt.Sprintf("%x", frame.Sum(b)); got != sum {
				t.Errorf("its hash is %s, SHA256SUMS says %s", got, sum)
			}
			f, err := frame.Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			h, err := frame.DecodeHeader(b)
			if err != nil || h != f.Header {
				t.Errorf("its header alone reads as %+v, %v; want %+v", h, err, f.Header)
			}
			stem := strings.TrimSuffix(name, ".bin")
			if want, got := read(t, stem+".json"), show(t, f); !bytes.Equal(want, got) {
				t.Errorf("it reads as\n%s\nwant\n%s", got, want)
			}
			if strings.HasPrefix(name, fmt.Sprintf("v%d-", frame.Version)) {
				if !bytes.Equal(frame.Encode(f), b) {
					t.Error("it is encoded to other bytes")
				}
				if made, ok := written()[stem]; !ok || !bytes.Equal(frame.Encode(made), b) {
					t.Error("what it was made from is encoded to other bytes: the format changed without a new version")
				}
			}
		})
	}
}

// TestGoldenComplete holds that no golden frame is left out of the sums.
func TestGoldenComplete(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(golden, "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	listed := sums(t)
	if len(files) != len(listed) {
		t.Errorf("%d frames, %d sums", len(files), len(listed))
	}
	for _, f := range files {
		if _, ok := listed[filepath.Base(f)]; !ok {
			t.Errorf("%s is not in SHA256SUMS", f)
		}
	}
	for name := range written() {
		if _, ok := listed[name+".bin"]; !ok {
			t.Errorf("%s has no golden file; run go test -run Golden -update", name)
		}
	}
}

// sums reads SHA256SUMS, which sha256sum -c understands.
func sums(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(golden, "SHA256SUMS"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(b)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("SHA256SUMS has the line %q", line)
		}
		found[name] = sum
	}
	return found
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(golden, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeMissing(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(golden, 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := os.OpenFile(filepath.Join(golden, "SHA256SUMS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.Close() }()
	for name, f := range written() {
		b := frame.Encode(f)
		file, err := os.OpenFile(filepath.Join(golden, name+".bin"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.Write(b)
		if err := errors.Join(err, file.Close(), os.WriteFile(filepath.Join(golden, name+".json"), show(t, f), 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(list, "%x  %s.bin\n", frame.Sum(b), name); err != nil {
			t.Fatal(err)
		}
	}
}

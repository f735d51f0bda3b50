package attempts_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/attempts"
)

var update = flag.Bool("update", false, "write golden files that are missing")

var start = time.Date(2026, 3, 1, 9, 30, 0, 123456000, time.UTC)

// golden are frames of every version that was ever written, by file. Add; never
// change.
func golden() map[string]attempts.Frame {
	ok := attempts.Record{
		Kind: attempts.KindAttempt, Endpoint: "whe_100000000000000001", Seq: 7, EventID: "evt_000000000000070000",
		EventType: "organization.directory.user_updated", Resource: "diruser_100000000000000009",
		At: start, Attempt: 1, Duration: 12345 * time.Microsecond, Status: 204, Outcome: attempts.Delivered,
	}
	bad := ok
	bad.Seq, bad.EventID, bad.Status, bad.Class, bad.Error = 8, "evt_000000000000080000", 500, "status", "the receiver answered 500 Internal Server Error"
	bad.Outcome, bad.Due, bad.Opens = attempts.Failed, start.Add(5*time.Second), true
	dead := bad
	dead.Attempt, dead.Outcome, dead.Due, dead.Opens, dead.Status, dead.Class, dead.Error = 8, attempts.Dead, time.Time{}, false, 0, "timeout", "the receiver did not answer in time"
	const replay = "whr_100000000000000003"
	full, queued := bad, attempts.Record{
		Kind: attempts.KindQueued, Endpoint: ok.Endpoint, Seq: 4, EventID: "evt_000000000000040000", EventType: ok.EventType, Resource: ok.Resource,
		At: start, Due: start, Replay: replay,
	}
	full.Replay = replay
	full.Detail = &attempts.Detail{
		DNS: 1500 * time.Microsecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 9 * time.Millisecond,
		Head: "Content-Type: text/plain\nServer: x\n", Body: "no such tenant",
	}
	progress := attempts.Replay{Endpoint: ok.Endpoint, ID: replay, First: 3, End: 9, Position: 4, Queued: 1, Skipped: 1}
	after := progress
	after.Position, after.Read, after.Delivered, after.Dead = 9, true, 1, 1
	return map[string]attempts.Frame{
		"records.v2.hex": {
			Header: attempts.Header{Slot: 28, Index: 301, Checkpoint: 12},
			Records: []attempts.Record{
				ok, full, queued,
				{Kind: attempts.KindReplay, Endpoint: ok.Endpoint, At: start, Progress: progress},
				{Kind: attempts.KindReplayEnded, Endpoint: ok.Endpoint, At: start, Progress: after},
				{Kind: attempts.KindCursor, Endpoint: ok.Endpoint, Position: 9},
				{Kind: attempts.KindDropped, Endpoint: "whe_100000000000000002", At: start},
			},
		},
		"checkpoint.v2.hex": {
			Header:    attempts.Header{Slot: 28, Index: 2, Checkpoint: 0, Part: 1, Parts: 1},
			Endpoints: []attempts.Endpoint{{ID: ok.Endpoint, Position: 9}},
			Deliveries: []attempts.Delivery{
				{Endpoint: ok.Endpoint, Seq: 4, EventID: queued.EventID, EventType: ok.EventType, Resource: ok.Resource, Status: attempts.Pending, Due: start, Replay: replay},
			},
			Replays: []attempts.Replay{after},
		},
		"records.v1.hex": {
			Header: attempts.Header{Slot: 63, Index: 300, Checkpoint: 12},
			Records: []attempts.Record{
				ok, bad, dead,
				{Kind: attempts.KindQueued, Endpoint: ok.Endpoint, Seq: 9, EventID: "evt_000000000000090000", EventType: ok.EventType, Resource: ok.Resource, At: start},
				{Kind: attempts.KindCursor, Endpoint: ok.Endpoint, Position: 9},
				{Kind: attempts.KindDropped, Endpoint: "whe_100000000000000002", At: start},
			},
		},
		"checkpoint.v1.hex": {
			Header:    attempts.Header{Slot: 0, Index: 2, Checkpoint: 0, Part: 1, Parts: 2},
			Endpoints: []attempts.Endpoint{{ID: ok.Endpoint, Position: 9, Failures: 6, OpenedAt: start, Dead: 1}},
			Deliveries: []attempts.Delivery{
				{Endpoint: ok.Endpoint, Seq: 8, EventID: bad.EventID, EventType: ok.EventType, Resource: ok.Resource, Status: attempts.Exhausted, Attempts: 8, LastAt: start, Duration: time.Second, StatusCode: 500, Class: "status", Error: "x"},
				{Endpoint: ok.Endpoint, Seq: 9, EventID: "evt_000000000000090000", EventType: ok.EventType, Status: attempts.Retrying, Attempts: 1, LastAt: start, Due: start.Add(5 * time.Second)},
			},
		},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, want := range golden() {
		path := filepath.Join("testdata", "golden", name)
		current := strings.HasSuffix(name, fmt.Sprintf(".v%d.hex", attempts.Version))
		b, err := attempts.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); *update && current && errors.Is(err, os.ErrNotExist) {
			if err := os.WriteFile(path, []byte(hex.EncodeToString(b)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(b); current && got != strings.TrimSpace(string(stored)) {
			t.Errorf("%s: written as\n%s", name, got)
		}
		raw, err := hex.DecodeString(strings.TrimSpace(string(stored)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := attempts.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s read (-want +got):\n%s", name, diff)
		}
	}
}

// The slot of an endpoint is stored by where its frames are.
func TestSlotOf_isFixed(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]int{"whe_100000000000000001": 28, "whe_100000000000000002": 53, "": 37} {
		h := fnv.New64a()
		h.Write([]byte(id))
		if got := attempts.SlotOf(id); got != want || uint64(got) != h.Sum64()%attempts.Slots {
			t.Errorf("SlotOf(%q) = %d, want %d", id, got, want)
		}
	}
	if attempts.Subject(63) != "attempts.63" {
		t.Error(attempts.Subject(63))
	}
}

func TestDecode_refuses(t *testing.T) {
	t.Parallel()
	good, err := attempts.Encode(golden()["records.v2.hex"])
	if err != nil {
		t.Fatal(err)
	}
	for n := range good {
		if _, err := attempts.Decode(good[:n]); !errors.Is(err, attempts.ErrNotAFrame) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := attempts.Decode(append(good, 0)); !errors.Is(err, attempts.ErrNotAFrame) {
		t.Errorf("a byte too many: %v", err)
	}
	for _, at := range []int{4, 5} {
		b := append([]byte(nil), good...)
		b[at]++
		if _, err := attempts.Decode(b); err == nil {
			t.Errorf("byte %d altered: accepted", at)
		} else if _, ok := errors.AsType[*attempts.UnknownVersionError](err); !ok {
			t.Errorf("byte %d altered: %v", at, err)
		}
	}
}

func TestEncode_refuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", attempts.MaxID+1)
	for name, f := range map[string]attempts.Frame{
		"long id":     {Header: attempts.Header{Index: 1}, Records: []attempts.Record{{Kind: attempts.KindCursor, Endpoint: long}}},
		"no endpoint": {Header: attempts.Header{Index: 1}, Records: []attempts.Record{{Kind: attempts.KindCursor}}},
		"no kind":     {Header: attempts.Header{Index: 1}, Records: []attempts.Record{{Endpoint: "e"}}},
		"attempt 0":   {Header: attempts.Header{Index: 1}, Records: []attempts.Record{{Kind: attempts.KindAttempt, Endpoint: "e", Outcome: attempts.Dead}}},
		"long error":  {Header: attempts.Header{Index: 1}, Records: []attempts.Record{{Kind: attempts.KindDropped, Endpoint: "e", Error: strings.Repeat("x", 257)}}},
		"too many":    {Header: attempts.Header{Index: 1}, Records: make([]attempts.Record, attempts.MaxRecords+1)},
		"both":        {Header: attempts.Header{Index: 1, Part: 1, Parts: 1}, Records: []attempts.Record{{Kind: attempts.KindCursor, Endpoint: "e"}}},
		"part 2 of 1": {Header: attempts.Header{Index: 1, Part: 2, Parts: 1}},
	} {
		if _, err := attempts.Encode(f); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Whatever a frame is filled with up to FillFrame, it is within MaxFrame.
func TestEncode_fullFrame(t *testing.T) {
	t.Parallel()
	f := attempts.Frame{Header: attempts.Header{Slot: 63, Index: 1 << 62, Checkpoint: 1 << 62}}
	id := func(i int) string {
		return strings.Repeat(string(rune('a'+i%26)), attempts.MaxID-8) + start.Add(time.Duration(i)*time.Hour).Format("06010215")
	}
	size, full := 0, func(i int) *attempts.Detail { return nil }
	fill := func(i int) bool {
		r := attempts.Record{
			Kind: attempts.KindAttempt, Endpoint: id(i), Seq: 1 << 62, EventID: id(i + 1e5), EventType: id(i + 2e5), Resource: id(i + 3e5),
			At: start, Attempt: 20, Duration: time.Hour, Status: 599, Class: strings.Repeat("c", 32), Error: strings.Repeat("é", 300) + id(i),
			Outcome: attempts.Failed, Due: start.Add(time.Hour), Opens: true, Replay: id(i + 4e5), Detail: full(i),
		}.Normal()
		if size += r.Size(); size > attempts.FillFrame {
			return false
		}
		f.Records = append(f.Records, r)
		return len(f.Records) < attempts.MaxRecords
	}
	for i := 0; fill(i); i++ {
	}
	if _, err := attempts.Encode(f); err != nil || len(f.Records) < 500 {
		t.Errorf("%d records: %v", len(f.Records), err)
	}
	f.Records, size = nil, 0
	full = func(i int) *attempts.Detail {
		return &attempts.Detail{DNS: time.Hour, Connect: time.Hour, TLS: time.Hour, FirstByte: time.Hour, Head: id(i) + strings.Repeat("h", attempts.MaxHead), Body: id(i) + strings.Repeat("é", attempts.MaxBody)}
	}
	for i := 0; fill(i); i++ {
	}
	if b, err := attempts.Encode(f); err != nil || len(b) < attempts.FillFrame/2 {
		t.Errorf("%d records with details in %d bytes: %v", len(f.Records), len(b), err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, g := range golden() {
		b, err := attempts.Encode(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := attempts.Decode(b)
		if err != nil {
			return
		}
		again, err := attempts.Encode(got)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		twice, err := attempts.Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, twice); diff != "" {
			t.Errorf("written and read again (-first +second):\n%s", diff)
		}
		if h, err := attempts.DecodeHeader(b); err != nil || h != got.Header {
			t.Errorf("header %+v (%v), want %+v", h, err, got.Header)
		}
	})
}

func TestNormal_isWhatIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		recs := rapid.SliceOfN(record(), 0, 20).Draw(t, "records")
		for i := range recs {
			recs[i].At = recs[i].At.In(time.FixedZone("x", 3600)).Add(999)
			recs[i].Class, recs[i].Error = rapid.StringN(0, 60, -1).Draw(t, "class"), rapid.StringN(0, 400, -1).Draw(t, "error")
			recs[i] = recs[i].Normal()
			if recs[i].Kind != attempts.KindAttempt {
				recs[i].Class, recs[i].Error = "", ""
			}
			if recs[i].Kind == attempts.KindCursor {
				recs[i].At = time.Time{}
			}
		}
		b, err := attempts.Encode(attempts.Frame{Header: attempts.Header{Index: 1}, Records: recs})
		if err != nil {
			t.Fatal(err)
		}
		f, err := attempts.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(recs) > 0 && !cmp.Equal(recs, f.Records) {
			t.Fatal(cmp.Diff(recs, f.Records))
		}
	})
}

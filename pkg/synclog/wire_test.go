package synclog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

var update = flag.Bool("update", false, "write golden files that do not exist")

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// everything is a batch with every field set.
func everything() synclog.Batch {
	return synclog.Batch{
		Organization: "org_1", Directory: "dir_1",
		Usage: &synclog.Usage{
			Requests: 9, Refused: 1, Tolerated: 2, Last: noon, LastSuccess: noon.Add(-time.Second),
			LastRefusal: &synclog.Refusal{At: noon, Status: 409, Cause: "uniqueness", Detail: "userName is taken."},
			Secrets:     map[string]time.Time{"sec_1": noon},
		},
		Entries: []synclog.Entry{{
			Organization: "org_1", Directory: "dir_1",
			At: noon, Secret: "sec_1", Request: "r1", Method: "PATCH", Part: true, Endpoint: "Users", Resource: "diruser_1", Kind: "User", Query: "attributes=id",
			Status: 200, Deviations: []synclog.Deviation{{Cause: "string_boolean", Path: "active"}, {Cause: "operation_case"}},
			Profile: "entra", UserAgent: "agent/1", Took: 1500 * time.Microsecond,
			Body: `{"Operations":[{"op":"Replace","path":"active","value":"False"}]}`, BodySize: 70, BodyCut: true,
			Count: 3, Last: noon.Add(time.Second), Resources: []string{"diruser_2", "diruser_3"},
		}, {
			Organization: "org_1", Directory: "dir_1",
			At: noon, Method: "POST", Endpoint: "Users", Status: 409, ScimType: "uniqueness", Cause: "uniqueness", Detail: "userName is taken.", Count: 1,
		}},
	}
}

// TestGolden holds every version that was ever written to what it meant then.
func TestGolden(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "golden", "batch.v1.json")
	data, err := synclog.Encode(everything())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); *update && errors.Is(err, os.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(bytes.TrimSpace(golden)), string(data)); diff != "" {
		t.Errorf("the wire form changed (-golden +written):\n%s", diff)
	}
	got, err := synclog.Decode(bytes.TrimSpace(golden))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everything(), got, cmpopts.IgnoreUnexported(synclog.Entry{})); diff != "" {
		t.Errorf("the golden batch reads as (-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"nothing":      "",
		"text":         "hello",
		"no version":   `{"directory":"dir_1"}`,
		"no directory": `{"v":1}`,
		"other types":  `{"v":1,"directory":"dir_1","entries":{}}`,
		"too large":    `{"v":1,"directory":"dir_1"}` + strings.Repeat(" ", synclog.MaxBatch),
	} {
		if _, err := synclog.Decode([]byte(data)); !errors.Is(err, synclog.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := synclog.Decode([]byte(`{"v":2,"entries":{}}`))
	if newer, ok := errors.AsType[*synclog.UnknownVersionError](err); !ok || newer.Version != 2 {
		t.Errorf("a newer version: %v", err)
	}
	if b, err := synclog.Decode([]byte(`{"v":1,"directory":"dir_1","colour":"red","entries":[{"status":404,"taste":1}]}`)); err != nil || b.Entries[0].Count != 1 {
		t.Errorf("unknown members: %+v, %v", b, err)
	}
}

func FuzzDecode(f *testing.F) {
	data, err := synclog.Encode(everything())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := synclog.Decode(data)
		if err != nil {
			return
		}
		again, err := synclog.Encode(b)
		if err != nil || !json.Valid(again) {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

func TestCauseOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status   int
		scimType string
		want     string
	}{
		{200, "", ""},
		{304, "", ""},
		{200, "invalidValue", ""},
		{400, "invalidValue", "invalid_value"},
		{400, "", "invalid"},
		{404, "", "not_found"},
		{409, "uniqueness", "uniqueness"},
		{412, "", "precondition_failed"},
		{415, "", "unsupported_media_type"},
		{418, "", "refused"},
		{429, "", "too_many_requests"},
		{500, "", "internal"},
		{503, "", "unavailable"},
		{599, "", "internal"},
	} {
		if got := synclog.CauseOf(c.status, c.scimType); got != c.want {
			t.Errorf("CauseOf(%d, %q) = %q, want %q", c.status, c.scimType, got, c.want)
		}
	}
}

func TestUsageMerge(t *testing.T) {
	t.Parallel()
	a := synclog.Usage{Requests: 2, Last: noon, LastSuccess: noon, Secrets: map[string]time.Time{"sec_1": noon}}
	b := synclog.Usage{
		Requests: 3, Refused: 1, Tolerated: 1, Last: noon.Add(-time.Hour), LastRefusal: &synclog.Refusal{At: noon.Add(-time.Hour), Status: 404},
		Secrets: map[string]time.Time{"sec_1": noon.Add(-time.Hour), "sec_2": noon.Add(-time.Hour)},
	}
	want := synclog.Usage{
		Requests: 5, Refused: 1, Tolerated: 1, Last: noon, LastSuccess: noon, LastRefusal: b.LastRefusal,
		Secrets: map[string]time.Time{"sec_1": noon, "sec_2": noon.Add(-time.Hour)},
	}
	var one, other synclog.Usage
	one.Merge(a)
	one.Merge(b)
	other.Merge(b)
	other.Merge(a)
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("a and b (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("the order matters (-ab +ba):\n%s", diff)
	}
}

package schema_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// everything is an extension with one attribute of each type, several of some.
const everything = `
	{"name":"text"},{"name":"flag","type":"boolean"},{"name":"count","type":"integer"},{"name":"rate","type":"decimal"},{"name":"since","type":"dateTime"},
	{"name":"key","type":"binary"},{"name":"page","type":"reference"},{"name":"exact","caseExact":true,"multiValued":true},{"name":"tags","multiValued":true},{"name":"counts","type":"integer","multiValued":true},
	{"name":"fixed","mutability":"immutable"},{"name":"secret","mutability":"writeOnly","returned":"never"},{"name":"shown","mutability":"readOnly"},
	{"name":"desk","type":"complex","subAttributes":[{"name":"floor","type":"integer"},{"name":"note"},{"name":"pin","mutability":"writeOnly","returned":"never"},{"name":"names","multiValued":true}]},
	{"name":"cards","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"type"},{"name":"primary","type":"boolean"},{"name":"until","type":"dateTime"}]},
	{"name":"rooms","type":"complex","multiValued":true,"subAttributes":[{"name":"type"},{"name":"building","required":true},{"name":"exact","caseExact":true}]}`

func acmeSchema(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Parse([]byte(defined(everything)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func value(t testing.TB, s string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

// One row for each thing that a value can be: what it becomes, and which
// deviation a strict directory refuses it for.
func TestCoerce(t *testing.T) {
	t.Parallel()
	const refused = "refused"
	tests := []struct {
		attribute, in, want string // want is JSON, or refused
		causes              []lenience.Cause
	}{
		{"text", `"x"`, `"x"`, nil},
		{"text", `null`, `null`, nil},
		{"text", `[]`, `null`, nil},
		{"text", `""`, `null`, []lenience.Cause{lenience.EmptyString}},
		{"text", `["x"]`, `"x"`, []lenience.Cause{lenience.ListForSingle}},
		{"text", `["x","y"]`, refused, nil},
		{"text", `1`, refused, nil},
		{"text", `true`, refused, nil},
		{"text", `{"value":"x"}`, refused, nil},

		{"flag", `true`, `true`, nil},
		{"flag", `"True"`, `true`, []lenience.Cause{lenience.StringBoolean}},
		{"flag", `"fALSE"`, `false`, []lenience.Cause{lenience.StringBoolean}},
		{"flag", `"yes"`, refused, nil},
		{"flag", `1`, refused, nil},
		{"flag", `""`, `null`, []lenience.Cause{lenience.EmptyString}},

		{"count", `7`, `7`, nil},
		{"count", `-0`, `0`, nil},
		{"count", `-9223372036854775808`, `-9223372036854775808`, nil},
		{"count", `9223372036854775808`, refused, nil},
		{"count", `1.0`, refused, nil},
		{"count", `1e3`, refused, nil},
		{"count", `" 7 "`, `7`, []lenience.Cause{lenience.StringNumber}},
		{"count", `"0x7"`, refused, nil},
		{"count", `"07"`, refused, nil},
		{"count", `true`, refused, nil},
		{"rate", `1.50`, `1.50`, nil},
		{"rate", `1`, `1`, nil},
		{"rate", `-1.5e-3`, `-1.5e-3`, nil},
		{"rate", `1e400`, refused, nil},
		{"rate", `1.` + strings.Repeat("0", 64), refused, nil},
		{"rate", `"1.5"`, `1.5`, []lenience.Cause{lenience.StringNumber}},
		{"rate", `"NaN"`, refused, nil},

		{"since", `"2026-01-31T10:00:00Z"`, `"2026-01-31T10:00:00Z"`, nil},
		{"since", `"2026-01-31T10:00:00.123456+14:00"`, `"2026-01-31T10:00:00.123456+14:00"`, nil},
		{"since", `"2026-01-31T10:00:00"`, `"2026-01-31T10:00:00"`, nil},
		{"since", `"2026-01-31T24:00:00Z"`, `"2026-01-31T24:00:00Z"`, nil},
		{"since", `"2026-01-31"`, `"2026-01-31T00:00:00Z"`, []lenience.Cause{lenience.DateForm}},
		{"since", `"2026-01-31 10:00:00"`, `"2026-01-31T10:00:00Z"`, []lenience.Cause{lenience.DateForm}},
		{"since", `"2026-01-31t10:00:00z"`, `"2026-01-31T10:00:00Z"`, []lenience.Cause{lenience.DateForm}},
		{"since", `"2026-01-31T10:00+02:00"`, `"2026-01-31T08:00:00Z"`, []lenience.Cause{lenience.DateForm}},
		{"since", `"20260131100000.0Z"`, `"2026-01-31T10:00:00Z"`, []lenience.Cause{lenience.DateForm}},
		{"since", `"2026-02-30T10:00:00Z"`, refused, nil},
		{"since", `"2026-02-01T24:00:01Z"`, refused, nil},
		{"since", `"2026-02-01T10:00:00+15:00"`, refused, nil},
		{"since", `"yesterday"`, refused, nil},
		{"since", `7`, refused, nil},

		{"key", `"QUJD"`, `"QUJD"`, nil},
		{"key", `"QUI="`, `"QUI="`, nil},
		{"key", `"QUI"`, `"QUI"`, nil},
		{"key", `"+/+/"`, `"+/+/"`, nil},
		{"key", `"-_-_"`, `"+/+/"`, []lenience.Cause{lenience.BinaryForm}},
		{"key", `"QU\r\nJD"`, `"QUJD"`, []lenience.Cause{lenience.BinaryForm}},
		{"key", `"Q"`, refused, nil},
		{"key", `"not base64!"`, refused, nil},
		{"key", `7`, refused, nil},

		{"page", `"https://acme.example/~jane?x=%20#y"`, `"https://acme.example/~jane?x=%20#y"`, nil},
		{"page", `"../Users/1"`, `"../Users/1"`, nil},
		{"page", `"urn:acme:x"`, `"urn:acme:x"`, nil},
		{"page", `"no URI"`, `"no URI"`, []lenience.Cause{lenience.MalformedReference}},
		{"page", `"https://acme.example/%zz"`, `"https://acme.example/%zz"`, []lenience.Cause{lenience.MalformedReference}},
		{"page", `7`, refused, nil},

		{"tags", `["a","b"]`, `["a","b"]`, nil},
		{"tags", `["a","A","a"]`, `["a"]`, nil},
		{"exact", `["a","A","a"]`, `["a","A"]`, nil},
		{"tags", `"a"`, `["a"]`, []lenience.Cause{lenience.SingleForList}},
		{"tags", `[{"Value":"a"}]`, `["a"]`, []lenience.Cause{lenience.ObjectForValue}},
		{"tags", `[{"value":"a","type":"b"}]`, refused, nil},
		{"tags", `[null,"a"]`, `["a"]`, []lenience.Cause{lenience.HollowValue}},
		{"tags", `["","a"]`, `["a"]`, []lenience.Cause{lenience.EmptyString, lenience.HollowValue}},
		{"tags", `[["a"]]`, refused, nil},
		{"counts", `[1,"2",1]`, `[1,2]`, []lenience.Cause{lenience.StringNumber}},

		{"desk", `{"floor":3,"note":"n","names":["a"]}`, `{"floor":3,"names":["a"],"note":"n"}`, nil},
		{"desk", `{"FLOOR":3}`, `{"floor":3}`, nil},
		{"desk", `{"floor":3,"Floor":4}`, `{"floor":3}`, []lenience.Cause{lenience.RepeatedName}},
		{"desk", `{"FLOOR":4,"Floor":4}`, `{"floor":4}`, []lenience.Cause{lenience.RepeatedName}},
		{"desk", `{"pin":"1"}`, `null`, nil},
		{"desk", `{"colour":"red"}`, `{"colour":"red"}`, []lenience.Cause{lenience.UnknownAttribute}},
		{"desk", `{"password":"red"}`, `null`, nil},
		{"desk", `{"floor":null}`, `null`, nil},
		{"desk", `"x"`, refused, nil},
		{"desk", `""`, `null`, []lenience.Cause{lenience.EmptyString}},
		{"desk", `{"floor":{"value":3}}`, refused, nil},

		{"cards", `[{"value":"a","type":"x"},{"value":"A","type":"X","primary":true},{"value":"a"}]`, `[{"primary":true,"type":"X","value":"A"},{"value":"a"}]`, nil},
		{"cards", `[{"value":"a","primary":true},{"value":"a","primary":true}]`, `[{"primary":true,"value":"a"}]`, nil},
		{"cards", `[{"value":"a","primary":true},{"value":"b","primary":true}]`, refused, nil},
		{"cards", `["a"]`, `[{"value":"a"}]`, []lenience.Cause{lenience.StringComplex}},
		{"cards", `[{"type":"x"}]`, `null`, []lenience.Cause{lenience.HollowValue}},
		{"cards", `[{"value":"a","until":"2026-01-31"}]`, `[{"until":"2026-01-31T00:00:00Z","value":"a"}]`, []lenience.Cause{lenience.DateForm}},
		{"cards", `[7]`, refused, nil},
		{"rooms", `[{"type":"x"}]`, `[{"type":"x"}]`, nil},
		{"rooms", `[{"building":"a"},{"building":"A"},{"building":"a"}]`, `[{"building":"a"},{"building":"A"}]`, nil},
		{"rooms", `["a"]`, refused, nil},
	}
	s := acmeSchema(t)
	for _, tt := range tests {
		t.Run(tt.attribute+" "+clip(tt.in), func(t *testing.T) {
			t.Parallel()
			a := s.Attribute(tt.attribute)
			lenient, strict := &lenience.Reading{}, &lenience.Reading{Strict: true}
			got, err := a.Coerce(lenient, value(t, tt.in))
			_, strictErr := a.Coerce(strict, value(t, tt.in))
			if refusal := fault.Of(strictErr); (strictErr != nil) != (tt.want == refused || tt.causes != nil) || strictErr != nil && refusal.Reason == "" {
				t.Errorf("a strict directory answers %v", strictErr)
			}
			if tt.want == refused {
				if fault.Of(err).Reason != fault.InvalidValue {
					t.Errorf("%v, %v; want it refused", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(value(t, tt.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var causes []lenience.Cause
			for _, d := range lenient.Deviations() {
				causes = append(causes, d.Cause)
				if d.Path != a.Path() && !strings.HasPrefix(d.Path, a.Path()+".") {
					t.Errorf("%s is reported at %s", d.Cause, d.Path)
				}
			}
			if diff := cmp.Diff(tt.causes, causes); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}

// Instant agrees with the standard library wherever both understand a text.
func TestInstant(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		"2026-01-31T10:00:00":             time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
		"2026-01-31T24:00:00-01:30":       time.Date(2026, 2, 1, 1, 30, 0, 0, time.UTC),
		"12026-01-31T10:00:00.5Z":         time.Date(12026, 1, 31, 10, 0, 0, 5e8, time.UTC),
		"2026-01-31T10:00:00.123456789Z":  time.Date(2026, 1, 31, 10, 0, 0, 123456789, time.UTC),
		"2024-02-29T23:59:59.9999999999Z": time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC),
	} {
		if got, ok := schema.Instant(in); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "T", "2026-01-31", "0000-01-31T10:00:00Z", "02026-01-31T10:00:00Z", "226-01-31T10:00:00Z", "2026-1-31T10:00:00Z", "2026-00-31T10:00:00Z", "2026-13-31T10:00:00Z",
		"2026-02-29T10:00:00Z", "2026-01-31T25:00:00Z", "2026-01-31T10:60:00Z", "2026-01-31T10:00:60Z", "2026-01-31T10:00:00,5Z", "2026-01-31T10:00:00.Z", "2026-01-31T1:00:00Z",
		"2026-01-31T10:00:00z", "2026-01-31t10:00:00Z", "2026-01-31T10:00:00+1400", "2026-01-31T10:00:00+14:01", "2026-01-31T10:00:00Zx", "-2026-01-31T10:00:00Z", "+026-01-31T10:00:00Z", "2026-01-31T10:00:+1Z",
	} {
		if got, ok := schema.Instant(in); ok {
			t.Errorf("%q is %v", in, got)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(rt, "seconds"), rapid.Int64Range(0, 999999999).Draw(rt, "nanoseconds"))
		at = at.In(time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(rt, "zone")))
		if y := at.Year(); y < 1 || y > 9999 {
			rt.Skip("no year of four digits")
		}
		text := at.Format(time.RFC3339Nano)
		if got, ok := schema.Instant(text); !ok || !got.Equal(at) {
			rt.Fatalf("%s is %v, %v", text, got, ok)
		}
	})
}

// Distinct leaves of each identity the first, with the parts of the others.
func TestDistinct(t *testing.T) {
	t.Parallel()
	a := schema.User.Core.Attribute("emails")
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(rt, "elements")
		var list []any
		want := map[string]map[string]any{}
		var order []string
		for i := range n {
			value := rapid.SampledFrom([]string{"a", "A", "b"}).Draw(rt, "value")
			e := map[string]any{"value": value, "n": strconv.Itoa(i)}
			id := strings.ToLower(value)
			if kind := rapid.SampledFrom([]string{"", "work", "Work", "home"}).Draw(rt, "type"); kind != "" {
				e["type"] = kind
				id += " " + strings.ToLower(kind)
			}
			list = append(list, e)
			if want[id] == nil {
				want[id] = map[string]any{}
				order = append(order, id)
			}
			for name, v := range e {
				want[id][name] = v
			}
		}
		var expected []any
		for _, id := range order {
			expected = append(expected, want[id])
		}
		got := a.Distinct(list)
		if len(got) == 0 && len(expected) == 0 {
			return
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

package jsonvalue_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
)

const depth = 32

// standard reads as encoding/json does; ok is false if the text is not one value.
func standard(text []byte) (v any, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return nil, false
	}
	_, err := dec.Token()
	return v, errors.Is(err, io.EOF)
}

func written(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// seeds are texts on both sides of every rule.
var seeds = []string{
	``, ` `, `null`, `true`, ` false `, `tru`, `trux`, `nul`, `n`, `truefalse`, `"x"`, `"x`, `"`, `"\"`, `"a\nb\/\u00e9\ud83d\ude00\ud800x\ud800\ud800"`,
	"\"a\nb\"", "\"\x7f\"", "\"\xff\xc3(\"", `"é` + "\u2028" + `<&>"`, `"\x"`, `"\u12"`, `"\u12"}`,
	`0`, `-0`, `01`, `-`, `-x`, `1.`, `1.5`, `.5`, `1e`, `1e+`, `1E-7`, `1e5x`, `12345678901234567890.5e+99999`, `+1`, `1 2`, `1,`,
	`{}`, `{ }`, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{"a" :1 , "a":[ ]}`, `{"a":1}}`, `{"a":1]`, `{1:1}`, `{"a",1}`,
	`{"":{"b":[true,null,"x",-1.5e3]}," \u0061":1}`, `[]`, `[ 1 , 2 ]`, `[`, `[1`, `[1,`, `[1,]`, `[1 2]`, `[}`, `[]]`, "\xEF\xBB\xBF{}", "\x00", `'a'`, `NaN`,
	`{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`,
}

// compare holds reading and writing a text against encoding/json.
func compare(t testing.TB, text []byte) {
	t.Helper()
	want, ok := standard(text)
	got, err := jsonvalue.Read(text, 1<<20)
	if ok != (err == nil) {
		t.Fatalf("%q: %v, want it to be read: %v", text, err, ok)
	}
	if !ok {
		return
	}
	if !reflect.DeepEqual(want, got) { // cmp takes exponential time for nested lists
		t.Fatalf("%q is read as %v, want %v", text, got, want)
	}
	b, err := jsonvalue.Append([]byte("> "), got)
	if err != nil {
		t.Fatalf("%q cannot be written: %v", text, err)
	}
	if want := "> " + written(t, want); string(b) != want {
		t.Fatalf("%q is written as %s, want %s", text, b, want)
	}
}

func TestStandard(t *testing.T) {
	t.Parallel()
	for _, s := range seeds {
		compare(t, []byte(s))
	}
}

// TestDamaged reads documents with a character changed, left out or doubled.
func TestDamaged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := []byte(rapid.SampledFrom(seeds).Draw(rt, "text"))
		if len(text) == 0 {
			return
		}
		i := rapid.IntRange(0, len(text)-1).Draw(rt, "at")
		switch rapid.IntRange(0, 2).Draw(rt, "how") {
		case 0:
			text[i] = rapid.OneOf(rapid.SampledFrom([]byte(`{}[]",:\ tfn0-.eu`)), rapid.Byte()).Draw(rt, "character")
		case 1:
			text = append(text[:i], text[i+1:]...)
		case 2:
			text = append(text[:i+1], text[i:]...)
		}
		compare(t, text)
	})
}

func FuzzRead(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// What encoding/json finds too deep, a test cannot compare.
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) < 1000 {
			compare(t, text)
		}
	})
}

func TestRead_errors(t *testing.T) {
	t.Parallel()
	nested := func(levels int) string { return strings.Repeat(`{"a":[`, levels/2) + strings.Repeat(`]}`, levels/2) }
	for text, want := range map[string]error{
		`{"a":`: jsonvalue.ErrTruncated, `tr`: jsonvalue.ErrTruncated, `-`: jsonvalue.ErrTruncated, `"`: jsonvalue.ErrTruncated,
		`{"a"}`: jsonvalue.ErrSyntax, `[1 2]`: jsonvalue.ErrSyntax, `x`: jsonvalue.ErrSyntax, `"\q"`: jsonvalue.ErrSyntax,
		`{} x`: jsonvalue.ErrTrailing, `1 1`: jsonvalue.ErrTrailing,
		nested(depth): nil, nested(depth + 2): jsonvalue.ErrDepth,
		`[` + strings.Repeat(`[],`, depth) + `1]`: nil, // wide is not deep
	} {
		if _, err := jsonvalue.Read([]byte(text), depth); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestAppend_otherValues(t *testing.T) {
	t.Parallel()
	for _, v := range []any{7, 1.5, []string{"a", "<"}, map[string]int{"b": 1, "a": 2}, map[string]any{"x": []string{}}, "\x01\x1f\"\\\u2029\xff", json.Number("-1.5e9")} {
		got, err := jsonvalue.Append(nil, v)
		if err != nil || string(got) != written(t, v) {
			t.Errorf("%v is written as %s, %v; want %s", v, got, err, written(t, v))
		}
	}
	for _, v := range []any{make(chan int), json.Number("1x"), json.Number(""), json.Number("01"), []any{func() {}}, map[string]any{"a": json.Number("-")}} {
		if b, err := jsonvalue.Append(nil, v); err == nil {
			t.Errorf("%v is written as %s", v, b)
		}
	}
}

package asyncapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	document "github.com/rollcallhq/rollcall/events/asyncapi"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/asyncapi"
)

func load(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// compiler knows a document as doc.json; fragments of it can be compiled.
func compiler(t *testing.T, doc []byte) *jsonschema.Compiler {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource("doc.json", v); err != nil {
		t.Fatal(err)
	}
	return c
}

func validate(s *jsonschema.Schema, b []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// The document is one of AsyncAPI 3, by the official schema.
func TestDocument(t *testing.T) {
	t.Parallel()
	official, err := os.ReadFile(filepath.Join("testdata", "asyncapi-3.0.0.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := compiler(t, official).Compile("doc.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(s, document.Document()); err != nil {
		t.Error(err)
	}
	for old, next := range map[string]string{
		`"asyncapi": "3.0.0"`: `"asyncapi": "2.6.0"`, `"action": "send"`: `"action": "emit"`, `"contentType":`: `"content":`, `"title": "Rollcall events",`: ``,
	} {
		wrong := strings.Replace(string(document.Document()), old, next, 1)
		if validate(s, []byte(wrong)) == nil {
			t.Errorf("a document with %s in place of %s passes: the check checks nothing", next, old)
		}
	}
}

// Every reference leads to something.
func TestDocument_references(t *testing.T) {
	t.Parallel()
	doc := load(t, document.Document())
	n := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for k, e := range v {
				walk(e)
				path, ok := e.(string)
				if k != "$ref" || !ok {
					continue
				}
				n++
				at := doc
				for _, name := range strings.Split(strings.TrimPrefix(path, "#/"), "/") {
					at, _ = at[name].(map[string]any)
				}
				if at == nil {
					t.Errorf("%s leads nowhere", path)
				}
			}
		}
	}
	walk(doc)
	if n < 2*len(public.Types()) {
		t.Errorf("there are %d references", n)
	}
}

// What the golden files hold has the form that the document gives it, and no
// member that the document does not know.
func TestDocument_golden(t *testing.T) {
	t.Parallel()
	closed := bytes.ReplaceAll(document.Document(), []byte(`"properties": {`), []byte(`"additionalProperties": false, "properties": {`))
	c := compiler(t, closed)
	files, err := filepath.Glob("../../events/public/testdata/golden/*.json")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, typ := range public.Types() {
		s, err := c.Compile("doc.json#/components/schemas/" + string(typ))
		if err != nil {
			t.Fatal(err)
		}
		_, bodies := typ.Examples()
		shown += len(bodies)
		for _, b := range bodies {
			if err := validate(s, b); err != nil {
				t.Errorf("%s: %v", b, err)
			}
			for _, old := range []string{`"spec_version":"1",`, `"occurred_at":"2`, `"version":`} {
				wrong := strings.Replace(string(b), old, strings.Replace(old, `":`, `_":`, 1), 1)
				if validate(s, []byte(wrong)) == nil {
					t.Errorf("%s passes without %s", typ, old)
				}
			}
		}
	}
	if shown != len(files) || shown == 0 {
		t.Errorf("%d examples for %d golden files", shown, len(files))
	}
}

// The document breaks nobody who uses that of the last release. When a release is
// made, its document becomes released.json.
func TestReleased(t *testing.T) {
	t.Parallel()
	released, err := os.ReadFile(filepath.Join("testdata", "released.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range asyncapi.Breaks(load(t, released), load(t, document.Document())) {
		t.Error(what)
	}
}

const small = `{"channels":{"s":{"address":"events.>","messages":{"a":{"$ref":"#/components/messages/A"}}}},
"components":{"messages":{"A":{"headers":{"$ref":"#/components/schemas/H"},"payload":{"$ref":"#/components/schemas/B"}}},
"schemas":{"H":{"type":"object","properties":{"id":{"type":"string","pattern":"^e"}}},
"B":{"type":"object","required":["x","y"],"properties":{"x":{"const":"1"},"y":{"type":"array","items":{"type":"string"}},
"m":{"type":"object","additionalProperties":{"type":"string"}},"self":{"$ref":"#/components/schemas/B"}}}}}}`

func TestBreaks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, next string
		want      string // part of the only sentence; empty: nothing breaks
	}{
		"nothing":              {"", "", ""},
		"a new member":         {`"x":{`, `"n":{"type":"string"},"x":{`, ""},
		"a new message":        {`"messages":{"a":`, `"messages":{"b":{},"a":`, ""},
		"one more always":      {`["x","y"]`, `["x","y","m"]`, ""},
		"a channel gone":       {`"s":{"address"`, `"t":{"address"`, "channel s is gone"},
		"another address":      {`events.>`, `other.>`, "is at other.>"},
		"a message gone":       {`"messages":{"a":`, `"messages":{"b":`, "no message a"},
		"a header gone":        {`"id":{`, `"no":{`, "no member id"},
		"another pattern":      {`^e`, `^f`, "pattern ^f"},
		"another value":        {`"const":"1"`, `"const":"2"`, "const 2"},
		"a member gone":        {`"m":{"type":"object"`, `"n":{"type":"object"`, "no member m"},
		"a member not always":  {`["x","y"]`, `["x"]`, "not always have the member y"},
		"other items":          {`"items":{"type":"string"}`, `"items":{"type":"integer"}`, "type integer"},
		"other values of maps": {`"additionalProperties":{"type":"string"}`, `"additionalProperties":{"type":"integer"}`, "type integer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(small, c.old) {
				t.Fatalf("the example has no %s", c.old)
			}
			got := asyncapi.Breaks(load(t, []byte(small)), load(t, []byte(strings.Replace(small, c.old, c.next, 1))))
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("it breaks %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("it breaks %q, want only that %s", got, c.want)
			}
		})
	}
}

package conformance_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// attribute is a definition as /Schemas serves it (RFC 7643 section 7).
type attribute struct {
	Name            string
	Type            string
	MultiValued     bool
	Required        bool
	CaseExact       bool
	Mutability      string
	Returned        string
	Uniqueness      string
	CanonicalValues []string
	ReferenceTypes  []string
	SubAttributes   []attribute
}

// definition is a schema as /Schemas serves it.
type definition struct {
	ID         string
	Attributes []attribute
}

// served reads what a directory says that users are.
func served(t *testing.T, s *harness.SCIM) (core definition, extensions []definition) {
	t.Helper()
	var kind struct {
		Schema           string
		SchemaExtensions []struct{ Schema string }
	}
	read := func(path string, into any) {
		if err := json.Unmarshal(s.Must(t, http.StatusOK, http.MethodGet, path, nil).Body, into); err != nil {
			t.Fatal(err)
		}
	}
	read("/ResourceTypes/User", &kind)
	read("/Schemas/"+kind.Schema, &core)
	for _, e := range kind.SchemaExtensions {
		var d definition
		read("/Schemas/"+e.Schema, &d)
		extensions = append(extensions, d)
	}
	return core, extensions
}

// random makes values of attributes.
type random struct{ *rand.Rand }

// texts are texts that are easily damaged.
var texts = []string{"x", "Ærlig talt", "a \"b\" \\ c/d", "𝄞 李", "two  blanks", "TRUE", "null", "7", "<&>", "a.b:c[d]", "tab\tline\nend"}

func (r random) text() string {
	return texts[r.IntN(len(texts))] + strconv.Itoa(r.IntN(1000))
}

// value returns a value of the attribute, nil if a client cannot write any.
func (r random) value(a attribute) any {
	if a.Mutability == "readOnly" || a.Name == "password" {
		return nil
	}
	if !a.MultiValued {
		return r.single(a)
	}
	var list []any
	for i := range 1 + r.IntN(3) {
		v := r.single(a)
		if m, ok := v.(map[string]any); ok {
			if i > 0 {
				delete(m, "primary") // true at most once
			}
			if len(m) == 0 {
				continue
			}
		}
		list = append(list, v)
	}
	if list == nil {
		return nil
	}
	return list
}

func (r random) single(a attribute) any {
	switch a.Type {
	case "boolean":
		return r.IntN(2) == 0
	case "integer":
		return float64(r.IntN(1 << 30))
	case "decimal":
		return float64(r.IntN(1<<20)) / 8
	case "dateTime":
		return time.Unix(r.Int64N(1<<32), 0).UTC().Format(time.RFC3339)
	case "binary":
		b := make([]byte, 1+r.IntN(20))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return base64.StdEncoding.EncodeToString(b)
	case "reference":
		return fmt.Sprintf("https://x.example/%d", r.IntN(1000))
	case "complex":
		m := map[string]any{}
		for _, sub := range a.SubAttributes {
			if v := r.value(sub); v != nil && (sub.Required || sub.Name == "value" || r.IntN(3) > 0) {
				m[sub.Name] = v
			}
		}
		return m
	}
	if len(a.CanonicalValues) > 0 && r.IntN(2) == 0 {
		return a.CanonicalValues[r.IntN(len(a.CanonicalValues))]
	}
	return r.text()
}

// resource returns a user with some of all attributes.
func (r random) resource(core definition, extensions []definition) map[string]any {
	fill := func(d definition) map[string]any {
		m := map[string]any{}
		for _, a := range d.Attributes {
			if v := r.value(a); v != nil && (a.Required || r.IntN(3) > 0) {
				if o, ok := v.(map[string]any); !ok || len(o) > 0 {
					m[a.Name] = v
				}
			}
		}
		return m
	}
	u := fill(core)
	u["userName"] = fmt.Sprintf("user-%d-%s", r.Uint64(), r.text())
	u["active"] = r.IntN(2) == 0
	schemas := []any{core.ID}
	for _, e := range extensions {
		if m := fill(e); len(m) > 0 {
			u[e.ID] = m
			schemas = append(schemas, e.ID)
		}
	}
	u["schemas"] = schemas
	return u
}

// roundTrip holds that /Schemas is true: whatever it lets a client write is
// shown again as it was written, by a strict directory, after POST, PUT and
// PATCH.
func roundTrip(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{Strict: true}).SCIM
	core, extensions := served(t, s)
	for seed := range uint64(15) {
		r := random{rand.New(rand.NewPCG(seed, 0))}
		want := r.resource(core, extensions)
		a := s.Must(t, http.StatusCreated, http.MethodPost, "/Users", want)
		shows(t, seed, "POST", want, a)
		id := a.Text("id")
		shows(t, seed, "GET", want, s.Must(t, http.StatusOK, http.MethodGet, "/Users/"+id, nil))
		want = r.resource(core, extensions)
		shows(t, seed, "PUT", want, s.Must(t, http.StatusOK, http.MethodPut, "/Users/"+id, want))

		// Each attribute for itself, by its path.
		var ops []map[string]any
		next := r.resource(core, extensions)
		for name, v := range next {
			switch urn := name + ":"; {
			case name == "schemas":
			case strings.HasPrefix(name, "urn:"):
				m, _ := v.(map[string]any)
				for sub, v := range m {
					ops = append(ops, harness.Op("remove", urn+sub, nil), harness.Op("add", urn+sub, v))
				}
				for sub := range object(want[name]) {
					if m[sub] == nil {
						ops = append(ops, harness.Op("remove", urn+sub, nil))
					}
				}
			case name == "userName" || name == "active":
				ops = append(ops, harness.Op("replace", name, v))
			default:
				ops = append(ops, harness.Op("remove", name, nil), harness.Op("add", name, v))
			}
		}
		for name := range want {
			if next[name] == nil {
				ops = append(ops, harness.Op("remove", name, nil))
			}
		}
		s.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+id+"?attributes=id", harness.Patch(ops...))
		shows(t, seed, "PATCH", next, s.Must(t, http.StatusOK, http.MethodGet, "/Users/"+id, nil))
	}
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// shows compares all but what the server adds.
func shows(t *testing.T, seed uint64, after string, want map[string]any, a harness.Answer) {
	t.Helper()
	got := a.JSON(t)
	delete(got, "id")
	delete(got, "meta")
	if diff := cmp.Diff(plain(t, want), got); diff != "" {
		t.Fatalf("seed %d, after %s (-written +shown):\n%s", seed, after, diff)
	}
}

// plain is what JSON makes of a value.
func plain(t *testing.T, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// filterEach holds that a user is found by each of its values, by the name that
// /Schemas gives it, and that caseExact decides about case.
func filterEach(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	core, extensions := served(t, s)
	r := random{rand.New(rand.NewPCG(1, 1))}
	other := r.resource(core, extensions)
	s.Create(t, "/Users", other)
	id := s.Create(t, "/Users", map[string]any{"schemas": []string{core.ID}, "userName": "seed"})
	count := func(filter string) (n float64) {
		t.Helper()
		a := s.Must(t, http.StatusOK, http.MethodGet, "/Users?filter="+url.QueryEscape(filter), nil)
		n, _ = a.At("totalResults").(float64)
		return n
	}
	try := func(path string, a attribute, siblings []attribute) {
		if a.Mutability == "readOnly" || a.Mutability == "writeOnly" || a.Name == "$ref" {
			return
		}
		literal := `"MixedCase"`
		switch a.Type {
		case "boolean":
			literal = "true"
		case "binary":
			literal = `"TWl4ZWQ="`
		case "reference":
			literal = `"https://x.example/MixedCase"`
		}
		var v any
		if err := json.Unmarshal([]byte(literal), &v); err != nil {
			t.Fatal(err)
		}
		top, sub, nested := strings.Cut(path[strings.LastIndex(path, ":")+1:], ".")
		whole := path
		if nested {
			whole = strings.TrimSuffix(path, "."+sub)
			m := map[string]any{sub: v}
			for _, beside := range siblings { // what a value is for is nothing without one
				if m[beside.Name] == nil && (beside.Name == "value" || beside.Name == "locality") {
					m[beside.Name] = r.value(beside)
				}
			}
			v = m
		}
		if nested && top != "name" && top != "manager" {
			v = []any{v}
		}
		s.Must(t, http.StatusOK, http.MethodPatch, "/Users/"+id+"?attributes=id", harness.Patch(harness.Op("replace", whole, v)))
		if n := count(path + " eq " + literal + " and id eq \"" + id + "\""); n != 1 {
			t.Errorf("%s eq %s finds %v", path, literal, n)
		}
		if n := count(path + " pr and id eq \"" + id + "\""); n != 1 {
			t.Errorf("%s pr finds %v", path, n)
		}
		if a.Type == "string" || a.Type == "reference" {
			want := 1.0
			if a.CaseExact {
				want = 0
			}
			if n := count(path + " eq " + strings.ToUpper(literal) + " and id eq \"" + id + "\""); n != want {
				t.Errorf("%s, with caseExact %v, eq in capitals finds %v", path, a.CaseExact, n)
			}
		}
	}
	each := func(prefix string, d definition) {
		for _, a := range d.Attributes {
			if a.Type != "complex" {
				try(prefix+a.Name, a, nil)
				continue
			}
			for _, sub := range a.SubAttributes {
				if a.Mutability != "readOnly" {
					try(prefix+a.Name+"."+sub.Name, sub, a.SubAttributes)
				}
			}
		}
	}
	each("", core)
	for _, e := range extensions {
		each(e.ID+":", e)
	}
}

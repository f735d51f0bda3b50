package scim_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// drawKind draws a kind of user with an extension that has attributes of every
// type, in an order and with characteristics that are drawn.
func drawKind(rt *rapid.T) *schema.Resource {
	types := []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference"}
	attribute := func(name string) map[string]any {
		return map[string]any{
			"name": name, "type": rapid.SampledFrom(types).Draw(rt, "type"), "multiValued": rapid.Bool().Draw(rt, "many"), "caseExact": rapid.Bool().Draw(rt, "exact"),
			"required": rapid.IntRange(0, 4).Draw(rt, "required") == 0, "mutability": rapid.SampledFrom([]string{"readWrite", "readWrite", "immutable"}).Draw(rt, "mutability"),
		}
	}
	var list []any
	for i := range rapid.IntRange(1, 5).Draw(rt, "attributes") {
		a := attribute("a" + strconv.Itoa(i))
		if rapid.IntRange(0, 2).Draw(rt, "complex") == 0 {
			var subs []any
			for j := range rapid.IntRange(1, 4).Draw(rt, "parts") {
				subs = append(subs, attribute("s"+strconv.Itoa(j)))
			}
			a["type"], a["subAttributes"] = "complex", subs
		}
		list = append(list, a)
	}
	b, err := json.Marshal(map[string]any{"id": "urn:acme:scim:1.0:User", "name": "Acme", "attributes": list})
	if err != nil {
		rt.Fatal(err)
	}
	s, err := schema.Parse(b)
	if err != nil {
		rt.Fatalf("%s: %v", b, err)
	}
	kind, err := schema.User.With(s)
	if err != nil {
		rt.Fatal(err)
	}
	return kind
}

// drawValue draws a value of an attribute as the RFC has it.
func drawValue(rt *rapid.T, a *schema.Attribute) any {
	one := func() any {
		switch a.Type {
		case schema.Boolean:
			return rapid.Bool().Draw(rt, a.Name)
		case schema.Integer:
			return rapid.Int64().Draw(rt, a.Name)
		case schema.Decimal:
			return rapid.Float64().Draw(rt, a.Name)
		case schema.DateTime:
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, a.Name), 0).UTC().Format(time.RFC3339)
		case schema.Binary:
			return rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(rt, a.Name) // encoding/json writes base64
		case schema.Reference:
			return "https://acme.example/" + rapid.StringMatching(`[a-z]{0,5}`).Draw(rt, a.Name)
		case schema.Complex:
			m := map[string]any{}
			for _, s := range a.SubAttributes {
				if s.Required || rapid.Bool().Draw(rt, "has "+s.Name) {
					m[s.Name] = drawValue(rt, s)
				}
			}
			if len(m) == 0 {
				s := a.SubAttributes[0]
				m[s.Name] = drawValue(rt, s)
			}
			return m
		default:
			return "x" + rapid.StringN(0, 8, -1).Draw(rt, a.Name) // a blank text counts as none where one is required
		}
	}
	if !a.MultiValued {
		return one()
	}
	var list []any
	for range rapid.IntRange(1, 3).Draw(rt, "values") {
		list = append(list, one())
	}
	return list
}

// What a strict client may send, a strict directory takes; what it answers reads
// as the same when it is sent back, by PUT or by PATCH; and nothing of it is a
// deviation.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		kind := drawKind(rt)
		s := kind.Extensions[len(kind.Extensions)-1]
		block := map[string]any{}
		for _, a := range s.Attributes {
			if a.Required || rapid.Bool().Draw(rt, "has "+a.Name) {
				block[a.Name] = drawValue(rt, a)
			}
		}
		body := map[string]any{"schemas": []string{schema.UserURN}, "userName": "jane"}
		if len(block) > 0 {
			body["schemas"], body[s.ID] = []string{schema.UserURN, s.ID}, block
		}
		sent, err := json.Marshal(body)
		if err != nil {
			rt.Fatal(err)
		}
		strict := &lenience.Reading{Strict: true}
		r, err := scim.ParseUser(strict, kind, sent)
		if err != nil {
			rt.Fatalf("%s is refused: %v", sent, err)
		}
		stored, err := scim.Canonical(r)
		if err != nil {
			rt.Fatal(err)
		}
		h := head(schema.User)
		h.Kind = kind
		answer := scim.Append(nil, stored, h)
		again, err := scim.ParseUser(strict, kind, answer)
		if err != nil {
			rt.Fatalf("%s is refused when it is sent back: %v", answer, err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			rt.Fatalf("sent back (-stored +read):\n%s", diff)
		}
		lenient := &lenience.Reading{}
		if _, err := scim.ParseUser(lenient, kind, answer); err != nil || len(lenient.Deviations()) > 0 {
			rt.Fatalf("%s deviates in %v, %v", answer, lenient.Deviations(), err)
		}
		if path := kind.Changed(r, again, false); path != "" {
			rt.Fatalf("%s has changed", path)
		}

		op, err := json.Marshal(map[string]any{"schemas": []string{scim.PatchOpURN}, "Operations": []any{map[string]any{"op": "replace", "value": json.RawMessage(stored)}}})
		if err != nil {
			rt.Fatal(err)
		}
		req, err := patch.Parse(strict, kind, op)
		if err != nil {
			rt.Fatalf("%s is refused: %v", op, err)
		}
		patched, err := patch.Apply(strict, kind, patch.Target{ID: "x_1", Attributes: r}, req.Operations)
		if err != nil {
			rt.Fatalf("%s is refused: %v", op, err)
		}
		if diff := cmp.Diff(r, patched); diff != "" {
			rt.Fatalf("a PATCH with what is there changes it (-before +behind):\n%s", diff)
		}
	})
}

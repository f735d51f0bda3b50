package differential_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// registered returns what the engines know of users once the customer's
// extension is registered, with the definition written from the table here.
func registered(t *testing.T) *schema.Resource {
	t.Helper()
	var describe func(list []attribute) []map[string]any
	describe = func(list []attribute) (out []map[string]any) {
		for _, a := range list {
			d := map[string]any{"name": a.name, "type": "string", "multiValued": a.many, "caseExact": a.exact}
			if a.typ != "" {
				d["type"] = a.typ
			}
			if a.typ == "reference" {
				d["referenceTypes"] = []string{"external"}
			}
			if len(a.subs) > 0 {
				d["subAttributes"] = describe(a.subs)
			}
			out = append(out, d)
		}
		return out
	}
	x := user.extensions[len(user.extensions)-1]
	b, err := json.Marshal(map[string]any{"id": x.urn, "name": "Staff", "attributes": describe(x.attributes)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	k, err := schema.User.With(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// match has the engine evaluate a filter.
func match(rd *lenience.Reading, of *schema.Resource, text string, m map[string]any) (bool, error) {
	e, err := filter.Parse(rd, text)
	if err != nil {
		return false, err
	}
	if e, err = filter.Bind(rd, of, e); err != nil {
		return false, err
	}
	return filter.Match(of, e, m), nil
}

// change has the engine apply a PATCH.
func change(rd *lenience.Reading, of *schema.Resource, id string, m map[string]any, body []byte) (map[string]any, error) {
	p, err := patch.Parse(rd, of, body)
	if err != nil {
		return nil, err
	}
	return patch.Apply(rd, of, patch.Target{ID: id, Attributes: scim.Resource(m)}, p.Operations)
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return string(fault.Of(err).Reason)
}

package search_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

// TestSortByType puts values of every type in the order of RFC 7644 section
// 3.4.2.3. Users are created in another order than the expected one.
func TestSortByType(t *testing.T) {
	t.Parallel()
	const urn = "urn:acme:1.0:User"
	s, err := schema.Parse([]byte(`{"id":"` + urn + `","name":"Acme","attributes":[
		{"name":"rank","type":"integer"},{"name":"rate","type":"decimal"},{"name":"since","type":"dateTime"},{"name":"vip","type":"boolean"},
		{"name":"code","caseExact":true},{"name":"nick"},
		{"name":"desks","type":"complex","multiValued":true,"subAttributes":[{"name":"value"},{"name":"floor","type":"integer"},{"name":"primary","type":"boolean"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schema.User.With(s)
	if err != nil {
		t.Fatal(err)
	}
	number := func(s string) json.Number { return json.Number(s) }
	desk := func(value, floor string, primary bool) map[string]any {
		return map[string]any{"value": value, "floor": number(floor), "primary": primary}
	}
	tests := []struct {
		by     string
		values []any // in ascending order; nil is none
	}{
		{"rank", []any{number("-1000000"), number("-3"), number("-0"), number("2"), number("10"), number("1e9"), nil}},
		{"rate", []any{number("-2.5"), number("-2.25"), number("0.5"), number("2"), number("11.125"), nil}},
		{"since", []any{"0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00.5Z", "2026-01-01T01:00:00Z", nil}},
		{"vip", []any{false, true, nil}},
		{"code", []any{"B", "Ba", "a", "b", "ß", nil}},
		{"nick", []any{"a", "B", "ba", "C", "ß", nil}},
		{"desks", []any{[]any{desk("z", "9", false), desk("a", "1", true)}, []any{desk("b", "1", false), desk("A", "1", false)}, []any{desk("C", "1", false)}, nil}},
		{"desks.floor", []any{[]any{desk("x", "7", false), desk("x", "2", true)}, []any{desk("x", "10", false), desk("x", "1", false)}, []any{map[string]any{"value": "x"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.by, func(t *testing.T) {
			t.Parallel()
			w := directorytest.NewWorld()
			scope := open(t, w, w.Organization(t, "acme"))
			want := make([]string, len(tt.values))
			for i := range tt.values {
				at := (i*7 + 3) % len(tt.values) // 7 divides none of the lengths but 7
				if len(tt.values) == 7 {
					at = (i*3 + 3) % 7
				}
				more := map[string]any{}
				if v := tt.values[at]; v != nil {
					more[urn] = map[string]any{attributeOf(tt.by): v}
				}
				want[at] = directorytest.ID(w.Must(t, directory.CreateUser{Scope: scope, State: directorytest.User(string(rune('a'+at))+"@acme.example", more)}))
			}
			o := opened{search.Source{View: w.Rows, Scope: scope, Base: base, Now: now}, []*schema.Resource{kind}, func(*search.Query) {}}
			for _, by := range []string{urn + ":" + tt.by, tt.by} {
				got, _ := o.run(t, search.Parameters{SortBy: by})
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("by %s (-want +got):\n%s", by, d)
				}
			}
			backwards := make([]string, len(want))
			for i, id := range want {
				backwards[len(want)-1-i] = id
			}
			got, _ := o.run(t, search.Parameters{SortBy: tt.by, SortOrder: "descending"})
			if d := cmp.Diff(backwards, got); d != "" {
				t.Errorf("descending (-want +got):\n%s", d)
			}
		})
	}
}

func attributeOf(path string) string {
	for i := range path {
		if path[i] == '.' {
			return path[:i]
		}
	}
	return path
}

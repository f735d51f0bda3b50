package search_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

// BenchmarkScan measures what a filter that no index knows costs a row.
func BenchmarkScan(b *testing.B) {
	const n = 5000
	w := directorytest.NewWorld()
	s := open(b, w, w.Organization(b, "acme"))
	for i := range n {
		more := map[string]any{
			"externalId": fmt.Sprintf("00u%010d", i), "displayName": fmt.Sprintf("Given%d Family", i), "title": "Engineer",
			"locale": "en-US", "timezone": "Europe/Berlin",
			"name":         map[string]any{"givenName": fmt.Sprintf("Given%d", i), "familyName": "Family", "formatted": fmt.Sprintf("Given%d Family", i)},
			"phoneNumbers": []any{map[string]any{"value": "+1-202-555-0100", "type": "work"}},
			"addresses":    []any{map[string]any{"type": "work", "streetAddress": "1 Main Street", "locality": "Springfield", "region": "IL", "postalCode": "62701", "country": "US"}},
			schema.EnterpriseURN: map[string]any{
				"employeeNumber": strconv.Itoa(i), "department": "Engineering", "division": "R&D", "costCenter": "4711",
			},
		}
		w.Must(b, directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i), more)})
	}
	store, err := readmodel.Open(filepath.Join(b.TempDir(), "rows.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if err := store.Change(readmodel.Checkpoint{}, w.Rows.Changes, nil); err != nil {
		b.Fatal(err)
	}
	for _, p := range []search.Parameters{
		{Filter: `title eq "Boss"`},
		{Filter: schema.EnterpriseURN + `:department eq "x"`},
		{Filter: `meta.lastModified gt "2030-01-01T00:00:00Z"`},
		{Filter: `userName co "nobody"`},
		{SortBy: "name.givenName"},
		{SortBy: "userName", StartIndex: ptr(n - 10)},
	} {
		b.Run(p.Filter+p.SortBy, func(b *testing.B) {
			q, err := search.Parse(nil, p, schema.User)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				snap, err := store.Snapshot()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := q.Run(search.Source{View: snap, Scope: s, Base: base, Now: now}, func(search.Hit) (bool, error) { return true, nil }); err != nil {
					b.Fatal(err)
				}
				_ = snap.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
		})
	}
}

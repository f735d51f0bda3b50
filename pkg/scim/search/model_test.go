package search_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// base is the SCIM base URL of the tests.
const base = "https://rollcall.example/directories/dir/scim/v2"

// resource is a row as a client sees it in full.
type resource struct {
	kind *schema.Resource
	id   string
	doc  map[string]any
}

// all returns every resource of the kinds, in the order of the kinds, then of
// their ids.
func all(t directorytest.TB, v directory.View, dir string, kinds []*schema.Resource) []resource {
	t.Helper()
	var out []resource
	for _, kind := range kinds {
		table := directory.TableUser
		if kind.Name == "Group" {
			table = directory.TableGroup
		}
		if err := v.Scan(directory.Make(table, dir), "", func(_ directory.Key, row directory.Row) bool {
			var id string
			var attributes []byte
			var created, updated time.Time
			var revision uint64
			edges := map[string]any{}
			switch row := row.(type) {
			case *directory.User:
				id, attributes, created, updated, revision = row.ID, row.Attributes, row.Created, row.Updated, row.Revision
				direct, indirect, err := directory.GroupsOf(v, dir, id)
				if err != nil {
					t.Fatalf("groups: %v", err)
				}
				var refs []any
				for i, g := range slices.Concat(direct, indirect) {
					how := "direct"
					if i >= len(direct) {
						how = "indirect"
					}
					refs = append(refs, map[string]any{"value": g.ID, "display": g.DisplayName, "type": how, "$ref": base + "/Groups/" + g.ID})
				}
				if refs != nil {
					edges["groups"] = refs
				}
			case *directory.Group:
				id, attributes, created, updated, revision = row.ID, row.Attributes, row.Created, row.Updated, row.Revision
				var refs []any
				if err := v.Scan(directory.Make(directory.TableMember, id), "", func(k directory.Key, _ directory.Row) bool {
					of := "User"
					if strings.HasPrefix(k.Last(), "dirgroup_") {
						of = "Group"
					}
					refs = append(refs, map[string]any{"value": k.Last(), "type": of, "$ref": base + "/" + of + "s/" + k.Last()})
					return true
				}); err != nil {
					t.Fatalf("members: %v", err)
				}
				if refs != nil {
					edges["members"] = refs
				}
			}
			doc, err := scim.Decode(attributes)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			for k, v := range edges {
				doc[k] = v
			}
			urns := []any{kind.Core.ID}
			for name := range doc {
				if strings.HasPrefix(name, "urn:") {
					urns = append(urns, name)
				}
			}
			const layout = "2006-01-02T15:04:05.000Z07:00"
			doc["schemas"], doc["id"] = urns, id
			doc["meta"] = map[string]any{
				"resourceType": kind.Name, "version": scim.Version(revision, ""), "location": base + "/" + kind.Name + "s/" + id,
				"created": created.Format(layout), "lastModified": updated.Format(layout),
			}
			out = append(out, resource{kind, id, doc})
			return true
		}); err != nil {
			t.Fatalf("scan: %v", err)
		}
	}
	return out
}

// expected is what a query answers by its definition: every resource is held
// against the filter, and the ones that match are sorted.
func expected(t directorytest.TB, resources []resource, text, sortBy string, descending bool) []string {
	t.Helper()
	var chosen []resource
	for _, r := range resources {
		if text == "" {
			chosen = append(chosen, r)
			continue
		}
		e, err := filter.Parse(nil, text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if e, err = filter.Bind(nil, r.kind, e); err != nil {
			t.Fatalf("%v", err)
		}
		if filter.Match(r.kind, e, r.doc) {
			chosen = append(chosen, r)
		}
	}
	if sortBy != "" {
		slices.SortStableFunc(chosen, func(a, b resource) int {
			return compare(value(a, sortBy), value(b, sortBy))
		})
		if descending {
			slices.Reverse(chosen)
		}
	}
	ids := make([]string, 0, len(chosen))
	for _, r := range chosen {
		ids = append(ids, r.id)
	}
	return ids
}

// value is what RFC 7644 section 3.4.2.3 sorts a resource by; nil is no value.
// Paths are written as the schema has them.
func value(r resource, path string) any {
	from := any(map[string]any(r.doc))
	if strings.HasPrefix(path, "urn:") {
		i := strings.LastIndexByte(path, ':')
		from, path = r.doc[path[:i]], path[i+1:]
	}
	name, sub, _ := strings.Cut(path, ".")
	m, _ := from.(map[string]any)
	v := m[name]
	if list, ok := v.([]any); ok {
		v = nil
		for i, e := range list {
			if p, ok := e.(map[string]any); i == 0 || ok && p["primary"] == true {
				v = e
			}
		}
	}
	if m, ok := v.(map[string]any); ok {
		if sub == "" {
			sub = "value"
		}
		v = m[sub]
	}
	a, _ := r.kind.Find("", name)
	if a != nil && a.Sub(sub) != nil {
		a = a.Sub(sub)
	}
	s, isText := v.(string)
	if !isText {
		return v
	}
	if a == nil || !a.CaseExact {
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			return at
		}
		s = scim.Fold(s)
	}
	return strings.ReplaceAll(s, "\x00", "\x01\x01") // as in keys of indexes
}

// compare puts values of one type in order, and no value behind them.
func compare(a, b any) int {
	switch {
	case a == nil || b == nil:
		return cmp.Compare(truth(a == nil), truth(b == nil))
	}
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case time.Time:
		return a.Compare(b.(time.Time))
	case bool:
		return cmp.Compare(truth(a), truth(b.(bool)))
	case json.Number:
		x, _ := a.Float64()
		y, _ := b.(json.Number).Float64()
		return cmp.Compare(x, y)
	}
	panic("no such value in the tests")
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

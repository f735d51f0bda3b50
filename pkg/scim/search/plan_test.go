package search_test

import (
	"fmt"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

// counting is a view that counts what is read of it.
type counting struct {
	directory.View
	rows  int // users and groups
	edges int // members and memberships
	other int // entries of indexes and everything else
}

func (c *counting) count(k directory.Key) {
	switch k.Table() {
	case directory.TableUser, directory.TableGroup:
		c.rows++
	case directory.TableMember, directory.TableMemberOf:
		c.edges++
	default:
		c.other++
	}
}

func (c *counting) Get(k directory.Key) (directory.Row, error) {
	c.count(k)
	return c.View.Get(k)
}

func (c *counting) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	return c.View.Scan(prefix, after, func(k directory.Key, r directory.Row) bool { c.count(k); return yield(k, r) })
}

func (c *counting) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	return c.View.ScanBack(prefix, before, func(k directory.Key, r directory.Row) bool { c.count(k); return yield(k, r) })
}

// large is a directory of n users, all of them in one group, every tenth in
// another one.
func large(t testing.TB, n int) (s directory.Scope, v directory.View, users []string, everybody, tenth string) {
	t.Helper()
	w := directorytest.NewWorld()
	s = open(t, w, w.Organization(t, "acme"))
	var some []string
	for i := range n {
		more := map[string]any{
			"externalId": fmt.Sprintf("X%d", i), "displayName": fmt.Sprintf("User %d", i%(n/2)), "title": []string{"Boss", "Clerk"}[min(i%100, 1)],
			"emails": []any{
				map[string]any{"value": fmt.Sprintf("u%d@acme.example", i), "type": "work"},
				map[string]any{"value": "all@acme.example", "type": "home"},
			},
		}
		u := directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i), more)}))
		if users = append(users, u); i%10 == 0 {
			some = append(some, u)
		}
	}
	everybody = directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("Everybody"), Members: users}))
	tenth = directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("Tenth"), Members: some}))
	return s, w.Rows, users, everybody, tenth
}

func ptr[T any](v T) *T { return &v }

// TestCost says how much of a directory of 2,000 users a query reads. What is
// beyond a page costs nothing, wherever the page is, if an index decides; and
// never more than what the index names.
func TestCost(t *testing.T) {
	t.Parallel()
	const n = 2000
	s, v, users, everybody, tenth := large(t, n)
	middle := users[n/2+1]
	tests := []struct {
		name, filter, sort string
		kind               *schema.Resource
		start, count       int
		total, hits        int
		rows, edges, other int // at most
	}{
		{name: "first page", count: 10, total: n, hits: 10, rows: 10, other: 10},
		{name: "totals only", total: n, other: 10},
		{name: "a page in the middle", start: 1000, count: 10, total: n, hits: 10, rows: 550, other: 10},
		{name: "the last page", start: n - 9, count: 10, total: n, hits: 10, rows: 550, other: 10},
		{name: "behind the end", start: n + 1, count: 10, total: n, rows: 1, other: 10},
		{name: "newest first", sort: "-meta.created", start: 1000, count: 10, total: n, hits: 10, rows: 550, other: 10},
		{name: "by userName", sort: "userName", count: 10, total: n, hits: 10, rows: 10, other: 20},
		{name: "by userName, from the end", sort: "-userName", count: 10, total: n, hits: 10, rows: 10, other: 20},
		{name: "by userName, deep", sort: "userName", start: 1000, count: 10, total: n, hits: 10, rows: 10, other: 1020},
		{name: "by displayName", sort: "displayName", count: 10, total: n, hits: 10, rows: 10, other: 20},
		{name: "userName", filter: `userName eq "U7@ACME.example"`, count: 10, total: 1, hits: 1, rows: 1, other: 10},
		{name: "nobody", filter: `userName eq "nobody"`, count: 10, other: 10},
		{name: "externalId", filter: `externalId eq "X7"`, count: 10, total: 1, hits: 1, rows: 1, other: 10},
		{name: "externalId in another case", filter: `externalId eq "x7"`, count: 10, other: 10},
		{name: "work address", filter: `emails[type eq "work"].value eq "u7@acme.example"`, count: 10, total: 1, hits: 1, rows: 2, other: 10},
		{name: "work address in brackets", filter: `emails[type eq "work" and value eq "u7@acme.example"]`, count: 10, total: 1, hits: 1, rows: 2, other: 10},
		{name: "address", filter: `emails eq "u7@acme.example"`, count: 10, total: 1, hits: 1, rows: 1, other: 10},
		{name: "everybody's address", filter: `emails.value eq "all@acme.example"`, count: 10, total: n, hits: 10, rows: 10, other: n + 10},
		{name: "the rarest decides", filter: `emails.value eq "all@acme.example" and title eq "Clerk" and externalId eq "X7"`, count: 10, total: 1, hits: 1, rows: 2, other: 20},
		{name: "one of two", filter: `userName eq "u7@acme.example" or externalId eq "X8"`, count: 10, total: 2, hits: 2, rows: 2, other: 10},
		{name: "and either", filter: `title eq "Clerk" and (userName eq "u7@acme.example" or externalId eq "X8")`, count: 10, total: 2, hits: 2, rows: 4, other: 20},
		{name: "id", filter: fmt.Sprintf("id eq %q", middle), count: 10, total: 1, hits: 1, rows: 2, other: 10},
		{name: "manager probe", filter: fmt.Sprintf(`id eq %q and manager eq "x"`, middle), count: 10, rows: 2, other: 10},
		{name: "prefix", filter: `userName sw "u10"`, count: 10, total: 111, hits: 10, rows: 10, other: 130},
		{name: "prefix and more", filter: `userName sw "u10" and active eq true`, count: 10, total: 111, hits: 10, rows: 111, other: 130},
		{name: "part of a name", filter: `userName co "10"`, count: 0, total: 139, other: n + 10},
		{name: "everyone has a name", filter: `userName pr`, count: 10, total: n, hits: 10, rows: 10, other: 10},
		{name: "everyone is a user", filter: `meta.resourceType eq "User" and id pr`, count: 10, total: n, hits: 10, rows: 10, other: 10},
		{name: "nobody is a group", filter: `meta.resourceType eq "Group" and title co "x"`, count: 10, other: 10},
		{name: "no walk for few", filter: `userName sw "u10" and displayName co "x"`, count: 10, rows: 111, other: 300},
		{name: "members of a group", filter: fmt.Sprintf("groups.value eq %q", tenth), count: 10, total: n / 10, hits: 10, rows: 20, edges: 220, other: 10},
		{name: "members of another directory's group", filter: `groups.value eq "dirgroup_000000000000000001"`, count: 10, rows: 1, other: 10},
		{name: "a scan", filter: `title eq "Boss"`, count: 10, total: n / 100, hits: 10, rows: n, other: 10},

		{name: "membership probe", kind: schema.Group, filter: fmt.Sprintf("id eq %q and members eq %q", everybody, middle), count: 10, total: 1, hits: 1, rows: 4, edges: 5, other: 10},
		{name: "membership probe of a stranger", kind: schema.Group, filter: fmt.Sprintf("id eq %q and members eq \"x\"", everybody), count: 10, rows: 4, edges: 5, other: 10},
		{name: "membership probe in brackets", kind: schema.Group, filter: fmt.Sprintf("members[value eq %q and type eq \"User\"]", middle), count: 10, total: 1, hits: 1, rows: 4, edges: 8, other: 10},
		{name: "groups of a user", kind: schema.Group, filter: fmt.Sprintf("members.value eq %q", users[10]), count: 10, total: 2, hits: 2, rows: 5, edges: 5, other: 10},
		{name: "groups with members", kind: schema.Group, filter: "members pr", count: 10, total: 2, hits: 2, rows: 2, edges: 5, other: 10},
		{name: "group by name", kind: schema.Group, filter: `displayName eq "EVERYBODY"`, count: 10, total: 1, hits: 1, rows: 1, other: 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			kind := tt.kind
			if kind == nil {
				kind = schema.User
			}
			p := search.Parameters{Filter: tt.filter, SortBy: tt.sort, Count: &tt.count}
			if tt.start > 0 {
				p.StartIndex = &tt.start
			}
			if len(tt.sort) > 0 && tt.sort[0] == '-' {
				p.SortBy, p.SortOrder = tt.sort[1:], "descending"
			}
			c := &counting{View: v}
			o := opened{search.Source{View: c, Scope: s, Base: base, Now: now}, []*schema.Resource{kind}, func(*search.Query) {}}
			ids, res := o.run(t, p)
			if res.Total != tt.total || len(ids) != tt.hits {
				t.Errorf("%d of %d, want %d of %d", len(ids), res.Total, tt.hits, tt.total)
			}
			if c.rows > tt.rows || c.edges > tt.edges || c.other > tt.other {
				t.Errorf("it reads %d rows, %d edges and %d others; at most %d, %d and %d are needed", c.rows, c.edges, c.other, tt.rows, tt.edges, tt.other)
			}
		})
	}
}

// TestCostOfCursors says that a page by cursor reads no more in the middle than
// at the start, in every order that an index has.
func TestCostOfCursors(t *testing.T) {
	t.Parallel()
	const n = 2000
	s, v, _, _, _ := large(t, n)
	for _, p := range []search.Parameters{
		{},
		{SortBy: "id", SortOrder: "descending"},
		{SortBy: "userName"},
		{SortBy: "userName", SortOrder: "descending"},
		{SortBy: "externalId"},
		{Filter: `userName sw "u"`},
	} {
		t.Run(p.Filter+p.SortBy+p.SortOrder, func(t *testing.T) {
			t.Parallel()
			p.Count, p.Cursor = ptr(50), ptr("")
			var first, seen int
			for seen < n {
				c := &counting{View: v}
				o := opened{search.Source{View: c, Scope: s, Base: base, Now: now}, []*schema.Resource{schema.User}, func(*search.Query) {}}
				ids, res := o.run(t, p)
				if seen == 0 {
					first = c.rows + c.other
				}
				if seen += len(ids); p.SortBy == "externalId" && seen == n {
					first += n // whether anybody has none is counted once, at the end of the index
				}
				if c.rows > 52 || c.rows+c.other > first+60 {
					t.Fatalf("behind %d rows it reads %d rows and %d others, the first page %d", seen, c.rows, c.other, first)
				}
				if (res.Next == "") != (seen == n) || res.Total != n {
					t.Fatalf("%d of %d are seen, and it says %+v", seen, n, res)
				}
				p.Cursor = &res.Next
			}
		})
	}
}

package search_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// names are few, so that random users meet, and awkward.
var names = []string{"ada", "Ada", "ADA", "bob", "böB", "BÖB", "bo", "b", "zoë", "a\x00b", "a\x01\x01b", "a\x01", "kelvin", "\u212Aelvin"}

func text(t *rapid.T, what string) string { return rapid.SampledFrom(names).Draw(t, what) }

// open makes a directory that takes any user.
func open(t directorytest.TB, w *directorytest.World, org string) directory.Scope {
	t.Helper()
	s := w.Directory(t, org)
	off, follow := directory.DomainPolicyOff, directory.EmailPolicyFollow
	w.Must(t, directory.ChangeDirectoryPolicy{Organization: org, Directory: s.Directory, DomainPolicy: &off, EmailPolicy: &follow})
	return s
}

// populate fills a directory with random users and groups.
func populate(t *rapid.T, w *directorytest.World, s directory.Scope) (users, groups []string) {
	for i := range rapid.IntRange(0, 14).Draw(t, "users") {
		more := map[string]any{"userName": fmt.Sprintf("%s%d", text(t, "userName"), i), "emails": nil}
		for _, name := range []string{"displayName", "externalId", "title", "nickName"} {
			if rapid.Bool().Draw(t, name+" is set") {
				more[name] = text(t, name)
			}
		}
		var emails []any
		for n := range rapid.IntRange(0, 3).Draw(t, "emails") {
			e := map[string]any{"value": text(t, "email"), "type": rapid.SampledFrom([]string{"work", "home"}).Draw(t, "type")}
			if n == 1 {
				e["primary"] = true
			}
			emails = append(emails, e)
		}
		if emails != nil {
			more["emails"] = emails
		}
		more["active"] = rapid.Bool().Draw(t, "active")
		if rapid.Bool().Draw(t, "has a name") {
			more["name"] = map[string]any{"familyName": text(t, "familyName")}
		}
		if rapid.Bool().Draw(t, "is in an enterprise") {
			more[schema.EnterpriseURN] = map[string]any{"department": text(t, "department"), "manager": map[string]any{"value": text(t, "manager")}}
		}
		out, err := w.Try(directory.CreateUser{Scope: s, State: directorytest.User("x", more)})
		if fault.KindOf(err) == fault.Conflict && err != nil {
			continue
		}
		if err != nil {
			t.Fatalf("create: %v", err)
		}
		users = append(users, directorytest.ID(out))
	}
	everybody := slices.Clone(users)
	for i := range rapid.IntRange(0, 6).Draw(t, "groups") {
		more := map[string]any{}
		if rapid.Bool().Draw(t, "externalId is set") {
			more["externalId"] = text(t, "externalId")
		}
		c := directory.CreateGroup{Scope: s, State: directorytest.Group(fmt.Sprintf("%s%d", text(t, "displayName"), i), more)}
		if len(everybody) > 0 {
			c.Members = rapid.SliceOfNDistinct(rapid.SampledFrom(everybody), 0, 5, rapid.ID).Draw(t, "members")
		}
		id := directorytest.ID(w.Must(t, c))
		groups, everybody = append(groups, id), append(everybody, id)
	}
	for _, u := range users { // makes revisions, times and gaps
		switch rapid.IntRange(0, 5).Draw(t, "then") {
		case 0:
			w.Must(t, directory.DeleteUser{Scope: s, ID: u})
		case 1:
			w.Must(t, directory.ReplaceUser{Scope: s, ID: u, State: directorytest.User("changed"+u, map[string]any{"displayName": text(t, "displayName")})})
		}
	}
	return users, groups
}

// drawn is a random filter over what populate makes.
type drawn struct {
	t    *rapid.T
	kind string // User, Group, or both
	ids  []string
}

func (d drawn) expr(depth int) string {
	if depth > 0 {
		switch rapid.IntRange(0, 5).Draw(d.t, "form") {
		case 0, 1:
			return d.expr(depth-1) + " and " + d.expr(depth-1)
		case 2:
			return "(" + d.expr(depth-1) + " or " + d.expr(depth-1) + ")"
		case 3:
			return "not (" + d.expr(depth-1) + ")"
		}
	}
	return d.leaf()
}

func (d drawn) leaf() string {
	t := d.t
	texts := []string{"userName", "displayName", "externalId", "emails.value", "emails", "title", "name.familyName", schema.EnterpriseURN + ":department", "manager"}
	switch d.kind {
	case "Group":
		texts = []string{"displayName", "externalId"}
	case "both":
		texts = append(texts, "members", "groups.display")
	}
	switch rapid.IntRange(0, 9).Draw(t, "leaf") {
	case 0:
		return rapid.SampledFrom([]string{"id", "meta", "schemas", "displayName", "externalId", "meta.created"}).Draw(t, "attribute") + " pr"
	case 1:
		return fmt.Sprintf("id %s %q", rapid.SampledFrom([]string{"eq", "ne", "sw"}).Draw(t, "op"), d.id())
	case 2:
		if d.kind != "Group" {
			return rapid.SampledFrom([]string{"active eq true", "active ne true", "emails.value pr", "userName pr", "emails.type eq \"work\"", "groups pr", "groups.type eq \"indirect\""}).Draw(t, "said")
		}
		return rapid.SampledFrom([]string{"members pr", "members.type eq \"Group\"", "members[type eq \"User\"]", "not (members pr)"}).Draw(t, "said")
	case 3:
		if d.kind != "Group" {
			return fmt.Sprintf("groups%s eq %q", rapid.SampledFrom([]string{"", ".value"}).Draw(t, "sub"), d.id())
		}
		return fmt.Sprintf("members%s %s %q", rapid.SampledFrom([]string{"", ".value"}).Draw(t, "sub"), rapid.SampledFrom([]string{"eq", "eq", "ne", "co"}).Draw(t, "op"), d.id())
	case 4:
		return fmt.Sprintf("meta.resourceType %s %q", rapid.SampledFrom([]string{"eq", "ne"}).Draw(t, "op"), rapid.SampledFrom([]string{"User", "Group", "user"}).Draw(t, "resourceType"))
	case 5:
		if d.kind != "Group" {
			return fmt.Sprintf("emails[type eq \"work\" %s value %s %s]", rapid.SampledFrom([]string{"and", "or"}).Draw(t, "join"),
				rapid.SampledFrom([]string{"eq", "sw", "co"}).Draw(t, "op"), quote(text(t, "value")))
		}
		return fmt.Sprintf("members[value eq %q and type eq \"User\"]", d.id())
	case 6:
		return fmt.Sprintf("meta.lastModified %s %q", rapid.SampledFrom([]string{"gt", "ge", "lt", "le", "eq"}).Draw(t, "op"),
			directorytest.Start.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds"))*time.Second).Format(time.RFC3339))
	}
	op := rapid.SampledFrom([]string{"eq", "eq", "ne", "co", "sw", "sw", "ew", "gt", "ge", "lt", "le", "pr"}).Draw(t, "op")
	a := rapid.SampledFrom(texts).Draw(t, "attribute")
	if op == "pr" {
		return a + " pr"
	}
	want := text(t, "value")
	if rapid.Bool().Draw(t, "a part of it") {
		want = want[:1]
	}
	return fmt.Sprintf("%s %s %s", a, op, quote(want))
}

func (d drawn) id() string {
	if len(d.ids) == 0 {
		return "diruser_1"
	}
	return rapid.SampledFrom(d.ids).Draw(d.t, "id")
}

// quote writes a text as filters have it, which is as JSON does.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		if c < 0x20 {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// TestSearchIsAScan says that a query answers what its definition says, whatever
// it was planned on, page by page, by index and by cursor in both directions.
func TestSearchIsAScan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.NewWorld()
		org := w.Organization(t, "acme")
		populate(t, w, open(t, w, org))
		s := open(t, w, org)
		users, groups := populate(t, w, s)
		d := drawn{t: t, kind: rapid.SampledFrom([]string{"User", "Group", "both"}).Draw(t, "kind"), ids: slices.Concat(users, groups)}
		kinds := map[string][]*schema.Resource{"User": {schema.User}, "Group": {schema.Group}, "both": {schema.User, schema.Group}}[d.kind]
		p := search.Parameters{}
		if rapid.IntRange(0, 9).Draw(t, "filtered") > 0 {
			p.Filter = d.expr(rapid.IntRange(0, 3).Draw(t, "depth"))
		}
		if rapid.Bool().Draw(t, "sorted") {
			by := []string{"id", "meta.created", "meta.lastModified", "displayName", "externalId"}
			if d.kind != "Group" {
				by = append(by, "userName", "userName", "displayName", "emails", "emails.type", "name.familyName", "active", schema.EnterpriseURN+":department")
			}
			p.SortBy = rapid.SampledFrom(by).Draw(t, "sortBy")
			p.SortOrder = rapid.SampledFrom([]string{"", "ascending", "descending", "DESCENDING"}).Draw(t, "sortOrder")
		}
		want := expected(t, all(t, w.Rows, s.Directory, kinds), p.Filter, p.SortBy, strings.EqualFold(p.SortOrder, "descending"))
		o := opened{search.Source{View: w.Rows, Scope: s, Base: base, Now: now}, kinds, func(*search.Query) {}}
		if rapid.Bool().Draw(t, "can be stopped") {
			o.Stop = func() error { return nil }
		}
		if rapid.Bool().Draw(t, "as if it were large") {
			set, few, sorted := rapid.IntRange(1, 20).Draw(t, "set"), rapid.IntRange(0, 3).Draw(t, "few"), rapid.IntRange(0, 3).Draw(t, "sort")
			o.adapt = func(q *search.Query) { q.Shrink(set, few, sorted, 0) }
		}
		byIndex(t, o, p, want)
		byCursor(t, o, p, want)
	})
}

// opened is a directory to run queries on.
type opened struct {
	search.Source
	kinds []*schema.Resource
	adapt func(*search.Query)
}

// run answers one page.
func (o opened) run(t directorytest.TB, p search.Parameters) ([]string, search.Result) {
	t.Helper()
	q, err := search.Parse(nil, p, o.kinds...)
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	o.adapt(q)
	ids := []string{}
	res, err := q.Run(o.Source, func(h search.Hit) (bool, error) {
		switch row := h.Row.(type) {
		case *directory.User:
			ids = append(ids, row.ID)
		case *directory.Group:
			ids = append(ids, row.ID)
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	return ids, res
}

func byIndex(t *rapid.T, o opened, p search.Parameters, want []string) {
	t.Helper()
	count := rapid.IntRange(0, 6).Draw(t, "count")
	for start := 1; start <= len(want)+2; start += max(count, 1) {
		p.StartIndex, p.Count = &start, &count
		got, res := o.run(t, p)
		page := want[min(start-1, len(want)):min(start-1+count, len(want))]
		if d := cmp.Diff(page, got); d != "" || res.Total != len(want) || res.Start != start || res.Next != "" {
			t.Fatalf("%s sorted by %s %s, %d from %d: %+v, %d match (-want +got):\n%s", p.Filter, p.SortBy, p.SortOrder, count, start, res, len(want), d)
		}
	}
}

func byCursor(t *rapid.T, o opened, p search.Parameters, want []string) {
	t.Helper()
	p.StartIndex, p.Count = nil, nil
	var got []string
	cursor := ""
	for range len(want) + 2 {
		count := rapid.IntRange(1, 5).Draw(t, "count")
		p.Cursor, p.Count = &cursor, &count
		ids, res := o.run(t, p)
		before := len(got)
		got = append(got, ids...)
		if d := cmp.Diff(want[:min(len(got), len(want))], got, cmp.Transformer("nil", func(s []string) string { return strings.Join(s, " ") })); d != "" ||
			res.Total != len(want) || res.Start != 0 || len(ids) > count {
			t.Fatalf("%s sorted by %s %s, cursor %q: %+v, %d match (-want +got):\n%s", p.Filter, p.SortBy, p.SortOrder, cursor, res, len(want), d)
		}
		if (res.Next == "") != (len(got) == len(want)) || (res.Previous == "") != (before == 0) {
			t.Fatalf("%s sorted by %s %s, %d of %d seen: %+v", p.Filter, p.SortBy, p.SortOrder, len(got), len(want), res)
		}
		if res.Previous != "" {
			p.Cursor = &res.Previous
			back, past := o.run(t, p)
			if d := cmp.Diff(want[max(0, before-count):before], back); d != "" || past.Total != len(want) ||
				past.Next == "" || (past.Previous == "") != (before <= count) {
				t.Fatalf("%s sorted by %s %s, the %d before %d: %+v (-want +got):\n%s", p.Filter, p.SortBy, p.SortOrder, count, before, past, d)
			}
			p.Cursor = &past.Next
			again, _ := o.run(t, p)
			if d := cmp.Diff(want[before:min(before+count, len(want))], again); d != "" {
				t.Fatalf("%s sorted by %s %s, back and forth at %d (-want +got):\n%s", p.Filter, p.SortBy, p.SortOrder, before, d)
			}
		}
		if cursor = res.Next; cursor == "" {
			return
		}
	}
	t.Fatalf("%s sorted by %s %s: the cursors do not end", p.Filter, p.SortBy, p.SortOrder)
}

package search_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	both := []*schema.Resource{schema.User, schema.Group}
	tests := map[string]struct {
		p      search.Parameters
		kinds  []*schema.Resource // users
		reason fault.Reason       // empty: it is taken
		says   string
	}{
		"a filter that is none":             {p: search.Parameters{Filter: "userName"}, reason: fault.InvalidFilter},
		"an unknown attribute":              {p: search.Parameters{Filter: `hat eq "x"`}, reason: fault.InvalidFilter, says: `"hat"`},
		"an unknown attribute beside":       {p: search.Parameters{Filter: `userName eq "x" and not (hat pr)`}, reason: fault.InvalidFilter, says: `"hat"`},
		"an unknown part":                   {p: search.Parameters{Filter: `name.nick eq "x"`}, reason: fault.InvalidFilter, says: `"name.nick"`},
		"an unknown part in brackets":       {p: search.Parameters{Filter: `emails[type eq "work" or hue eq "x"]`}, reason: fault.InvalidFilter, says: `"emails.hue"`},
		"brackets in brackets":              {p: search.Parameters{Filter: `emails[value[x eq "y"]]`}, reason: fault.InvalidFilter},
		"an attribute of the other kind":    {p: search.Parameters{Filter: `members eq "x"`}, reason: fault.InvalidFilter, says: "User"},
		"an attribute of one of the kinds":  {p: search.Parameters{Filter: `members eq "x" or userName pr`}, kinds: both},
		"an attribute of none of the kinds": {p: search.Parameters{Filter: `hat pr`}, kinds: both, reason: fault.InvalidFilter, says: "User or Group"},
		"an unregistered extension":         {p: search.Parameters{Filter: `urn:acme:1.0:User:hat pr`}, reason: fault.InvalidFilter},
		"a registered extension as a whole": {p: search.Parameters{Filter: schema.EnterpriseURN + " pr"}},
		"an extension without its URN":      {p: search.Parameters{Filter: `department eq "R&D"`}},
		"an order of booleans":              {p: search.Parameters{Filter: `active gt true`}, reason: fault.InvalidFilter},
		"many comparisons":                  {p: search.Parameters{Filter: strings.Repeat("id pr or ", 501) + "id pr"}, reason: fault.InvalidFilter, says: "at most 500"},
		"blanks":                            {p: search.Parameters{Filter: "  "}},

		"sorting by nothing known":    {p: search.Parameters{SortBy: "hat"}, reason: fault.InvalidValue, says: `"hat"`},
		"sorting by a whole":          {p: search.Parameters{SortBy: "name"}, reason: fault.InvalidValue, says: "name one of its parts"},
		"sorting by groups":           {p: search.Parameters{SortBy: "groups.display"}, reason: fault.InvalidValue},
		"sorting by a schema":         {p: search.Parameters{SortBy: schema.EnterpriseURN}, reason: fault.InvalidValue},
		"sorting by one kind's":       {p: search.Parameters{SortBy: "userName"}, kinds: both},
		"sorting by an extension's":   {p: search.Parameters{SortBy: strings.ToUpper(schema.EnterpriseURN) + ":DEPARTMENT"}},
		"sorting by its value":        {p: search.Parameters{SortBy: "manager"}},
		"an unknown order":            {p: search.Parameters{SortBy: "userName", SortOrder: "up"}, reason: fault.InvalidValue},
		"an order in capitals":        {p: search.Parameters{SortBy: "userName", SortOrder: "DESCENDING"}},
		"startIndex beside a cursor":  {p: search.Parameters{StartIndex: ptr(1), Cursor: ptr("")}, reason: fault.InvalidCursor},
		"count 0 beside a cursor":     {p: search.Parameters{Count: ptr(0), Cursor: ptr("")}, reason: fault.InvalidCount, says: "between 1 and 500"},
		"count -1 beside a cursor":    {p: search.Parameters{Count: ptr(-1), Cursor: ptr("")}, reason: fault.InvalidCount},
		"a large count with a cursor": {p: search.Parameters{Count: ptr(1 << 40), Cursor: ptr("")}},
		"numbers out of range":        {p: search.Parameters{Count: ptr(-5), StartIndex: ptr(-1 << 62)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kinds := tt.kinds
			if kinds == nil {
				kinds = []*schema.Resource{schema.User}
			}
			_, err := search.Parse(nil, tt.p, kinds...)
			if tt.reason == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != tt.reason || !strings.Contains(f.Detail, tt.says) {
				t.Errorf("%v, want %s with %q", err, tt.reason, tt.says)
			}
		})
	}
}

// small is a directory of a few users, and a function that runs a query there.
func small(t *testing.T, n int) (search.Source, func(in search.Source, p search.Parameters) ([]string, search.Result, error)) {
	t.Helper()
	w := directorytest.NewWorld()
	s := open(t, w, w.Organization(t, "acme"))
	for i := range n {
		w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i), map[string]any{"title": fmt.Sprintf("t%d", i%3)})})
	}
	return search.Source{View: w.Rows, Scope: s, Base: base, Now: now}, func(in search.Source, p search.Parameters) ([]string, search.Result, error) {
		q, err := search.Parse(nil, p, schema.User)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		res, err := q.Run(in, func(h search.Hit) (bool, error) {
			names = append(names, h.Row.(*directory.User).UserName)
			return true, nil
		})
		return names, res, err
	}
}

// TestCursorFits says that a cursor opens for the query, directory and secret
// that it was made for, until it is too old, and for nothing else.
func TestCursorFits(t *testing.T) {
	t.Parallel()
	in, run := small(t, 5)
	asked := search.Parameters{Filter: `title ne "t2"`, SortBy: "title", Count: ptr(2), Cursor: ptr("")}
	_, res, err := run(in, asked)
	if err != nil || res.Next == "" {
		t.Fatal(res, err)
	}
	good := res.Next
	for _, c := range good {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", c) {
			t.Fatalf("%q in a cursor needs escaping", c)
		}
	}
	with := func(change func(in *search.Source, p *search.Parameters)) func() error {
		return func() error {
			in, p := in, asked
			p.Cursor = &good
			change(&in, &p)
			_, _, err := run(in, p)
			return err
		}
	}
	tests := map[string]struct {
		try    func() error
		reason fault.Reason
	}{
		"the same query":           {try: with(func(*search.Source, *search.Parameters) {})},
		"the same, spelled anew":   {try: with(func(_ *search.Source, p *search.Parameters) { p.Filter, p.SortBy = `TITLE NE "t2"`, "Title" })},
		"another count":            {try: with(func(_ *search.Source, p *search.Parameters) { p.Count = ptr(3) })},
		"just in time":             {try: with(func(in *search.Source, _ *search.Parameters) { in.Now = now.Add(search.CursorTimeout) })},
		"too late":                 {try: with(func(in *search.Source, _ *search.Parameters) { in.Now = now.Add(search.CursorTimeout + time.Second) }), reason: fault.ExpiredCursor},
		"another filter":           {try: with(func(_ *search.Source, p *search.Parameters) { p.Filter = `title ne "t1"` }), reason: fault.InvalidCursor},
		"no filter":                {try: with(func(_ *search.Source, p *search.Parameters) { p.Filter = "" }), reason: fault.InvalidCursor},
		"another order":            {try: with(func(_ *search.Source, p *search.Parameters) { p.SortOrder = "descending" }), reason: fault.InvalidCursor},
		"sorted by something else": {try: with(func(_ *search.Source, p *search.Parameters) { p.SortBy = "userName" }), reason: fault.InvalidCursor},
		"another directory":        {try: with(func(in *search.Source, _ *search.Parameters) { in.Scope.Directory = "dir_7" }), reason: fault.InvalidCursor},
		"another secret":           {try: with(func(in *search.Source, _ *search.Parameters) { in.Scope.SecretHash = []byte("other") }), reason: fault.InvalidCursor},
		"cut short":                {try: with(func(_ *search.Source, p *search.Parameters) { p.Cursor = ptr(good[:len(good)-1]) }), reason: fault.InvalidCursor},
		"longer":                   {try: with(func(_ *search.Source, p *search.Parameters) { p.Cursor = ptr(good + "A") }), reason: fault.InvalidCursor},
		"not ours":                 {try: with(func(_ *search.Source, p *search.Parameters) { p.Cursor = ptr("VZUTiyhEQJ94IR") }), reason: fault.InvalidCursor},
		"no text at all":           {try: with(func(_ *search.Source, p *search.Parameters) { p.Cursor = ptr("\x00\xff!") }), reason: fault.InvalidCursor},
		"endless":                  {try: with(func(_ *search.Source, p *search.Parameters) { p.Cursor = ptr(strings.Repeat("A", 1<<20)) }), reason: fault.InvalidCursor},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.try()
			if tt.reason == "" && err != nil || tt.reason != "" && (fault.KindOf(err) != fault.Invalid || fault.Of(err).Reason != tt.reason) {
				t.Errorf("%v, want %q", err, tt.reason)
			}
		})
	}
	for i := range good { // not one character can be another
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		err := with(func(_ *search.Source, p *search.Parameters) { p.Cursor = ptr(good[:i] + string(other) + good[i+1:]) })()
		if err == nil || fault.Of(err).Reason != fault.InvalidCursor {
			t.Fatalf("with its character %d changed it answers %v", i, err)
		}
	}
	if strings.Contains(good, "t1") {
		t.Error("the cursor shows what it hides")
	}
}

// TestCursorOverChanges says that whoever walks by cursor sees every resource
// that is there all the time exactly once, whatever comes and goes meanwhile.
func TestCursorOverChanges(t *testing.T) {
	t.Parallel()
	for _, order := range []search.Parameters{{}, {SortBy: "userName"}, {SortBy: "title", SortOrder: "descending"}} {
		w := directorytest.NewWorld()
		s := open(t, w, w.Organization(t, "acme"))
		add := func(name string) string {
			return directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(name+"@acme.example", map[string]any{"title": name})}))
		}
		var ids []string
		for i := range 30 {
			ids = append(ids, add(fmt.Sprintf("m%02d", i)))
		}
		stays := map[string]int{}
		for i, id := range ids {
			if i%3 > 0 {
				stays[id] = 0
			}
		}
		p := order
		p.Count, p.Cursor = ptr(4), ptr("")
		for page := 0; ; page++ {
			o := opened{search.Source{View: w.Rows, Scope: s, Base: base, Now: now}, []*schema.Resource{schema.User}, func(*search.Query) {}}
			seen, res := o.run(t, p)
			for _, id := range seen {
				if _, ok := stays[id]; ok {
					stays[id]++
				}
			}
			if res.Next == "" {
				break
			}
			p.Cursor = ptr(res.Next)
			add(fmt.Sprintf("a%02d", page))
			add(fmt.Sprintf("z%02d", page))
			if i := page * 3; i < len(ids) {
				w.Must(t, directory.DeleteUser{Scope: s, ID: ids[len(ids)-3-i]})
			}
			if page > 40 {
				t.Fatal("it does not end")
			}
		}
		for id, n := range stays {
			if n != 1 {
				t.Errorf("sorted by %q: %s was seen %d times", order.SortBy, id, n)
			}
		}
	}
}

// TestPageEndsEarly says that a page from which the caller takes less than it
// might goes on where the caller stopped.
func TestPageEndsEarly(t *testing.T) {
	t.Parallel()
	in, run := small(t, 7)
	all, _, err := run(in, search.Parameters{})
	if err != nil {
		t.Fatal(err)
	}
	for _, sorted := range []string{"", "title"} {
		want := all
		if sorted != "" {
			if want, _, err = run(in, search.Parameters{SortBy: sorted}); err != nil {
				t.Fatal(err)
			}
		}
		cursor := ""
		var got []string
		for range 10 {
			q, err := search.Parse(nil, search.Parameters{Count: ptr(5), Cursor: &cursor, SortBy: sorted}, schema.User)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			res, err := q.Run(in, func(h search.Hit) (bool, error) {
				if n++; n > 2 {
					return false, nil
				}
				got = append(got, h.Row.(*directory.User).UserName)
				return n < 2, nil // the first is taken whatever the answer
			})
			if err != nil || res.Total != 7 {
				t.Fatal(res, err)
			}
			if n == 2 { // the second was refused
				got = got[:len(got)-1]
			}
			if cursor = res.Next; cursor == "" {
				break
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("sorted by %q (-want +got):\n%s", sorted, d)
		}
	}
}

// TestTooMany says how far index paging goes in an order that no index has.
func TestTooMany(t *testing.T) {
	t.Parallel()
	in, _ := small(t, 20)
	run := func(p search.Parameters) (search.Result, error) {
		q, err := search.Parse(nil, p, schema.User)
		if err != nil {
			t.Fatal(err)
		}
		q.Shrink(1<<20, 1000, 4, 10)
		return q.Run(in, func(search.Hit) (bool, error) { return true, nil })
	}
	if res, err := run(search.Parameters{SortBy: "title", StartIndex: ptr(6), Count: ptr(5)}); err != nil || res.Total != 20 {
		t.Errorf("within the bound: %+v, %v", res, err)
	}
	if _, err := run(search.Parameters{SortBy: "title", StartIndex: ptr(7), Count: ptr(5)}); fault.Of(err).Reason != fault.TooMany {
		t.Errorf("beyond the bound: %v, want tooMany", err)
	}
	for what, p := range map[string]search.Parameters{
		"few matches":    {SortBy: "title", StartIndex: ptr(100), Count: ptr(5), Filter: `userName sw "u19"`},
		"an index":       {SortBy: "userName", StartIndex: ptr(11), Count: ptr(5)},
		"ids":            {SortBy: "id", StartIndex: ptr(11), Count: ptr(5)},
		"index and scan": {SortBy: "userName", StartIndex: ptr(11), Count: ptr(5), Filter: `title ne "x"`},
	} {
		if _, err := run(p); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// failing is a view of a store that breaks after some reads.
type failing struct {
	directory.View
	left int
}

var errBroken = errors.New("the disk is gone")

func (f *failing) step() bool { f.left--; return f.left >= 0 }

func (f *failing) Get(k directory.Key) (directory.Row, error) {
	if !f.step() {
		return nil, errBroken
	}
	return f.View.Get(k)
}

func (f *failing) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	return f.scan(f.View.Scan, prefix, after, yield)
}

func (f *failing) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	return f.scan(f.View.ScanBack, prefix, before, yield)
}

func (f *failing) scan(scan func(_, _ directory.Key, _ func(directory.Key, directory.Row) bool) error, prefix, from directory.Key, yield func(directory.Key, directory.Row) bool) error {
	broken := !f.step()
	if broken {
		return errBroken
	}
	err := scan(prefix, from, func(k directory.Key, r directory.Row) bool {
		if broken = !f.step(); broken {
			return false
		}
		return yield(k, r)
	})
	if broken {
		return errBroken
	}
	return err
}

// TestBrokenStore breaks the store at every read of several queries: each is
// answered with the error, never with less than there is.
func TestBrokenStore(t *testing.T) {
	t.Parallel()
	w := directorytest.NewWorld()
	s := open(t, w, w.Organization(t, "acme"))
	var members []string
	for i := range 6 {
		members = append(members, directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i), map[string]any{"displayName": "d"})})))
	}
	inner := directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("inner"), Members: members}))
	outer := directorytest.ID(w.Must(t, directory.CreateGroup{Scope: s, State: directorytest.Group("outer"), Members: []string{inner}}))
	both := []*schema.Resource{schema.User, schema.Group}
	for _, p := range []search.Parameters{
		{},
		{StartIndex: ptr(3), Count: ptr(2)},
		{SortBy: "userName"},
		{SortBy: "displayName", SortOrder: "descending"},
		{SortBy: "meta.created", SortOrder: "descending", StartIndex: ptr(2)},
		{Filter: `displayName eq "d" and userName sw "u"`},
		{Filter: `userName co "3" or active eq true`},
		{Filter: `meta.version eq "x"`},
		{Filter: fmt.Sprintf("groups eq %q or members.type eq \"Group\"", outer)},
		{Filter: fmt.Sprintf("members eq %q", members[0])},
		{Filter: fmt.Sprintf("id eq %q", members[0])},
		{Filter: fmt.Sprintf("groups.value eq %q", outer), SortBy: "displayName"},
	} {
		q, err := search.Parse(nil, p, both...)
		if err != nil {
			t.Fatal(err)
		}
		answered := false
		for n := 0; !answered; n++ {
			in := search.Source{View: &failing{w.Rows, n}, Scope: s, Base: base, Now: now}
			_, err := q.Run(in, func(search.Hit) (bool, error) { return true, nil })
			if answered = err == nil; !answered && !errors.Is(err, errBroken) {
				t.Fatalf("%+v broken at read %d: %v", p, n, err)
			}
			if n > 1000 {
				t.Fatalf("%+v is never answered", p)
			}
		}
		full := &counting{View: w.Rows}
		if _, err := q.Run(search.Source{View: full, Scope: s, Base: base, Now: now}, func(search.Hit) (bool, error) { return true, nil }); err != nil {
			t.Fatal(err)
		}
		boom := errors.New("boom")
		hits := 0
		if _, err := q.Run(search.Source{View: w.Rows, Scope: s, Base: base, Now: now}, func(search.Hit) (bool, error) { hits++; return false, boom }); hits > 0 && !errors.Is(err, boom) {
			t.Errorf("%+v: the caller's error becomes %v", p, err)
		}
	}
}

// TestStop ends queries of every kind in the middle.
func TestStop(t *testing.T) {
	t.Parallel()
	s, v, _, everybody, _ := large(t, 1500)
	stop := errors.New("enough")
	for _, p := range []search.Parameters{
		{Filter: `title eq "Boss"`},
		{Filter: `userName co "zzz"`},
		{SortBy: "title"},
		{SortBy: "userName", StartIndex: ptr(1400)},
		{Filter: fmt.Sprintf("groups.value eq %q", everybody)},
		{Filter: `emails.value sw "u" and displayName sw "U"`},
	} {
		q, err := search.Parse(nil, p, schema.User)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := q.Run(search.Source{View: v, Scope: s, Base: base, Now: now, Stop: func() error { return stop }}, func(search.Hit) (bool, error) { return true, nil }); !errors.Is(err, stop) {
			t.Errorf("%+v goes on: %v", p, err)
		}
	}
}

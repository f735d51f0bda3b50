package search

import (
	"encoding/base64"
	"strconv"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// FuzzCursor sends what clients make up, and, as if the seal had been broken,
// cursors whose inside was made up: neither panics, a page is never larger than
// asked for, and what a page leads to can be followed.
func FuzzCursor(f *testing.F) {
	w := directorytest.NewWorld()
	org := w.Organization(f, "org")
	s := w.Directory(f, org)
	off := directory.DomainPolicyOff
	w.Must(f, directory.ChangeDirectoryPolicy{Organization: org, Directory: s.Directory, DomainPolicy: &off})
	for i := range 5 {
		w.Must(f, directory.CreateUser{Scope: s, State: directorytest.User("u"+strconv.Itoa(5-i), map[string]any{"title": strconv.Itoa(i % 2)})})
	}
	for i := range 2 {
		w.Must(f, directory.CreateGroup{Scope: s, State: directorytest.Group("g"+strconv.Itoa(i), nil)})
	}
	in := Source{View: w.Rows, Scope: s, Base: "https://rollcall.example", Now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}

	orders := [][2]string{{"", ""}, {"", "descending"}, {"userName", ""}, {"userName", "descending"}, {"title", ""}, {"meta.created", "descending"}, {"externalId", ""}}
	parse := func(t testing.TB, order uint8, text string) *Query {
		t.Helper()
		kinds := []*schema.Resource{schema.User, schema.Group}[:1+order&1]
		o, count := orders[int(order/2)%len(orders)], 2
		q, err := Parse(nil, Parameters{SortBy: o[0], SortOrder: o[1], Count: &count, Cursor: &text}, kinds...)
		if err != nil {
			t.Fatalf("a query sorted by %v with the cursor %q: %v", o, text, err)
		}
		return q
	}
	run := func(t testing.TB, q *Query) (Result, bool) {
		t.Helper()
		n := 0
		res, err := q.Run(in, func(Hit) (bool, error) { n++; return true, nil })
		if err != nil {
			if e := fault.Of(err); e.Kind != fault.Invalid || e.Reason != fault.InvalidCursor && e.Reason != fault.ExpiredCursor {
				t.Fatalf("the cursor is refused with %v, %q: %v", e.Kind, e.Reason, err)
			}
			return res, false
		}
		if n > 2 {
			t.Fatalf("a page of 2 has %d", n)
		}
		return res, true
	}

	for order := range uint8(2 * len(orders)) {
		first, _ := run(f, parse(f, order, ""))
		f.Add(first.Next, []byte{cursorFormat}, order)
		sealed, err := base64.RawURLEncoding.DecodeString(first.Next)
		if err != nil {
			f.Fatal(err)
		}
		q := parse(f, order, "")
		inside, err := aead(in).Open(nil, sealed[:nonceSize], sealed[nonceSize:], q.digest)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("", inside, order)
	}
	f.Fuzz(func(t *testing.T, text string, inside []byte, order uint8) {
		run(t, parse(t, order, text))
		q := parse(t, order, "")
		nonce := mac(in, "nonce", q.digest, inside)[:nonceSize]
		forged := base64.RawURLEncoding.EncodeToString(aead(in).Seal(nonce, nonce, inside, q.digest))
		res, ok := run(t, parse(t, order, forged))
		for _, next := range []string{res.Next, res.Previous} {
			if ok && next != "" {
				if _, ok := run(t, parse(t, order, next)); !ok {
					t.Fatalf("the page gives the cursor %q, which is refused", next)
				}
			}
		}
	})
}

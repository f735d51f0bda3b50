package directory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// consistentPersons recomputes the totals of persons, and adds to want what
// indexes must hold of them. An address leads to one who has it.
func consistentPersons(t directorytest.TB, v directory.View, want map[directory.Key]string) {
	t.Helper()
	totals := map[string]directory.PersonCounts{}
	parts := map[string]string{}
	scan(t, v, directory.TablePerson, func(_ directory.Key, r directory.Row) {
		p := r.(*directory.Person)
		if p.ExternalID != "" {
			want[directory.Make(directory.TablePersonExternal, p.ExternalID)] = p.ID
		}
		if !p.Made && len(p.Parts) == 0 && len(p.Organizations) == 0 {
			t.Fatalf("nothing holds %s any more, and it is there", p.ID)
		}
		all := totals[""]
		if len(p.Parts) == 0 {
			all.Alone++
		} else {
			all.Further += int64(len(p.Parts) - 1)
		}
		totals[""] = all
		in := map[string]bool{}
		for _, part := range p.Parts {
			if in[part.Organization] {
				t.Fatalf("%s is two users of %s", p.ID, part.Organization)
			}
			in[part.Organization], parts[part.User] = true, p.ID
		}
		for _, org := range p.Organizations {
			if p.Email != "" {
				want[directory.Make(directory.TableOrgMemberEmail, org, scim.Fold(p.Email), p.ID)] = ""
			}
			m, ok, err := directory.Get[*directory.OrgMember](v, directory.Make(directory.TableOrgMember, org, p.ID))
			if err != nil || !ok || m.Provisioned && !in[org] {
				t.Fatalf("%s is in %s by %+v (%v)", p.ID, org, m, err)
			}
			for _, id := range m.Roles {
				want[directory.Make(directory.TableRoleMember, id, org, p.ID)] = ""
			}
			if !in[org] {
				c := totals[org]
				c.Alone++
				totals[org] = c
			}
		}
	})
	scan(t, v, directory.TableUser, func(_ directory.Key, r directory.Row) {
		if u := r.(*directory.User); u.Person != parts[u.ID] {
			t.Fatalf("%s names %q, %q has it", u.ID, u.Person, parts[u.ID])
		}
		delete(parts, r.(*directory.User).ID)
	})
	if len(parts) > 0 {
		t.Fatalf("persons are users that are gone: %v", parts)
	}
	scan(t, v, directory.TableOrgMember, func(k directory.Key, r directory.Row) {
		m := r.(*directory.OrgMember)
		p, ok, err := directory.Get[*directory.Person](v, directory.Make(directory.TablePerson, m.Person))
		if err != nil || !ok || !slices.Contains(p.Organizations, m.Organization) {
			t.Fatalf("%q is of %+v (%v)", k, p, err)
		}
	})
	scan(t, v, directory.TablePersonEmail, func(k directory.Key, r directory.Row) {
		p, ok, err := directory.Get[*directory.Person](v, directory.Make(directory.TablePerson, string(r.(directory.Ref))))
		if err != nil || !ok || scim.Fold(p.Email) != k.Last() {
			t.Fatalf("%q leads to %+v (%v)", k, p, err)
		}
	})
	scan(t, v, directory.TablePersonTrail, func(k directory.Key, r directory.Row) {
		if _, ok, err := directory.Get[*directory.Person](v, directory.Make(directory.TablePerson, k.Last())); err != nil || !ok {
			t.Fatalf("the trail of %s is left (%v)", k.Last(), err)
		}
	})
	got := map[string]directory.PersonCounts{}
	scan(t, v, directory.TablePersonCounts, func(k directory.Key, r directory.Row) { got[k.Last()] = *r.(*directory.PersonCounts) })
	if d := cmp.Diff(without(totals), without(got)); d != "" {
		t.Fatalf("persons are counted otherwise (-want +got):\n%s", d)
	}
}

func without(m map[string]directory.PersonCounts) map[string]directory.PersonCounts {
	for k, c := range m {
		if c == (directory.PersonCounts{}) {
			delete(m, k)
		}
	}
	return m
}

// register is one attribute as it must be: the newest write that named it, and
// what the directory itself wrote last.
type register struct {
	value, own string
	actor      string
	at         time.Time
}

// attribute is how a test writes and reads one of the shared attributes.
type attribute struct {
	name  string
	set   func(r map[string]any, v string)
	patch string
	api   func(c *directory.UpdatePerson, v *string)
	get   func(p events.PersonProfile) string
}

var attributes = []attribute{
	{
		"given_name", func(r map[string]any, v string) { object(r, "name")["givenName"] = v }, `{"op":"replace","path":"name.givenName","value":%q}`,
		func(c *directory.UpdatePerson, v *string) { c.GivenName = v }, func(p events.PersonProfile) string { return p.GivenName },
	},
	{
		"name", func(r map[string]any, v string) { r["displayName"] = v }, `{"op":"replace","path":"displayName","value":%q}`,
		func(c *directory.UpdatePerson, v *string) { c.Name = v }, func(p events.PersonProfile) string { return p.Name },
	},
	{
		"phone_number", func(r map[string]any, v string) { r["phoneNumbers"] = phones(v) }, `{"op":"replace","path":"phoneNumbers[type eq \"work\"].value","value":%q}`,
		func(c *directory.UpdatePerson, v *string) { c.PhoneNumber = v }, func(p events.PersonProfile) string { return p.PhoneNumber },
	},
}

func phones(v string) []any {
	return []any{map[string]any{"type": "home", "value": "+0"}, map[string]any{"type": "work", "value": v}}
}

func object(r map[string]any, name string) map[string]any {
	m, ok := r[name].(map[string]any)
	if !ok {
		m = map[string]any{}
		r[name] = m
	}
	return m
}

// TestLastWriteWins interleaves writes of the API and of SCIM to one person, who
// begins as either's. Each attribute is always that of the newest write that
// named it, in the person, in the directory's user, and so in what SCIM and
// webhooks show; a PUT that repeats what the directory said before names nothing.
func TestLastWriteWins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		s := onlyScope(t, w)
		const address = "ada@acme.example"
		want := map[string]*register{}
		for _, a := range attributes {
			want[a.name] = &register{}
		}
		n := 0
		fresh := func() string { n++; return fmt.Sprintf("v%d", n) }
		do := func(actor string, c directory.Command) []events.Event {
			t.Helper()
			stamp := w.Stamp()
			r := directory.Request{ID: "cmd", Actor: actor, Command: c}
			out, err := directory.Decide(w.Rows, r, stamp)
			if err != nil {
				t.Fatalf("%T is refused: %v", c, err)
			}
			for _, e := range out.Events {
				if err := w.Fold(e); err != nil {
					t.Fatalf("fold: %v", err)
				}
			}
			return out.Events
		}
		person, user := "", ""
		if rapid.Bool().Draw(t, "the API is first") {
			c := directory.CreatePerson{Email: address, Membership: directory.NewMembership{Organization: s.Organization}}
			if rapid.Bool().Draw(t, "with a phone") {
				c.Profile.PhoneNumber = fresh()
				*want["phone_number"] = register{value: c.Profile.PhoneNumber, actor: "api:test", at: w.Stamp().At}
			}
			person = do("api:test", c)[0].Resource
		}
		doc := map[string]string{} // what the provider has
		put := func() events.UserState {
			more := map[string]any{}
			for _, a := range attributes {
				if v, ok := doc[a.name]; ok {
					a.set(more, v)
				}
			}
			return directorytest.User(address, more)
		}
		create := func() {
			for _, a := range attributes {
				if rapid.Bool().Draw(t, "the provider has "+a.name) {
					doc[a.name] = fresh()
					*want[a.name] = register{value: doc[a.name], own: doc[a.name], actor: "scim:1", at: w.Stamp().At}
				}
			}
			user = do("scim:1", directory.CreateUser{Scope: s, State: put()})[0].Resource
			if person == "" {
				person = directory.PrefixPerson + user[len(directory.PrefixUser):]
			}
		}
		for range rapid.IntRange(1, 25).Draw(t, "writes") {
			a := rapid.SampledFrom(attributes).Draw(t, "attribute")
			v := rapid.SampledFrom([]string{fresh(), "same", "other"}).Draw(t, "value")
			switch kind := rapid.IntRange(0, 3).Draw(t, "writer"); {
			case user == "" && person == "" || kind == 3 && user == "":
				create()
			case kind == 0 || user == "":
				c := directory.UpdatePerson{Person: directory.PersonRef{ID: person, Directory: s.Directory}}
				a.api(&c, &v)
				at := w.Stamp().At
				if len(do("api:test", c)) > 0 {
					*want[a.name] = register{value: v, own: want[a.name].own, actor: "api:test", at: at}
				}
			case kind == 1: // only what a changed document says otherwise is a write
				doc[a.name] = v
				at := w.Stamp().At
				said := false
				for _, b := range attributes {
					if r := want[b.name]; doc[b.name] != r.own {
						*r = register{value: doc[b.name], own: doc[b.name], actor: "scim:2", at: at}
						said = true
					}
				}
				if got := len(do("scim:2", directory.ReplaceUser{Scope: s, ID: user, State: put()})); got > 0 && !said {
					t.Fatalf("a PUT that says nothing new is a write: %v", doc)
				}
			default:
				at := w.Stamp().At
				if _, there := doc[a.name]; !there && a.name == "phone_number" {
					continue // the filter would find nobody
				}
				body := fmt.Sprintf(`{"Operations":[`+a.patch+`]}`, v)
				p, err := patch.Parse(nil, patch.User, []byte(body))
				if err != nil {
					t.Fatalf("%s: %v", body, err)
				}
				if v != want[a.name].value {
					*want[a.name] = register{value: v, own: v, actor: "scim:3", at: at}
					doc[a.name] = v
				}
				do("scim:3", directory.PatchUser{Scope: s, ID: user, Patch: p})
			}
			holds(t, w, s, person, user, want)
		}
		// Folded again from what is stored, and from there on, all is the same.
		rows := directorytest.Rows(t, w.Rows)
		same(t, "a replay", rows, directorytest.Rows(t, directorytest.Fold(t, directorytest.Stored(w.Log))))
		consistent(t, w.Rows)
	})
}

func holds(t *rapid.T, w *directorytest.World, s directory.Scope, person, user string, want map[string]*register) {
	t.Helper()
	p, ok, err := directory.FindPerson(w.Rows, person, s.Directory)
	if err != nil || !ok {
		t.Fatalf("the person %s is %v, %v", person, p, err)
	}
	var shown events.PersonProfile
	if user != "" {
		row, ok, err := directory.Get[*directory.User](w.Rows, directory.Make(directory.TableUser, s.Directory, user))
		if err != nil || !ok {
			t.Fatalf("the user is %v, %v", row, err)
		}
		alone := *row
		alone.Person = "" // as SCIM alone shows it
		derived, err := directory.PersonOf(w.Rows, &alone)
		if err != nil {
			t.Fatalf("derive: %v", err)
		}
		shown = derived.Profile
		if directory.PersonIDOf(row) != person {
			t.Fatalf("the user is %s, not %s", directory.PersonIDOf(row), person)
		}
	}
	for _, a := range attributes {
		r := want[a.name]
		if got := a.get(p.Profile); got != r.value {
			t.Fatalf("%s of the person is %q, the newest write says %q", a.name, got, r.value)
		}
		if got := a.get(shown); user != "" && got != r.value {
			t.Fatalf("%s of the directory user is %q, the newest write says %q", a.name, got, r.value)
		}
		if st, ok := p.Stamps[a.name]; ok && r.actor != "" && (st.Actor != r.actor || !st.At.Equal(r.at)) {
			t.Fatalf("%s was written by %s at %v, not %s at %v", a.name, st.Actor, st.At, r.actor, r.at)
		}
	}
}

func onlyScope(t directorytest.TB, w *directorytest.World) (s directory.Scope) {
	t.Helper()
	scan(t, w.Rows, directory.TableSecret, func(_ directory.Key, r directory.Row) {
		row := r.(*directory.Secret)
		s = directory.Scope{Organization: row.Organization, Directory: row.Directory, Secret: row.ID, SecretHash: row.Hash}
	})
	return s
}

// TestSuperseded goes through the rule for a PUT step by step.
func TestSuperseded(t *testing.T) {
	t.Parallel()
	w := directorytest.Setup(t)
	s := onlyScope(t, w)
	state := func(given string) events.UserState {
		return directorytest.User("ada@acme.example", map[string]any{"name": map[string]any{"givenName": given, "familyName": "King"}, "title": "Countess"})
	}
	user := directorytest.ID(w.Must(t, directory.CreateUser{Scope: s, State: state("Ada")}))
	ref := directory.PersonRef{ID: directory.PrefixPerson + user[len(directory.PrefixUser):], Directory: s.Directory}
	given := func() string {
		u, _, err := directory.Get[*directory.User](w.Rows, directory.Make(directory.TableUser, s.Directory, user))
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Name struct{ GivenName string }
		}
		if err := json.Unmarshal(u.Attributes, &r); err != nil {
			t.Fatal(err)
		}
		return r.Name.GivenName
	}
	api := func(v string) { w.Must(t, directory.UpdatePerson{Person: ref, GivenName: &v}) }
	put := func(v string) int {
		return len(w.Must(t, directory.ReplaceUser{Scope: s, ID: user, State: state(v)}).Events)
	}
	for i, step := range []struct {
		do   func() int
		want string
		n    int
	}{
		{func() int { api("Augusta"); return 0 }, "Augusta", 0},
		{func() int { return put("Ada") }, "Augusta", 0}, // nothing new
		{func() int { return put("Ada") }, "Augusta", 0},
		{func() int { return put("Adele") }, "Adele", 1}, // newer
		{func() int { return put("Ada") }, "Ada", 1},     // what it said before counts again
		{func() int { return put("Augusta") }, "Augusta", 1},
		{func() int { api("Byron"); return 0 }, "Byron", 0},
		{func() int { return put("Augusta") }, "Byron", 0},
	} {
		if n := step.do(); n != step.n {
			t.Errorf("step %d causes %d events, want %d", i, n, step.n)
		}
		if got := given(); got != step.want {
			t.Errorf("step %d: the given name is %q, want %q", i, got, step.want)
		}
	}
	if out := w.Must(t, directory.UpdatePerson{Person: ref, GivenName: new("Byron")}); len(out.Events) != 0 {
		t.Errorf("the same value again causes %v", out.Events)
	}
}

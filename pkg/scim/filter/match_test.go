package filter_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const jane = `{
	"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "diruser_7", "externalId": "X-7", "userName": "Jane@Acme.example", "active": true,
	"name": {"givenName": "Jane", "familyName": "Groß"},
	"emails": [{"type": "work", "value": "jane@acme.example", "primary": true}, {"type": "home", "value": "j@home.example"}],
	"meta": {"created": "2026-01-01T12:00:00Z", "lastModified": "2026-06-01T12:00:00.5Z", "resourceType": "User"},
	"groups": [{"value": "dirgroup_1", "display": "Staff"}],
	"shoes": [{"size": 38.5, "colour": "Red"}, "none"],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": {"value": "M1"}},
	"urn:acme:1.0:user": {"desk": "A7"}
}`

func document(t fataler, s string) map[string]any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("%v", err)
	}
	return m
}

func kindOf(in string) *schema.Resource {
	if strings.Contains(in, "members") {
		return schema.Group
	}
	return schema.User
}

func bound(t fataler, kind *schema.Resource, in string) filter.Expr {
	t.Helper()
	e, err := filter.Parse(nil, in)
	if err != nil {
		t.Fatalf("%v", err)
	}
	b, err := filter.Bind(nil, kind, e)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want bool
	}{
		{`userName eq "jane@acme.EXAMPLE"`, true},
		{`username eq "jane"`, false},
		{`externalId eq "X-7"`, true},
		{`externalId eq X-7`, true},
		{`externalId eq "x-7"`, false}, // case-exact
		{`id eq "diruser_7"`, true},
		{`id eq "DIRUSER_7"`, false},
		{`name.familyName eq "GROß"`, true},
		{`name.familyName eq "gross"`, false}, // simple folding
		{`active eq true`, true},
		{`active eq "True"`, true},
		{`active ne false`, true},
		{`active eq false`, false},
		{`userName co "@acme"`, true},
		{`userName sw "JANE"`, true},
		{`userName ew ".example"`, true},
		{`userName gt "a" and userName lt "z"`, true},
		{`userName ge "k"`, false},
		{`title pr`, false},
		{`title eq null`, true},
		{`title ne null`, false},
		{`title ne "Dr"`, true},
		{`title eq "Dr"`, false},
		{`title gt "Dr"`, false},
		{`userName ne null`, true},
		{`userName eq null`, false},
		{`not (title pr)`, true},
		{`emails pr`, true},
		{`emails eq "J@home.example"`, true},
		{`emails co "home"`, true},
		{`emails.value eq "j@home.example"`, true},
		{`emails ne "j@home.example"`, true}, // another one differs
		{`emails.type eq "work" and emails.value eq "j@home.example"`, true},
		{`emails[type eq "work" and value eq "j@home.example"]`, false},
		{`emails[type eq "home" and value eq "j@home.example"]`, true},
		{`emails[type eq "work"].value eq "jane@acme.example"`, true},
		{`emails[type eq "home"].value eq "jane@acme.example"`, false},
		{`emails[primary eq "True"].value sw "jane"`, true},
		{`emails[not (primary pr)]`, true},
		{`emails[display pr]`, false},
		{`groups eq "dirgroup_1"`, true},
		{`groups.display eq "staff"`, true},
		{`department eq "r&d"`, true},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:USER:Department eq "R&D"`, true},
		{`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "jane"`, true},
		{`manager eq "M1"`, true},
		{`manager.value eq "m1"`, false}, // an id is case-exact
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User pr`, true},
		{`urn:acme:1.0:user:desk eq "a7"`, true},
		{`urn:acme:1.0:user pr`, true},
		{`urn:other:1.0:user:desk pr`, false},
		{`meta.lastModified gt "2026-06-01T14:00:00+02:00"`, true}, // half a second later
		{`meta.lastModified eq "2026-06-01T13:00:00.500+01:00"`, true},
		{`meta.created lt "2025-12-31T23:59:59Z"`, false},
		{`schemas eq "urn:ietf:params:scim:schemas:core:2.0:User"`, true},
		{`shoes.size gt 38`, true},
		{`shoes.size eq 38.50`, true},
		{`shoes[size le 38.5 and colour eq "red"]`, true},
		{`shoes[value eq "none"]`, true},
		{`hat eq "x"`, false},
		{`hat ne "x"`, false}, // nothing defines it
		{`hat pr or userName pr`, true},
		{`not (userName eq "x") and (title pr or active eq true)`, true},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			e, err := filter.Parse(nil, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := filter.Match(schema.User, e, document(t, jane)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := filter.Match(schema.User, bound(t, schema.User, tt.in), document(t, jane)); got != tt.want {
				t.Errorf("bound: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBind_refuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`active gt true`, `active co "t"`, `active eq "yes"`, `active eq 1`, `x509Certificates gt "a"`, `x509Certificates.value le "a"`, `meta.created gt "yesterday"`, `meta.created eq 2026`,
		`name eq "Jane"`, `addresses co "x"`, `emails[primary gt true]`, `not (active ge false)`, `userName pr or active lt true`, `active lt true and userName pr`,
	} {
		e, err := filter.Parse(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		b, err := filter.Bind(nil, schema.User, e)
		if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != fault.InvalidFilter {
			t.Errorf("Bind(%q) = %v, %v; want an invalid filter", in, b, err)
		}
	}
}

// Not and ne aside, what a bound filter says is what the filter said, and its
// equalities are necessary: who does not have them is not matched.
func TestBind_meansTheSame(t *testing.T) {
	t.Parallel()
	path := rapid.SampledFrom([]string{
		"userName", "EMAILS", "emails.value", "emails.type", "department", "active", "externalId", "title", "meta.created", "shoes.size", "hat", "urn:acme:1.0:user:desk", "groups",
	})
	literal := rapid.SampledFrom([]string{`"jane@acme.example"`, "work", `"R&D"`, "true", `"True"`, "X-7", "38.5", `"2026-01-01T12:00:00Z"`, "a7", "null", "dirgroup_1"})
	op := rapid.SampledFrom([]string{"eq", "eq", "eq", "ne", "co", "sw", "gt", "le"})
	rapid.Check(t, func(rt *rapid.T) {
		var parts []string
		for range rapid.IntRange(1, 4).Draw(rt, "parts") {
			parts = append(parts, path.Draw(rt, "path")+" "+op.Draw(rt, "op")+" "+literal.Draw(rt, "literal"))
		}
		in := strings.Join(parts, rapid.SampledFrom([]string{" and ", " or "}).Draw(rt, "join"))
		e, err := filter.Parse(nil, in)
		if err != nil {
			rt.Fatal(err)
		}
		b, err := filter.Bind(nil, schema.User, e)
		if err != nil {
			return
		}
		r := document(rt, jane)
		got := filter.Match(schema.User, b, r)
		if want := filter.Match(schema.User, e, r); got != want {
			rt.Fatalf("%s is %v, bound as %s it is %v", e, want, b, got)
		}
		eqs, ok := filter.Conjunction(b)
		all := true
		for _, q := range eqs {
			all = all && filter.Match(schema.User, filter.Compare{Path: q.Path, Op: filter.Equal, Value: q.Value}, r)
		}
		if ok && got && !all {
			rt.Fatalf("%s matches without %v", b, eqs)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`userName eq "bjensen"`, `title pr and userType eq "Employee"`, `emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp"]`, `emails[type eq "work"].value eq "x"`,
		`not (a.b gt 1.5e3) or urn:x:y:2.0:z:a le null`, `externalId eq jyoung`, `a eq "\ud83d\ude00\u0000"`, `(((a pr)))`, `active eq TRUE`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := filter.Parse(nil, s)
		if err != nil {
			if r := fault.Of(err).Reason; r != fault.InvalidFilter {
				t.Fatalf("Parse(%q): %v has the reason %q", s, err, r)
			}
			return
		}
		roundTrip(t, e)
		r := document(t, jane)
		want := filter.Match(schema.User, e, r)
		b, err := filter.Bind(nil, schema.User, e)
		if err != nil {
			return
		}
		if got := filter.Match(schema.User, b, r); got != want {
			t.Fatalf("%q is %v, bound as %q it is %v", e, want, b, got)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	e, err := filter.Parse(nil, `emails[type eq "work"].value eq "nobody@acme.example" or userName eq "nobody"`)
	if err != nil {
		b.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(jane)))
	var r map[string]any
	if err := dec.Decode(&r); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if filter.Match(schema.User, e, r) {
			b.Fatal("matched")
		}
	}
}

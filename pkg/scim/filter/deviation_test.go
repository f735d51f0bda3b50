package filter_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// acme has one attribute of each type that the core has none of.
func acme(t testing.TB) *schema.Resource {
	t.Helper()
	s, err := schema.Parse([]byte(`{"id":"urn:acme:scim:1.0:User","name":"Acme","attributes":[{"name":"badge","type":"integer"},{"name":"rate","type":"decimal"},{"name":"since","type":"dateTime"},
		{"name":"key","type":"binary"},{"name":"tags","multiValued":true},{"name":"codes","multiValued":true,"caseExact":true},{"name":"counts","type":"integer","multiValued":true},
		{"name":"pin","mutability":"writeOnly","returned":"never"},{"name":"hidden","returned":"never"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schema.User.With(s)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

// One row for each way in which a filter deviates: a lenient directory
// understands and reports it, a strict one refuses it as invalidFilter.
func TestDeviations(t *testing.T) {
	t.Parallel()
	found := func(cause lenience.Cause, path string) []lenience.Deviation {
		return []lenience.Deviation{{Cause: cause, Path: path}}
	}
	kind := acme(t)
	for _, tt := range []struct {
		filter string
		want   []lenience.Deviation // none: both understand it
	}{
		{`userName Eq "jane" AND not (active EQ true)`, nil},
		{`emails[type eq "work" and value co "@"] or urn:ietf:params:scim:schemas:core:2.0:user:NAME.familyName pr`, nil},
		{`emails eq "a@b.example" and title eq null`, nil},
		{`urn:acme:scim:1.0:User:badge gt 7 and urn:acme:scim:1.0:User:rate le 1.5e3 and urn:acme:scim:1.0:User:tags eq "a"`, nil},
		{`urn:acme:scim:1.0:User:tags[value sw "a"]`, nil},

		{`userName eq jane`, found(lenience.UnquotedLiteral, "userName")},
		{`active eq True`, found(lenience.UnquotedLiteral, "active")},
		{`title eq NULL`, found(lenience.UnquotedLiteral, "title")},
		{`active eq "true"`, found(lenience.LiteralType, "active")},
		{`roles[primary eq "True"]`, found(lenience.LiteralType, "roles.primary")},
		{`externalId eq 1234`, found(lenience.LiteralType, "externalId")},
		{`nickName eq true`, found(lenience.LiteralType, "nickName")},
		{`urn:acme:scim:1.0:User:badge eq "7"`, found(lenience.LiteralType, "urn:acme:scim:1.0:User:badge")},
		{`urn:acme:scim:1.0:User:counts[value eq "7"]`, found(lenience.LiteralType, "urn:acme:scim:1.0:User:counts")},
		{`emails[type eq "work"].value eq "a@b.example"`, found(lenience.ComparisonBehindFilter, "emails")},
		{`shoes eq 7`, found(lenience.UnknownFilterAttribute, "shoes")},
		{`name.nick eq "J"`, found(lenience.UnknownFilterAttribute, "name.nick")},
		{`emails[colour eq "red"]`, found(lenience.UnknownFilterAttribute, "emails.colour")},
		{`urn:x:y:1.0:z:a pr`, found(lenience.UnknownFilterAttribute, "urn:x:y:1.0:z:a")},
		{`department eq "D"`, found(lenience.UnqualifiedFilterAttribute, schema.EnterpriseURN+":department")},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department eq "D"`, found(lenience.MalformedFilterURN, schema.EnterpriseURN)},
		{`urn:ietf:params:scim:schemas:core:2.0User:title eq "D"`, found(lenience.MalformedFilterURN, schema.UserURN)},
	} {
		for _, strict := range []bool{false, true} {
			rd := &lenience.Reading{Strict: strict}
			e, err := filter.Parse(rd, tt.filter)
			if err == nil {
				_, err = filter.Bind(rd, kind, e)
			}
			switch refused := strict && tt.want != nil; {
			case refused && fault.Of(err).Reason != fault.InvalidFilter:
				t.Errorf("%s: a strict directory answers %v", tt.filter, err)
			case refused && fault.Of(err).Name != string(tt.want[0].Cause):
				t.Errorf("%s: a strict directory refuses it as %s", tt.filter, fault.Of(err).Name)
			case !refused && err != nil:
				t.Errorf("%s, strict %v: %v", tt.filter, strict, err)
			}
			if diff := cmp.Diff(tt.want, rd.Deviations()); diff != "" && !strict {
				t.Errorf("%s: deviations (-want +got):\n%s", tt.filter, diff)
			}
		}
	}
}

// What a type does not allow is refused by every directory, and so is asking for
// what is never returned.
func TestBind_refusesTypes(t *testing.T) {
	t.Parallel()
	kind := acme(t)
	for _, s := range []string{
		`active gt true`, `active co "t"`, `active eq "yes"`, `active eq 1`, `emails[primary gt true]`,
		`urn:acme:scim:1.0:User:badge eq "seven"`, `urn:acme:scim:1.0:User:badge gt true`, `urn:acme:scim:1.0:User:counts[value eq "x"]`,
		`urn:acme:scim:1.0:User:since gt "yesterday"`, `urn:acme:scim:1.0:User:since eq 7`, `meta.created eq "2026-01-31"`,
		`urn:acme:scim:1.0:User:key gt "QUJD"`, `x509Certificates.value le "QUJD"`, `name eq "Jane"`, `addresses co "x"`,
		`urn:acme:scim:1.0:User:pin eq "1234"`, `urn:acme:scim:1.0:User:hidden pr`, `password sw "s"`,
	} {
		e, err := filter.Parse(nil, s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if _, err := filter.Bind(nil, kind, e); fault.Of(err).Reason != fault.InvalidFilter {
			t.Errorf("%s: %v; want an invalid filter", s, err)
		}
	}
	for _, s := range []string{`1abc eq 1`, `.a eq 1`, `a. eq 1`, `a..b eq 1`, `-a pr`, `emails[type eq "x"]. eq 1`, `emails[type eq "x"].1 eq 1`} {
		if e, err := filter.Parse(nil, s); fault.Of(err).Reason != fault.InvalidFilter {
			t.Errorf("%s reads as %v, %v", s, e, err)
		}
	}
}

// Values are compared by their type, and texts with case where the schema says
// so (RFC 7643 section 2.2, RFC 7644 section 3.4.2.2).
func TestMatch_types(t *testing.T) {
	t.Parallel()
	kind := acme(t)
	block := map[string]any{
		"badge": json.Number("9007199254740993"), "rate": json.Number("1.50"), "since": "2026-01-31T24:00:00-01:00", "key": "QUJD",
		"tags": []any{"Red", "blue"}, "codes": []any{"Red"}, "counts": []any{json.Number("1"), json.Number("20")},
	}
	r := map[string]any{"userName": "jane", "externalId": "Jane", "urn:acme:scim:1.0:User": block}
	const p = "urn:acme:scim:1.0:User:"
	for s, want := range map[string]bool{
		p + `badge eq 9007199254740993`: true, p + `badge eq 9007199254740992`: false, p + `badge gt 9007199254740992`: true, p + `badge eq "9007199254740993"`: true, p + `badge lt 9.1e15`: true,
		p + `rate eq 1.5`: true, p + `rate ge 1.5000000000000001`: false, p + `rate lt 1e999`: true, p + `rate co 5`: false,
		p + `since eq "2026-02-01T01:00:00Z"`: true, p + `since lt "2026-02-01T01:00:00.001Z"`: true, p + `since gt "2026-02-01T01:00:00"`: false, p + `since sw "2026-01"`: true,
		p + `key eq "QUJD"`: true, p + `key eq "qujd"`: false,
		p + `tags eq "RED"`: true, p + `tags[value eq "BLUE"]`: true, p + `tags ne "red"`: true, p + `codes eq "red"`: false, p + `codes[value eq "Red"]`: true,
		p + `counts gt 10`: true, p + `counts[value gt 1 and value lt 20]`: false, p + `counts[value ge 20]`: true,
		`externalId eq "jane"`: false, `userName eq "JANE"`: true,
	} {
		e, err := filter.Parse(nil, s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if e, err = filter.Bind(nil, kind, e); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if got := filter.Match(kind, e, r); got != want {
			t.Errorf("%s is %v, want %v", s, got, want)
		}
	}
}

package filter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
)

func eq(path string, v any) filter.Expr {
	return filter.Compare{Path: path, Op: filter.Equal, Value: v}
}

func TestParse(t *testing.T) {
	t.Parallel()
	a, b, c := eq("a", json.Number("1")), eq("b", json.Number("2")), eq("c", json.Number("3"))
	tests := []struct {
		in   string
		want filter.Expr
	}{
		{`userName eq "bjensen"`, eq("userName", "bjensen")},
		{`userName Eq "bjensen"`, eq("userName", "bjensen")},
		{`  userName   EQ   bjensen  `, eq("userName", "bjensen")},
		{`externalId eq 701984`, eq("externalId", json.Number("701984"))},
		{`externalId eq 7a-b.c@d`, eq("externalId", "7a-b.c@d")},
		{`active eq TRUE`, eq("active", true)},
		{`active eq "True"`, eq("active", "True")},
		{`title eq null`, eq("title", nil)},
		{`title eq "a \"b\" \\ \u00e9 ) ]"`, eq("title", `a "b" \ é ) ]`)},
		{`title pr`, filter.Compare{Path: "title", Op: filter.Present}},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "1"`, eq("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "1")},
		{`a eq 1 or b eq 2 and c eq 3`, filter.Or{Left: a, Right: filter.And{Left: b, Right: c}}},
		{`(a eq 1 or b eq 2) and c eq 3`, filter.And{Left: filter.Or{Left: a, Right: b}, Right: c}},
		{`a eq 1 AND b eq 2 And c eq 3`, filter.And{Left: filter.And{Left: a, Right: b}, Right: c}},
		{`not (a eq 1) and b eq 2`, filter.And{Left: filter.Not{Of: a}, Right: b}},
		{`NOT(a eq 1 or b eq 2)`, filter.Not{Of: filter.Or{Left: a, Right: b}}},
		{`not eq 1`, eq("not", json.Number("1"))},
		{`emails[type eq "work" and value co "@acme"]`, filter.Within{Path: "emails", Of: filter.And{Left: eq("type", "work"), Right: filter.Compare{Path: "value", Op: filter.Contains, Value: "@acme"}}}},
		{`emails[type eq "work"].value eq "x"`, filter.Within{Path: "emails", Of: filter.And{Left: eq("type", "work"), Right: eq("value", "x")}}},
		{`emails[type eq work] or a eq 1`, filter.Or{Left: filter.Within{Path: "emails", Of: eq("type", "work")}, Right: a}},
		{`meta.lastModified gt "2011-05-13T04:42:34Z"`, filter.Compare{Path: "meta.lastModified", Op: filter.Greater, Value: "2011-05-13T04:42:34Z"}},
		{`members.$ref pr`, filter.Compare{Path: "members.$ref", Op: filter.Present}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			got, err := filter.Parse(nil, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			roundTrip(t, got)
		})
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, ` `, `userName`, `userName eq`, `userName is "x"`, `eq "x"`, `userName eq "x`, `userName eq "\q"`, `userName eq "x" and`, `and`, `(userName pr`, `userName pr)`,
		`emails[type eq "x"`, `emails[]`, `emails[type eq "x"].`, `emails[type eq "x"].value`, `not userName pr`, `userName eq "x" "y"`, "userName eq \xC6", `userName pr title pr`, `userName eq )`, `"a" eq "b"`,
		strings.Repeat("(", 40) + "a pr" + strings.Repeat(")", 40), `a eq "` + strings.Repeat("x", filter.MaxLength) + `"`,
	} {
		e, err := filter.Parse(nil, in)
		if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != fault.InvalidFilter {
			t.Errorf("Parse(%.40q) = %v, %v; want an invalid filter", in, e, err)
		}
	}
}

func TestParse_longChain(t *testing.T) {
	t.Parallel()
	e, err := filter.Parse(nil, strings.TrimSuffix(strings.Repeat("a pr and b eq 1 or ", 200), " or "))
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, e)
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// roundTrip says that a printed filter reads as the same one.
func roundTrip(t fataler, e filter.Expr) {
	t.Helper()
	text := e.String()
	got, err := filter.Parse(nil, text)
	if err != nil {
		if len(text) > filter.MaxLength { // escapes can make it longer than it was
			return
		}
		t.Fatalf("%q does not parse: %v", text, err)
	}
	if diff := cmp.Diff(e, got); diff != "" {
		t.Fatalf("%q (-want +got):\n%s", text, diff)
	}
}

func exprs() *rapid.Generator[filter.Expr] {
	path := rapid.SampledFrom([]string{"userName", "a", "not", "emails.value", "meta.created", "urn:x:y:1.0:z:a.b", "$ref"})
	value := rapid.OneOf(rapid.Map(rapid.String(), func(s string) any { return s }), rapid.SampledFrom([]any{true, false, nil, json.Number("-1.5e3"), `"\`, "</>&\u2028"}))
	op := rapid.SampledFrom([]filter.Op{
		filter.Equal, filter.NotEqual, filter.Contains, filter.StartsWith, filter.EndsWith, filter.Greater, filter.GreaterOrEqual, filter.Less, filter.LessOrEqual, filter.Present,
	})
	leaf := rapid.Custom(func(t *rapid.T) filter.Expr {
		c := filter.Compare{Path: path.Draw(t, "path"), Op: op.Draw(t, "op")}
		if c.Op != filter.Present {
			c.Value = value.Draw(t, "value")
		}
		return c
	})
	var tree func(depth int) *rapid.Generator[filter.Expr]
	tree = func(depth int) *rapid.Generator[filter.Expr] {
		if depth == 0 {
			return leaf
		}
		below := tree(depth - 1)
		return rapid.Custom(func(t *rapid.T) filter.Expr {
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				return filter.And{Left: below.Draw(t, "left"), Right: below.Draw(t, "right")}
			case 1:
				return filter.Or{Left: below.Draw(t, "left"), Right: below.Draw(t, "right")}
			case 2:
				return filter.Not{Of: below.Draw(t, "of")}
			case 3:
				return filter.Within{Path: path.Draw(t, "path"), Of: below.Draw(t, "of")}
			default:
				return leaf.Draw(t, "leaf")
			}
		})
	}
	return tree(4)
}

func TestParse_printsAndReadsBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) { roundTrip(rt, exprs().Draw(rt, "filter")) })
}

func TestConjunction(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want []filter.Equality
		ok   bool
	}{
		{`USERNAME eq "x"`, []filter.Equality{{Path: "userName", Value: "x"}}, true},
		{`emails[type eq "work"].value eq "x"`, []filter.Equality{{Path: "emails.type", Value: "work"}, {Path: "emails.value", Value: "x"}}, true},
		{`emails eq "x"`, []filter.Equality{{Path: "emails.value", Value: "x"}}, true},
		{`id eq "g" and members eq "u"`, []filter.Equality{{Path: "id", Value: "g"}, {Path: "members.value", Value: "u"}}, true},
		{`externalId eq 7 and active eq "True"`, []filter.Equality{{Path: "externalId", Value: "7"}, {Path: "active", Value: true}}, true},
		{`urn:ietf:params:scim:schemas:core:2.0:user:username eq "x"`, []filter.Equality{{Path: "userName", Value: "x"}}, true},
		{`manager eq "m"`, []filter.Equality{{Path: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", Value: "m"}}, true},
		{`userName eq "x" or id eq "y"`, nil, false},
		{`not (userName eq "x")`, nil, false},
		{`userName sw "x"`, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			got, ok := filter.Conjunction(bound(t, kindOf(tt.in), tt.in))
			if ok != tt.ok {
				t.Fatalf("ok is %v, want %v", ok, tt.ok)
			}
			if !ok {
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

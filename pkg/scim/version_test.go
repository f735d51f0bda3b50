package scim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

func TestParseCondition(t *testing.T) {
	t.Parallel()
	tags := func(list ...string) scim.Condition { return scim.Condition{Tags: list} }
	for in, want := range map[string]scim.Condition{
		"":                 {},
		" \t":              {},
		"*":                {Any: true},
		" * ":              {Any: true},
		`W/"3"`:            tags("3"),
		`"3"`:              tags("3"),
		`w/"3"`:            tags("3"),
		`W/"3-k"`:          tags("3-k"),
		`W/"1", "2",W/"3"`: tags("1", "2", "3"),
		`"a,b" , "c"`:      tags("a,b", "c"),
		"\"\xe4\"":         tags("\xe4"),
		`""`:               tags(""),
		`"1",,"2",`:        tags("1", "2"),
	} {
		var rd lenience.Reading
		got, err := scim.ParseCondition(&rd, "If-Match", in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" || len(rd.Deviations()) > 0 {
			t.Errorf("%s: %v, tolerated %v (-want +got):\n%s", in, err, rd.Deviations(), diff)
		}
	}
	for in, want := range map[string]scim.Condition{
		"3": tags("3"), "W/3": tags("3"), `3, "4"`: tags("3", "4"), `"*", *`: tags("*", "*"), "a330bc54f0671c9": tags("a330bc54f0671c9"),
	} {
		var rd lenience.Reading
		got, err := scim.ParseCondition(&rd, "If-Match", in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", in, err, diff)
		}
		if d := rd.Deviations(); len(d) != 1 || d[0].Cause != lenience.UnquotedVersion {
			t.Errorf("%s: tolerated %v", in, d)
		}
		if _, err := scim.ParseCondition(&lenience.Reading{Strict: true}, "If-Match", in); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: a strict directory answers %v", in, err)
		}
	}
	for _, in := range []string{`"`, `W/"3`, `W/`, `"1" "2"`, `"1"2`, "\"a\x00b\"", `"a b"`, `3"`, "\"\x7f\""} {
		_, err := scim.ParseCondition(nil, "If-Match", in)
		if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != fault.InvalidSyntax || !strings.Contains(f.Detail, "If-Match") {
			t.Errorf("%q: %v", in, err)
		}
	}
	many := strings.Repeat(`"1",`, scim.MaxTags)
	if c, err := scim.ParseCondition(nil, "If-Match", many); err != nil || len(c.Tags) != scim.MaxTags {
		t.Errorf("as many as allowed: %v", err)
	}
	if _, err := scim.ParseCondition(nil, "If-Match", many+`"1"`); fault.Of(err).Reason != fault.InvalidValue {
		t.Errorf("more than allowed: %v", err)
	}
}

// A version that is sent back, in any form, means the version; another does not.
func TestCondition_laws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		revision := rapid.Uint64Range(1, 1<<63).Draw(t, "revision")
		variant := rapid.SampledFrom([]string{"", "0", "12", "k3f"}).Draw(t, "variant")
		v := scim.Version(revision, variant)
		sent := rapid.SampledFrom([]string{v, v[2:], v[3 : len(v)-1], `"x", ` + v, v + `,W/"0"`}).Draw(t, "sent")
		c, err := scim.ParseCondition(nil, "If-Match", sent)
		if err != nil || !c.Given() || !c.Matches(v) {
			t.Fatalf("%s does not mean %s: %+v, %v", sent, v, c, err)
		}
		found := false
		for _, r := range c.Revisions() {
			found = found || r == revision
			if r != 0 && r != revision {
				t.Fatalf("%s stands for revision %d", sent, r)
			}
		}
		if !found {
			t.Fatalf("%s stands for %v", sent, c.Revisions())
		}
		for _, other := range []string{scim.Version(revision+1, variant), scim.Version(revision, variant+"1")} {
			if c.Matches(other) {
				t.Fatalf("%s means %s as well", sent, other)
			}
		}
	})
}

// Whatever a header holds: it is refused or read, and what is read is bounded.
func TestParseCondition_anything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`((W/)?"[0-9a-z-]{0,4}"?[, *]{0,2}){0,6}`)).Draw(t, "header")
		c, err := scim.ParseCondition(nil, "If-Match", s)
		if err == nil && (len(c.Tags) > scim.MaxTags || len(c.Revisions()) != len(c.Tags)) {
			t.Fatalf("%q is read as %+v", s, c)
		}
	})
}

func TestVariant(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for i, refs := range [][]scim.Ref{
		nil, {{ID: "1"}}, {{ID: "2"}}, {{ID: "1", Display: "2"}}, {{ID: "1", Display: "2", Indirect: true}}, {{ID: "1"}, {ID: "2"}}, {{ID: "2"}, {ID: "1"}}, {{ID: "12"}},
	} {
		v := scim.Variant(refs)
		if other, again := seen[v]; again {
			t.Errorf("%d and %d have the same variant %q", i, other, v)
		}
		seen[v] = i
		if (v == "") != (refs == nil) {
			t.Errorf("%d has variant %q", i, v)
		}
	}
}

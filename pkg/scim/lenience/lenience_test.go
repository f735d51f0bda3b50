package lenience_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

func TestReading_nil(t *testing.T) {
	t.Parallel()
	var r *lenience.Reading
	if err := r.Tolerate(lenience.StringBoolean, "active"); err != nil {
		t.Errorf("a nil Reading refuses: %v", err)
	}
	r.Merge([]lenience.Deviation{{Cause: lenience.StringBoolean}})
	if got := r.Deviations(); len(got) != 0 || r.IsStrict() {
		t.Errorf("a nil Reading remembers %v, strict %v", got, r.IsStrict())
	}
}

func TestReading_remembersOnce(t *testing.T) {
	t.Parallel()
	r := &lenience.Reading{}
	for range 3 {
		for _, path := range []string{"active", "emails.primary"} {
			if err := r.Tolerate(lenience.StringBoolean, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.Merge([]lenience.Deviation{{lenience.StringBoolean, "active"}, {lenience.MissingSchemas, ""}})
	want := []lenience.Deviation{{lenience.StringBoolean, "active"}, {lenience.StringBoolean, "emails.primary"}, {lenience.MissingSchemas, ""}}
	if diff := cmp.Diff(want, r.Deviations()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReading_isBounded(t *testing.T) {
	t.Parallel()
	r := &lenience.Reading{}
	for i := range 10 * lenience.MaxDeviations {
		if err := r.Tolerate(lenience.UnknownAttribute, fmt.Sprint(i, strings.Repeat("é", lenience.MaxPath))); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.Deviations()); n != lenience.MaxDeviations {
		t.Errorf("%d deviations are remembered, want %d", n, lenience.MaxDeviations)
	}
	for _, d := range r.Deviations() {
		if len(d.Path) > lenience.MaxPath+len("\uFFFD") || !utf8.ValidString(d.Path) {
			t.Errorf("the path %q has %d bytes", d.Path, len(d.Path))
		}
	}
}

func TestReading_strict(t *testing.T) {
	t.Parallel()
	tests := map[lenience.Cause]fault.Reason{
		lenience.StringBoolean: fault.InvalidValue, lenience.MissingSchemas: fault.InvalidSyntax, lenience.UnknownPath: fault.InvalidPath,
		lenience.UnquotedLiteral: fault.InvalidFilter, lenience.CreatedByFilter: fault.NoTarget, lenience.ReadOnlyEcho: fault.Mutability,
		"one_that_nobody_knows": fault.InvalidValue,
	}
	for cause, want := range tests {
		r := &lenience.Reading{Strict: true}
		f := fault.Of(r.Tolerate(cause, "x"))
		if f.Kind != fault.Invalid || f.Reason != want || !strings.HasPrefix(f.Detail, "x ") {
			t.Errorf("%s is refused by %v, %v: %s; want the reason %s", cause, f.Kind, f.Reason, f.Detail, want)
		}
		if f.Name != string(cause) || f.Subject != "x" {
			t.Errorf("%s is refused as %q for %q", cause, f.Name, f.Subject)
		}
		if got := r.Deviations(); len(got) != 0 {
			t.Errorf("what is refused is remembered as tolerated: %v", got)
		}
	}
}

// Every cause is in the documentation, with the reason that a strict directory
// refuses it for.
func TestCauses_documented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../deployments/docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") && len(cells) == 4 {
			rows[strings.Trim(cells[0], "| `")] = strings.Trim(cells[3], "| `\n")
		}
	}
	for _, c := range lenience.Causes() {
		refusal := fault.Of((&lenience.Reading{Strict: true}).Tolerate(c, "x"))
		if got := rows[string(c)]; got != string(refusal.Reason) {
			t.Errorf("%s is documented as %q, and refused as %q", c, got, refusal.Reason)
		}
		if m := c.Meaning(); m == "" || strings.HasSuffix(m, ".") {
			t.Errorf("%s means %q, which is no part of a sentence", c, m)
		}
		delete(rows, string(c))
	}
	if len(rows) > 0 {
		t.Errorf("no causes any more: %v", rows)
	}
}

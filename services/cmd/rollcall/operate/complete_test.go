package operate

import (
	"testing"

	"github.com/alecthomas/kong"
)

// Every tag of a field names something that can be listed.
func TestNameable(t *testing.T) {
	t.Parallel()
	var c Commands
	k, err := kong.New(&c, kong.Vars{"moment": Moments}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, leaf := range k.Model.Leaves(false) {
		for _, v := range leaf.Values() {
			of := v.Tag.Get("of")
			if used[of] = true; of != "" && nameable[of] == nil {
				t.Errorf("%s: %s is of %q, which nobody lists", leaf.Path(), v.Name, of)
			}
		}
	}
	for of := range nameable {
		if !used[of] {
			t.Errorf("%q is listed, and nothing is of it", of)
		}
	}
}

func TestExpected(t *testing.T) {
	t.Parallel()
	var c Commands
	k, err := kong.New(&c, kong.Vars{"moment": Moments}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		words   []string
		of, org string
	}{
		"nothing":               {},
		"a command":             {words: []string{"org", ""}},
		"an argument":           {words: []string{"org", "get", "ac"}, of: "org"},
		"behind another":        {words: []string{"directory", "get", "acme", ""}, of: "directory", org: "acme"},
		"behind a switch":       {words: []string{"directory", "get", "--json", "acme", ""}, of: "directory", org: "acme"},
		"behind a flag's value": {words: []string{"directory", "users", "--limit", "3", "acme", ""}, of: "directory", org: "acme"},
		"with its value":        {words: []string{"directory", "users", "--limit=3", "acme", ""}, of: "directory", org: "acme"},
		"a flag":                {words: []string{"directory", "users", "--li"}},
		"a flag's value":        {words: []string{"role", "list", "--org", "a"}, of: "org"},
		"one of several":        {words: []string{"user", "role", "add", "acme", "usr_1", "editor", "vi"}, of: "role", org: "acme"},
		"one too many":          {words: []string{"org", "get", "acme", ""}, org: "acme"},
		"no such command":       {words: []string{"nonsense", ""}},
	} {
		value, given := expected(k.Model.Node, test.words)
		of := ""
		if value != nil {
			of = value.Tag.Get("of")
		}
		if of != test.of || given["org"] != test.org {
			t.Errorf("%s: of %q in %q, want %q in %q", name, of, given["org"], test.of, test.org)
		}
	}
}

// A shell expands the words that it chooses from.
func TestCompletable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"org_100000000000000001": true, "acme": true, "acme-1.example": true, "mara@acme.example": true,
		"": false, "$(id)": false, "`id`": false, "a b": false, "-rf": false, "~root": false, "a;b": false, "a'b": false, "a\nb": false, "*": false,
	} {
		if got := completable.MatchString(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

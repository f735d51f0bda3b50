package provider_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
)

var update = flag.Bool("update", false, "write the pages")

// pages is where people read the profiles.
const pages = "../../../deployments/docs/providers"

// TestPages holds the pages to the profiles. `go test -update` writes them.
func TestPages(t *testing.T) {
	t.Parallel()
	want := map[string]string{"README.md": index()}
	for _, p := range provider.All() {
		want[string(p.ID)+".md"] = page(p)
	}
	for name, text := range want {
		path := filepath.Join(pages, name)
		if *update {
			if err := os.MkdirAll(pages, 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text {
			t.Errorf("%s does not say what the profile does; run go test ./pkg/scim/provider -update", path)
		}
	}
	files, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(want) {
		t.Errorf("%d pages for %d profiles and the index", len(files), len(want)-1)
	}
}

const generated = "<!-- Made of pkg/scim/provider by its tests. Change the profile there and run: go test ./pkg/scim/provider -update -->\n"

func index() string {
	var b strings.Builder
	b.WriteString(generated + "\n# Identity providers\n\n" +
		"How to connect each, what it sends, and what Rollcall makes of it. Choose the provider when you create the directory\n" +
		"(`directory_provider`); it decides what answers look like, never what is understood: every directory understands what\n" +
		"all of these send. What was tolerated or refused is in the directory's [sync log](../sync-log.md).\n\n" +
		"| provider | `directory_provider` | known from |\n| --- | --- | --- |\n")
	for _, p := range provider.All() {
		d := "`" + p.Directory + "`"
		if p.Directory == "" {
			d = "unset"
		}
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", p.Name, p.ID, d, p.Evidence)
	}
	return b.String()
}

func page(p *provider.Profile) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	here := strings.NewReplacer("{url}", "https://sync.example.com/directories/dir_…/scim/v2", "`{secret}`", "the secret", "{secret}", "the secret").Replace
	list := func(title string, items []string) {
		say("\n## %s\n\n", title)
		for _, s := range items {
			say("- %s\n", s)
		}
	}
	say("%s\n# %s\n\n%s\n\nWhat this page says is known from %s.\n", generated, p.Name, p.Summary, p.Evidence)
	for _, o := range provider.All() {
		if o != p && o.Directory == p.Directory && p.Directory != "" {
			say("It shares its `directory_provider` with [%s](%s.md); the two are told apart by each request.\n", o.Name, o.ID)
		}
	}
	say("\n## Set-up\n\nCreate the directory%s and a secret for it first; both are shown by the API (`CreateDirectory`, `CreateDirectorySecret`), the\n"+
		"URL as `directory_endpoint`. The secret is shown once.\n\n", chosen(p))
	for i, s := range p.Setup {
		say("%d. %s\n", i+1, here(s))
	}
	say("\nIts connection test: %s\n", p.Test)
	say("\n## Attributes\n\nWhat it sends unless an admin changes the mapping:\n\n| %s | SCIM |\n| --- | --- |\n", p.Name)
	for _, m := range p.Mappings {
		say("| %s | `%s` |\n", m.From, strings.ReplaceAll(m.To, "|", `\|`))
	}
	say("\n## How it works\n\n| | |\n| --- | --- |\n| users | %s |\n| groups | %s |\n| members | %s |\n| people who leave | %s |\n| errors | %s |\n", p.Users, p.Groups, p.Members, p.Leavers, p.Retries)
	rate := "its vendor names none; the default of 200 a second and directory is plenty"
	if p.Rate > 0 {
		rate = fmt.Sprintf("allow it at least %d requests a second (`--scim-rate-limit`; the default is 200 for each directory)", p.Rate)
	}
	say("| rate | %s |\n", rate)
	quoted := make([]string, len(p.Matching))
	for i, m := range p.Matching {
		quoted[i] = "`" + m + "`"
	}
	list("How it finds what is there", quoted)
	say("\n## Answers\n\nA PATCH of a user is answered %s, of a group %s. Pages have %d resources unless it asks for another number.\n",
		p.Answers.UserPatch, p.Answers.GroupPatch, p.Answers.PageSize)
	if p.Answers.ReadsMembers {
		say("It may read the members of a group back, so a group shows them unless it excludes them.\n")
	} else {
		say("It does not read the members of a group back.\n")
	}
	say("\n## What is tolerated\n\n")
	if len(p.Deviations) == 0 {
		say("No deviation from the RFCs is known of it.")
	} else {
		say("These deviations are known of it and marked as expected in the sync log:\n\n| cause | when | strict directories answer that it |\n| --- | --- | --- |\n")
		for _, d := range p.Deviations {
			say("| `%s` | %s | %s |\n", d.Cause, d.When, d.Cause.Meaning())
		}
		say("\nA directory whose conformance is set to STRICT refuses them, and does not work with this provider if any of them occurs.")
	}
	say("\nEvery other deviation is understood as well, and shows as unexpected.\n")
	list("Limits", p.Limits)
	return b.String()
}

func chosen(p *provider.Profile) string {
	if p.Directory == "" {
		return " without a `directory_provider`"
	}
	return " with `directory_provider` `" + p.Directory + "`"
}

// TestCauses: whatever a page or the sync log names has a meaning.
func TestCauses(t *testing.T) {
	t.Parallel()
	for _, c := range lenience.Causes() {
		if c.Meaning() == "" {
			t.Errorf("%s has no meaning", c)
		}
	}
}

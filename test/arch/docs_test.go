package arch_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
)

// Every relative link in a Markdown file leads to a file that exists and, with
// a fragment, to a heading in it.
func TestDocs_links(t *testing.T) {
	t.Parallel()
	pages := 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".md") {
			return nil
		}
		pages++
		for _, m := range link.FindAllStringSubmatch(prose(t, path), -1) {
			checkLink(t, path, m[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages == 0 {
		t.Error("no Markdown file found")
	}
}

// Whoever chooses what an endpoint gets finds every type of event in the page
// about webhooks.
func TestDocs_eventTypes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(top, "deployments", "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range public.Types() {
		if !strings.Contains(string(page), "`"+string(typ)+"`") {
			t.Errorf("webhooks.md does not name %s", typ)
		}
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Errorf("%s: link %q: %v", page, target, err)
		return
	}
	if u.IsAbs() {
		return // nothing here depends on a network
	}
	file := page
	if u.Path != "" {
		file = filepath.Join(filepath.Dir(page), filepath.FromSlash(u.Path))
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("%s: link %q leads nowhere", page, target)
		return
	}
	if u.Fragment == "" || !strings.HasSuffix(file, ".md") {
		return
	}
	for _, m := range heading.FindAllStringSubmatch(prose(t, file), -1) {
		if anchor(m[1]) == u.Fragment {
			return
		}
	}
	t.Errorf("%s: link %q: %s has no such heading", page, target, file)
}

// prose returns a page without its code blocks.
func prose(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(text), "")
}

// anchor is how a forge names a heading: lower case, punctuation dropped,
// spaces as hyphens.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(heading)) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			b.WriteRune(r)
		}
	}
	return b.String()
}

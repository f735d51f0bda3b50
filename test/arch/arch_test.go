package arch_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"

	"github.com/rollcallhq/rollcall/test/arch"
)

// top is the root of the workspace.
const top = "../.."

// shipped lists the modules whose packages are released.
var shipped = []string{"events", "pkg", "services"}

func load(t *testing.T, flags ...string) []arch.Package {
	t.Helper()
	args := flags
	for _, m := range shipped {
		args = append(args, "./"+m+"/...")
	}
	pkgs, err := arch.Load(t.Context(), top, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

func TestImports(t *testing.T) {
	t.Parallel()
	found, err := arch.Check(arch.Ours, load(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		t.Error(v)
	}
}

func TestRules_areWhole(t *testing.T) {
	t.Parallel()
	known := map[arch.Layer]bool{}
	for _, l := range arch.Ours.Layers {
		known[l.Layer] = true
		if l.Reason == "" {
			t.Errorf("layer %s gives no reason", l.Layer)
		}
	}
	for _, r := range arch.Ours.Rows {
		if r.Reason == "" || !known[r.Layer] {
			t.Errorf("row %v has no reason or an unknown layer %q", r.Packages, r.Layer)
		}
		if r.Layer == arch.Adapter && len(r.Outside) > 1 {
			t.Errorf("adapter %v wraps %v; an adapter wraps one family, so split it", r.Packages, r.Outside)
		}
	}
	for _, f := range arch.Ours.Families {
		if f.Reason == "" {
			t.Errorf("family %v gives no reason", f.Prefixes)
		}
	}
}

// What a binary links, through whatever path, is free of test libraries and
// under a licence that may be shipped.
func TestLinkedModules(t *testing.T) {
	t.Parallel()
	suites := suitePatterns()
	var roots []string
	for _, p := range load(t) {
		path := strings.TrimPrefix(p.ImportPath, arch.Root)
		if len(p.GoFiles) > 0 && !slices.Contains(suites, path) {
			roots = append(roots, p.ImportPath)
		}
	}
	linked, err := arch.Load(t.Context(), top, nil, append([]string{"-deps"}, roots...)...)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]arch.Module{}
	for _, p := range linked {
		if p.Module != nil && !p.Module.Main {
			modules[p.Module.Path] = *p.Module
		}
		if p.ImportPath == "testing" {
			t.Error("a shipped package or something that it imports links package testing")
		}
	}
	if len(modules) == 0 {
		t.Fatal("no outside module found; the listing must be wrong")
	}
	for _, m := range modules {
		for _, f := range arch.Ours.Families {
			if len(f.Only) == 0 && slices.Contains(f.Prefixes, m.Path) {
				t.Errorf("%s is linked: %s", m.Path, f.Reason)
			}
		}
		ids, err := arch.Licenses(m.Dir)
		if err != nil {
			t.Errorf("%s: %v", m.Path, err)
		}
		for _, id := range ids {
			if !slices.Contains(arch.Allowed, id) {
				t.Errorf("%s has licence %s; allowed are %v", m.Path, id, arch.Allowed)
			}
		}
	}
}

func suitePatterns() []string {
	var list []string
	for _, r := range arch.Ours.Rows {
		if r.Layer == arch.Suite {
			list = append(list, r.Packages...)
		}
	}
	return list
}

// Whoever requires a module of ours takes its whole module graph along, so the
// heavy test libraries must not be in a go.mod that ships, not even unused.
func TestModuleFiles(t *testing.T) {
	t.Parallel()
	heavy := []string{"github.com/testcontainers/", "github.com/chromedp/", "github.com/docker/", "github.com/moby/"}
	for _, m := range shipped {
		name := filepath.Join(top, m, "go.mod")
		mod := readModfile(t, name)
		for _, r := range mod.Require {
			if m == "events" {
				t.Errorf("%s requires %s; the vocabulary is standard library only", name, r.Mod.Path)
			}
			if slices.ContainsFunc(heavy, func(prefix string) bool { return strings.HasPrefix(r.Mod.Path, prefix) }) {
				t.Errorf("%s requires %s; that belongs in test/go.mod", name, r.Mod.Path)
			}
		}
	}
}

func readModfile(t *testing.T, name string) *modfile.File {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse(name, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

// The workspace is the four modules. The pinned tools stay out: their
// dependencies would otherwise choose ours.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	name := filepath.Join(top, "go.work")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	work, err := modfile.ParseWork(name, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range work.Use {
		got = append(got, u.Path)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"./events", "./pkg", "./services", "./test"}, got); diff != "" {
		t.Errorf("go.work uses (-want +got):\n%s", diff)
	}
}

func TestLicenses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		want             []string
		err              error
	}{
		{"ours", "LICENSE", "", []string{"Apache-2.0"}, nil},
		{"copyleft", "COPYING", "GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007", []string{"GPL"}, nil},
		{"its own", "LICENSE.md", "You may use this on Tuesdays.", []string{"unknown (LICENSE.md)"}, nil},
		{"none", "README.md", "MIT, more or less", nil, arch.ErrNoLicense},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := top
			if tt.text != "" {
				dir = t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, tt.file), []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := arch.Licenses(dir)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("licences (-want +got):\n%s", diff)
			}
		})
	}
}

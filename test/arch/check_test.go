package arch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/rollcallhq/rollcall/test/arch"
)

// Each archive in testdata is a small tree that breaks one rule of the real
// table, and the violations that the checker must find in it.
func TestCheck_finds(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(archives) == 0 {
		t.Fatal("testdata holds no archives")
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			tree, want := unpack(t, name)
			pkgs, err := arch.Load(t.Context(), tree, []string{"GOWORK=off", "GOPROXY=off", "GOFLAGS=-mod=readonly"}, "./...")
			if err != nil {
				t.Fatal(err)
			}
			found, err := arch.Check(arch.Ours, pkgs)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, v := range found {
				got.WriteString(v.String() + "\n")
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// unpack writes an archive into a module of its own and returns its directory
// and the archive's "want" file.
func unpack(t *testing.T, name string) (dir, want string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	files := append(archive.Files, txtar.File{
		Name: "go.mod",
		Data: []byte("module " + strings.TrimSuffix(arch.Root, "/") + "\n\ngo 1.26.0\n"),
	})
	for _, f := range files {
		if f.Name == "want" {
			want = string(f.Data)
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, want
}

// Package arch holds the borders of Rollcall as data and checks the source
// against them: which ring a package belongs to, what a ring may import, which
// outside library may be used where, which licences may be linked.
//
// rules.go is the table to edit when a package is added; every row says why it
// is there. check.go is the checker, a pure function from table and packages to
// violations, and testdata holds small trees that break each rule, so that a
// rule that stopped working is noticed.
//
// Run it with -count=1 (make arch does): the go command caches a test that
// passed although files in other modules changed since.
package arch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Root is the path that every module of the workspace begins with.
const Root = "github.com/rollcallhq/rollcall/"

// Package is what the checker needs to know of one package. The field names
// are those of the go command's JSON.
type Package struct {
	ImportPath string
	Dir        string
	Name       string
	Doc        string
	// GoFiles are the package's files without its tests.
	GoFiles []string
	// Imports are the direct imports of GoFiles.
	Imports  []string
	Standard bool
	Module   *Module
}

// Module is where a package comes from.
type Module struct {
	Path    string
	Version string
	Dir     string
	Main    bool
}

// Load lists the packages that match the patterns, as seen from dir. Files that
// do not compile are no error here: the borders can be checked all the same,
// and the compiler reports the rest better.
func Load(ctx context.Context, dir string, env []string, args ...string) ([]Package, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{
		"list", "-e", "-json=ImportPath,Dir,Name,Doc,GoFiles,Imports,Standard,Module",
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go list in %s: %w: %s", dir, err, stderr.Bytes())
	}
	var pkgs []Package
	for dec := json.NewDecoder(&stdout); ; {
		var p Package
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the answer of go list in %s: %w", dir, err)
		}
		pkgs = append(pkgs, p)
	}
}

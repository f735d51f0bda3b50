package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
)

// clockFuncs are the functions of package time that read the clock or wait for
// it. The rest of the package is arithmetic.
var clockFuncs = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTicker", "NewTimer", "Sleep", "Tick"}

// clockCalls lists where a package names one of clockFuncs, called or passed
// on. Importing time with a dot is reported too: it hides them.
func clockCalls(p Package) ([]string, error) {
	var calls []string
	for _, name := range p.GoFiles {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s of %s: %w", name, p.ImportPath, err)
		}
		local := importName(file, "time")
		if local == "." {
			calls = append(calls, name+" imports time with a dot")
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains(clockFuncs, sel.Sel.Name) {
				calls = append(calls, fmt.Sprintf("%s:%d uses time.%s", name, fset.Position(n.Pos()).Line, sel.Sel.Name))
			}
			return true
		})
	}
	return calls, nil
}

// importName returns the name under which a file knows an import whose last
// element is its package name, empty if the file does not import it.
func importName(file *ast.File, path string) string {
	for _, spec := range file.Imports {
		if got, err := strconv.Unquote(spec.Path.Value); err != nil || got != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path
	}
	return ""
}

package arch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Violation is one broken rule.
type Violation struct {
	Package string // below Root
	Rule    string // one word: ring, doc, import, service, family, testing, clock
	Detail  string
}

func (v Violation) String() string { return v.Package + ": " + v.Rule + ": " + v.Detail }

// Check applies the rules to the packages below Root and returns what breaks
// them, sorted. Packages outside Root are ignored.
func Check(rules Rules, pkgs []Package) ([]Violation, error) {
	c := checker{rules: rules, layers: map[Layer]LayerRule{}}
	for _, l := range rules.Layers {
		c.layers[l.Layer] = l
	}
	for _, p := range pkgs {
		path, ours := strings.CutPrefix(p.ImportPath, Root)
		if !ours || len(p.GoFiles) == 0 {
			continue
		}
		if err := c.check(path, p); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.found, func(a, b Violation) int { return cmp.Compare(a.String(), b.String()) })
	return c.found, nil
}

type checker struct {
	rules  Rules
	layers map[Layer]LayerRule
	found  []Violation
}

func (c *checker) report(path, rule, format string, args ...any) {
	c.found = append(c.found, Violation{path, rule, fmt.Sprintf(format, args...)})
}

func (c *checker) check(path string, p Package) error {
	if p.Doc == "" {
		c.report(path, "doc", "has no package comment; say what lives here and what must not")
	}
	rows := c.rows(path)
	if len(rows) != 1 {
		c.report(path, "ring", "is in %d rings, not in one; add a row to test/arch/rules.go", len(rows))
		return nil
	}
	row := rows[0]
	layer := c.layers[row.Layer]
	for _, imp := range p.Imports {
		switch below, ours := strings.CutPrefix(imp, Root); {
		case ours:
			c.own(path, row, layer, below)
		case !strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
			c.standard(path, layer, imp)
		default:
			c.outside(path, row, layer, imp)
		}
	}
	if !layer.Clock {
		calls, err := clockCalls(p)
		if err != nil {
			return err
		}
		for _, call := range calls {
			c.report(path, "clock", "%s; %s", call, layer.Reason)
		}
	}
	return nil
}

// own checks the import of a package of this project.
func (c *checker) own(path string, row *Row, layer LayerRule, imp string) {
	rows := c.rows(imp)
	if len(rows) != 1 {
		return // reported at that package
	}
	other := rows[0]
	if other != row && !slices.Contains(layer.May, other.Layer) && !match(imp, row.Also...) {
		c.report(path, "import", "%s is in ring %s, closed to ring %s; %s", imp, other.Layer, layer.Layer, layer.Reason)
		return
	}
	if layer.Layer == Service && other.Layer == Service && service(path) != service(imp) {
		c.report(path, "service", "%s belongs to another service; %s", imp, layer.Reason)
	}
}

func (c *checker) standard(path string, layer LayerRule, imp string) {
	if layer.Layer != Suite && match(imp, "testing/...", "net/http/httptest") {
		c.report(path, "testing", "imports %s outside a test or suite", imp)
		return
	}
	if match(imp, layer.Std...) {
		c.report(path, "import", "%s is closed to ring %s; %s", imp, layer.Layer, layer.Reason)
	}
}

func (c *checker) outside(path string, row *Row, layer LayerRule, imp string) {
	for _, f := range c.rules.Families {
		if under(imp, f.Prefixes) && layer.Layer != Suite && !match(path, f.Only...) {
			c.report(path, "family", "imports %s; %s", imp, f.Reason)
			return
		}
	}
	if !layer.Outside && !under(imp, row.Outside) {
		c.report(path, "import", "%s is not among this package's libraries; %s", imp, layer.Reason)
	}
}

// rows returns the rows that claim a package.
func (c *checker) rows(path string) []*Row {
	var rows []*Row
	for i := range c.rules.Rows {
		if r := &c.rules.Rows[i]; match(path, r.Packages...) {
			rows = append(rows, r)
		}
	}
	return rows
}

// service returns the name of the service that a package below services/
// belongs to.
func service(path string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "services/"), "/")
	return name
}

// match reports whether path is one of the patterns, or below one that ends in
// "/...".
func match(path string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		dir, deep := strings.CutSuffix(pattern, "/...")
		return path == dir || deep && strings.HasPrefix(path, dir+"/")
	})
}

// under reports whether an import path is one of the prefixes or below it.
func under(imp string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return imp == p || strings.HasPrefix(imp, p+"/")
	})
}

package search

import (
	"cmp"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const (
	// DefaultCount is how many resources a page has if the client does not say.
	DefaultCount = 100
	// MaxCount is how many resources a page has at most.
	MaxCount = 500
	// MaxSorted is the last position that index paging reaches in an order that
	// no index has. Cursors go on behind it.
	MaxSorted = 50_000
	// maxStart bounds what is computed with; no directory has as many rows.
	maxStart = 1 << 53
	// maxTerms is how many comparisons a filter may have.
	maxTerms = 500
)

// Parameters is what a client asks for: the query string of a GET or the body of
// a SearchRequest (RFC 7644 section 3.4.3).
type Parameters struct {
	Filter string
	// SortBy is an attribute, SortOrder "ascending" or "descending".
	SortBy, SortOrder string
	// StartIndex and Count are nil if the client does not say.
	StartIndex, Count *int
	// Cursor is nil for paging by index, empty for the first page by cursor.
	Cursor *string
}

// limits are where one way to answer gives way to another.
type limits struct {
	// set is how many rows are found through indexes at most, eight bytes each.
	// What would be more is a scan, which holds none.
	set int
	// few is how many rows are so few that no index is walked to find fewer.
	few int
	// sort is how many rows of a set are rather sorted than looked for in an index
	// that has the order.
	sort int
	// window is MaxSorted.
	window int
}

var defaults = limits{set: 1 << 20, few: 1000, sort: 8192, window: MaxSorted}

// Query is a checked query for resources of some kinds.
type Query struct {
	targets []target
	sorted  bool
	// descending turns the whole order around.
	descending bool
	page       page
	limits     limits
	// digest stands for everything but the page, so that a cursor fits one query.
	digest []byte
}

// target is what a query asks of one kind of resource.
type target struct {
	kind   *schema.Resource
	rows   directory.Table
	filter filter.Expr // nil for every row
	sort   attribute   // what to sort by; no path if the query is not sorted
}

// page is the part of the result that the client asks for.
type page struct {
	start  int // 1-based, by index
	count  int
	cursor *string
}

// Parse checks a query for resources of the kinds. Several kinds are searched as
// one list (RFC 7644 section 3.4.3): an attribute that one of them does not have
// has no value there.
//
// Errors: Invalid with the reason invalidFilter (syntax, bounds, an attribute
// that none of the kinds has), invalidValue (sorting), invalidCursor or
// invalidCount (paging by cursor).
func Parse(rd *lenience.Reading, p Parameters, kinds ...*schema.Resource) (*Query, error) {
	q := &Query{limits: defaults}
	for _, k := range kinds {
		t := target{kind: k, rows: directory.TableUser}
		if k.Name == schema.Group.Name {
			t.rows = directory.TableGroup
		}
		q.targets = append(q.targets, t)
	}
	if err := q.filter(rd, p.Filter); err != nil {
		return nil, err
	}
	if err := q.sort(p.SortBy, p.SortOrder); err != nil {
		return nil, err
	}
	if err := q.paging(p); err != nil {
		return nil, err
	}
	q.digest = q.fingerprint()
	return q, nil
}

func (q *Query) filter(rd *lenience.Reading, text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	e, err := filter.Parse(rd, text)
	if err != nil {
		return err
	}
	if n := terms(e); n > maxTerms {
		return fault.New(fault.Invalid, "The filter has %d comparisons; at most %d are allowed.", n, maxTerms).Because(fault.InvalidFilter)
	}
	// A name that nothing defines would choose nothing, and a provider that looks
	// for an account by it would make the account again (facts: Entra).
	if path := q.unknown(e, ""); path != "" {
		return fault.New(fault.Invalid, "The filter names %q, which is no attribute of %s.", clip(path), q.names()).Because(fault.InvalidFilter)
	}
	for i := range q.targets {
		if q.targets[i].filter, err = filter.Bind(rd, q.targets[i].kind, e); err != nil {
			return err
		}
	}
	return nil
}

// terms counts the comparisons of a filter.
func terms(e filter.Expr) int {
	switch e := e.(type) {
	case filter.And:
		return terms(e.Left) + terms(e.Right)
	case filter.Or:
		return terms(e.Left) + terms(e.Right)
	case filter.Not:
		return terms(e.Of)
	case filter.Within:
		return terms(e.Of)
	}
	return 1
}

// unknown returns a path of the filter that none of the kinds has, empty if there
// is none. within is the attribute whose elements the filter chooses from.
func (q *Query) unknown(e filter.Expr, within string) string {
	switch e := e.(type) {
	case filter.And:
		return cmp.Or(q.unknown(e.Left, within), q.unknown(e.Right, within))
	case filter.Or:
		return cmp.Or(q.unknown(e.Left, within), q.unknown(e.Right, within))
	case filter.Not:
		return q.unknown(e.Of, within)
	case filter.Within:
		if within != "" {
			return within + "[" + e.Path + "[…]]"
		}
		if !q.knows(e.Path) {
			return e.Path
		}
		return q.unknown(e.Of, e.Path)
	case filter.Compare:
		path := e.Path
		if within != "" {
			path = within + "." + e.Path
		}
		if !q.knows(path) {
			return path
		}
	}
	return ""
}

// knows reports whether one of the kinds has the attribute of a path.
func (q *Query) knows(path string) bool {
	for _, t := range q.targets {
		if _, ok := find(t.kind, path); ok {
			return true
		}
	}
	return false
}

// names lists the kinds for an error.
func (q *Query) names() string {
	var names []string
	for _, t := range q.targets {
		names = append(names, t.kind.Name)
	}
	return strings.Join(names, " or ")
}

func (q *Query) paging(p Parameters) error {
	q.page = page{start: 1, count: DefaultCount, cursor: p.Cursor}
	if p.Cursor != nil {
		if p.StartIndex != nil {
			return fault.New(fault.Invalid, "startIndex and cursor exclude each other; send one of them.").Because(fault.InvalidCursor)
		}
		if p.Count != nil && *p.Count < 1 {
			return fault.New(fault.Invalid, "count must be between 1 and %d when a cursor is sent.", MaxCount).Because(fault.InvalidCount)
		}
	}
	// RFC 7644 section 3.4.2.4: below 1 is 1, below 0 is 0.
	if p.StartIndex != nil {
		q.page.start = min(max(*p.StartIndex, 1), maxStart)
	}
	if p.Count != nil {
		q.page.count = min(max(*p.Count, 0), MaxCount)
	}
	return nil
}

// clip shortens what a client sent for an error.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

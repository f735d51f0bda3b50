package search

import (
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// PageBytes is about how large a page gets before it ends early: its attributes,
// and whatever the caller counts when it takes a hit.
const PageBytes = 32 << 20

// Source is what a query runs on.
type Source struct {
	View directory.View
	// Scope is the directory, and the secret that opened it, which signs cursors.
	Scope directory.Scope
	// Base is the directory's SCIM base URL, for filters that name addresses.
	Base string
	// Now is when the query arrived; cursors age by it.
	Now time.Time
	// Stop, if not nil, is asked now and then whether to go on. Its error ends
	// the query.
	Stop func() error
}

// Hit is one resource of a page.
type Hit struct {
	Kind *schema.Resource
	Row  directory.Row
}

// Result is what a page says about the whole.
type Result struct {
	// Total is how many resources the query chooses. Pages by cursor behind the
	// first one repeat what the first one counted, unless counting is free.
	Total int
	// Start is the 1-based position of the first resource, 0 on a page by cursor.
	Start int
	// Next and Previous are cursors, empty where there is no such page.
	Next, Previous string
}

// Run finds a page and calls yield for each of its hits in order. yield answers
// false to end the page in front of the hit: what does not fit is on the next
// page. The first hit is always taken.
//
// Errors: Invalid with the reason invalidCursor, expiredCursor or tooMany; what
// the view, yield or Stop say.
func (q *Query) Run(in Source, yield func(Hit) (bool, error)) (Result, error) {
	if in.Stop != nil {
		in.View = &stoppable{View: in.View, stop: in.Stop}
	}
	r := &runner{query: q, in: in, total: unknown}
	var err error
	if q.page.cursor != nil {
		if r.cursor, err = q.open(in, *q.page.cursor); err != nil {
			return Result{}, err
		}
		r.total = r.cursor.total
	}
	if err := r.prepare(); err != nil {
		return Result{}, err
	}
	r.collector = collector{skip: q.page.start - 1, take: q.page.count, whole: r.total == unknown, ahead: q.page.cursor != nil}
	if err := r.walk(); err != nil {
		return Result{}, err
	}
	if r.total == unknown {
		r.total = r.seen
	}
	taken, err := r.emit(yield)
	if err != nil {
		return Result{}, err
	}
	res := Result{Total: r.total}
	if q.page.cursor == nil {
		res.Start = q.page.start
		return res, nil
	}
	res.Next, res.Previous = r.cursors(taken)
	return res, nil
}

const unknown = -1

// runner is a Run under way.
type runner struct {
	query   *Query
	in      Source
	sources []*source
	// total is how many rows match, unknown until somebody has counted.
	total  int
	cursor cursor
	collector
}

// source is the rows of one kind.
type source struct {
	*target
	kind    uint8 // index among the query's targets
	plan    plan
	matcher *matcher
	reader  *reader
	// count is how many rows match, unknown if the plan does not say.
	count int
}

// prepare plans every kind, and counts what can be counted without a walk.
func (r *runner) prepare() error {
	total := 0
	for i := range r.query.targets {
		t := &r.query.targets[i]
		p := planner{view: r.in.View, dir: r.in.Scope.Directory, target: t, limits: r.query.limits}
		plan, err := p.plan()
		if err != nil {
			return err
		}
		rd := &reader{view: r.in.View, kind: t.kind, base: r.in.Base}
		s := &source{target: t, kind: uint8(i), plan: plan, reader: rd, count: unknown} //nolint:gosec // there are two
		s.matcher = newMatcher(r.in.View, r.in.Scope.Directory, t, rd)
		if t.sort.path != "" {
			rd.want(t.sort)
		}
		switch {
		case plan.all:
			if s.count, err = r.counted(t.rows); err != nil {
				return err
			}
		case plan.set != nil && plan.set.exact:
			s.count = len(plan.set.ids)
		}
		if s.count == unknown || total == unknown {
			total = unknown
		} else {
			total += s.count
		}
		r.sources = append(r.sources, s)
	}
	if total != unknown { // better than what a cursor carries
		r.total = total
	}
	return nil
}

// counted returns how many rows a directory keeps in a table.
func (r *runner) counted(rows directory.Table) (int, error) {
	c, ok, err := directory.Get[*directory.Counts](r.in.View, directory.Make(directory.TableCounts, r.in.Scope.Directory))
	if err != nil || !ok {
		return 0, err
	}
	if rows == directory.TableGroup {
		return int(c.Groups), nil //nolint:gosec // a count of rows
	}
	return int(c.Users), nil //nolint:gosec // a count of rows
}

// candidate is a row that matches.
type candidate struct {
	position
	row directory.Row  // nil if it was not read yet
	doc map[string]any // of the row, while it is looked at
}

// collector takes the page out of the rows that match, in order.
type collector struct {
	skip, take int
	// whole says that every match is counted. Otherwise collecting ends with the
	// page.
	whole bool
	// ahead says that it matters whether there is a row behind the page.
	ahead bool

	seen  int
	bytes int
	page  []candidate
	more  bool
}

// add takes one more match and reports whether others are of interest.
func (c *collector) add(m candidate) bool {
	c.seen++
	m.doc = nil
	switch {
	case c.seen <= c.skip:
		return true
	case len(c.page) < c.take && c.bytes < PageBytes:
		c.page = append(c.page, m)
		if h, ok := headOf(m.row); ok {
			c.bytes += len(h.attributes)
		}
		return c.whole || c.ahead || len(c.page) < c.take
	}
	c.more = true
	return c.whole
}

// idle reports whether no match is of interest at all.
func (c *collector) idle() bool { return c.take == 0 && !c.whole }

// emit hands the page over and returns what was taken of it, in order.
func (r *runner) emit(yield func(Hit) (bool, error)) ([]candidate, error) {
	if r.cursor.back {
		slices.Reverse(r.page)
	}
	var taken []candidate
	for _, m := range r.page {
		s := r.sources[m.kind]
		if m.row == nil {
			var err error
			if m.row, err = r.in.View.Get(key(s.rows, r.in.Scope.Directory, m.id)); err != nil {
				return nil, err
			}
			if m.row == nil {
				continue
			}
		}
		ok, err := yield(Hit{s.target.kind, m.row})
		if err != nil {
			return nil, err
		}
		if !ok && len(taken) > 0 {
			if !r.cursor.back {
				r.more = true
			}
			return taken, nil
		}
		taken = append(taken, m)
	}
	return taken, nil
}

// cursors returns the cursors to the pages behind and before what was taken.
func (r *runner) cursors(taken []candidate) (next, previous string) {
	seal := func(c cursor) string {
		c.issued, c.total = r.in.Now, r.total
		return r.query.seal(r.in, c)
	}
	if len(taken) == 0 {
		if r.cursor.back { // all that was there is gone; go on from the start
			next = seal(cursor{start: true})
		}
		return next, ""
	}
	first, last := taken[0].position, taken[len(taken)-1].position
	if r.cursor.back || r.more {
		next = seal(cursor{at: last})
	}
	if r.cursor.back && r.more || !r.cursor.back && !r.cursor.start {
		previous = seal(cursor{at: first, back: true})
	}
	return next, previous
}

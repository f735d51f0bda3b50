package search

import (
	"math"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
)

// access is a way to the rows that fulfil a part of a filter, without looking at
// all rows. A nil access is no way.
type access struct {
	// every says that the part is true of every row, none of no row.
	every, none bool
	// walks says that finding the rows means to walk over a whole index.
	walks bool
	// exact says that the part decides itself: the rows that are surely found, and
	// no others, fulfil it.
	exact bool
	// find yields the rows that may fulfil the part, in any order, some perhaps
	// twice.
	find func(yield func(id uint64, sure bool) bool) error
}

// cost counts the rows that the access finds, up to a limit.
func (a *access) cost(limit int) (n int, err error) {
	err = a.find(func(uint64, bool) bool {
		n++
		return n < limit
	})
	return n, err
}

// load finds the rows. ok is false if they are more than a set may hold.
func (a *access) load(most int) (s set, ok bool, err error) {
	s = set{exact: a.exact}
	err = a.find(func(id uint64, sure bool) bool {
		s.add(id)
		s.exact = s.exact && sure
		if len(s.ids) >= most {
			s.settle() // some may be there twice
		}
		return len(s.ids) < most
	})
	s.settle()
	return s, len(s.ids) < most, err
}

// planner finds a way to the rows of one kind.
type planner struct {
	view   directory.View
	dir    string
	target *target
	limits limits
	err    error
}

// plan is how the rows of one kind are found: all of them, those of a set, or by
// looking at each.
type plan struct {
	all  bool
	set  *set
	scan bool
}

// plan chooses a plan for the filter.
func (p *planner) plan() (plan, error) {
	if p.target.filter == nil {
		return plan{all: true}, nil
	}
	a := p.access(p.target.filter, attribute{})
	if p.err != nil {
		return plan{}, p.err
	}
	switch {
	case a == nil:
		return plan{scan: true}, nil
	case a.every:
		return plan{all: true}, nil
	case a.none:
		return plan{set: &set{exact: true}}, nil
	}
	s, ok, err := a.load(p.limits.set)
	if err != nil || !ok {
		return plan{scan: true}, err
	}
	return plan{set: &s}, nil
}

// access returns the way to the rows that fulfil an expression. within is the
// attribute in front of the brackets that it is in, if any.
func (p *planner) access(e filter.Expr, within attribute) *access {
	switch e := e.(type) {
	case filter.And:
		return p.cheapest(conjuncts(e, nil), within)
	case filter.Or:
		return p.either(p.access(e.Left, within), p.access(e.Right, within))
	case filter.Not:
		of := p.access(e.Of, within)
		if within.path == "" && of != nil && (of.every || of.none) {
			return &access{every: of.none, none: of.every}
		}
	case filter.Within:
		if a, ok := find(p.target.kind, e.Path); ok && within.path == "" {
			return p.access(e.Of, a)
		}
	case filter.Compare:
		path := e.Path
		if within.path != "" {
			path = within.path + "." + path
		}
		a, ok := find(p.target.kind, path)
		if !ok {
			return nil // another kind's: the filter says what that means
		}
		return p.leaf(e, a)
	}
	return nil
}

// conjuncts lists what is joined by and.
func conjuncts(e filter.Expr, list []filter.Expr) []filter.Expr {
	if and, ok := e.(filter.And); ok {
		return conjuncts(and.Right, conjuncts(and.Left, list))
	}
	return append(list, e)
}

// cheapest returns the way to the rows of the conjunct that has the fewest.
func (p *planner) cheapest(list []filter.Expr, within attribute) *access {
	var best *access
	least, every := 0, 0
	var ways []*access
	for _, e := range list {
		a := p.access(e, within)
		switch {
		case a == nil:
		case a.none:
			return a // nothing is both
		case a.every:
			every++
		default:
			ways = append(ways, a)
		}
	}
	if len(ways) == 1 {
		best = ways[0]
	} else if best, least = p.fewest(ways, false); least > p.limits.few {
		if a, n := p.fewest(ways, true); n < least {
			best = a
		}
	}
	switch {
	case best == nil && every == len(list):
		return &access{every: true}
	case best == nil:
		return nil
	case every == len(list)-1:
		return best // the others are true of every row
	}
	narrowed := *best
	narrowed.exact = false
	return &narrowed
}

// fewest returns which of the ways finds the fewest rows, and how many. It looks
// a little further into all of them until one ends, so that a common value does
// not cost what it would find.
func (p *planner) fewest(ways []*access, walks bool) (best *access, least int) {
	least = math.MaxInt
	for limit := 16; best == nil && p.err == nil && limit < 8*p.limits.set; limit *= 8 {
		for _, a := range ways {
			if a.walks != walks {
				continue
			}
			n, err := a.cost(min(limit, least))
			if err != nil {
				p.err = err
				return nil, least
			}
			if n < min(limit, least) {
				least, best = n, a
			}
		}
	}
	return best, least
}

// either returns the way to the rows of both, if there is one to each.
func (p *planner) either(a, b *access) *access {
	switch {
	case a == nil || b == nil:
		return nil
	case a.every || b.none:
		return a
	case b.every || a.none:
		return b
	}
	return &access{walks: a.walks || b.walks, exact: a.exact && b.exact, find: func(yield func(uint64, bool) bool) error {
		more := true
		if err := a.find(func(id uint64, sure bool) bool {
			more = yield(id, sure)
			return more
		}); err != nil || !more {
			return err
		}
		return b.find(yield)
	}}
}

package search

import (
	"slices"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// maxKeys is how many bytes of sort keys a query keeps at most.
const maxKeys = 64 << 20

// sorted finds the page in an order that no index has: it looks at every match
// and keeps those in front, as many as the page reaches.
func (r *runner) sorted() error {
	at, resumed := r.from()
	t := &top{sign: 1, limit: r.skip + r.take}
	if r.backward() {
		t.sign = -1
	}
	if r.ahead {
		t.limit++
	}
	found := 0
	for _, s := range r.sources {
		if _, err := r.ids(s, 0, false, func(m candidate) (bool, error) {
			if err := r.read(&m); err != nil {
				return false, err
			}
			if resumed && m.compare(at)*t.sign <= 0 {
				return true, nil
			}
			found++
			if window := r.query.limits.window; found > window && t.limit > window {
				return false, fault.New(fault.Invalid, "More than %d resources would have to be sorted to reach startIndex %d. "+
					"Narrow the filter, page by cursor, or sort by userName or displayName.", window, r.skip+1).Because(fault.TooMany)
			}
			t.add(m.position)
			if t.bytes > maxKeys {
				return false, fault.New(fault.Invalid, "The values to sort by are too long to sort them. "+
					"Narrow the filter, or ask for less with count.").Because(fault.TooMany)
			}
			return true, nil
		}); err != nil {
			return err
		}
	}
	for _, p := range t.done() {
		r.add(candidate{position: p})
	}
	r.seen = found
	return nil
}

// top keeps the first positions of many, up to a limit.
type top struct {
	sign  int // -1 turns the order around
	limit int
	kept  []position
	bytes int
	// full says that positions behind last are of no interest.
	full bool
	last position
}

func (t *top) order(a, b position) int { return a.compare(b) * t.sign }

// add keeps twice the limit before it sorts and drops the second half: each
// position then costs the same whatever the limit is.
func (t *top) add(p position) {
	if t.limit == 0 || t.full && t.order(p, t.last) > 0 {
		return
	}
	t.kept = append(t.kept, p)
	t.bytes += len(p.key)
	if len(t.kept) >= 2*t.limit+64 || t.bytes > maxKeys {
		t.prune()
	}
}

func (t *top) prune() {
	slices.SortFunc(t.kept, t.order)
	if t.limit == 0 || len(t.kept) < t.limit {
		return
	}
	clear(t.kept[t.limit:]) // lets the keys go
	t.kept = t.kept[:t.limit]
	t.full, t.last = true, t.kept[t.limit-1]
	t.bytes = 0
	for _, p := range t.kept {
		t.bytes += len(p.key)
	}
}

// done returns what was kept, in order.
func (t *top) done() []position {
	t.prune()
	return t.kept
}

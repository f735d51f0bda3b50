package directory

import (
	"strings"

	"github.com/tidwall/btree"
)

// Overlay is a View of changes in memory over another View. A removed row hides
// the one below. It is for one goroutine, except that a Snapshot may be read
// while the original goes on changing.
type Overlay struct {
	below View
	rows  *btree.Map[Key, Row]
	// sieve knows most of the keys that are not in rows, nil if these are few.
	// Snapshots share it: what the original adds later only makes it ask in vain.
	sieve *sieve
}

// Empty is a View without rows.
type Empty struct{}

// Get finds nothing.
func (Empty) Get(Key) (Row, error) { return nil, nil }

// Scan yields nothing.
func (Empty) Scan(Key, Key, func(Key, Row) bool) error { return nil }

// ScanBack yields nothing.
func (Empty) ScanBack(Key, Key, func(Key, Row) bool) error { return nil }

// fewRows is how many rows are found as fast without a sieve: those of an event.
const fewRows = 32

// NewOverlay starts without changes over below.
func NewOverlay(below View) *Overlay {
	return &Overlay{below: below, rows: btree.NewMap[Key, Row](0)}
}

// Over returns the same changes over another View.
func (o *Overlay) Over(below View) *Overlay {
	return &Overlay{below: below, rows: o.rows, sieve: o.sieve}
}

// Snapshot returns an independent copy over another View. It costs the same
// whatever the size.
func (o *Overlay) Snapshot(below View) *Overlay {
	return &Overlay{below: below, rows: o.rows.Copy(), sieve: o.sieve}
}

// Len returns how many keys were changed.
func (o *Overlay) Len() int { return o.rows.Len() }

// Changed reports whether a key of the table was changed.
func (o *Overlay) Changed(t Table) bool {
	it := o.rows.Iter()
	return it.Seek(Make(t)) && it.Key().Table() == t
}

// Apply records changes in order.
func (o *Overlay) Apply(changes []Change) {
	for _, c := range changes {
		o.Set(c.Key, c.Row)
	}
}

// Set records one change.
func (o *Overlay) Set(k Key, r Row) {
	o.rows.Set(k, r)
	switch n := o.rows.Len(); {
	case n <= fewRows:
		return
	case o.sieve == nil, o.sieve.full(n):
		// Snapshots keep the one that they have; it holds all that they hold.
		o.sieve = newSieve(n)
		o.rows.Scan(func(k Key, _ Row) bool {
			o.sieve.add(k)
			return true
		})
	default:
		o.sieve.add(k)
	}
}

// Changes yields the recorded changes in key order.
func (o *Overlay) Changes(yield func(Key, Row) bool) { o.rows.Scan(yield) }

// Get implements View.
func (o *Overlay) Get(k Key) (Row, error) {
	if o.sieve == nil || o.sieve.may(k) {
		if r, ok := o.rows.Get(k); ok {
			return r, nil
		}
	}
	return o.below.Get(k)
}

// Scan implements View: it merges both layers in key order.
func (o *Overlay) Scan(prefix, after Key, yield func(Key, Row) bool) error {
	it := o.rows.Iter()
	ok := it.Seek(max(prefix, after))
	if ok && it.Key() == after {
		ok = it.Next()
	}
	m := merge{it: &it, ok: ok, step: it.Next, prefix: prefix, yield: yield}
	return m.run(o.below.Scan, after)
}

// ScanBack implements View: it merges both layers against the key order.
func (o *Overlay) ScanBack(prefix, before Key, yield func(Key, Row) bool) error {
	it := o.rows.Iter()
	bound := prefix.End()
	if before != "" && (bound == "" || before < bound) {
		bound = before
	}
	ok := false
	if bound != "" && it.Seek(bound) {
		ok = it.Prev()
	} else {
		ok = it.Last()
	}
	m := merge{it: &it, ok: ok, step: it.Prev, back: true, prefix: prefix, yield: yield}
	return m.run(o.below.ScanBack, before)
}

// merge yields an overlay's own rows and those below it in one order.
type merge struct {
	it     *btree.MapIter[Key, Row]
	ok     bool // it has a key
	step   func() bool
	back   bool
	prefix Key
	yield  func(Key, Row) bool

	stopped bool
}

func (m *merge) inside() bool { return m.ok && strings.HasPrefix(string(m.it.Key()), string(m.prefix)) }

// own yields the overlay's rows that come before limit (all if limit is empty).
func (m *merge) own(limit Key) bool {
	for m.inside() && (limit == "" || m.it.Key() != limit && (m.it.Key() > limit) == m.back) {
		if m.it.Value() != nil && !m.yield(m.it.Key(), m.it.Value()) {
			m.stopped = true
			return false
		}
		m.ok = m.step()
	}
	return true
}

func (m *merge) run(below func(prefix, from Key, yield func(Key, Row) bool) error, from Key) error {
	err := below(m.prefix, from, func(k Key, r Row) bool {
		if !m.own(k) {
			return false
		}
		if m.inside() && m.it.Key() == k {
			r = m.it.Value()
			m.ok = m.step()
		}
		if r == nil {
			return true
		}
		if !m.yield(k, r) {
			m.stopped = true
			return false
		}
		return true
	})
	if err != nil || m.stopped {
		return err
	}
	m.own("")
	return nil
}

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
}

// Empty is a View without rows.
type Empty struct{}

// Get finds nothing.
func (Empty) Get(Key) (Row, error) { return nil, nil }

// Scan yields nothing.
func (Empty) Scan(Key, Key, func(Key, Row) bool) error { return nil }

// NewOverlay starts without changes over below.
func NewOverlay(below View) *Overlay {
	return &Overlay{below: below, rows: btree.NewMap[Key, Row](0)}
}

// Over returns the same changes over another View.
func (o *Overlay) Over(below View) *Overlay { return &Overlay{below: below, rows: o.rows} }

// Snapshot returns an independent copy over another View. It costs the same
// whatever the size.
func (o *Overlay) Snapshot(below View) *Overlay {
	return &Overlay{below: below, rows: o.rows.Copy()}
}

// Len returns how many keys were changed.
func (o *Overlay) Len() int { return o.rows.Len() }

// Apply records changes in order.
func (o *Overlay) Apply(changes []Change) {
	for _, c := range changes {
		o.rows.Set(c.Key, c.Row)
	}
}

// Changes yields the recorded changes in key order.
func (o *Overlay) Changes(yield func(Key, Row) bool) { o.rows.Scan(yield) }

// Get implements View.
func (o *Overlay) Get(k Key) (Row, error) {
	if r, ok := o.rows.Get(k); ok {
		return r, nil
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
	inside := func() bool { return ok && strings.HasPrefix(string(it.Key()), string(prefix)) }
	stopped := false
	// upTo yields the overlay's own rows before limit (all if limit is empty).
	upTo := func(limit Key) bool {
		for inside() && (limit == "" || it.Key() < limit) {
			if it.Value() != nil && !yield(it.Key(), it.Value()) {
				stopped = true
				return false
			}
			ok = it.Next()
		}
		return true
	}
	err := o.below.Scan(prefix, after, func(k Key, r Row) bool {
		if !upTo(k) {
			return false
		}
		if inside() && it.Key() == k {
			r = it.Value()
			ok = it.Next()
		}
		if r == nil {
			return true
		}
		if !yield(k, r) {
			stopped = true
			return false
		}
		return true
	})
	if err != nil || stopped {
		return err
	}
	upTo("")
	return nil
}

// Set records one change.
func (o *Overlay) Set(k Key, r Row) { o.rows.Set(k, r) }

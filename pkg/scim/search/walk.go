package search

import (
	"math"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
)

// walk hands the rows that match to the collector, in order.
func (r *runner) walk() error {
	if r.idle() {
		return nil
	}
	q := r.query
	if q.natural() {
		return r.walkNatural()
	}
	if len(r.sources) == 1 {
		s := r.sources[0]
		x := indexOf(s.rows, s.sort)
		far := r.skip+r.take > q.limits.window
		switch {
		case x == nil || !x.single:
		case s.plan.all, s.plan.set != nil && len(s.plan.set.ids) > q.limits.sort, s.plan.scan && (!r.whole || far):
			return r.walkIndex(s, x)
		}
	}
	return r.sorted()
}

// backward reports whether rows are walked over from the greatest.
func (r *runner) backward() bool { return r.query.descending != r.cursor.back }

// from returns the position to go on from; ok is false to begin where the order
// does.
func (r *runner) from() (at position, ok bool) {
	return r.cursor.at, r.query.page.cursor != nil && !r.cursor.start
}

// matches reports whether the row of a candidate fulfils the filter.
func (r *runner) matches(s *source, m *candidate) (ok bool, err error) {
	if m.doc, err = s.reader.document(m.row); err != nil {
		return false, err
	}
	return s.matcher.match(m.row, m.doc)
}

// walkNatural goes through the kinds one after the other, each by id.
func (r *runner) walkNatural() error {
	back := r.backward()
	order := slices.Clone(r.sources)
	if back {
		slices.Reverse(order)
	}
	at, resumed := r.from()
	for _, s := range order {
		from := uint64(0)
		switch {
		case resumed && s.kind != at.kind:
			if (s.kind < at.kind) != back {
				continue // all of them are on the other side
			}
			if back {
				from = math.MaxUint64
			}
		case resumed:
			from = at.id
		case back:
			from = math.MaxUint64
		}
		if !resumed && !r.whole && s.count != unknown {
			left := r.skip - r.seen
			if left >= s.count {
				r.seen += s.count
				continue
			}
			if left > 0 {
				var err error
				if from, err = r.jump(s, left, back); err != nil {
					return err
				}
				r.seen += left
			}
		}
		more, err := r.ids(s, from, back, func(m candidate) (bool, error) { return r.add(m), nil })
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// jump returns the id behind which the row is that comes after n others.
func (r *runner) jump(s *source, n int, back bool) (from uint64, err error) {
	before := n - 1 // the position of the last row that is skipped
	if back {
		before = s.count - n
	}
	if s.plan.set != nil {
		return s.plan.set.ids[before], nil
	}
	after, skip, err := directory.Seek(r.in.View, s.rows, r.in.Scope.Directory, uint64(before)) //nolint:gosec // not negative
	if err != nil {
		return 0, err
	}
	err = r.in.View.Scan(directory.Make(s.rows, r.in.Scope.Directory), after, func(k directory.Key, _ directory.Row) bool {
		from, _ = number(s.rows, k.Last())
		if skip == 0 {
			return false
		}
		skip--
		return true
	})
	return from, err
}

// ids goes through the rows of one kind that match, behind an id or before it,
// until take says that it has enough.
func (r *runner) ids(s *source, from uint64, back bool, take func(candidate) (bool, error)) (more bool, err error) {
	if s.plan.set != nil {
		return r.list(s, from, back, take)
	}
	more = true
	var failed error
	visit := func(k directory.Key, row directory.Row) bool {
		id, ok := number(s.rows, k.Last())
		if !ok {
			return true
		}
		m := candidate{position: position{kind: s.kind, id: id}, row: row}
		if !s.plan.all {
			ok, failed = r.matches(s, &m)
		}
		if ok && failed == nil {
			more, failed = take(m)
		}
		return more && failed == nil
	}
	rows := directory.Make(s.rows, r.in.Scope.Directory)
	switch {
	case back && from < math.MaxUint64:
		err = r.in.View.ScanBack(rows, key(s.rows, r.in.Scope.Directory, from), visit)
	case back:
		err = r.in.View.ScanBack(rows, "", visit)
	default:
		err = r.in.View.Scan(rows, key(s.rows, r.in.Scope.Directory, from), visit)
	}
	if err == nil {
		err = failed
	}
	return more, err
}

// list is ids for the rows of a set.
func (r *runner) list(s *source, from uint64, back bool, take func(candidate) (bool, error)) (more bool, err error) {
	ids := s.plan.set.ids
	i, found := slices.BinarySearch(ids, from)
	if back {
		ids = ids[:i]
	} else {
		if found {
			i++
		}
		ids = ids[i:]
	}
	for n := range ids {
		id := ids[n]
		if back {
			id = ids[len(ids)-1-n]
		}
		m := candidate{position: position{kind: s.kind, id: id}}
		ok, err := r.look(s, &m)
		if ok && err == nil {
			more, err = take(m)
		}
		if err != nil || ok && !more {
			return false, err
		}
	}
	return true, nil
}

// look reports whether the row that a candidate stands for matches. It reads the
// row only if the plan is not sure of it.
func (r *runner) look(s *source, m *candidate) (ok bool, err error) {
	switch {
	case s.plan.all, s.plan.set != nil && s.plan.set.exact && s.plan.set.has(m.id):
		return true, nil
	case s.plan.set != nil && !s.plan.set.has(m.id):
		return false, nil
	}
	if m.row, err = r.in.View.Get(key(s.rows, r.in.Scope.Directory, m.id)); m.row == nil || err != nil {
		return false, err
	}
	return r.matches(s, m)
}

// walkIndex goes through an index that has the order, and through the rows that
// are not in it because they have no value.
func (r *runner) walkIndex(s *source, x *index) error {
	back := r.backward()
	at, resumed := r.from()
	parts := []func(*source, *index, position, bool, bool) (bool, error){r.entries, r.valueless}
	if back {
		slices.Reverse(parts)
	}
	for i, part := range parts {
		inPart := resumed
		if resumed && (at.key == keyNone) != ((i == 1) != back) { // the place is in the other part
			if i == 0 {
				continue
			}
			inPart = false
		}
		more, err := part(s, x, at, inPart, back)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// entries goes through the index.
func (r *runner) entries(s *source, x *index, at position, resumed, back bool) (more bool, err error) {
	dir := r.in.Scope.Directory
	from := directory.Key("")
	if resumed {
		value := strings.TrimPrefix(at.key, keyText)
		if x.unique {
			from = directory.Make(x.table, dir, value)
		} else {
			from = directory.Make(x.table, dir, value, directory.FormatID(prefix(s.rows), at.id))
		}
	}
	more = true
	var failed error
	visit := func(k directory.Key, row directory.Row) bool {
		e := x.read(dir, k, row)
		id, ok := number(s.rows, e.id)
		if !ok {
			return true
		}
		m := candidate{position: position{key: keyText + e.value, kind: s.kind, id: id}}
		if ok, failed = r.look(s, &m); !ok || failed != nil {
			return failed == nil
		}
		more = r.add(m)
		return more
	}
	scan := r.in.View.Scan
	if back {
		scan = r.in.View.ScanBack
	}
	if err = scan(directory.Make(x.table, dir), from, visit); err == nil {
		err = failed
	}
	return more, err
}

// valueless goes through the rows that have no value in the index.
func (r *runner) valueless(s *source, x *index, at position, resumed, back bool) (more bool, err error) {
	if x.required {
		return true, nil
	}
	if s.plan.all {
		n := 0
		if err := x.scan(r.in.View, r.in.Scope.Directory, filter.Present, "", func(entry, bool) bool {
			n++
			return true
		}); err != nil || n >= s.count {
			return true, err // every row has one
		}
	}
	from := uint64(0)
	switch {
	case resumed:
		from = at.id
	case back:
		from = math.MaxUint64
	}
	return r.ids(s, from, back, func(m candidate) (bool, error) {
		if err := r.read(&m); err != nil || m.key != keyNone {
			return true, err
		}
		return r.add(m), nil
	})
}

// read gives a candidate its row and what it is sorted by.
func (r *runner) read(m *candidate) error {
	s := r.sources[m.kind]
	var err error
	if m.row == nil {
		if m.row, err = r.in.View.Get(key(s.rows, r.in.Scope.Directory, m.id)); err != nil {
			return err
		}
	}
	if m.doc == nil {
		if m.doc, err = s.reader.document(m.row); err != nil {
			return err
		}
	}
	m.key = sortKey(s.sort, m.doc)
	return nil
}

package search

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// sort checks what to sort by (RFC 7644 section 3.4.2.3).
func (q *Query) sort(by, order string) error {
	switch {
	case order == "" || strings.EqualFold(order, "ascending"):
	case strings.EqualFold(order, "descending"):
		q.descending = true
	default:
		return fault.New(fault.Invalid, "sortOrder must be ascending or descending.").Because(fault.InvalidValue)
	}
	if by = strings.TrimSpace(by); by == "" {
		q.descending = false // an order of what? RFC 7644 gives it a meaning beside sortBy only
		return nil
	}
	for i := range q.targets {
		t := &q.targets[i]
		a, ok := find(t.kind, by)
		switch {
		case !ok:
			continue // none of them has a value
		case a.leaf == nil || a.leaf.Type == schema.Complex:
			return fault.New(fault.Invalid, "Resources cannot be sorted by %s itself; name one of its parts.", a.path).Because(fault.InvalidValue)
		case a.is("members", a.sub) || a.is("groups", a.sub):
			return fault.New(fault.Invalid, "Resources cannot be sorted by %s.", a.name).Because(fault.InvalidValue)
		}
		t.sort, q.sorted = a, true
	}
	if !q.sorted {
		return fault.New(fault.Invalid, "sortBy names %q, which is no attribute of %s.", clip(by), q.names()).Because(fault.InvalidValue)
	}
	return nil
}

// natural reports whether the order is that of the ids. Resources of one kind
// are created in that order.
func (q *Query) natural() bool {
	if !q.sorted {
		return true
	}
	a := q.targets[0].sort
	return len(q.targets) == 1 && (a.is("id", "") || a.is("meta", "created"))
}

// position is a place in the order of a query. Positions are compared by their
// key, then by kind, then by id.
type position struct {
	key  string // from sortKey; empty in the natural order
	kind uint8  // which of the query's targets
	id   uint64
}

func (p position) compare(o position) int {
	return cmp.Or(strings.Compare(p.key, o.key), cmp.Compare(p.kind, o.kind), cmp.Compare(p.id, o.id))
}

// maxKey is how many bytes of a text count when it is sorted by: as much as the
// names that an index has may be.
const maxKey = 4 * directory.MaxName

// How keys begin: a value, by its type, or none. No value is the greatest, so
// that it comes last in ascending order and first in descending order.
const (
	keyFalse  = "\x00b0"
	keyTrue   = "\x00b1"
	keyDate   = "\x00d"
	keyNumber = "\x00n"
	keyText   = "\x00t"
	keyNone   = "\x01"
)

// sortKey returns what a document is sorted by, as bytes that compare as the
// values do: texts without case unless the attribute is case-exact, dates as
// instants, numbers as float64. Of several values the primary one counts, else
// the first.
func sortKey(a attribute, doc map[string]any) string {
	if a.leaf == nil {
		return keyNone
	}
	v := doc[a.member()]
	if a.urn != "" {
		v = member(v, a.name)
	}
	if list, ok := v.([]any); ok {
		v = chosen(list)
	}
	if m, ok := v.(map[string]any); ok {
		v = member(m, a.sub)
	}
	switch v := v.(type) {
	case bool:
		if v {
			return keyTrue
		}
		return keyFalse
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return keyNone
		}
		return keyNumber + ordered(f)
	case string:
		if a.leaf.Type == schema.DateTime {
			if t, err := time.Parse(time.RFC3339, v); err == nil {
				return keyDate + instant(t)
			}
		}
		return textKey(v, a.leaf.CaseExact)
	}
	return keyNone
}

// textKey is the key of a text.
func textKey(s string, exact bool) string {
	if !exact {
		s = scim.Fold(s)
	}
	if strings.Contains(s, "\x00") { // as in keys of indexes
		s = strings.ReplaceAll(s, "\x00", escaped)
	}
	return keyText + s[:min(len(s), maxKey)]
}

// chosen returns the primary element of a list, else its first.
func chosen(list []any) any {
	for _, e := range list {
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			return e
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// member returns a part of an object whatever the case of its name.
func member(v any, name string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	return m[schema.Spelled(m, name)]
}

// ordered returns eight bytes that compare as numbers do.
func ordered(f float64) string {
	bits := math.Float64bits(f)
	if f == 0 {
		bits = 0 // there is one zero
	}
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return string(binary.BigEndian.AppendUint64(nil, bits))
}

// instant returns twelve bytes that compare as times do.
func instant(t time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(t.Unix())^1<<63)         //nolint:gosec // the sign becomes the top bit
	return string(binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))) //nolint:gosec // below a billion
}

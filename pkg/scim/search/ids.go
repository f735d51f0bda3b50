package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// set is the rows that an index finds, by the numbers in their ids.
type set struct {
	ids []uint64 // ascending, each once
	// exact says that these rows fulfil the filter and no others do, so that
	// nobody need look at them again.
	exact bool
}

func (s *set) add(id uint64) { s.ids = append(s.ids, id) }

// settle puts the ids in order.
func (s *set) settle() {
	slices.Sort(s.ids)
	s.ids = slices.Compact(s.ids)
}

func (s *set) has(id uint64) bool {
	_, ok := slices.BinarySearch(s.ids, id)
	return ok
}

// prefix is how the ids in a table begin.
func prefix(rows directory.Table) string {
	if rows == directory.TableGroup {
		return directory.PrefixGroup
	}
	return directory.PrefixUser
}

// number returns the number in an id; ok is false for what is no id of a row in
// the table.
func number(rows directory.Table, id string) (n uint64, ok bool) {
	digits, ok := strings.CutPrefix(id, prefix(rows))
	const least = 18 // with zeros in front
	if !ok || len(digits) < least || len(digits) > least && digits[0] == '0' {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && digits[0] != '+'
}

// key returns the key of the row with the number.
func key(rows directory.Table, dir string, n uint64) directory.Key {
	return directory.Make(rows, dir, directory.FormatID(prefix(rows), n))
}

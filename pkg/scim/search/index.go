package search

import (
	"fmt"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
)

// index is a table of the state that leads from the values of an attribute to
// rows. Its keys are the directory, the value, and the row's id; a unique one
// has the id as its row instead.
type index struct {
	table directory.Table
	// exact says that values are kept as they are. Others are folded.
	exact bool
	// required says that every row has a value, single that none has two.
	required, single bool
	unique           bool
}

// indexOf returns the index of an attribute's values, nil if there is none.
func indexOf(rows directory.Table, a attribute) *index {
	switch user := rows == directory.TableUser; {
	case user && a.is("userName", ""):
		return &index{table: directory.TableUserName, required: true, single: true, unique: true}
	case user && a.is("displayName", ""):
		return &index{table: directory.TableUserDisplay, single: true}
	case user && a.is("externalId", ""):
		return &index{table: directory.TableUserExternal, exact: true, single: true}
	case user && a.is("emails", "value"):
		return &index{table: directory.TableUserEmail}
	case !user && a.is("displayName", ""):
		return &index{table: directory.TableGroupDisplay, required: true, single: true}
	case !user && a.is("externalId", ""):
		return &index{table: directory.TableGroupExternal, exact: true, single: true}
	}
	return nil
}

// form returns a value as the index has it.
func (x *index) form(value string) string {
	if x.exact {
		return value
	}
	return scim.Fold(value)
}

// escaped is what keys have for a zero byte. A value may also hold these bytes
// by itself, so where they occur an index is not sure.
const escaped = "\x01\x01"

// entry is one row that an index names.
type entry struct {
	value string
	id    string
}

// read takes a key of the index apart.
func (x *index) read(dir string, k directory.Key, row directory.Row) (e entry) {
	rest := string(k)[len(dir)+2:] // behind the table's letter, the directory, and its end
	if x.unique {
		ref, _ := row.(directory.Ref)
		return entry{strings.TrimSuffix(rest, "\x00"), string(ref)}
	}
	value, id, _ := strings.Cut(rest, "\x00")
	return entry{value, strings.TrimSuffix(id, "\x00")}
}

// scan yields the entries that may fulfil a comparison, in the order of their
// values; sure says that one does. The planner asks only for operators that an
// index knows; any other is an error.
func (x *index) scan(v directory.View, dir string, op filter.Op, want string, yield func(e entry, sure bool) bool) error {
	w := x.form(want)
	sure := !strings.ContainsAny(w, "\x00\x01")
	from := directory.Make(x.table, dir)
	var holds func(string) bool
	switch op {
	case filter.Equal:
		from = directory.Make(x.table, dir, w)
	case filter.StartsWith:
		from = directory.Key(strings.TrimSuffix(string(directory.Make(x.table, dir, w)), "\x00"))
	case filter.Present:
	case filter.Contains:
		holds = func(s string) bool { return strings.Contains(s, w) }
	case filter.EndsWith:
		holds = func(s string) bool { return strings.HasSuffix(s, w) }
	case filter.Greater:
		holds = func(s string) bool { return s > w }
	case filter.GreaterOrEqual:
		holds = func(s string) bool { return s >= w }
	case filter.Less:
		holds = func(s string) bool { return s < w }
	case filter.LessOrEqual:
		holds = func(s string) bool { return s <= w }
	default:
		return fmt.Errorf("search: an index cannot answer the operator %v", op)
	}
	return v.Scan(from, "", func(k directory.Key, row directory.Row) bool {
		e := x.read(dir, k, row)
		odd := strings.Contains(e.value, escaped)
		if holds != nil && !odd && !holds(e.value) {
			return true
		}
		return yield(e, sure && !odd || op == filter.Present)
	})
}

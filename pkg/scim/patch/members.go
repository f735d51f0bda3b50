package patch

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MemberKind is what a member operation does.
type MemberKind uint8

// The member operations.
const (
	MembersAdd     MemberKind = iota // put the ids in
	MembersRemove                    // take the ids out
	MembersReplace                   // exactly the ids
	MembersClear                     // nobody
)

// MemberOp is one change of a group's members.
type MemberOp struct {
	Kind MemberKind
	IDs  []string
}

// SplitMembers takes a group's operations apart into those on attributes and
// those on members, each in order. The two do not depend on each other, and the
// cost is that of the request, whatever the size of the group.
//
// Of a member only the id counts: the server fills in the rest.
//
// Errors: Invalid with the reason invalidValue, invalidPath or mutability.
func SplitMembers(rd *lenience.Reading, kind *schema.Resource, ops []Op) (attributes []Op, members []MemberOp, err error) {
	for _, op := range ops {
		if op.Path.members() {
			if members, err = appendMembers(rd, members, op); err != nil {
				return nil, nil, err
			}
			continue
		}
		values, ok := op.Value.(map[string]any)
		if !op.Path.whole() || !ok {
			attributes = append(attributes, op)
			continue
		}
		rest := make(map[string]any, len(values))
		for _, name := range slices.Sorted(maps.Keys(values)) {
			path, err := ParsePath(rd, kind, name)
			if err != nil || !path.members() {
				rest[name] = values[name]
				continue
			}
			if members, err = appendMembers(rd, members, Op{Verb: op.Verb, Path: path, Value: values[name]}); err != nil {
				return nil, nil, err
			}
		}
		if len(rest) > 0 {
			attributes = append(attributes, Op{Verb: op.Verb, Value: rest})
		}
	}
	return attributes, members, nil
}

func (p Path) members() bool { return p.URN == "" && p.Name == "members" && p.Attribute != nil }

// appendMembers adds what an operation on members means. Neighbours that add, or
// that remove, become one: providers send one operation for each member.
func appendMembers(rd *lenience.Reading, list []MemberOp, op Op) ([]MemberOp, error) {
	m, ok, err := memberOp(rd, op)
	if err != nil || !ok {
		return list, err
	}
	if n := len(list); n > 0 && list[n-1].Kind == m.Kind && (m.Kind == MembersAdd || m.Kind == MembersRemove) {
		list[n-1].IDs = append(list[n-1].IDs, m.IDs...)
		return list, nil
	}
	return append(list, m), nil
}

// memberOp reads one operation on members; ok is false if it changes nothing.
func memberOp(rd *lenience.Reading, op Op) (m MemberOp, ok bool, err error) {
	if op.Path.Sub != "" && op.Path.Sub != "value" {
		return m, false, nil // display, type, $ref: not the client's to say
	}
	if op.Path.Filter != nil {
		return filtered(rd, op)
	}
	ids, err := scim.MemberIDs(rd, op.Value)
	if err != nil {
		return m, false, err
	}
	switch {
	case op.Verb == Add:
		return MemberOp{Kind: MembersAdd, IDs: ids}, len(ids) > 0, nil
	case op.Verb == Replace && len(ids) > 0:
		return MemberOp{Kind: MembersReplace, IDs: ids}, true, nil
	case op.Verb == Replace, op.Value == nil:
		return MemberOp{Kind: MembersClear}, true, nil
	}
	// A list names who is to go; an empty list names nobody. Only a remove
	// without any value means everybody.
	return MemberOp{Kind: MembersRemove, IDs: ids}, len(ids) > 0, nil
}

// filtered reads members[value eq "id"], joined by or for several.
func filtered(_ *lenience.Reading, op Op) (m MemberOp, ok bool, err error) {
	ids, ok := valuesOf(op.Path.Filter, nil)
	if !ok {
		return m, false, fault.New(fault.Invalid, "Members can be chosen by value eq \"id\" only, joined by or.").Because(fault.InvalidPath)
	}
	if op.Verb == Remove {
		return MemberOp{Kind: MembersRemove, IDs: ids}, true, nil
	}
	if id, isText := op.Value.(string); op.Path.Sub == "value" && isText && !slices.Equal(ids, []string{id}) {
		return m, false, fault.New(fault.Invalid, "The value of a member cannot be changed; remove the one and add the other.").Because(fault.Mutability)
	}
	// Adding or replacing the member that the filter names puts it in.
	return MemberOp{Kind: MembersAdd, IDs: ids}, true, nil
}

func valuesOf(e filter.Expr, ids []string) ([]string, bool) {
	switch e := e.(type) {
	case filter.Or:
		ids, ok := valuesOf(e.Left, ids)
		if !ok {
			return nil, false
		}
		return valuesOf(e.Right, ids)
	case filter.Compare:
		if e.Op != filter.Equal || !strings.EqualFold(e.Path, "value") {
			return nil, false
		}
		switch v := e.Value.(type) {
		case string:
			return append(ids, v), true
		case json.Number: // an id without its quotes
			return append(ids, v.String()), true
		}
	}
	return nil, false
}

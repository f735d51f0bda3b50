package patch

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
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
// those on members, each in order. The two do not depend on each other.
//
// Errors: Invalid with the reason invalidValue, invalidPath or noTarget.
func SplitMembers(ops []Op) (attributes []Op, members []MemberOp, err error) {
	for _, op := range ops {
		switch {
		case op.Path.whole():
			values := op.Value.(map[string]any) // Parse saw to it
			rest := make(map[string]any, len(values))
			for name, v := range values {
				if _, n := schema.Group.Split(name); !strings.EqualFold(n, "members") {
					rest[name] = v
					continue
				}
				m, err := memberOp(Op{Verb: op.Verb, Value: v})
				if err != nil {
					return nil, nil, err
				}
				members = append(members, m)
			}
			if len(rest) > 0 {
				attributes = append(attributes, Op{Verb: op.Verb, Value: rest})
			}
		case op.Path.URN == "" && op.Path.Name == "members":
			m, err := memberOp(op)
			if err != nil {
				return nil, nil, err
			}
			members = append(members, m)
		default:
			attributes = append(attributes, op)
		}
	}
	return attributes, members, nil
}

func memberOp(op Op) (MemberOp, error) {
	if op.Path.Filter != nil {
		return filtered(op)
	}
	if op.Path.Sub != "" && op.Path.Sub != "value" {
		return MemberOp{}, fault.New(fault.Invalid, "members.%s cannot be written; the server fills it.", op.Path.Sub).Because(fault.Mutability)
	}
	ids, err := scim.MemberIDs(op.Value)
	if err != nil {
		return MemberOp{}, err
	}
	switch op.Verb {
	case Add:
		return MemberOp{Kind: MembersAdd, IDs: ids}, nil
	case Replace:
		if len(ids) == 0 {
			return MemberOp{Kind: MembersClear}, nil
		}
		return MemberOp{Kind: MembersReplace, IDs: ids}, nil
	default:
		// A list names who is to go; an empty list names nobody. Only a remove
		// without any value means everybody.
		if op.Value == nil {
			return MemberOp{Kind: MembersClear}, nil
		}
		return MemberOp{Kind: MembersRemove, IDs: ids}, nil
	}
}

// filtered reads members[value eq "id"], joined by or for several.
func filtered(op Op) (MemberOp, error) {
	ids, ok := valuesOf(op.Path.Filter)
	if !ok {
		return MemberOp{}, fault.New(fault.Invalid, "Members can be chosen by value eq \"id\" only, joined by or.").Because(fault.InvalidPath)
	}
	if op.Verb == Remove {
		return MemberOp{Kind: MembersRemove, IDs: ids}, nil
	}
	// Adding or replacing the member that the filter names puts it in.
	return MemberOp{Kind: MembersAdd, IDs: ids}, nil
}

func valuesOf(e filter.Expr) ([]string, bool) {
	switch e := e.(type) {
	case filter.Or:
		left, ok1 := valuesOf(e.Left)
		right, ok2 := valuesOf(e.Right)
		return append(left, right...), ok1 && ok2
	case filter.Compare:
		id, isText := e.Value.(string)
		return []string{id}, isText && e.Op == filter.Equal && strings.EqualFold(e.Path, "value")
	}
	return nil, false
}

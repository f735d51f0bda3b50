package patch

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
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
	// Chosen says that a filter named the ids of an operation that adds: they
	// should be members already (RFC 7644 section 3.5.2.3 has noTarget if not).
	Chosen bool
	// Filter, if not nil, chooses which members are meant: of the ids if there are
	// any, else of all. It names value and type only, and members are removed.
	Filter filter.Expr
}

// SplitMembers takes the operations on a group of the kind apart into those on
// attributes and those on members, each in order. The two do not depend on each
// other, and the cost is that of the request, whatever the size of the group.
//
// Of a member only the id counts: the server fills in the rest.
//
// Errors: Invalid with the reason invalidValue, invalidPath or mutability, or
// what rd refuses.
func SplitMembers(rd *lenience.Reading, kind *schema.Resource, ops []Op) (attributes []Op, members []MemberOp, err error) {
	s := splitter{rd: rd, kind: kind}
	for _, op := range ops {
		values, ok := op.Value.(map[string]any)
		switch {
		case op.Path.members():
			err = s.member(op)
		case !op.Path.whole() || !ok:
			s.attributes = append(s.attributes, op)
		default:
			if values, err = s.object(op.Verb, values); err == nil && len(values) > 0 {
				s.attributes = append(s.attributes, Op{Verb: op.Verb, Value: values})
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return s.attributes, s.members, nil
}

func (p Path) members() bool {
	return p.URN == "" && p.Name == "members" && p.Attribute != nil && p.Attribute == schema.Group.Core.Attribute("members")
}

// splitter is a SplitMembers under way.
type splitter struct {
	rd         *lenience.Reading
	kind       *schema.Resource
	attributes []Op
	members    []MemberOp
}

// object takes members out of an object of attributes, and returns the rest.
func (s *splitter) object(verb Verb, values map[string]any) (rest map[string]any, err error) {
	rest = make(map[string]any, len(values))
	for _, name := range jsonvalue.Names(values) {
		value := values[name]
		path, err := key(s.rd, s.kind, "", name)
		if err != nil {
			return nil, err
		}
		if path.members() {
			if err := s.member(Op{Verb: verb, Path: path, Value: value}); err != nil {
				return nil, err
			}
			continue
		}
		if block, ok := value.(map[string]any); ok && path.whole() && strings.TrimSpace(name) != "" { // the core's attributes under its URN
			if value, err = s.object(verb, block); err != nil {
				return nil, err
			}
		}
		rest[name] = value
	}
	return rest, nil
}

// member adds what an operation on members means. Neighbours that add, or that
// remove, become one: providers send one operation for each member.
func (s *splitter) member(op Op) error {
	m, ok, err := s.read(op)
	if err != nil || !ok {
		return err
	}
	if n := len(s.members); n > 0 && m.Filter == nil && (m.Kind == MembersAdd || m.Kind == MembersRemove) {
		if last := &s.members[n-1]; last.Kind == m.Kind && last.Chosen == m.Chosen && last.Filter == nil {
			last.IDs = append(last.IDs, m.IDs...)
			return nil
		}
	}
	s.members = append(s.members, m)
	return nil
}

// read reads one operation on members; ok is false if it changes nothing.
func (s *splitter) read(op Op) (m MemberOp, ok bool, err error) {
	switch {
	case op.Path.Sub != "" && op.Path.Sub != "value": // display, type, $ref: not the client's to say
		return m, false, s.rd.Tolerate(lenience.ReadOnlyEcho, op.Path.String())
	case op.Verb == Remove && op.Value != nil:
		err = s.rd.Tolerate(lenience.RemoveWithValue, "members")
	case op.Verb == Remove && op.Path.Sub != "" && op.Path.Filter == nil:
		err = fault.New(fault.Invalid, "The value of a member cannot be removed; remove members instead.").Because(fault.Mutability)
	}
	if err != nil {
		return m, false, err
	}
	if op.Path.Filter != nil {
		return s.filtered(op)
	}
	value := op.Value
	if one, isObject := value.(map[string]any); isObject && op.Verb != Replace {
		value = []any{one} // adding or removing one is as good as a list of one
	}
	ids, err := scim.MemberIDs(s.rd, value)
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

// filtered reads members[value eq "id"], joined by or for several. Other filters
// are left to whoever knows the members.
func (s *splitter) filtered(op Op) (m MemberOp, ok bool, err error) {
	f := op.Path.Filter
	ids, exact, ok := named(f)
	for _, name := range filter.Paths(f) {
		if !strings.EqualFold(name, "value") && !strings.EqualFold(name, "type") {
			return m, false, fault.New(fault.Invalid, "Members can be chosen by their value and type only.").Because(fault.InvalidPath)
		}
	}
	switch {
	case op.Verb == Remove && exact:
		return MemberOp{Kind: MembersRemove, IDs: ids}, true, nil
	case op.Verb == Remove && ok:
		return MemberOp{Kind: MembersRemove, IDs: ids, Filter: f}, len(ids) > 0, nil
	case op.Verb == Remove:
		return MemberOp{Kind: MembersRemove, Filter: f}, true, nil
	case !exact:
		return m, false, fault.New(fault.Invalid, "The parts of a member cannot be changed; remove the member and add another.").Because(fault.Mutability)
	}
	if id, isText := op.Value.(string); op.Path.Sub == "value" && isText && !slices.Equal(ids, []string{id}) {
		return m, false, fault.New(fault.Invalid, "The value of a member cannot be changed; remove the one and add the other.").Because(fault.Mutability)
	}
	// Adding or replacing the member that the filter names puts it in.
	return MemberOp{Kind: MembersAdd, IDs: ids, Chosen: true}, true, nil
}

// named returns the ids of all that a filter can choose, if it names them. exact
// says that it chooses every one of them.
func named(e filter.Expr) (ids []string, exact, ok bool) {
	switch e := e.(type) {
	case filter.Or:
		left, exact1, ok1 := named(e.Left)
		right, exact2, ok2 := named(e.Right)
		return append(left, right...), exact1 && exact2, ok1 && ok2
	case filter.And:
		if ids, _, ok = named(e.Left); !ok {
			ids, _, ok = named(e.Right)
		}
		return ids, false, ok
	case filter.Compare:
		if e.Op != filter.Equal || !strings.EqualFold(e.Path, "value") {
			return nil, false, false
		}
		switch v := e.Value.(type) {
		case string:
			return []string{v}, true, true
		case json.Number: // an id without its quotes
			return []string{v.String()}, true, true
		}
	}
	return nil, false, false
}

package differential_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const groupID = "dirgroup_000000000000000001"

// TestMembers has a group changed twice: with its members taken out of the
// request, as the server does it, and as if members were an attribute like any
// other.
func TestMembers(t *testing.T) {
	t.Parallel()
	run(t, cases/4, func(t *testing.T, r *rand.Rand) {
		m := map[string]any{"displayName": "Staff"}
		for _, id := range memberIDs[:r.IntN(len(memberIDs))] {
			m["members"] = append(flat(m["members"]), map[string]any{"value": id})
		}
		var ops any = memberRequest(r)
		if differsOnMembers(m, ops) == "" {
			return
		}
		ops = shrunk(ops, func(v any) bool { return differsOnMembers(m, v) != "" })
		t.Errorf("%s\non %s\n%s", pretty(ops), pretty(m), differsOnMembers(m, ops))
	})
}

var memberIDs = []string{"a", "b", "c", "d", "e"}

// memberRequest draws operations on members, and some on the name in between.
func memberRequest(r *rand.Rand) (ops []any) {
	for range 1 + r.IntN(8) {
		op := map[string]any{"op": pick(r, []string{"add", "Add", "replace", "remove", "Remove"})}
		remove := op["op"].(string)[1] == 'e' && op["op"].(string)[2] == 'm'
		switch n := r.IntN(10); {
		case n == 0 && !remove:
			op["path"], op["value"] = pick(r, []string{"displayName", groupURN + ":displayname"}), pick(r, []string{"Staff", "Board"})
		case n < 3 && !remove:
			op["value"] = map[string]any{pick(r, []string{"members", "Members", groupURN + ":members"}): memberValue(r)}
			if chance(r, 2) {
				op["value"].(map[string]any)["displayName"] = pick(r, []string{"Staff", "Board"})
			}
		case n < 6:
			id := pick(r, memberIDs)
			op["path"] = fmt.Sprintf("%s[value eq %q]", respell(r, "members"), id)
			if remove && chance(r, 3) {
				op["path"] = fmt.Sprintf("members[value eq %q or Value EQ %s]", id, pick(r, memberIDs))
			} else if !remove {
				op["value"] = map[string]any{"value": id}
			}
		default:
			op["path"] = pick(r, []string{"members", "MEMBERS", groupURN + ":members"})
			if !remove || !chance(r, 4) {
				op["value"] = memberValue(r)
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// memberValue draws members in the forms in which they are sent.
func memberValue(r *rand.Rand) any {
	one := func() any {
		id := pick(r, memberIDs)
		switch r.IntN(8) {
		case 0:
			return id
		case 1:
			return map[string]any{"VALUE": id, "display": "D", "$ref": nil}
		case 2:
			return map[string]any{"value": id, "type": "User", "$ref": "../Users/" + id}
		case 3:
			return pick(r, []any{map[string]any{}, map[string]any{"value": nil}, nil})
		case 4:
			if chance(r, 20) {
				return pick(r, []any{json.Number("7"), map[string]any{"value": json.Number("7")}, []any{"a"}})
			}
		}
		return map[string]any{"value": id}
	}
	switch r.IntN(10) {
	case 0:
		return pick(r, []any{nil, []any{}})
	case 1:
		return one()
	}
	var list []any
	for range 1 + r.IntN(3) {
		list = append(list, one())
	}
	return list
}

func differsOnMembers(m map[string]any, ops any) string {
	var after map[string]any
	refusal := refused(func() { after = group.apply(groupID, m, group.readOperations(body(ops))) })
	attributes, members, err := split(m, body(ops))
	list, _ := ops.([]any)
	switch got := reason(err); {
	case (got == "") != (refusal == ""), got != refusal && len(list) == 1:
		return fmt.Sprintf("the engine refuses with %q, want %q: %v", got, refusal, err)
	case err != nil:
		return "" // which of several faults is told first is open
	}
	want := map[string]bool{}
	for _, e := range flat(after["members"]) {
		if id, ok := e.(map[string]any)["value"].(string); ok {
			want[id] = true
		}
	}
	delete(after, "members")
	if reflect.DeepEqual(want, members) && reflect.DeepEqual(after, attributes) {
		return ""
	}
	return cmp.Diff(want, members) + cmp.Diff(after, attributes)
}

// split has the engine apply a PATCH to a group in its two halves.
func split(m map[string]any, body []byte) (attributes map[string]any, members map[string]bool, err error) {
	p, err := patch.Parse(nil, schema.Group, body)
	if err != nil {
		return nil, nil, err
	}
	ops, changes, err := patch.SplitMembers(nil, schema.Group, p.Operations)
	if err != nil {
		return nil, nil, err
	}
	again, changesAgain, err := patch.SplitMembers(nil, schema.Group, p.Operations)
	if err != nil || !reflect.DeepEqual(changes, changesAgain) || !reflect.DeepEqual(ops, again) {
		return nil, nil, fmt.Errorf("split again, it is %v, %v, %w", again, changesAgain, err)
	}
	members = map[string]bool{}
	for _, e := range flat(m["members"]) {
		members[e.(map[string]any)["value"].(string)] = true
	}
	for _, c := range changes {
		if c.Kind == patch.MembersReplace || c.Kind == patch.MembersClear {
			clear(members)
		}
		for _, id := range c.IDs {
			members[id] = true
			if c.Kind == patch.MembersRemove {
				delete(members, id)
			}
		}
	}
	without := maps.Clone(m)
	delete(without, "members")
	attributes, err = patch.Apply(nil, schema.Group, patch.Target{ID: groupID, Attributes: scim.Resource(without)}, ops)
	if err == nil && slices.Contains(sorted(attributes), "members") {
		err = fmt.Errorf("members are among the attributes: %v", attributes)
	}
	return attributes, members, err
}

package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

func add(ids ...string) patch.MemberOp { return patch.MemberOp{Kind: patch.MembersAdd, IDs: ids} }

func remove(ids ...string) patch.MemberOp { return patch.MemberOp{Kind: patch.MembersRemove, IDs: ids} }

func exactly(ids ...string) patch.MemberOp {
	return patch.MemberOp{Kind: patch.MembersReplace, IDs: ids}
}

var everybodyOut = patch.MemberOp{Kind: patch.MembersClear}

func TestSplitMembers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, operations string
		want             []patch.MemberOp
		group            string // the group's attributes behind it; {"displayName":"G"} if empty
		reason           fault.Reason
	}{
		{name: "objects", operations: `{"op":"add","path":"members","value":[{"value":"a","display":"A","$ref":null,"type":"User"},{"VALUE":"b"}]}`, want: []patch.MemberOp{add("a", "b")}},
		{name: "bare texts", operations: `{"op":"Add","path":"Members","value":["a","b","a"]}`, want: []patch.MemberOp{add("a", "b")}},
		{name: "one object", operations: `{"op":"add","path":"members","value":{"value":"a"}}`, want: []patch.MemberOp{add("a")}},
		{name: "one text", operations: `{"op":"add","path":"members","value":"a"}`, want: []patch.MemberOp{add("a")}},
		{name: "qualified", operations: `{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:Group:MEMBERS","value":"a"}`, want: []patch.MemberOp{add("a")}},
		{name: "empty objects", operations: `{"op":"add","path":"members","value":[{},null,{"value":"a"}]}`, want: []patch.MemberOp{add("a")}},
		{name: "add nothing", operations: `{"op":"add","path":"members","value":[]}`},
		{name: "not an id", operations: `{"op":"add","path":"members","value":[7]}`, reason: fault.InvalidValue},
		{name: "path-less add", operations: `{"op":"add","value":{"members":[{"value":"a"}]}}`, want: []patch.MemberOp{add("a")}},
		{name: "path-less replace with a name", operations: `{"op":"replace","value":{"displayName":"H","members":[{"value":"a"}]}}`, want: []patch.MemberOp{exactly("a")}, group: `{"displayName":"H"}`},
		{name: "remove by filter", operations: `{"op":"remove","path":"members[value eq \"a\"]"}`, want: []patch.MemberOp{remove("a")}},
		{name: "remove by filter, several", operations: `{"op":"remove","path":"members[value eq \"a\" or Value EQ \"b\" or value eq 7]"}`, want: []patch.MemberOp{remove("a", "b", "7")}},
		{name: "remove by another filter", operations: `{"op":"remove","path":"members[display eq \"a\"]"}`, reason: fault.InvalidPath},
		{name: "remove by list", operations: `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"a"}]}`, want: []patch.MemberOp{remove("a")}},
		{name: "remove by an empty list", operations: `{"op":"remove","path":"members","value":[]}`},
		{name: "remove by a list of nobody", operations: `{"op":"remove","path":"members","value":[{}]}`},
		{name: "remove all", operations: `{"op":"remove","path":"members"}`, want: []patch.MemberOp{everybodyOut}},
		{name: "remove all, null", operations: `{"op":"remove","path":"members","value":null}`, want: []patch.MemberOp{everybodyOut}},
		{name: "replace", operations: `{"op":"replace","path":"members","value":[{"value":"a"}]}`, want: []patch.MemberOp{exactly("a")}},
		{name: "replace by nobody", operations: `{"op":"replace","path":"members","value":[]}`, want: []patch.MemberOp{everybodyOut}},
		{name: "what the server fills in", operations: `{"op":"replace","path":"members[value eq \"a\"].display","value":"A"},{"op":"add","path":"members.type","value":"User"}`},
		{name: "put in by filter", operations: `{"op":"add","path":"members[value eq \"a\"].value","value":"a"}`, want: []patch.MemberOp{{Kind: patch.MembersAdd, IDs: []string{"a"}, Chosen: true}}},
		{name: "exchanged by filter", operations: `{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}`, reason: fault.Mutability},
		{name: "in order", operations: `{"op":"add","path":"members","value":"a"},{"op":"add","path":"members","value":"b"},{"op":"remove","path":"members","value":"a"},{"op":"add","path":"members","value":"c"}`, want: []patch.MemberOp{add("a", "b"), remove("a"), add("c")}},
		{name: "rename leaves members alone", operations: `{"op":"replace","value":{"id":"dirgroup_000000000000000001","displayName":"H"}}`, group: `{"displayName":"H"}`},
		{name: "rename by path", operations: `{"op":"Replace","path":"displayName","value":"H"}`, group: `{"displayName":"H"}`},
		{name: "rename of another", operations: `{"op":"replace","value":{"id":"dirgroup_000000000000000002","displayName":"H"}}`, reason: fault.Mutability},
		{name: "no name", operations: `{"op":"remove","path":"displayName"}`, reason: fault.Mutability},
		{name: "external id", operations: `{"op":"add","path":"externalId","value":"x"}`, group: `{"displayName":"G","externalId":"x"}`},
		{name: "the whole group", operations: `{"op":"replace","value":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"dirgroup_000000000000000001","displayName":"H","externalId":"x"}}`, group: `{"displayName":"H","externalId":"x"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			group, members, reason := patchGroup(t, `{"displayName":"G"}`, tt.operations)
			if reason != tt.reason {
				t.Fatalf("reason %q, want %q", reason, tt.reason)
			}
			if reason != "" {
				return
			}
			want := tt.group
			if want == "" {
				want = `{"displayName":"G"}`
			}
			if diff := cmp.Diff(want, group); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, members); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
		})
	}
}

func patchGroup(t *testing.T, before, operations string) (attributes string, members []patch.MemberOp, reason fault.Reason) {
	t.Helper()
	req, err := patch.Parse(nil, patch.Group, fmt.Appendf(nil, patchOp, operations))
	var ops []patch.Op
	if err == nil {
		ops, members, err = patch.SplitMembers(nil, patch.Group, req.Operations)
	}
	r, bad := scim.Decode([]byte(before))
	if bad != nil {
		t.Fatal(bad)
	}
	if err == nil {
		r, err = patch.Apply(nil, patch.Group, patch.Target{ID: "dirgroup_000000000000000001", Attributes: r}, ops)
	}
	if err != nil {
		return "", nil, fault.Of(err).Reason
	}
	return canonical(t, r), members, ""
}

// Many operations on one member each come to few changes, and in effect they
// are the same as one after the other.
func TestSplitMembers_likeOneByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		var operations []string
		want := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(rt, "count") {
			m := id.Draw(rt, "id")
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0:
				operations = append(operations, `{"op":"remove","path":"members"}`)
				want = map[string]bool{}
			case 1:
				operations = append(operations, fmt.Sprintf(`{"op":"replace","value":{"members":[{"value":%q}]}}`, m))
				want = map[string]bool{m: true}
			case 2, 3, 4, 5:
				operations = append(operations, fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, m))
				want[m] = true
			default:
				operations = append(operations, fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%s\"]"}`, m))
				delete(want, m)
			}
		}
		_, members, reason := patchGroup(t, `{"displayName":"G"}`, strings.Join(operations, ","))
		if reason != "" {
			rt.Fatalf("refused: %s", reason)
		}
		got := map[string]bool{}
		for _, op := range members {
			if op.Kind == patch.MembersReplace || op.Kind == patch.MembersClear {
				got = map[string]bool{}
			}
			for _, id := range op.IDs {
				if op.Kind == patch.MembersRemove {
					delete(got, id)
				} else {
					got[id] = true
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

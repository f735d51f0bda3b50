package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

func (s *stage) strict() {
	s.t.Helper()
	strict := directory.ConformanceStrict
	s.Must(s.t, directory.ChangeDirectoryPolicy{Organization: s.org, Directory: s.scope.Directory, Conformance: &strict})
}

func (s *stage) patchGroup(ops string) (directory.Outcome, error) {
	s.t.Helper()
	r, err := patch.Parse(nil, patch.Group, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+ops+`]}`))
	if err != nil {
		s.t.Fatal(err)
	}
	return s.Try(directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: r})
}

func (s *stage) members() []string {
	s.t.Helper()
	var ids []string
	if err := s.Rows.Scan(directory.Make(directory.TableMember, s.group), "", func(k directory.Key, _ directory.Row) bool {
		ids = append(ids, k.Last())
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	return ids
}

// Members can be chosen by any filter on value and type.
func TestPatchGroup_chooses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ops  string
		want []string // names of those who stay, besides whom the operations add
	}{
		"by a value and its type":      {`{"op":"remove","path":"members[value eq \"$ada\" and type eq \"User\"]"}`, []string{"grace", "nested"}},
		"by a value and another type":  {`{"op":"remove","path":"members[value eq \"$ada\" and type eq \"Group\"]"}`, []string{"ada", "grace", "nested"}},
		"by type":                      {`{"op":"remove","path":"members[type eq \"user\"]"}`, []string{"nested"}},
		"by another type":              {`{"op":"remove","path":"members[not (type eq \"User\")]"}`, []string{"ada", "grace"}},
		"all but one":                  {`{"op":"remove","path":"members[value ne \"$ada\"]"}`, []string{"ada"}},
		"one of two or none":           {`{"op":"remove","path":"members[value eq \"$ada\" or value eq \"$grace\"]"}`, []string{"nested"}},
		"who was added a moment ago":   {`{"op":"remove","path":"members"},{"op":"add","path":"members","value":[{"value":"$ada"}]},{"op":"remove","path":"members[type eq \"User\"]"}`, nil},
		"who was removed a moment ago": {`{"op":"remove","path":"members[value eq \"$ada\"]"},{"op":"remove","path":"members[type eq \"Group\"]"}`, []string{"grace"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			grace := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("grace@acme.example")}))
			nested := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Nested")}))
			names := map[string]string{"ada": s.ada, "grace": grace, "nested": nested}
			if _, err := s.patchGroup(fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q},{"value":%q}]}`, grace, nested)); err != nil {
				t.Fatal(err)
			}
			ops := tt.ops
			for name, id := range names {
				ops = strings.ReplaceAll(ops, "$"+name, id)
			}
			if _, err := s.patchGroup(ops); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, name := range tt.want {
				want = append(want, names[name])
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, s.members()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a filter in a path names should be there: a lenient directory puts it in
// and says so, a strict one has no target.
func TestPatch_createsByFilter(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	grace := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("grace@acme.example")}))
	member := func(id string) string {
		return fmt.Sprintf(`{"op":"add","path":"members[value eq \"%s\"]","value":{"value":%[1]q}}`, id)
	}
	phone := s.patch(`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1"}`)

	if o, err := s.patchGroup(member(s.ada)); err != nil || len(o.Events) > 0 || len(o.Deviations) > 0 {
		t.Errorf("a member who is in: %v, %v", o, err)
	}
	o, err := s.patchGroup(member(grace))
	if err != nil || len(o.Events) != 1 {
		t.Fatalf("a member who is not in: %v, %v", o, err)
	}
	if diff := cmp.Diff([]lenience.Deviation{{Cause: lenience.CreatedByFilter, Path: "members"}}, o.Deviations); diff != "" {
		t.Errorf("deviations (-want +got):\n%s", diff)
	}
	if o := s.Must(t, phone); !slices.Contains(o.Deviations, lenience.Deviation{Cause: lenience.CreatedByFilter, Path: "phoneNumbers"}) {
		t.Errorf("a telephone number: %v", o.Deviations)
	}

	s.strict()
	for _, id := range []string{s.ada, grace} {
		if _, err := s.patchGroup(member(id)); err != nil {
			t.Errorf("strict, a member who is in: %v", err)
		}
	}
	if _, err := s.patchGroup(`{"op":"remove","path":"members"},` + member(grace)); fault.Of(err).Reason != fault.NoTarget {
		t.Errorf("strict, a member who was taken out: %v, want no target", err)
	}
	r, err := patch.Parse(nil, patch.User, []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"ims[type eq \"x\"].value","value":"y"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Try(directory.PatchUser{Scope: s.scope, ID: s.ada, Patch: r}); fault.Of(err).Reason != fault.NoTarget {
		t.Errorf("strict, an element that is not there: %v, want no target", err)
	}
}

// A user's groups may be repeated as they are, and not changed.
func TestPatchUser_repeatsGroups(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	groups := func(ids ...string) directory.Command {
		var list []string
		for _, id := range ids {
			list = append(list, fmt.Sprintf(`{"value":%q}`, id))
		}
		return s.patch(`{"op":"replace","value":{"groups":[` + strings.Join(list, ",") + `]}}`)
	}
	if o := s.Must(t, groups(s.group)); len(o.Events) > 0 {
		t.Errorf("repeating them causes %v", o.Events)
	}
	if _, err := s.Try(groups(s.group, "dirgroup_000000000000000099")); fault.Of(err).Reason != fault.Mutability {
		t.Errorf("another group: %v, want the reason mutability", err)
	}
}

// Immutable attributes of an extension keep their value in a PUT that leaves
// them out, and a PUT that changes them is refused (RFC 7644 section 3.5.1).
func TestReplace_immutable(t *testing.T) {
	t.Parallel()
	const urn = "urn:acme:scim:1.0:User"
	s := newStage(t)
	definition := []byte(`{"id":"` + urn + `","name":"Acme","attributes":[{"name":"hired","mutability":"immutable"},{"name":"badge"},
		{"name":"car","type":"complex","subAttributes":[{"name":"plate","mutability":"immutable"},{"name":"colour"}]}]}`)
	s.Must(t, directory.RegisterDirectorySchemas{Organization: s.org, Directory: s.scope.Directory, Extensions: []events.DirectoryExtension{{Resource: "User", Definition: definition}, {Resource: "Group", Definition: definition}}})
	put := func(block attrs) (directory.Outcome, error) {
		more := attrs{}
		if block != nil {
			more[urn] = block
		}
		if _, err := s.Try(directory.ReplaceGroup{Scope: s.scope, ID: s.group, State: directorytest.Group("Editors", more), Members: []string{s.ada}}); (err != nil) != (fault.Of(err).Reason == fault.Mutability) {
			t.Fatal(err)
		}
		return s.Try(s.replace(ada, more))
	}
	for i, step := range []struct {
		block, want attrs
		events      int
		refused     bool
	}{
		{block: attrs{"badge": "1"}, want: attrs{"badge": "1"}, events: 1},
		{block: attrs{"hired": "2020", "car": attrs{"plate": "A", "colour": "red"}}, want: attrs{"hired": "2020", "car": attrs{"plate": "A", "colour": "red"}}, events: 1},
		{block: attrs{"hired": "2021", "car": attrs{"plate": "A"}}, refused: true},
		{block: attrs{"hired": "2020", "car": attrs{"plate": "B"}}, refused: true},
		{block: attrs{"car": attrs{"colour": "blue"}}, want: attrs{"hired": "2020", "car": attrs{"plate": "A", "colour": "blue"}}, events: 1},
		{block: nil, want: attrs{"hired": "2020", "car": attrs{"plate": "A"}}, events: 1},
		{block: attrs{"hired": "2020", "car": attrs{"plate": "A"}}, want: attrs{"hired": "2020", "car": attrs{"plate": "A"}}},
	} {
		o, err := put(step.block)
		if step.refused {
			if fault.Of(err).Reason != fault.Mutability {
				t.Errorf("step %d: %v, want the reason mutability", i, err)
			}
			continue
		}
		if err != nil || len(o.Events) != step.events {
			t.Fatalf("step %d: %d events, %v", i, len(o.Events), err)
		}
		u, _, err := directory.Get[*directory.User](s.Rows, directory.Make(directory.TableUser, s.scope.Directory, s.ada))
		if err != nil {
			t.Fatal(err)
		}
		want := directorytest.User(ada, attrs{urn: step.want})
		if diff := cmp.Diff(string(want.Attributes), string(u.Attributes)); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
}

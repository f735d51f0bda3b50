package directory_test

import (
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// TestPrecondition says that every write of a resource that is there is held to
// what its sender expects, and that a resource at another revision is left as
// it is. The stage's user is at revision 1, its group at 2.
func TestPrecondition(t *testing.T) {
	t.Parallel()
	changed := &refused{kind: fault.FailedPrecondition, says: []string{"version", "Read it again"}}
	only := func(revisions ...uint64) directory.Precondition { return directory.Precondition{Revisions: revisions} }
	for name, c := range map[string]struct {
		at     uint64
		when   func(*stage, directory.Precondition) directory.Command
		causes events.Type
		noop   func(*stage, directory.Precondition) directory.Command
	}{
		"ReplaceUser": {1, func(s *stage, p directory.Precondition) directory.Command {
			return directory.ReplaceUser{Scope: s.scope, ID: s.ada, State: directorytest.User(ada, attrs{"title": "Editor"}), IfMatch: p}
		}, events.TypeUserUpdated, func(s *stage, p directory.Precondition) directory.Command {
			return directory.ReplaceUser{Scope: s.scope, ID: s.ada, State: directorytest.User(ada), IfMatch: p}
		}},
		"PatchUser": {1, func(s *stage, p directory.Precondition) directory.Command {
			c := s.patch(`{"op":"add","path":"title","value":"Editor"}`).(directory.PatchUser)
			c.IfMatch = p
			return c
		}, events.TypeUserUpdated, func(s *stage, p directory.Precondition) directory.Command {
			c := s.patch(`{"op":"replace","value":{"active":true}}`).(directory.PatchUser)
			c.IfMatch = p
			return c
		}},
		"DeleteUser": {1, func(s *stage, p directory.Precondition) directory.Command {
			return directory.DeleteUser{Scope: s.scope, ID: s.ada, IfMatch: p}
		}, events.TypeUserDeleted, nil},
		"ReplaceGroup": {2, func(s *stage, p directory.Precondition) directory.Command {
			return directory.ReplaceGroup{Scope: s.scope, ID: s.group, State: directorytest.Group("Readers"), Members: []string{s.ada}, IfMatch: p}
		}, events.TypeGroupUpdated, func(s *stage, p directory.Precondition) directory.Command {
			return directory.ReplaceGroup{Scope: s.scope, ID: s.group, State: directorytest.Group("Editors"), Members: []string{s.ada}, IfMatch: p}
		}},
		"PatchGroup": {2, func(s *stage, p directory.Precondition) directory.Command {
			return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: members("remove", s.ada), IfMatch: p}
		}, events.TypeGroupMembersRemoved, func(s *stage, p directory.Precondition) directory.Command {
			return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: members("add", s.ada), IfMatch: p}
		}},
		"DeleteGroup": {2, func(s *stage, p directory.Precondition) directory.Command {
			return directory.DeleteGroup{Scope: s.scope, ID: s.group, IfMatch: p}
		}, events.TypeGroupDeleted, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(p directory.Precondition) func(*stage) directory.Command {
				return func(s *stage) directory.Command { return c.when(s, p) }
			}
			then := []events.Type{c.causes}
			run(t, map[string]example{
				"none":             {when: with(directory.Precondition{}), then: then},
				"any":              {when: with(directory.Precondition{Any: true}), then: then},
				"its own":          {when: with(only(c.at)), then: then},
				"one of several":   {when: with(only(7, c.at, 9)), then: then},
				"an older one":     {when: with(only(c.at - 1)), no: changed},
				"a newer one":      {when: with(only(c.at + 1)), no: changed},
				"nobody's":         {when: with(only(0)), no: changed},
				"any, and another": {when: with(directory.Precondition{Any: true, Revisions: []uint64{9}}), then: then},
				"what is gone": {
					given: func(s *stage) {
						s.Must(s.t, directory.DeleteUser{Scope: s.scope, ID: s.ada})
						s.Must(s.t, directory.DeleteGroup{Scope: s.scope, ID: s.group})
					},
					when: with(directory.Precondition{Any: true}), no: notFound,
				},
			})
			if c.noop != nil {
				run(t, map[string]example{
					"nothing to do":                  {when: func(s *stage) directory.Command { return c.noop(s, only(c.at)) }},
					"nothing to do, on a former one": {when: func(s *stage) directory.Command { return c.noop(s, only(c.at+1)) }, no: changed},
				})
			}
		})
	}
}

// TestPreconditionOnce says that of writes that all start from one revision, one
// happens.
func TestPreconditionOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	happened := 0
	for _, title := range []string{"Editor", "Reader", "Writer"} {
		c := s.patch(`{"op":"replace","path":"title","value":"` + title + `"}`).(directory.PatchUser)
		c.IfMatch = directory.Precondition{Revisions: []uint64{1}}
		switch _, err := s.Try(c); {
		case err == nil:
			happened++
		case fault.KindOf(err) != fault.FailedPrecondition:
			t.Fatal(err)
		}
	}
	if happened != 1 {
		t.Errorf("%d of three writes on top of one revision happened", happened)
	}
}

package announce_test

import (
	"fmt"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// jobs returns the fan-outs of the stage's directory that are remembered, the
// oldest first.
func (s *stage) jobs() []*directory.FanoutProgress {
	s.t.Helper()
	s.fold(s.t, s.World)
	var all []*directory.FanoutProgress
	if err := s.rows.Scan(directory.Make(directory.TableProgress, s.scope.Directory), "", func(_ directory.Key, r directory.Row) bool {
		all = append(all, r.(*directory.FanoutProgress))
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	return all
}

// step takes the one fan-out under way a step further.
func (s *stage) step() {
	s.t.Helper()
	var next directory.ContinueFanout
	if err := s.Rows.Scan(directory.Make(directory.TableFanout), "", func(_ directory.Key, r directory.Row) bool {
		j := r.(*directory.Fanout)
		next = directory.ContinueFanout{Job: j.Job, After: j.After}
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	s.Must(s.t, next)
}

func (s *stage) maps(source string) {
	s.t.Helper()
	s.Must(s.t, directory.MapDirectoryAttributes{
		Organization: s.scope.Organization, Directory: s.scope.Directory, Mappings: []events.AttributeMapping{{Key: "badge", Sources: []string{source}}},
	})
}

// TestProgress follows fan-outs of a directory from their beginning to their
// end: what they count, how they end, how many are remembered, and that nothing
// is left behind the directory.
func TestProgress(t *testing.T) {
	t.Parallel()
	const batch, users = directory.FanoutBatch, 2*directory.FanoutBatch + 7
	s := newStage(t, directory.DeactivationDeletes)
	var ids []string
	for i := range users {
		ids = append(ids, directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i))})))
	}
	group := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Everybody"), Members: ids}))
	role := directorytest.ID(s.Must(t, directory.CreateRole{Name: "guest", DisplayName: "Guest"}))
	expect := func(what string, n int, want directory.FanoutProgress) {
		t.Helper()
		all := s.jobs()
		if len(all) < n || len(all) == 0 {
			t.Fatalf("%s: %d jobs are remembered, want %d", what, len(all), n)
		}
		got := *all[n-1]
		if got.Job == "" || got.Actor == "" || got.Started.IsZero() || got.Ended.IsZero() != (want.Status == directory.ProgressRunning) || got.Ended.Before(got.Started) && !got.Ended.IsZero() {
			t.Errorf("%s: the job is %+v", what, got)
		}
		got.Job, got.Actor, got.Started, got.Ended = "", "", want.Started, want.Ended
		if got != want {
			t.Errorf("%s: the job is %+v, want %+v", what, got, want)
		}
	}
	if n := len(s.jobs()); n != 0 {
		t.Fatalf("%d jobs are there before any", n)
	}

	s.Must(t, directory.AssignRoles{Organization: s.scope.Organization, Directory: s.scope.Directory, Assignments: []directory.Assignment{{Group: group, RoleID: role}}})
	roles := directory.FanoutProgress{Kind: directory.FanoutRolesChanged, Resource: s.scope.Directory, Status: directory.ProgressRunning, Done: batch, Total: users}
	expect("roles are assigned", 1, roles)
	s.step()
	roles.Done = 2 * batch
	expect("a step is taken", 1, roles)
	s.Must(t, directory.DeleteUser{Scope: s.scope, ID: ids[users-1]}) // one less is left
	s.step()
	roles.Done, roles.Status = users-1, directory.ProgressFinished
	expect("the last step is taken", 1, roles)

	s.maps("title")
	s.step()
	s.maps("nickName")
	expect("a mapping is replaced", 2, directory.FanoutProgress{
		Kind: directory.FanoutAttributesMapped, Resource: s.scope.Directory, Status: directory.ProgressReplaced, Done: 2 * batch, Total: users - 1,
	})
	expect("another takes over", 3, directory.FanoutProgress{
		Kind: directory.FanoutAttributesMapped, Resource: s.scope.Directory, Status: directory.ProgressRunning, Done: batch, Total: users - 1,
	})
	directorytest.Finish(t, s.World)
	s.Must(t, directory.DeleteGroup{Scope: s.scope, ID: group})
	expect("the group is deleted", 4, directory.FanoutProgress{
		Kind: directory.FanoutGroupDeleted, Resource: group, Status: directory.ProgressRunning, Done: batch, Total: users - 1,
	})
	directorytest.Finish(t, s.World)
	expect("its members are gone", 4, directory.FanoutProgress{
		Kind: directory.FanoutGroupDeleted, Resource: group, Status: directory.ProgressFinished, Done: users - 1, Total: users - 1,
	})

	newest := ""
	for i := range 2 * directory.MaxProgress {
		s.maps([]string{"title", "nickName"}[i%2])
		all := s.jobs()
		if n := len(all); n > directory.MaxProgress+2 {
			t.Fatalf("%d jobs are remembered", n)
		}
		if last := all[len(all)-1]; last.Status != directory.ProgressRunning || last.Job <= newest {
			t.Fatalf("the newest job is %+v, the one before %s", last, newest)
		}
		newest = all[len(all)-1].Job
	}
	if n := len(s.jobs()); n < directory.MaxProgress {
		t.Errorf("only %d jobs are remembered", n)
	}

	s.Must(t, directory.DisableDirectory{Organization: s.scope.Organization, Directory: s.scope.Directory})
	s.Must(t, directory.DeleteDirectory{Organization: s.scope.Organization, Directory: s.scope.Directory})
	if all := s.jobs(); len(all) != 0 {
		t.Errorf("behind the deletion of the directory %d jobs are remembered, the last %+v", len(all), all[len(all)-1])
	}
	directorytest.Finish(t, s.World)
	if n := len(s.jobs()); n != 0 {
		t.Errorf("the deletion of the directory is remembered in %d jobs", n)
	}
}

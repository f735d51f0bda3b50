package ingress_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// TestNotes says that what became of a command is told to whoever sent it, also
// when another process decided it.
func TestNotes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	group := directory.CreateGroup{Scope: w.scope, State: directorytest.Group("Editors"), Members: []string{"zoe", "ada@acme.example"}}
	res := w.must(t, b, group)
	want := directory.Notes{Pending: directory.Values{Total: 2, First: []string{"ada@acme.example", "zoe"}}}
	if d := cmp.Diff(want, res.Notes); d != "" {
		t.Errorf("of the group (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]lenience.Deviation{{Cause: lenience.UnknownMember, Path: "members.value"}}, res.Deviations); d != "" {
		t.Errorf("of the group (-want +got):\n%s", d)
	}
	if d := cmp.Diff(directory.Notes{Joined: 1}, w.must(t, b, w.user("ada")).Notes); d != "" {
		t.Errorf("of the user (-want +got):\n%s", d)
	}
	// The owner's own callers are told the same.
	group.State = directorytest.Group("Readers")
	want = directory.Notes{Pending: directory.Values{Total: 1, First: []string{"zoe"}}}
	if d := cmp.Diff(want, w.must(t, a, group).Notes); d != "" {
		t.Errorf("of the second group (-want +got):\n%s", d)
	}
}

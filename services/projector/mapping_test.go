package projector_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// heard is what receivers hear of one user, in order: the type without its
// prefix, and the badge that they are shown.
type heard map[string][]string

func hear(t *testing.T, ms []message) heard {
	t.Helper()
	out := heard{}
	for _, m := range ms {
		var body struct {
			Type string `json:"type"`
			Data struct {
				ID     string         `json:"id"`
				Custom map[string]any `json:"custom_attributes"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
			t.Fatal(err)
		}
		line := body.Type[len("organization.directory."):]
		if line != "user_deleted" {
			line += fmt.Sprint(" ", body.Data.Custom["badge"])
		}
		out[body.Data.ID] = append(out[body.Data.ID], line)
	}
	return out
}

// TestMappingFanout maps an attribute that half of the users have, more of them
// than two steps cover. The projector is stopped after the first step, loses
// what it folded of the change, and goes on beside another while SCIM writes
// come in. Receivers hear of each user whose payload changed, once for each
// change, and of nobody else.
func TestMappingFanout(t *testing.T) {
	t.Parallel()
	const users = 2*directory.FanoutBatch + 200
	w := newWorld(t)
	from := len(w.Log)
	ids := make([]string, users)
	for i := range ids {
		more := map[string]any{}
		if i%2 == 0 {
			more["urn:acme:1.0:User"] = map[string]any{"badge": fmt.Sprint("B-", i)}
		}
		ids[i] = directorytest.ID(w.Must(t, directory.CreateUser{Scope: w.scope, State: directorytest.User(fmt.Sprintf("u%d@acme.example", i), more)}))
	}
	w.append(t, w.Log[from:])
	p := w.start(t, "model")
	w.settled(t, p)
	stop(t, p)
	copyFile(t, w.path("model"), w.path("before"))
	told := len(w.want(t))

	o := w.owner(t)
	title := func(i int) {
		t.Helper()
		change(t, o, w, ids[i], fmt.Sprintf(`{"op":"replace","path":"title","value":"Title %d"}`, o.n.Load()))
	}
	o.do(t, directory.MapDirectoryAttributes{Organization: w.scope.Organization, Directory: w.scope.Directory, Mappings: []events.AttributeMapping{
		{Key: "badge", Sources: []string{"nickName", "urn:acme:1.0:User:badge"}},
	}})
	s := &slow{owner: o, stopped: make(chan struct{})}
	s.left.Store(1)
	p = w.start(t, "model", sendTo(s))
	select {
	case <-s.stopped:
	case <-t.Context().Done():
	}
	if n := jobs(t, p); n != 1 {
		t.Errorf("%d jobs are under way after the first step", n)
	}
	stop(t, p)
	copyFile(t, w.path("before"), w.path("model"))

	// The first 500 have heard and a step more, which is at most 500; what comes now
	// is in between.
	title(2)    // heard already, and changes again
	title(3)    // has no badge
	title(1100) // hears of the mapping and the title at once
	title(1101)
	change(t, o, w, ids[1102], `{"op":"remove","path":"urn:acme:1.0:User:badge"}`) // nothing is left to map
	o.do(t, directory.DeleteUser{Scope: w.scope, ID: ids[1150]})
	o.do(t, directory.CreateUser{Scope: w.scope, State: directorytest.User("new@acme.example", map[string]any{"nickName": "N"})})
	p, rival := w.start(t, "model", sendTo(o)), w.start(t, "rival", sendTo(o))
	title(1104) // while it goes on: once if it is first, twice if it is second
	eventually(t, func() bool { return jobs(t, p) == 0 && jobs(t, rival) == 0 }, "the job to end")
	w.settled(t, p)

	want := heard{}
	for i, id := range ids {
		if i%2 == 0 {
			want[id] = []string{fmt.Sprint("user_updated B-", i)}
		}
	}
	want[ids[2]] = []string{"user_updated B-2", "user_updated B-2"}
	want[ids[3]] = []string{"user_updated <nil>"}
	want[ids[1101]] = []string{"user_updated <nil>"}
	want[ids[1102]] = []string{"user_updated <nil>"}
	want[ids[1150]] = []string{"user_deleted"}
	got := hear(t, w.want(t)[told:])
	if n := len(got[ids[1104]]); n == 2 {
		want[ids[1104]] = append(want[ids[1104]], "user_updated B-1104")
	}
	fresh := 0
	for id, lines := range got {
		if id > ids[users-1] && cmp.Equal(lines, []string{"user_created N"}) {
			delete(got, id)
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d new users are told of", fresh)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("receivers hear otherwise (-want +got):\n%.3000s", diff)
	}

	// Two changes in a row: the second takes over, and each user hears at most of
	// both, in that order.
	told = len(w.want(t))
	for _, source := range []string{"displayName", "title"} {
		o.do(t, directory.MapDirectoryAttributes{Organization: w.scope.Organization, Directory: w.scope.Directory, Mappings: []events.AttributeMapping{{Key: "badge", Sources: []string{source}}}})
	}
	eventually(t, func() bool { return jobs(t, p) == 0 && jobs(t, rival) == 0 }, "the second job to end")
	w.settled(t, p)
	titled := map[string]bool{ids[2]: true, ids[3]: true, ids[1100]: true, ids[1101]: true, ids[1104]: true}
	for id, lines := range hear(t, w.want(t)[told:]) {
		last := lines[len(lines)-1]
		if shown := last != "user_updated <nil>"; len(lines) > 2 || shown != titled[id] {
			t.Errorf("of %s receivers hear %q", id, lines)
		}
	}
	stop(t, p)
	stop(t, rival)
}

func change(t *testing.T, o *owner, w *world, id, op string) {
	t.Helper()
	r, err := patch.Parse(nil, patch.User, []byte(`{"Operations":[`+op+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	o.do(t, directory.PatchUser{Scope: w.scope, ID: id, Patch: r})
}

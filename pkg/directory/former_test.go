package directory_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// cast makes users and groups of one directory and deletes them again.
type cast struct {
	*stage
	ids map[string]string // name in the test -> id
}

func newCast(t *testing.T) *cast {
	t.Helper()
	c := &cast{stage: newStage(t), ids: map[string]string{"": ""}}
	c.policy(directory.DomainPolicyOff, directory.EmailPolicyFollow)
	return c
}

func (c *cast) user(as, userName, externalID string) {
	c.t.Helper()
	more := attrs{}
	if externalID != "" {
		more["externalId"] = externalID
	}
	c.ids[as] = directorytest.ID(c.Must(c.t, c.create(userName, more)))
}

func (c *cast) newGroup(as, name, externalID string, members ...string) {
	c.t.Helper()
	more := attrs{}
	if externalID != "" {
		more["externalId"] = externalID
	}
	c.ids[as] = directorytest.ID(c.Must(c.t, directory.CreateGroup{Scope: c.scope, State: directorytest.Group(name, more), Members: members}))
}

func (c *cast) delete(as ...string) {
	c.t.Helper()
	for _, a := range as {
		id := c.ids[a]
		if _, ok, _ := directory.Get[*directory.User](c.Rows, directory.Make(directory.TableUser, c.scope.Directory, id)); ok {
			c.Must(c.t, directory.DeleteUser{Scope: c.scope, ID: id})
			continue
		}
		c.Must(c.t, directory.DeleteGroup{Scope: c.scope, ID: id})
	}
}

// was asserts whom somebody was before, in the row and in the event.
func (c *cast) was(as, before string) {
	c.t.Helper()
	id, got := c.ids[as], "nothing"
	u, ok, err := directory.Get[*directory.User](c.Rows, directory.Make(directory.TableUser, c.scope.Directory, id))
	if ok {
		got = u.Previous
	}
	g, isGroup, groupErr := directory.Get[*directory.Group](c.Rows, directory.Make(directory.TableGroup, c.scope.Directory, id))
	if isGroup {
		got = g.Previous
	}
	if err != nil || groupErr != nil || got != c.ids[before] {
		c.t.Errorf("%s was %q before (%v, %v), want %s (%q)", as, got, err, groupErr, before, c.ids[before])
	}
	for _, e := range directorytest.Stored(c.Log) {
		if e.Resource != id {
			continue
		}
		switch e.Type {
		case events.TypeUserCreated:
			p, err := events.Decode[events.UserCreated](e)
			if err != nil || p.Previous != got {
				c.t.Errorf("the event of %s says %q (%v)", as, p.Previous, err)
			}
		case events.TypeGroupCreated:
			p, err := events.Decode[events.GroupCreated](e)
			if err != nil || p.Previous != got {
				c.t.Errorf("the event of %s says %q (%v)", as, p.Previous, err)
			}
		default:
		}
	}
}

// TestComesBack says whom somebody who is created again was before.
func TestComesBack(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(c *cast){
		"nobody":                func(c *cast) { c.user("a", "a@x", "1"); c.was("a", "") },
		"by userName":           func(c *cast) { c.user("a", "a@x", ""); c.delete("a"); c.user("b", "a@x", ""); c.was("b", "a") },
		"in another case":       func(c *cast) { c.user("a", "Å@x", ""); c.delete("a"); c.user("b", "å@X", ""); c.was("b", "a") },
		"by externalId":         func(c *cast) { c.user("a", "a@x", "1"); c.delete("a"); c.user("b", "b@x", "1"); c.was("b", "a") },
		"externalId has a case": func(c *cast) { c.user("a", "a@x", "i"); c.delete("a"); c.user("b", "b@x", "I"); c.was("b", "") },
		"externalId first": func(c *cast) {
			c.user("a", "a@x", "1")
			c.user("b", "b@x", "2")
			c.delete("a", "b")
			c.user("c", "a@x", "2")
			c.was("c", "b")
		},
		"then userName, though the provider numbers anew": func(c *cast) {
			c.user("a", "a@x", "1")
			c.delete("a")
			c.user("b", "a@x", "2")
			c.was("b", "a")
		},
		"without the externalId": func(c *cast) { c.user("a", "a@x", "1"); c.delete("a"); c.user("b", "a@x", ""); c.was("b", "a") },
		"a former externalId is no userName": func(c *cast) {
			c.user("a", "a@x", "b@x")
			c.delete("a")
			c.user("b", "b@x", "a@x")
			c.was("b", "")
		},
		"the last one": func(c *cast) {
			c.user("a", "a@x", "1")
			c.user("b", "b@x", "1")
			c.delete("b", "a")
			c.user("c", "c@x", "1")
			c.was("c", "a")
		},
		"the last one, when the one before is back": func(c *cast) {
			c.user("a", "a@x", "1")
			c.user("b", "b@x", "1")
			c.delete("a", "b")
			c.user("c", "a@x", "")
			c.was("c", "a")
			c.user("d", "d@x", "1")
			c.was("d", "b")
		},
		"once": func(c *cast) {
			c.user("a", "a@x", "1")
			c.delete("a")
			c.user("b", "b@x", "1")
			c.user("c", "a@x", "1")
			c.was("c", "")
		},
		"again and again": func(c *cast) {
			c.user("a", "a@x", "1")
			c.delete("a")
			c.user("b", "b@x", "1")
			c.was("b", "a")
			c.delete("b")
			c.user("c", "b@x", "")
			c.was("c", "b")
		},
		"by the last names": func(c *cast) {
			c.user("a", "a@x", "")
			c.Must(c.t, directory.ReplaceUser{Scope: c.scope, ID: c.ids["a"], State: directorytest.User("b@x")})
			c.delete("a")
			c.user("c", "a@x", "")
			c.was("c", "")
			c.user("d", "b@x", "")
			c.was("d", "a")
		},
		"a group by displayName": func(c *cast) {
			c.newGroup("g", "Readers", "")
			c.delete("g")
			c.newGroup("h", "READERS", "")
			c.was("h", "g")
		},
		"a group by externalId": func(c *cast) {
			c.newGroup("g", "Readers", "1")
			c.newGroup("h", "Writers", "2")
			c.delete("g", "h")
			c.newGroup("i", "Writers", "1")
			c.was("i", "g")
		},
		"a group is not a user": func(c *cast) {
			c.user("a", "a@x", "1")
			c.newGroup("g", "b@x", "2")
			c.delete("a", "g")
			c.user("b", "b@x", "2")
			c.newGroup("h", "a@x", "1")
			c.was("b", "")
			c.was("h", "")
		},
		"not from another directory": func(c *cast) {
			other := directorytest.ID(c.Must(c.t, directory.CreateUser{Scope: c.other, State: directorytest.User("a@globex.example", attrs{"externalId": "1"})}))
			c.Must(c.t, directory.DeleteUser{Scope: c.other, ID: other})
			c.user("a", "a@globex.example", "1")
			c.was("a", "")
		},
		"deactivation keeps the id": func(c *cast) {
			c.Must(c.t, c.patch(`{"op":"replace","path":"active","value":false}`))
			c.Must(c.t, c.patch(`{"op":"replace","path":"active","value":true}`))
			c.ids["ada"] = c.ada
			c.was("ada", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCast(t)
			story(c)
			consistent(t, c.Rows)
		})
	}
}

// TestPredecessors says that a chain of deletions can be followed to its start,
// or 16 steps of it.
func TestPredecessors(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	var ids []string
	for i := range 20 {
		as := strconv.Itoa(i)
		c.user(as, "a@x", strconv.Itoa(i%2))
		got, err := directory.Predecessors(c.Rows, c.scope.Directory, last(ids))
		want := slices.Clone(ids)
		slices.Reverse(want)
		if want = want[:min(len(want), 16)]; err != nil || !slices.Equal(got, want) {
			t.Fatalf("before the %dth it was %v (%v), want %v", i, got, err, want)
		}
		ids = append(ids, c.ids[as])
		c.delete(as)
	}
	if _, err := directory.Predecessors(broken{}, c.scope.Directory, ids[0]); err == nil {
		t.Error("a broken store has an answer")
	}
}

func last(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[len(ids)-1]
}

// TestFormerAreBounded folds random histories with a small bound: as many are
// remembered as it says, those that were deleted last, and nothing is left of
// the others.
func TestFormerAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		directorytest.Run(t, w, rapid.IntRange(20, 60).Draw(t, "commands"))
		most := uint64(rapid.IntRange(1, 3).Draw(t, "bound"))
		rows := directory.NewOverlay(directory.Empty{})
		deleted := map[string][]string{}
		for _, e := range w.Log {
			if e.Type == events.TypeUserDeleted || e.Type == events.TypeGroupDeleted {
				deleted[e.Directory] = append(deleted[e.Directory], e.Resource)
			}
			changes, err := directory.EvolveRemembering(rows, e, most)
			if err != nil {
				t.Fatal(err)
			}
			rows.Apply(changes)
			if e.Type == events.TypeUserDeleted || e.Type == events.TypeGroupDeleted {
				consistent(t, rows)
			}
		}
		scan(t, rows, directory.TableCounts, func(k directory.Key, r directory.Row) {
			dir := k.Last()
			want := slices.Clone(deleted[dir])
			want = want[max(0, len(want)-int(most)):]
			slices.Sort(want)
			var got []string
			_ = rows.Scan(directory.Make(directory.TableFormer, dir), "", func(k directory.Key, _ directory.Row) bool {
				got = append(got, k.Last())
				return true
			})
			if d := cmp.Diff(want, got); d != "" && len(want)+len(got) > 0 {
				t.Fatalf("other deletions are remembered (-want +got):\n%s", d)
			}
		})
	})
}

// TestNothingIsLeft deletes all users and groups of a random history: no row is
// left of them, except for what is remembered of who they were, and that goes
// with the directory.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		s := w.Directory(t, w.Organization(t, "initech"))
		off := directory.DomainPolicyOff
		w.Must(t, directory.ChangeDirectoryPolicy{Organization: s.Organization, Directory: s.Directory, DomainPolicy: &off})
		commands := directorytest.Commands{T: t, W: w}
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			_, _ = w.Try(commands.Provisioning())
		}
		var gone []directory.Command
		scan(t, w.Rows, directory.TableUser, func(k directory.Key, r directory.Row) {
			if r.(*directory.User).Directory == s.Directory {
				gone = append(gone, directory.DeleteUser{Scope: s, ID: k.Last()})
			}
		})
		scan(t, w.Rows, directory.TableGroup, func(k directory.Key, r directory.Row) {
			if r.(*directory.Group).Directory == s.Directory {
				gone = append(gone, directory.DeleteGroup{Scope: s, ID: k.Last()})
			}
		})
		for _, c := range gone {
			w.Must(t, c)
		}
		directorytest.Finish(t, w)
		former := 0
		for k := range directorytest.Rows(t, w.Rows) {
			parts := strings.Split(string(k[1:]), "\x00")
			switch k.Table() {
			case directory.TableFormer, directory.TableFormerExternal, directory.TableFormerName, directory.TableFormerOrder:
				former++
			case directory.TableDirectory, directory.TableOrgDirectory, directory.TableCounts, directory.TableSecret, directory.TableDirectorySecret:
			default:
				if slices.Contains(parts, s.Directory) {
					t.Fatalf("%q is left", k)
				}
			}
		}
		if len(gone) > 0 && former == 0 {
			t.Fatalf("%d were deleted and nobody is remembered", len(gone))
		}
		w.Must(t, directory.DeleteOrganization{Organization: s.Organization})
		directorytest.Finish(t, w)
		for k := range directorytest.Rows(t, w.Rows) {
			if k.Table() != directory.TableOrganizationName && slices.Contains(strings.Split(string(k[1:]), "\x00"), s.Directory) {
				t.Fatalf("%q is left of the directory", k)
			}
		}
	})
}

// TestFanoutOfAnOlderProgram folds a deletion whose last step an older program
// decided, which knew nothing of former identities: the job goes on with them.
func TestFanoutOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	w, s, _, users := crowd(t, directory.FanoutBatch+10)
	w.Must(t, directory.DeleteUser{Scope: s, ID: users[0]})
	w.Must(t, directory.DisableDirectory{Organization: s.Organization, Directory: s.Directory})
	w.Must(t, directory.DeleteDirectory{Organization: s.Organization, Directory: s.Directory})
	f := job(t, w)
	if f == nil {
		t.Fatal("the deletion is no job")
	}
	var to directory.Key
	scanIn(t, w.Rows, directory.Make(directory.TableGroup, s.Directory), func(k directory.Key, _ directory.Row) { to = k })
	e, err := events.New(events.Event{
		ID: w.LastID + 1, At: w.At, Organization: s.Organization, Directory: s.Directory, Resource: f.Job, Revision: f.Steps + 2,
	}, events.FanoutContinued{Job: f.Job, From: string(f.After), To: string(to), Done: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Fold(e); err != nil {
		t.Fatal(err)
	}
	if f = job(t, w); f == nil || f.After != to {
		t.Fatalf("the job is %+v, with a former identity left", f)
	}
	directorytest.Finish(t, w)
	everyEdgeHasEnds(t, w.Rows)
}

package directory_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// TestReplay folds one history in several ways that must all end in the same
// rows: as it was decided, read back from the log, and with a stop in the middle
// after which the rows come from their stored form.
func TestReplay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		directorytest.Run(t, w, rapid.IntRange(1, 40).Draw(t, "commands"))
		want := directorytest.Rows(t, w.Rows)
		log := directorytest.Stored(w.Log)
		same(t, "a replay", want, directorytest.Rows(t, directorytest.Fold(t, log)))

		cut := rapid.IntRange(0, len(log)).Draw(t, "cut")
		resumed := directorytest.FoldOver(t, directory.NewOverlay(stored(t, directorytest.Fold(t, log[:cut]))), log[cut:])
		same(t, "a snapshot and the rest", want, directorytest.Rows(t, resumed))
	})
}

// TestRepeatedCommand sends every command twice: the second time nothing is
// left to do, or what it asks for is taken or gone. Only creations that nothing
// identifies, and changes that a second time still change something, may act
// again; they are named here.
func TestRepeatedCommand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		directorytest.Run(t, w, rapid.IntRange(0, 20).Draw(t, "commands before"))
		c := directorytest.Commands{T: t, W: w}.Next()
		if _, err := w.Try(c); err != nil {
			return
		}
		before := directorytest.Rows(t, w.Rows)
		out, err := w.Try(c)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Conflict && k != fault.NotFound && k != fault.FailedPrecondition && k != fault.Unauthenticated {
				t.Fatalf("%T sent again is refused as %v: %v", c, k, err)
			}
			return
		}
		switch c := c.(type) {
		case directory.CreateAPIClient, directory.CreateWebhookEndpoint, directory.CreateDirectory:
			return
		case directory.CreateOrganization:
			if c.Profile.ExternalID == "" {
				return
			}
		}
		if len(out.Events) != 0 {
			t.Fatalf("%T sent again causes %v", c, out.Events)
		}
		same(t, "the repeat", before, directorytest.Rows(t, w.Rows))
	})
}

// TestDecideIsAFunction decides each command three times in the same state: as
// it is, again, and as it arrives in another process.
func TestDecideIsAFunction(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		directorytest.Run(t, w, rapid.IntRange(0, 20).Draw(t, "commands before"))
		before := directorytest.Rows(t, w.Rows)
		for range 5 {
			r := directorytest.Request(directorytest.Commands{T: t, W: w}.Next())
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatalf("write %T: %v", r.Command, err)
			}
			var sent directory.Request
			if err := json.Unmarshal(b, &sent); err != nil {
				t.Fatalf("read %s: %v", b, err)
			}
			s := w.Stamp()
			first := decide(w.Rows, r, s)
			if d := cmp.Diff(first, decide(w.Rows, r, s)); d != "" {
				t.Fatalf("%T is decided differently the second time:\n%s", r.Command, d)
			}
			if d := cmp.Diff(first, decide(w.Rows, sent, s)); d != "" {
				t.Fatalf("%T is decided differently in another process:\n%s", r.Command, d)
			}
		}
		same(t, "deciding", before, directorytest.Rows(t, w.Rows))
	})
}

type verdict struct {
	Events   []events.Event
	Resource directory.Key
	Notes    directory.Notes
	Kind     fault.Kind
	Reason   fault.Reason
	Detail   string
}

func decide(v directory.View, r directory.Request, s directory.Stamp) verdict {
	out, err := directory.Decide(v, r, s)
	got := verdict{Events: out.Events, Resource: out.Resource, Notes: out.Notes}
	if err != nil {
		f := fault.Of(err)
		got.Kind, got.Reason, got.Detail = f.Kind, f.Reason, f.Detail
	}
	return got
}

// TestInvariants checks after every command what must hold between rows, and of
// the events themselves.
func TestInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := directorytest.Setup(t)
		commands := directorytest.Commands{T: t, W: w}
		revisions := map[string]uint64{}
		for _, e := range w.Log {
			revisions[e.Resource] = e.Revision
		}
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			was, s := len(w.Log), w.Stamp()
			c := commands.Next()
			if _, err := w.Try(c); err != nil {
				continue
			}
			for i, e := range w.Log[was:] {
				if want := s.FirstID + uint64(i); e.ID != want || !e.At.Equal(s.At) || e.Actor != "api:test" {
					t.Fatalf("%s has id %d, time %v and actor %q; want %d, %v and the sender", e.Type, e.ID, e.At, e.Actor, want, s.At)
				}
				last := revisions[e.Resource]
				if e.Type == events.TypeGroupMembersPended || e.Type == events.TypeGroupMembersUnpended {
					last-- // the group is shown as before
				}
				if e.Revision != last+1 {
					t.Fatalf("%s of %s has revision %d behind %d", e.Type, e.Resource, e.Revision, last)
				}
				revisions[e.Resource] = e.Revision
			}
			consistent(t, w.Rows)
		}
		directorytest.Finish(t, w)
		consistent(t, w.Rows)
		everyEdgeHasEnds(t, w.Rows)
	})
}

// consistent recomputes every index row and total from the resources.
func consistent(t directorytest.TB, v directory.View) {
	t.Helper()
	want := map[directory.Key]string{}
	users, groups, edges := map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	scan(t, v, directory.TableMember, func(k directory.Key, _ directory.Row) {
		group, member, _ := strings.Cut(strings.TrimSuffix(string(k[1:]), "\x00"), "\x00")
		edges[group]++
		want[directory.Make(directory.TableMemberOf, member, group)] = ""
	})
	scan(t, v, directory.TableUser, func(_ directory.Key, r directory.Row) {
		u := r.(*directory.User)
		users[u.Directory]++
		want[directory.Make(directory.TableUserName, u.Directory, scim.Fold(u.UserName))] = u.ID
		if u.ExternalID != "" {
			want[directory.Make(directory.TableUserExternal, u.Directory, u.ExternalID, u.ID)] = ""
		}
		if u.DisplayName != "" {
			want[directory.Make(directory.TableUserDisplay, u.Directory, scim.Fold(u.DisplayName), u.ID)] = ""
		}
		for _, m := range u.Emails {
			want[directory.Make(directory.TableUserEmail, u.Directory, scim.Fold(m), u.ID)] = ""
		}
	})
	scan(t, v, directory.TableGroup, func(_ directory.Key, r directory.Row) {
		g := r.(*directory.Group)
		groups[g.Directory]++
		want[directory.Make(directory.TableGroupDisplay, g.Directory, scim.Fold(g.DisplayName), g.ID)] = ""
		if g.ExternalID != "" {
			want[directory.Make(directory.TableGroupExternal, g.Directory, g.ExternalID, g.ID)] = ""
		}
		if g.Members != edges[g.ID] {
			t.Fatalf("group %s counts %d members and has %d", g.ID, g.Members, edges[g.ID])
		}
	})
	scan(t, v, directory.TableOrganization, func(_ directory.Key, r directory.Row) {
		if o := r.(*directory.Organization); o.ExternalID != "" {
			want[directory.Make(directory.TableOrganizationName, o.ExternalID)] = o.ID
		}
	})
	scan(t, v, directory.TableDomain, func(_ directory.Key, r directory.Row) {
		m := r.(*directory.Domain)
		if m.Verification != directory.VerificationFailed {
			want[directory.Make(directory.TableDomainName, m.Name)] = m.Organization + "/" + m.ID
		}
		if m.Verification == directory.VerificationPending {
			want[directory.Make(directory.TableDomainPending, m.ID)] = m.Organization
		}
	})
	scan(t, v, directory.TableDirectory, func(_ directory.Key, r directory.Row) {
		d := r.(*directory.Directory)
		want[directory.Make(directory.TableOrgDirectory, d.Organization, d.ID)] = ""
		row, err := v.Get(directory.Make(directory.TableCounts, d.ID))
		c, ok := row.(*directory.Counts)
		if err != nil || !ok || c.Users != users[d.ID] || c.Groups != groups[d.ID] {
			t.Fatalf("directory %s counts %+v, has %d users and %d groups (%v)", d.ID, row, users[d.ID], groups[d.ID], err)
		}
	})
	scan(t, v, directory.TableSecret, func(_ directory.Key, r directory.Row) {
		s := r.(*directory.Secret)
		want[directory.Make(directory.TableDirectorySecret, s.Directory, s.ID)] = directory.HashKey(s.Hash)
	})
	waiting, names := map[string]uint64{}, map[directory.Key]bool{}
	scan(t, v, directory.TablePending, func(k directory.Key, r directory.Row) {
		group, _, _ := strings.Cut(string(k[1:]), "\x00")
		waiting[group]++
		names[directory.Make(0, group, string(r.(directory.Ref)))] = true
	})
	scan(t, v, directory.TablePendingName, func(k directory.Key, r directory.Row) {
		parts := strings.Split(string(k[1:]), "\x00")
		waiting[parts[0]]++
		value := string(r.(directory.Ref))
		if n := directory.Make(0, parts[2], value); !names[n] || parts[1] != scim.Fold(value) {
			t.Fatalf("%q is found as pending and is not", k)
		} else {
			delete(names, n)
		}
	})
	if len(names) > 0 {
		t.Fatalf("not all that is pending is found by name: %v", names)
	}
	scan(t, v, directory.TableGroup, func(k directory.Key, r directory.Row) {
		if g := r.(*directory.Group); g.Pending != waiting[g.ID] {
			t.Fatalf("group %s counts %d pending values and has %d", g.ID, g.Pending, waiting[g.ID])
		}
	})
	former := map[string]uint64{}
	scan(t, v, directory.TableFormer, func(k directory.Key, r directory.Row) {
		dir, _, _ := strings.Cut(string(k[1:]), "\x00")
		former[dir]++
		want[directory.Make(directory.TableFormerOrder, dir, directory.FormatID("", r.(*directory.Former).Deleted))] = k.Last()
	})
	for _, table := range []directory.Table{directory.TableFormerExternal, directory.TableFormerName} {
		scan(t, v, table, func(k directory.Key, r directory.Row) {
			parts := strings.Split(string(k[1:]), "\x00")
			f, ok, err := directory.Get[*directory.Former](v, directory.Make(directory.TableFormer, parts[0], string(r.(directory.Ref))))
			if err != nil || !ok || f.Next != "" || table == directory.TableFormerName && f.Name != parts[2] || table == directory.TableFormerExternal && f.ExternalID != parts[2] {
				t.Fatalf("%q leads to %s, which is %+v (%v)", k, r, f, err)
			}
		})
	}
	scan(t, v, directory.TableCounts, func(k directory.Key, r directory.Row) {
		if c := r.(*directory.Counts); c.Former != former[k.Last()] || c.Pending != waiting[k.Last()] {
			t.Fatalf("%s counts %+v, there are %d former and %d pending ones", k.Last(), c, former[k.Last()], waiting[k.Last()])
		}
	})
	counted := map[string]uint64{}
	for _, table := range []directory.Table{directory.TableUserChunk, directory.TableGroupChunk} {
		scan(t, v, table, func(k directory.Key, r directory.Row) {
			dir, _, _ := strings.Cut(string(k), "\x00")
			n := r.(*directory.Chunk).Rows
			if n == 0 {
				t.Fatalf("the chunk %q counts nothing", k)
			}
			counted[dir] += n
		})
	}
	for dir, n := range users {
		if c := counted[string(directory.TableUserChunk)+dir]; c != n {
			t.Fatalf("the chunks of %s count %d users, there are %d", dir, c, n)
		}
		delete(counted, string(directory.TableUserChunk)+dir)
	}
	for dir, n := range groups {
		if c := counted[string(directory.TableGroupChunk)+dir]; c != n {
			t.Fatalf("the chunks of %s count %d groups, there are %d", dir, c, n)
		}
		delete(counted, string(directory.TableGroupChunk)+dir)
	}
	if len(counted) > 0 {
		t.Fatalf("chunks are left of directories without rows: %v", counted)
	}
	consistentPersons(t, v, want)
	got := map[directory.Key]string{}
	for _, table := range []directory.Table{
		directory.TableMemberOf, directory.TableUserName, directory.TableUserExternal, directory.TableUserDisplay, directory.TableUserEmail,
		directory.TableGroupDisplay, directory.TableGroupExternal, directory.TableOrganizationName, directory.TableDomainName, directory.TableDomainPending,
		directory.TableOrgDirectory, directory.TableDirectorySecret, directory.TableFormerOrder,
		directory.TablePersonExternal, directory.TableOrgMemberEmail, directory.TableRoleMember,
	} {
		scan(t, v, table, func(k directory.Key, r directory.Row) { got[k] = string(r.(directory.Ref)) })
	}
	same(t, "the indexes", want, got)
}

// everyEdgeHasEnds checks, once no fan-out is pending, that nothing is left of
// what is gone.
func everyEdgeHasEnds(t directorytest.TB, v directory.View) {
	t.Helper()
	there := map[string]bool{}
	scan(t, v, directory.TableOrganization, func(k directory.Key, _ directory.Row) { there[k.Last()] = true })
	scan(t, v, directory.TableDirectory, func(k directory.Key, r directory.Row) {
		there[k.Last()] = true
		need(t, there, r.(*directory.Directory).Organization, k)
	})
	for _, table := range []directory.Table{directory.TableUser, directory.TableGroup} {
		scan(t, v, table, func(k directory.Key, r directory.Row) {
			there[k.Last()] = true
			need(t, there, strings.Split(string(k[1:]), "\x00")[0], k)
		})
	}
	scan(t, v, directory.TableCounts, func(k directory.Key, _ directory.Row) { need(t, there, k.Last(), k) })
	scan(t, v, directory.TableDomain, func(k directory.Key, r directory.Row) { need(t, there, r.(*directory.Domain).Organization, k) })
	scan(t, v, directory.TableSecret, func(k directory.Key, r directory.Row) { need(t, there, r.(*directory.Secret).Directory, k) })
	for _, table := range []directory.Table{
		directory.TableFormer, directory.TableFormerExternal, directory.TableFormerName, directory.TableFormerOrder, directory.TablePending, directory.TablePendingName,
	} {
		scan(t, v, table, func(k directory.Key, _ directory.Row) { need(t, there, strings.Split(string(k[1:]), "\x00")[0], k) })
	}
	scan(t, v, directory.TableOrgMember, func(k directory.Key, r directory.Row) { need(t, there, r.(*directory.OrgMember).Organization, k) })
	scan(t, v, directory.TablePersonCounts, func(k directory.Key, _ directory.Row) {
		if org := k.Last(); org != "" {
			need(t, there, org, k)
		}
	})
	scan(t, v, directory.TableMember, func(k directory.Key, _ directory.Row) {
		for _, id := range strings.Split(strings.TrimSuffix(string(k[1:]), "\x00"), "\x00") {
			need(t, there, id, k)
		}
	})
}

func need(t directorytest.TB, there map[string]bool, id string, of directory.Key) {
	t.Helper()
	if !there[id] {
		t.Fatalf("%q is left of %s, which is gone", of, id)
	}
}

func scan(t directorytest.TB, v directory.View, table directory.Table, f func(directory.Key, directory.Row)) {
	t.Helper()
	if err := v.Scan(directory.Make(table), "", func(k directory.Key, r directory.Row) bool { f(k, r); return true }); err != nil {
		t.Fatalf("scan table %c: %v", table, err)
	}
}

// same compares rows or indexes, in a readable way.
func same(t directorytest.TB, what string, want, got map[directory.Key]string) {
	t.Helper()
	if maps.Equal(want, got) {
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%s ends in other rows (-want +got):\n%s", what, d)
	}
}

// stored returns a view whose rows went through their stored form.
func stored(t directorytest.TB, v directory.View) directory.View {
	t.Helper()
	o := directory.NewOverlay(directory.Empty{})
	for k, b := range directorytest.Rows(t, v) {
		r, err := directory.DecodeRow(k, []byte(b))
		if err != nil {
			t.Fatalf("decode the row at %q: %v", k, err)
		}
		o.Set(k, r)
	}
	return o
}

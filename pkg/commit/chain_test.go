package commit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
)

// link is one of a chain; needs are the names that its command refers to.
func link(id, defines string, c directory.Command, needs ...string) commit.Link {
	return commit.Link{Request: directory.Request{ID: id, Actor: "api:test", Command: c}, Defines: defines, Needs: needs}
}

func group(s directory.Scope, name string, members ...string) directory.Command {
	return directory.CreateGroup{Scope: s, Members: members, State: events.GroupState{
		GroupNames: events.GroupNames{DisplayName: name}, Attributes: fmt.Appendf(nil, `{"displayName":%q}`, name),
	}}
}

// outcomes is how a chain was answered, one word for each link.
func outcomes(answers []commit.Answer) string {
	var words []string
	for _, a := range answers {
		switch {
		case a.Err == nil && a.Result.Seq == 0:
			words = append(words, "done")
		case a.Err == nil:
			words = append(words, "ok")
		case errors.Is(a.Err, commit.ErrLeftOut):
			words = append(words, "left")
		case errors.Is(a.Err, commit.ErrRefused):
			words = append(words, "refused")
		default:
			words = append(words, strings.ReplaceAll(fault.KindOf(a.Err).String(), " ", "-"))
		}
	}
	return strings.Join(words, " ")
}

// TestChain decides links in their order, each seeing what those before did, in
// one append.
func TestChain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		links func(s directory.Scope) []commit.Link
		stop  int
		want  string
		users []string // userNames in the end
	}{
		"in order": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					link("2", "", user(s, "ADA")),
					link("3", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"),
					link("4", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"),
					link("5", "again", user(s, "ada")),
					link("6", "g", group(s, "G", "bulkId:again"), "again"),
				}
			},
			want: "ok conflict ok not-found ok ok", users: []string{"ada@acme.example"},
		},
		"a reference to what failed": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					link("2", "twin", user(s, "ada")),
					link("3", "g", group(s, "G", "bulkId:twin"), "twin"),
					link("4", "", directory.DeleteGroup{Scope: s, ID: "bulkId:g"}, "g"),
				}
			},
			want: "ok conflict conflict conflict", users: []string{"ada@acme.example"},
		},
		"the end after failures": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "", user(s, "ada")), link("2", "", user(s, "ada")), {Refused: true}, link("3", "", user(s, "bob")),
				}
			},
			stop: 2, want: "ok conflict refused left", users: []string{"ada@acme.example"},
		},
		"no end": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{{Refused: true}, link("2", "", user(s, "ada"))}
			},
			want: "refused ok", users: []string{"ada@acme.example"},
		},
		"completed": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "g", group(s, "G")),
					link("2", "ada", user(s, "ada")),
					complete(link("3", "", directory.ReplaceGroup{Scope: s, ID: "bulkId:g", State: group(s, "G").(directory.CreateGroup).State, Members: []string{"bulkId:ada"}}, "g", "ada"), 0),
					undo(link("4", "", directory.DeleteGroup{Scope: s, ID: "bulkId:g"}, "g"), 2),
				}
			},
			want: "ok ok ok left", users: []string{"ada@acme.example"},
		},
		"undone": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					{Refused: true, Defines: "bob"},
					complete(link("3", "", directory.ReplaceUser{Scope: s, ID: "bulkId:ada", State: directorytest.User("bob@acme.example")}, "ada", "bob"), 0),
					undo(link("4", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"), 2),
					link("5", "", group(s, "G", "bulkId:ada"), "ada"),
				}
			},
			want: "ok refused conflict ok conflict",
		},
		"undone at the end": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					link("1", "ada", user(s, "ada")),
					{Refused: true},
					complete(link("3", "", directory.ReplaceUser{Scope: s, ID: "bulkId:ada", State: directorytest.User("bob@acme.example")}, "ada"), 0),
					undo(link("4", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"), 2),
				}
			},
			stop: 1, want: "ok refused left ok",
		},
		"nothing to complete": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					{Refused: true, Defines: "ada"},
					complete(link("2", "", directory.ReplaceUser{Scope: s, ID: "bulkId:ada", State: directorytest.User("ada@acme.example")}, "ada"), 0),
					undo(link("3", "", directory.DeleteUser{Scope: s, ID: "bulkId:ada"}, "ada"), 1),
					link("4", "", user(s, "bob")),
				}
			},
			stop: 2, want: "refused left left ok", users: []string{"bob@acme.example"},
		},
		"partly done": {
			links: func(s directory.Scope) []commit.Link {
				return []commit.Link{
					{Done: &commit.Done{OK: true, ID: "diruser_7"}, Defines: "seven"},
					{Done: &commit.Done{Failed: true}, Defines: "gone"},
					{Done: &commit.Done{}},
					link("1", "", directory.DeleteUser{Scope: s, ID: "bulkId:seven"}, "seven"),
					link("2", "", directory.DeleteUser{Scope: s, ID: "bulkId:gone"}, "gone"),
				}
			},
			stop: 2, want: "done done done not-found left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memlog.New()
			o := own(t, log, nil)
			s := o.prepare(t)
			before := log.Appends()
			answers := o.SubmitChain(t.Context(), c.links(s), c.stop)
			if got := outcomes(answers); got != c.want {
				t.Errorf("answered %s, want %s", got, c.want)
			}
			if n := log.Appends() - before; n > 2 {
				t.Errorf("%d appends", n)
			}
			h := read(t, log)
			o.agree(t, h)
			if diff := cmp.Diff(c.users, usersIn(t, o, s)); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
		})
	}
}

func complete(l commit.Link, of int) commit.Link {
	l.Role, l.Of = bulk.Completion, of
	return l
}

func undo(l commit.Link, of int) commit.Link {
	l.Role, l.Of = bulk.Undo, of
	return l
}

func usersIn(t testing.TB, o *owner, s directory.Scope) (names []string) {
	t.Helper()
	if err := o.replica.Read(func(v directory.View) error {
		return v.Scan(directory.Make(directory.TableUser, s.Directory), "", func(_ directory.Key, r directory.Row) bool {
			names = append(names, r.(*directory.User).UserName)
			return true
		})
	}); err != nil {
		t.Fatal(err)
	}
	return names
}

// filler makes users of which a frame holds about a dozen.
var filler = strings.Repeat("x", 80<<10)

// people is a chain of users, each managed by the one before; all of them fill
// several frames.
func people(s directory.Scope, name string, n int) []commit.Link {
	links := make([]commit.Link, n)
	for i := range links {
		who := fmt.Sprintf("%s-%d", name, i)
		state := directorytest.User(who + "@acme.example")
		state.Attributes = fmt.Appendf(nil, `{"title":%q,"userName":"%s@acme.example"}`, filler, who)
		var needs []string
		if i > 0 {
			boss := fmt.Sprintf("%s-%d", name, i-1)
			state.Attributes = fmt.Appendf(nil, `{"boss":"bulkId:%s","title":%q,"userName":"%s@acme.example"}`, boss, filler, who)
			needs = []string{boss}
		}
		links[i] = link(who, who, directory.CreateUser{Scope: s, State: state}, needs...)
	}
	return links
}

// follow checks that the log holds exactly the links that were answered so, that
// those are the first of their chain, and that each refers to the one before.
func follow(t testing.TB, log eventlog.Log, links []commit.Link, answers []commit.Answer) (stored int) {
	t.Helper()
	users := map[string]events.Event{}
	n := map[string]int{}
	for _, e := range logtest.Read(t, log, eventlog.Position{}) {
		for _, c := range e.Frame.Commits {
			if len(c.Events) > 0 {
				n[c.Command]++
				users[c.Command] = c.Events[0]
			}
		}
	}
	for i, l := range links {
		ok := answers[i].Err == nil
		if got := n[l.Request.ID]; got > 1 || ok != (got == 1) {
			t.Errorf("%s is in the log %d times, and is answered %v", l.Request.ID, got, answers[i].Err)
		}
		if ok && stored < i {
			t.Errorf("%s is stored and one before is not", l.Request.ID)
		}
		if !ok {
			if k := fault.KindOf(answers[i].Err); k != fault.Unavailable {
				t.Errorf("%s is answered %v", l.Request.ID, answers[i].Err)
			}
			continue
		}
		stored++
		if i == 0 {
			continue
		}
		p, err := events.Decode[events.UserCreated](users[l.Request.ID])
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"boss":%q`, answers[i-1].Result.Key.Last()); !strings.Contains(string(p.Attributes), want) {
			t.Errorf("%s has %.60s, want %s", l.Request.ID, p.Attributes, want)
		}
	}
	return stored
}

// TestChain_badDays says what becomes of a chain when appends end in other ways
// than an ack: the first of its links are stored, the others are not.
func TestChain_badDays(t *testing.T) {
	t.Parallel()
	const (
		none, stored, lost, rival = memlog.Store, memlog.StoreButUnknown, memlog.LoseButUnknown, memlog.LoseToForeign
		only, full, away          = memlog.ConflictOnly, memlog.RefuseFull, memlog.RefuseUnavailable
	)
	for name, c := range map[string]struct {
		plan  []memlog.Outcome
		whole bool
	}{
		"good":                           {whole: true},
		"ack lost":                       {plan: []memlog.Outcome{stored, stored}, whole: true},
		"frame lost":                     {plan: []memlog.Outcome{lost, none, lost}, whole: true},
		"another writer":                 {plan: []memlog.Outcome{rival, none, rival}, whole: true},
		"another writer, again":          {plan: []memlog.Outcome{none, rival, rival, rival}, whole: true},
		"a conflict about nothing":       {plan: []memlog.Outcome{only, none, only}, whole: true},
		"full at once":                   {plan: []memlog.Outcome{full}},
		"full in the middle":             {plan: []memlog.Outcome{none, full}},
		"away in the middle":             {plan: []memlog.Outcome{none, away}},
		"another writer, away":           {plan: []memlog.Outcome{none, rival, away}},
		"away, and back at once":         {plan: []memlog.Outcome{away, none, none}},
		"full, behind one that was lost": {plan: []memlog.Outcome{none, lost, none, full}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memlog.New()
			o := own(t, log, nil)
			s := o.prepare(t)
			links := people(s, "p", 28) // 2 MiB, frames are of 1
			log.FailNext(c.plan...)
			answers := o.SubmitChain(t.Context(), links, 0)
			if n := follow(t, log, links, answers); (n == len(links)) != c.whole {
				t.Errorf("%d of %d are stored: %s", n, len(links), outcomes(answers))
			}
			o.agree(t, read(t, log))
		})
	}
}

// TestChain_twoOwners lets chains and single commands through two owners race.
func TestChain_twoOwners(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	first := own(t, log, nil)
	s := first.prepare(t)
	owners := []*owner{first, own(t, log, nil)}
	var wg sync.WaitGroup
	chains := make([][]commit.Link, 4)
	answers := make([][]commit.Answer, len(chains))
	for i := range chains {
		chains[i] = people(s, fmt.Sprint("c", i), 20)
		wg.Go(func() { answers[i] = owners[i%2].SubmitChain(t.Context(), chains[i], 0) })
		wg.Go(func() { owners[i%2].do(t, fmt.Sprint("single", i), user(s, fmt.Sprint("single", i))) })
	}
	wg.Wait()
	for i := range chains {
		if n := follow(t, log, chains[i], answers[i]); n != len(chains[i]) {
			t.Errorf("%d of chain %d are stored: %s", n, i, outcomes(answers[i]))
		}
	}
	h := read(t, log)
	for _, o := range owners {
		o.agree(t, h)
	}
}

// TestChain_stopped ends the committer while chains are under way, and lets it
// run again at once: the rest of a chain is not decided by chance.
func TestChain_stopped(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	o := own(t, log, nil)
	s := o.prepare(t)
	chains := make([][]commit.Link, 4)
	answers := make([][]commit.Answer, len(chains))
	var wg sync.WaitGroup
	for i := range chains {
		chains[i] = people(s, fmt.Sprint("c", i), 20)
		wg.Go(func() { answers[i] = o.SubmitChain(t.Context(), chains[i], 0) })
	}
	o.do(t, "single", user(s, "single"))
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	again := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { again <- o.Run(ctx) }()
	wg.Wait()
	cancel()
	if err := <-again; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	total := 0
	for i := range chains {
		total += follow(t, log, chains[i], answers[i])
		if k := slices.IndexFunc(answers[i], func(a commit.Answer) bool { return errors.Is(a.Err, commit.ErrStopped) }); k >= 0 {
			for _, a := range answers[i][k:] {
				if !errors.Is(a.Err, commit.ErrStopped) {
					t.Errorf("behind a link that may be sent elsewhere stands %v", a.Err)
				}
			}
		}
	}
	t.Logf("%d of %d links are stored", total, len(chains)*20)
}

// TestChain_givenUp says that a caller who goes away in time leaves nothing
// behind but the first links.
func TestChain_givenUp(t *testing.T) {
	t.Parallel()
	g := newGate()
	o := own(t, g, nil)
	s := o.prepare(t)
	close(g.shut)
	ctx, cancel := context.WithCancel(t.Context())
	links := people(s, "p", 40)
	done := make(chan []commit.Answer, 1)
	go func() { done <- o.SubmitChain(ctx, links, 0) }()
	<-g.arrived
	cancel()
	answers := <-done
	for i, a := range answers {
		if fault.KindOf(a.Err) != fault.Unavailable {
			t.Errorf("link %d is answered %v", i, a.Err)
		}
	}
	settled := make(chan struct{})
	var through sync.WaitGroup
	through.Go(func() {
		for {
			select {
			case g.pass <- struct{}{}:
			case <-g.arrived:
			case <-settled:
				return
			}
		}
	})
	if err := o.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(settled)
	through.Wait()
	stored := 0
	h := read(t, g)
	for i, l := range links {
		if n := h.commands[l.Request.ID]; n == 1 {
			if stored++; stored != i+1 {
				t.Errorf("link %d is stored and one before is not", i)
			}
		}
	}
	if stored == 0 || stored == len(links) {
		t.Errorf("%d of %d links are stored", stored, len(links))
	}
	o.agree(t, h)
}

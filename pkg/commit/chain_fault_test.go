package commit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

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

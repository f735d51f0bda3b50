package ingress_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/ingress"
)

// chain is users that each refer to the one before.
func (w *world) chain(name string, n, size int) []commit.Link {
	links := make([]commit.Link, n)
	for i := range links {
		who := fmt.Sprintf("%s-%d", name, i)
		l := commit.Link{Defines: who}
		boss := ""
		if i > 0 {
			boss = fmt.Sprintf("%s-%d", name, i-1)
			l.Needs = []string{boss}
		}
		state := directorytest.User(who + "@acme.example")
		state.Attributes = fmt.Appendf(nil, `{"boss":"bulkId:%s","title":%q,"userName":"%s@acme.example"}`, boss, strings.Repeat("x", size), who)
		l.Request = w.request(directory.CreateUser{Scope: w.scope, State: state})
		links[i] = l
	}
	return links
}

// follows checks that the answered links are the first of their chain, and that
// each refers to the one before.
func follows(t *testing.T, i *ingress.Ingress, w *world, links []commit.Link, answers []commit.Answer) (stored int) {
	t.Helper()
	commands := w.logged(t)
	for n, a := range answers {
		if a.Err != nil {
			if k := fault.KindOf(a.Err); k != fault.Unavailable {
				t.Errorf("link %d is answered %v", n, a.Err)
			}
			continue
		}
		if stored++; stored != n+1 || commands[links[n].Request.ID] != 1 {
			t.Errorf("link %d is stored, %d before it are, it is in the log %d times", n, stored-1, commands[links[n].Request.ID])
		}
		if err := i.Read(t.Context(), func(v directory.View) error {
			u, ok, err := directory.Get[*directory.User](v, a.Result.Key)
			if err != nil || !ok {
				return fmt.Errorf("link %d is not there: %w", n, err)
			}
			if n > 0 && !strings.Contains(string(u.Attributes), fmt.Sprintf(`"boss":%q`, answers[n-1].Result.Key.Last())) {
				t.Errorf("link %d has %.60s, want the id %s", n, u.Attributes, answers[n-1].Result.Key.Last())
			}
			if row, ok := a.Result.Row.(*directory.User); !ok || row.UserName != u.UserName || row.Revision != 1 {
				t.Errorf("link %d is answered with %#v", n, a.Result.Row)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	return stored
}

// TestChain sends chains through the owner and through another process, small
// ones and some that no message holds.
func TestChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	for n, i := range []*ingress.Ingress{a, b} {
		for _, c := range []struct{ n, size int }{{1, 10}, {200, 100}, {10, 700 << 10}} {
			links := w.chain(fmt.Sprintf("c%d-%d", n, c.size), c.n, c.size)
			if got := follows(t, i, w, links, i.SubmitChain(t.Context(), links, 1)); got != c.n {
				t.Errorf("%d of %d links through process %d are stored", got, c.n, n)
			}
		}
	}
}

// TestChain_refusals come back the same from the owner and from another process,
// and count towards the end of the chain in whatever message they are.
func TestChain_refusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	for n, i := range []*ingress.Ingress{a, b} {
		links := w.chain(fmt.Sprint("r", n), 8, 800<<10)
		links[1].Request = w.request(links[0].Request.Command) // taken
		links[2] = commit.Link{Refused: true, Defines: links[2].Defines}
		var got []string
		for _, a := range i.SubmitChain(t.Context(), links, 4) {
			got = append(got, fmt.Sprint(a.Err))
		}
		want := []string{
			"<nil>", `The userName "` + fmt.Sprintf("r%d-0@acme.example", n) + `" is already taken in this directory.`, commit.ErrRefused.Error(),
			fmt.Sprintf("bulkId:r%d-2 refers to an operation that failed.", n), fmt.Sprintf("bulkId:r%d-3 refers to an operation that failed.", n),
			commit.ErrLeftOut.Error(), commit.ErrLeftOut.Error(), commit.ErrLeftOut.Error(),
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("through process %d:\n%q, want\n%q", n, got, want)
		}
	}
}

// TestChain_takeover stops the owner under load of chains through both. Each is
// stored in its order, and those of the other process wholly.
func TestChain_takeover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	a, b := w.pair(t)
	type sent struct {
		by      *ingress.Ingress
		links   []commit.Link
		answers []commit.Answer
	}
	done := make(chan sent)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	senders := []*ingress.Ingress{a, b, b}
	for n, i := range senders {
		go func() {
			for round := 0; ctx.Err() == nil && round < 200; round++ {
				links := w.chain(fmt.Sprintf("t%d-%d", n, round), 20, 1000)
				done <- sent{i, links, i.SubmitChain(t.Context(), links, 0)}
			}
			done <- sent{}
		}()
	}
	var all []sent
	began := time.Now()
	through := 0
	for ended := 0; ended < len(senders); {
		s := <-done
		if s.by == nil {
			ended++
			continue
		}
		if all = append(all, s); len(all) == 10 {
			go stop(t, a)
		}
		if s.by == b && w.holder(t) == "b" {
			through++
		}
		if through > 5 || time.Since(began) > limit {
			cancel()
		}
	}
	if through == 0 {
		t.Error("no chain went through the new owner")
	}
	for _, s := range all {
		if got := follows(t, b, w, s.links, s.answers); s.by == b && got != len(s.links) {
			t.Errorf("%d of %d links through the other process are stored: %v", got, len(s.links), s.answers[min(got, len(s.links)-1)].Err)
		}
	}
}

// TestChain_stopped says that nothing is sent when the process is stopping.
func TestChain_stopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	i := w.sole(t)
	w.setup(t, i)
	stop(t, i)
	links := w.chain("late", 3, 10)
	if got := len(i.SubmitChain(t.Context(), links, 0)); got != 3 {
		t.Errorf("%d answers", got)
	}
	for n, a := range i.SubmitChain(t.Context(), links, 0) {
		if fault.KindOf(a.Err) != fault.Unavailable {
			t.Errorf("link %d is answered %v", n, a.Err)
		}
	}
}

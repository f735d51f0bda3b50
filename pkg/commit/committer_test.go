package commit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/replica"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// owner is a running committer over its own replica.
type owner struct {
	*commit.Committer
	replica *replica.Replica
	stop    func() error // ends Run and returns what it returned
	ended   chan struct{}
}

func own(t testing.TB, log eventlog.Log, clock func() time.Time) *owner {
	t.Helper()
	r, err := replica.Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), log, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &owner{Committer: commit.New(log, r, commit.Config{Clock: clock}), replica: r, ended: make(chan struct{})}
	var result error
	go func() { defer close(o.ended); result = o.Run(ctx) }()
	o.stop = func() error { cancel(); <-o.ended; return result }
	t.Cleanup(func() {
		_ = o.stop()
		if err := r.Close(); err != nil {
			t.Errorf("close the replica: %v", err)
		}
	})
	return o
}

func (o *owner) do(t testing.TB, id string, c directory.Command) commit.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := o.Submit(ctx, directory.Request{ID: id, Actor: "api:test", Command: c})
	if err != nil {
		t.Fatalf("%s is refused: %v", id, err)
	}
	return res
}

// prepare makes an organization with an enabled directory that lets all in.
func (o *owner) prepare(t testing.TB) directory.Scope {
	t.Helper()
	org := o.do(t, "org", directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "acme", ExternalID: "acme"}}).Key.Last()
	dir := o.do(t, "dir", directory.CreateDirectory{Organization: org, Kind: "SCIM"}).Key.Last()
	o.do(t, "enable", directory.EnableDirectory{Organization: org, Directory: dir})
	off := directory.DomainPolicyOff
	o.do(t, "policy", directory.ChangeDirectoryPolicy{Organization: org, Directory: dir, DomainPolicy: &off})
	hash := directorytest.NewWorld().Secret()
	s := o.do(t, "secret", directory.CreateDirectorySecret{Organization: org, Directory: dir, Hash: hash}).Row.(*directory.Secret)
	return directory.Scope{Organization: org, Directory: dir, Secret: s.ID, SecretHash: hash}
}

func user(s directory.Scope, name string) directory.Command {
	return directory.CreateUser{Scope: s, State: directorytest.User(name + "@acme.example")}
}

// history is what a log holds.
type history struct {
	rows     map[directory.Key]string
	commands map[string]int // commits with events, by command id
}

// read folds the whole log and checks what must hold along it.
func read(t testing.TB, log eventlog.Log) history {
	t.Helper()
	h := history{commands: map[string]int{}}
	var all []events.Event
	var last events.Event
	for _, e := range logtest.Read(t, log, eventlog.Position{}) {
		for _, c := range e.Frame.Commits {
			if len(c.Events) > 0 {
				h.commands[c.Command]++
			}
			for _, ev := range c.Events {
				if ev.ID <= last.ID || ev.At.Before(last.At) {
					t.Errorf("event %d of %v follows %d of %v", ev.ID, ev.At, last.ID, last.At)
				}
				last = ev
				all = append(all, ev)
			}
		}
	}
	h.rows = directorytest.Rows(t, directorytest.Fold(t, all))
	return h
}

// agree checks that the replica, once fresh, holds what the log says.
func (o *owner) agree(t testing.TB, h history) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := o.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	snap, err := o.replica.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if d := cmp.Diff(h.rows, directorytest.Rows(t, snap)); d != "" {
		t.Errorf("the replica holds other rows than the log (-log +replica):\n%s", d)
	}
}

// TestOneUserName lets many ask for one name at once: one gets it.
func TestOneUserName(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	o := own(t, log, nil)
	s := o.prepare(t)
	type reply struct {
		res commit.Result
		err error
	}
	replies := make([]reply, 100)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() {
			res, err := o.Submit(t.Context(), directory.Request{ID: fmt.Sprintf("u%d", i), Command: user(s, "ada")})
			replies[i] = reply{res, err}
		})
	}
	wg.Wait()
	won := 0
	for i, r := range replies {
		switch f := fault.Of(r.err); {
		case r.err == nil:
			won++
			if !r.res.Changed || r.res.Row.(*directory.User).UserName != "ada@acme.example" {
				t.Errorf("the winner is told %+v", r.res)
			}
		case f.Kind != fault.Conflict || f.Reason != fault.Uniqueness:
			t.Errorf("request %d is refused with %v", i, r.err)
		}
	}
	if won != 1 {
		t.Errorf("%d requests get the name", won)
	}
	o.agree(t, read(t, log))
}

// TestBadDays says what becomes of a command when appends end in other ways
// than an ack. Whatever happens, it is in the log at most once, and exactly
// once if the caller was told so.
func TestBadDays(t *testing.T) {
	t.Parallel()
	const (
		stored, lost, rival = memlog.StoreButUnknown, memlog.LoseButUnknown, memlog.LoseToForeign
		only, full, away    = memlog.ConflictOnly, memlog.RefuseFull, memlog.RefuseUnavailable
	)
	for name, c := range map[string]struct {
		plan    []memlog.Outcome
		refused bool
	}{
		"ack lost":                        {plan: []memlog.Outcome{stored}},
		"frame lost":                      {plan: []memlog.Outcome{lost}},
		"lost again and again":            {plan: []memlog.Outcome{lost, lost, lost}},
		"lost, then the ack":              {plan: []memlog.Outcome{lost, stored}},
		"another writer":                  {plan: []memlog.Outcome{rival}},
		"another writer, then lost":       {plan: []memlog.Outcome{rival, lost}},
		"lost, then another writer":       {plan: []memlog.Outcome{lost, rival}},
		"a conflict about nothing":        {plan: []memlog.Outcome{only, only}},
		"lost, a conflict about nothing":  {plan: []memlog.Outcome{lost, only}},
		"full":                            {plan: []memlog.Outcome{full}, refused: true},
		"away":                            {plan: []memlog.Outcome{away}, refused: true},
		"ack lost, then full":             {plan: []memlog.Outcome{stored, full}},
		"ack lost, then away":             {plan: []memlog.Outcome{stored, away}},
		"frame lost, then full for a bit": {plan: []memlog.Outcome{lost, full, full}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memlog.New()
			o := own(t, log, nil)
			s := o.prepare(t)
			log.FailNext(c.plan...)
			_, err := o.Submit(t.Context(), directory.Request{ID: "ada", Command: user(s, "ada")})
			if (err != nil) != c.refused {
				t.Fatalf("the command answers %v", err)
			}
			if c.refused && fault.KindOf(err) != fault.Unavailable {
				t.Errorf("the command is refused as %v, want unavailable", fault.KindOf(err))
			}
			h := read(t, log)
			if n := h.commands["ada"]; n != 1 && !c.refused || n != 0 && c.refused {
				t.Errorf("the command is in the log %d times", n)
			}
			o.agree(t, h)
			o.do(t, "bob", user(s, "bob"))
			o.agree(t, read(t, log))
		})
	}
}

// TestTooLarge says that a commit that no frame can hold is refused before
// anything is written, and that its neighbours are not.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	o := own(t, log, nil)
	s := o.prepare(t)
	before := log.Appends()
	large := directorytest.User("large@acme.example")
	large.Attributes = fmt.Appendf(nil, `{"userName":"large@acme.example","title":%q}`, strings.Repeat("x", 8<<20))
	_, err := o.Submit(t.Context(), directory.Request{ID: "large", Command: directory.CreateUser{Scope: s, State: large}})
	if fault.KindOf(err) != fault.TooLarge {
		t.Errorf("the command answers %v, want too large", err)
	}
	if n := log.Appends() - before; n != 0 {
		t.Errorf("%d appends are tried", n)
	}
	// Several that fit one by one go into several frames.
	var wg sync.WaitGroup
	for i := range 3 {
		state := directorytest.User(fmt.Sprintf("u%d@acme.example", i))
		state.Attributes = fmt.Appendf(nil, `{"userName":"u%d@acme.example","title":%q}`, i, strings.Repeat("x", 3<<20))
		wg.Go(func() { o.do(t, strconv.Itoa(i), directory.CreateUser{Scope: s, State: state}) })
	}
	wg.Wait()
	o.agree(t, read(t, log))
}

// TestTwoOwners lets two processes write one log at once, as they may for a
// moment around a takeover. Nothing is lost, doubled or decided on old state.
func TestTwoOwners(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	first := own(t, log, nil)
	s := first.prepare(t)
	owners := []*owner{first, own(t, log, nil)}
	const callers, names = 6, 20
	won := make([]map[string]bool, callers)
	var wg sync.WaitGroup
	for n := range callers {
		won[n] = map[string]bool{}
		wg.Go(func() {
			for i := range names {
				name := fmt.Sprintf("u%d", i)
				_, err := owners[n%2].Submit(t.Context(), directory.Request{ID: fmt.Sprintf("%s by %d", name, n), Command: user(s, name)})
				switch {
				case err == nil:
					won[n][name] = true
				case fault.KindOf(err) != fault.Conflict:
					t.Errorf("%s by %d is refused: %v", name, n, err)
				}
			}
		})
	}
	wg.Wait()
	h := read(t, log)
	for i := range names {
		name, winners := fmt.Sprintf("u%d", i), 0
		for n := range callers {
			in := h.commands[fmt.Sprintf("%s by %d", name, n)]
			if told := won[n][name]; told != (in == 1) || in > 1 {
				t.Errorf("%s by %d: in the log %d times, told %v", name, n, in, told)
			}
			winners += in
		}
		if winners != 1 {
			t.Errorf("%s exists %d times", name, winners)
		}
	}
	for _, o := range owners {
		o.agree(t, h)
	}
}

// TestClock says that ids and times rise whatever the clock does.
func TestClock(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	times := []time.Time{
		time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC),
		{},
		time.Date(2031, 1, 1, 0, 0, 0, 0, time.FixedZone("east", 3600)),
	}
	n := 0
	o := own(t, log, func() time.Time { n++; return times[n%len(times)] })
	s := o.prepare(t)
	for i := range 10 {
		o.do(t, strconv.Itoa(i), user(s, fmt.Sprintf("u%d", i)))
	}
	o.agree(t, read(t, log)) // which checks that they rise
	for _, e := range logtest.Read(t, log, eventlog.Position{}) {
		for _, ev := range e.Frame.Commits[0].Events {
			if id := directory.FormatID("usr_", ev.ID); len(id) > 22 {
				t.Errorf("the id %s has more than 18 digits", id)
			}
		}
	}
}

// TestStopped says that a committer that does not run any more refuses at once.
func TestStopped(t *testing.T) {
	t.Parallel()
	log := memlog.New()
	o := own(t, log, nil)
	s := o.prepare(t)
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Submit(context.Background(), directory.Request{ID: "late", Command: user(s, "ada")}); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, commit.ErrStopped) {
		t.Errorf("the command answers %v, want ErrStopped as unavailable", err)
	}
	if err := o.Refresh(context.Background()); !errors.Is(err, commit.ErrStopped) {
		t.Errorf("the refresh answers %v, want ErrStopped", err)
	}
	if n := read(t, log).commands["late"]; n != 0 {
		t.Errorf("the command is in the log %d times", n)
	}
}

// TestLogForgets says that a log which lost its end stops the owner: it must
// not write a second history behind the first.
func TestLogForgets(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(o *owner, s directory.Scope) error{
		"write": func(o *owner, s directory.Scope) error {
			_, err := o.Submit(context.Background(), directory.Request{ID: "ada", Command: user(s, "ada")})
			return err
		},
		"refresh": func(o *owner, _ directory.Scope) error { return o.Refresh(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memlog.New()
			o := own(t, log, nil)
			s := o.prepare(t)
			log.CutTail(3)
			if err := act(o, s); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("it answers %v, want unavailable", err)
			}
			<-o.ended
			if _, ok := errors.AsType[*eventlog.MismatchError](o.stop()); !ok {
				t.Errorf("Run returns %v, want a mismatch", o.stop())
			}
		})
	}
}

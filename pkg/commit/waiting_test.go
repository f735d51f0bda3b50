package commit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/memlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// gate is a log whose appends wait, once it is shut, until each is let through.
type gate struct {
	*memlog.Log
	shut    chan struct{} // closed to shut
	arrived chan struct{}
	pass    chan struct{}
}

func newGate() *gate {
	return &gate{Log: memlog.New(), shut: make(chan struct{}), arrived: make(chan struct{}), pass: make(chan struct{})}
}

func (g *gate) Append(ctx context.Context, expect eventlog.Position, b []byte) (uint64, error) {
	select {
	case <-g.shut:
		select {
		case g.arrived <- struct{}{}:
		case <-ctx.Done():
			return 0, eventlog.ErrUnavailable
		}
		select {
		case <-g.pass:
		case <-ctx.Done():
			return 0, eventlog.ErrUnknown
		}
	default:
	}
	return g.Log.Append(ctx, expect, b)
}

type answer struct {
	res commit.Result
	err error
}

func (o *owner) async(ctx context.Context, id string, c directory.Command) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		res, err := o.Submit(ctx, directory.Request{ID: id, Command: c})
		done <- answer{res, err}
	}()
	return done
}

func silent(t *testing.T, what string, c <-chan answer) {
	t.Helper()
	select {
	case a := <-c:
		t.Fatalf("%s is answered before the frame is stored: %+v", what, a)
	case <-time.After(20 * time.Millisecond):
	}
}

// TestRefusalWaits says that nothing which was decided on an uncommitted command
// is answered before that command's frame is stored: not a refusal, not a
// no-op.
func TestRefusalWaits(t *testing.T) {
	t.Parallel()
	g := newGate()
	o := own(t, g, nil)
	s := o.prepare(t)
	close(g.shut)
	ctx := t.Context()
	ada := o.async(ctx, "ada", user(s, "ada"))
	<-g.arrived
	again := o.async(ctx, "ada again", user(s, "ada"))
	bob := o.async(ctx, "bob", user(s, "bob"))
	silent(t, "the name's first holder", ada)
	silent(t, "the refusal", again)
	g.pass <- struct{}{}
	if a := <-ada; a.err != nil || !a.res.Changed {
		t.Errorf("the first one answers %+v", a)
	}
	<-g.arrived // the frame with bob
	silent(t, "bob", bob)
	g.pass <- struct{}{}
	if a := <-again; fault.KindOf(a.err) != fault.Conflict {
		t.Errorf("the second one answers %+v", a)
	}
	if a := <-bob; a.err != nil {
		t.Errorf("bob answers %+v", a)
	}
	if h := read(t, g.Log); h.commands["ada"] != 1 || h.commands["ada again"] != 0 || h.commands["bob"] != 1 {
		t.Errorf("the log holds %v", h.commands)
	}
}

// TestGivenUp says what a caller is told who does not wait: whether it is known
// that nothing was changed, and that is then true.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	g := newGate()
	o := own(t, g, nil)
	s := o.prepare(t)
	close(g.shut)
	ctx, cancel := context.WithCancel(t.Context())
	deciding := o.async(ctx, "ada", user(s, "ada"))
	<-g.arrived
	waiting := o.async(ctx, "bob", user(s, "bob"))
	cancel()
	if a := <-deciding; fault.KindOf(a.err) != fault.Unavailable || !strings.Contains(fault.Of(a.err).Detail, "not known") {
		t.Errorf("who was being decided is told %v", a.err)
	}
	bob := <-waiting // it may have been decided on top of ada already
	known := strings.Contains(fault.Of(bob.err).Detail, "nothing was changed")
	if fault.KindOf(bob.err) != fault.Unavailable || !known && !strings.Contains(fault.Of(bob.err).Detail, "not known") {
		t.Errorf("who waited is told %v", bob.err)
	}
	go func() {
		g.pass <- struct{}{}
		for {
			select {
			case <-g.arrived:
				g.pass <- struct{}{}
			case <-o.ended:
				return
			}
		}
	}()
	o.do(t, "cleo", user(s, "cleo"))
	if h := read(t, g.Log); h.commands["ada"] != 1 || known && h.commands["bob"] != 0 || h.commands["cleo"] != 1 {
		t.Errorf("the log holds %v", h.commands)
	}
}

// TestOnTop says that what was decided on a frame that then does not come to be
// is decided again, on what is there instead.
func TestOnTop(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails   memlog.Outcome
		first   fault.Kind // what the one on its way is told; Internal stands for success
		second  fault.Kind // what the one on top of it is told, who wants the same name
		changed bool
	}{
		"stored":            {memlog.Store, fault.Internal, fault.Conflict, false},
		"stored, ack lost":  {memlog.StoreButUnknown, fault.Internal, fault.Conflict, false},
		"lost on its way":   {memlog.LoseButUnknown, fault.Internal, fault.Conflict, false},
		"somebody appended": {memlog.LoseToForeign, fault.Internal, fault.Conflict, false},
		"the log is full":   {memlog.RefuseFull, fault.Unavailable, fault.Internal, true},
		"the log is away":   {memlog.RefuseUnavailable, fault.Unavailable, fault.Internal, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			o := own(t, g, nil)
			s := o.prepare(t)
			close(g.shut)
			g.FailNext(c.fails)
			first := o.async(t.Context(), "first", user(s, "ada"))
			<-g.arrived
			second := o.async(t.Context(), "second", user(s, "ada"))
			silent(t, "what was decided on top", second)
			go func() {
				g.pass <- struct{}{}
				for {
					select {
					case <-g.arrived:
						g.pass <- struct{}{}
					case <-o.ended:
						return
					}
				}
			}()
			for what, x := range map[string]struct {
				got  <-chan answer
				want fault.Kind
			}{"on its way": {first, c.first}, "on top": {second, c.second}} {
				a := <-x.got
				if (a.err != nil) != (x.want != fault.Internal) || a.err != nil && fault.KindOf(a.err) != x.want {
					t.Errorf("what was %s is told %v, want %v", what, a.err, x.want)
				}
			}
			if h := read(t, g.Log); h.commands["first"]+h.commands["second"] != 1 || (h.commands["second"] == 1) != c.changed {
				t.Errorf("the log holds %v", h.commands)
			}
		})
	}
}

// TestStopAnswersAll says that everybody gets an answer when the committer
// stops: who is being decided the outcome, who waits a refusal.
func TestStopAnswersAll(t *testing.T) {
	t.Parallel()
	g := newGate()
	o := own(t, g, nil)
	s := o.prepare(t)
	close(g.shut)
	ada := o.async(context.Background(), "ada", user(s, "ada"))
	<-g.arrived
	bob := o.async(context.Background(), "bob", user(s, "bob"))
	silent(t, "bob", bob)
	stopped := make(chan error, 1)
	go func() { stopped <- o.stop() }()
	g.pass <- struct{}{}
	go func() { // bob may have made it into a frame
		select {
		case <-g.arrived:
			g.pass <- struct{}{}
		case <-o.ended:
		}
	}()
	a, b := <-ada, <-bob
	if err := <-stopped; err != nil {
		t.Errorf("Run returns %v", err)
	}
	h := read(t, g.Log)
	if a.err != nil || h.commands["ada"] != 1 {
		t.Errorf("ada is told %v and is in the log %d times", a.err, h.commands["ada"])
	}
	if (b.err == nil) != (h.commands["bob"] == 1) || b.err != nil && fault.KindOf(b.err) != fault.Unavailable {
		t.Errorf("bob is told %v and is in the log %d times", b.err, h.commands["bob"])
	}
}

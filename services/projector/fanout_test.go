package projector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/replica"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/services/projector"
)

// owner decides on the world's log from here on.
type owner struct {
	*commit.Committer
	n atomic.Uint64
}

func (w *world) owner(t *testing.T) *owner {
	t.Helper()
	r, err := replica.Open(t.Context(), w.path("owner"), w.log, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := &owner{Committer: commit.New(w.log, r, commit.Config{Sole: true})}
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := o.Run(ctx); err != nil {
			t.Errorf("the owner stopped: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		tasks.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// Submit implements projector.Commands.
func (o *owner) Submit(ctx context.Context, r directory.Request) (uint64, error) {
	res, err := o.Committer.Submit(ctx, r)
	return res.Seq, err
}

func (o *owner) do(t *testing.T, c directory.Command) uint64 {
	t.Helper()
	seq, err := o.Submit(t.Context(), directory.Request{ID: fmt.Sprint("test-", o.n.Add(1)), Actor: "system", Command: c})
	if err != nil {
		t.Fatalf("%T: %v", c, err)
	}
	return seq
}

// slow lets through a number of steps and then none until its sender gives up.
type slow struct {
	*owner
	left    atomic.Int64
	stopped chan struct{}
	once    sync.Once
}

func (s *slow) Submit(ctx context.Context, r directory.Request) (uint64, error) {
	if s.left.Add(-1) < 0 {
		s.once.Do(func() { close(s.stopped) })
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}
	return s.owner.Submit(ctx, r)
}

func sendTo(c projector.Commands) func(*projector.Config) {
	return func(cfg *projector.Config) { cfg.Commands = c }
}

// TestFanout renames and then deletes a group of more members than two steps
// cover, with a projector that is stopped in the middle and another beside it.
// Every member is told once of each.
func TestFanout(t *testing.T) {
	t.Parallel()
	const members = 2*directory.FanoutBatch + 1
	w := newWorld(t)
	ids := w.users(t, members)
	from := len(w.Log)
	group := directorytest.ID(w.Must(t, directory.CreateGroup{Scope: w.scope, State: directorytest.Group("Everybody"), Members: ids}))
	w.append(t, w.Log[from:])
	p := w.start(t, "model")
	w.settled(t, p)
	stop(t, p)
	told := len(w.want(t))

	o := w.owner(t)
	rename, err := patch.Parse(nil, patch.Group, []byte(`{"Operations":[{"op":"replace","path":"displayName","value":"Staff"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range []directory.Command{
		directory.PatchGroup{Scope: w.scope, ID: group, Patch: rename},
		directory.DeleteGroup{Scope: w.scope, ID: group},
	} {
		o.do(t, c)
		s := &slow{owner: o, stopped: make(chan struct{})}
		s.left.Store(1)
		p := w.start(t, "model", sendTo(s))
		select {
		case <-s.stopped:
		case <-t.Context().Done():
		}
		if n := jobs(t, p); n != 1 {
			t.Errorf("%d jobs are under way after the first step", n)
		}
		stop(t, p)

		p, rival := w.start(t, "model", sendTo(o)), w.start(t, fmt.Sprint("rival-", name), sendTo(o))
		eventually(t, func() bool { return jobs(t, p) == 0 && jobs(t, rival) == 0 }, "the job to end")
		w.settled(t, p)
		stop(t, p)
		stop(t, rival)

		all := w.want(t)
		heard := map[string]int{}
		for _, m := range all[told:] {
			if m.Header[public.HeaderEventType] != string(public.UserUpdated) {
				continue
			}
			var body struct {
				Data struct {
					ID string `json:"id"`
				} `json:"data"`
			}
			if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
				t.Fatal(err)
			}
			heard[body.Data.ID]++
		}
		for _, id := range ids {
			if heard[id] != 1 {
				t.Fatalf("%T: member %s is told %d times", c, id, heard[id])
			}
		}
		if len(heard) != members {
			t.Errorf("%T: %d users are told, the group has %d", c, len(heard), members)
		}
		told = len(all)
	}
}

// jobs counts the fan-outs that the model shows.
func jobs(t *testing.T, p *projector.Projector) int {
	t.Helper()
	n := 0
	if err := p.Read(t.Context(), func(v directory.View) error {
		return v.Scan(directory.Make(directory.TableFanout), "", func(directory.Key, directory.Row) bool { n++; return true })
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

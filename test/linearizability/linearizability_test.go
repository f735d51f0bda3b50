package linearizability_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	clients = 8
	// each is how many operations a client sends in a run.
	each = 60
	// runs is how many there are, short in CI and long in `make soak`.
	runs, longRuns = 3, 50
	// patience bounds the search for an order; it takes milliseconds if there is
	// one.
	patience = 2 * time.Minute
)

// TestLinearizable has clients collide through two ingresses on one NATS. In
// every second run one of the two is killed while they do, and started again.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	n := runs
	if os.Getenv("ROLLCALL_SOAK") != "" {
		n = longRuns
	} else if testing.Short() {
		n = 1
	}
	c := harness.NewCluster(t)
	for i := range n {
		h := collide(t, c, uint64(i), i%2 == 1)
		if h == nil || t.Failed() {
			return
		}
		check(t, fmt.Sprintf("run-%d", i), h.list)
	}
}

// collide runs the clients against a new directory.
func collide(t *testing.T, c *harness.Cluster, run uint64, kill bool) *history {
	t.Helper()
	domain := fmt.Sprintf("linear-%d.example", run)
	x := c.API.Tenant(t, c.SCIM, domain, "OKTA")
	c.API.Policy(t, x, map[string]any{"email_policy": "FOLLOW_DIRECTORY"}) // userNames change
	h := &history{t: t, domain: domain, start: time.Now()}
	for _, p := range c.Ingresses {
		h.doors = append(h.doors, x.SCIM.Via(x.Directory, p.URL()))
	}
	for g := range h.groups {
		h.groups[g] = x.SCIM.Create(t, "/Groups", harness.Group(fmt.Sprintf("Group %d", g)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	half := make(chan struct{}, clients)
	for range clients {
		c := h.client(run)
		all.Go(func() {
			for i := range each {
				if i == each/3 {
					half <- struct{}{}
				}
				c.step(ctx)
			}
		})
	}
	if kill {
		<-half
		victim := c.Ingresses[rand.New(rand.NewPCG(run, 0)).IntN(len(c.Ingresses))]
		victim.Kill()
		if err := victim.Start(); err != nil {
			t.Errorf("start %s again: %v", victim.Name, err)
		}
	}
	all.Wait()
	for _, p := range c.Ingresses {
		if err := p.Ready(); err != nil {
			t.Error(err)
			return nil
		}
	}
	return h
}

// check looks for an order. Without one, it draws the history.
func check(t *testing.T, name string, list []porcupine.Operation) {
	t.Helper()
	began := time.Now()
	result, info := porcupine.CheckOperationsVerbose(model, list, patience)
	open, refused := 0, 0
	for _, op := range list {
		if o, _ := op.Output.(*output); o == nil {
			open++
		} else if o.status >= 400 {
			refused++
		}
	}
	t.Logf("%s: %d operations, %d of them refused and %d without an answer: %s after %v", name, len(list), refused, open, result, time.Since(began).Round(time.Millisecond))
	if result == porcupine.Ok {
		return
	}
	t.Log(stuck(list, info))
	path, err := filepath.Abs(filepath.Join("..", "..", ".cache", "linearizability", name+".html"))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	if err == nil {
		err = porcupine.VisualizePath(model, info, path)
	}
	t.Errorf("%s has no order in which one directory could have shown it (%s); it is drawn in %s, %v", name, result, path, err)
}

// stuck says how far the longest order goes, and which operations could come
// next in time but not by what was answered.
func stuck(list []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []int
	for _, order := range info.PartialLinearizations()[0] {
		if len(order) > len(longest) {
			longest = order
		}
	}
	d, in := empty(), map[int]bool{}
	for _, i := range longest {
		_, next := model.Step(d, list[i].Input, list[i].Output)
		d, in[i] = next.(directory), true
	}
	first := int64(math.MaxInt64) // one of the others has to come before this
	for i, op := range list {
		if !in[i] {
			first = min(first, op.Return)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d operations have an order, which ends in\n  %v\nnone of these can follow:\n", len(longest), len(list), d)
	for i, op := range list {
		if !in[i] && op.Call <= first {
			fmt.Fprintf(&b, "  client %d at %v to %v: %s\n", op.ClientId, time.Duration(op.Call), time.Duration(op.Return), describe(op.Input, op.Output))
		}
	}
	for _, i := range longest[max(0, len(longest)-20):] {
		fmt.Fprintf(&b, "behind %d %v to %v: %s\n", list[i].ClientId, time.Duration(list[i].Call), time.Duration(list[i].Return), describe(list[i].Input, list[i].Output))
	}
	return b.String()
}

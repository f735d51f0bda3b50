package linearizability_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/rollcallhq/rollcall/test/harness"
)

// history is what all clients sent and saw.
type history struct {
	t      *testing.T
	domain string
	doors  []*harness.SCIM // the processes that take SCIM
	groups [groups]string  // ids
	start  time.Time

	mu      sync.Mutex
	list    []porcupine.Operation
	ids     []string // that somebody was told
	clients int
}

// lanes is how many operations of a client are under way at the same time.
const lanes = 2

// client sends one operation after the other.
type client struct {
	*history
	n    int // its number in the history
	rand *rand.Rand
	sent int
	// last is the user that it saw last, with the version.
	last struct{ id, title, version string }
	// door is the process that it asked last, changed what it wrote to there.
	door    int
	changed *input
}

func (h *history) client(seed uint64) *client {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients += lanes
	return &client{history: h, n: h.clients - lanes, rand: rand.New(rand.NewPCG(seed, uint64(h.clients)))}
}

// names are few, so that clients collide.
const names = 4

// step draws an operation and sends it.
func (c *client) step(ctx context.Context) {
	c.sent++
	if in := c.changed; in != nil && c.rand.IntN(3) > 0 {
		c.lookBack(ctx, *in)
		return
	}
	c.door = c.rand.IntN(len(c.doors))
	in := input{
		id: c.known(), name: fmt.Sprintf("u%d@%s", c.rand.IntN(names), c.domain), title: fmt.Sprintf("t%d.%d", c.n, c.sent), group: c.rand.IntN(groups),
	}
	switch n := c.rand.IntN(100); {
	case n < 14 || in.id == "":
		c.create(ctx, in)
	case n < 28:
		c.find(ctx, in)
	case n < 42:
		c.user(ctx, input{op: "get", id: in.id}, http.MethodGet, nil, "")
	case n < 50:
		c.user(ctx, input{op: "put", id: in.id, name: in.name, title: in.title}, http.MethodPut, harness.User(in.name, map[string]any{"title": in.title}), "")
	case n < 60:
		c.user(ctx, input{op: "patch", id: in.id, title: in.title}, http.MethodPatch, harness.Patch(harness.Op("replace", "title", in.title)), "")
	case n < 66 && c.last.version != "":
		in = input{op: "patch-if", id: c.last.id, title: in.title, seen: c.last.title}
		c.user(ctx, in, http.MethodPatch, harness.Patch(harness.Op("Replace", "title", in.title)), c.last.version)
	case n < 74:
		c.user(ctx, input{op: "delete", id: in.id}, http.MethodDelete, nil, "")
	case n < 84:
		c.member(ctx, input{op: "join", id: in.id, group: in.group}, harness.Op("add", "members", []any{map[string]any{"value": in.id}}))
	case n < 90:
		c.member(ctx, input{op: "leave", id: in.id, group: in.group}, harness.Op("remove", fmt.Sprintf("members[value eq %q]", in.id), nil))
	default:
		c.group(ctx, input{op: "group", group: in.group})
	}
}

// lookBack reads at the next door what was written at another.
func (c *client) lookBack(ctx context.Context, in input) {
	c.door++
	switch {
	case in.op == "join" || in.op == "leave":
		c.group(ctx, input{op: "group", group: in.group})
	case in.name != "":
		c.find(ctx, in)
	default:
		c.user(ctx, input{op: "get", id: in.id}, http.MethodGet, nil, "")
	}
}

// known picks an id, mostly a young one.
func (c *client) known() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ids) == 0 {
		return ""
	}
	return c.ids[max(0, len(c.ids)-1-c.rand.IntN(6))]
}

func (c *client) create(ctx context.Context, in input) {
	in.op, in.id, in.group = "create", "", 0
	c.do(ctx, in, http.MethodPost, "/Users", harness.User(in.name, map[string]any{"title": in.title}), "", c.seen)
}

func (c *client) find(ctx context.Context, in input) {
	in = input{op: "find", name: in.name}
	c.do(ctx, in, http.MethodGet, "/Users?filter="+fmt.Sprintf("userName%%20eq%%20%%22%s%%22", in.name), nil, "", func(a harness.Answer) *output {
		list, _ := a.At("Resources").([]any)
		if len(list) > 1 {
			c.t.Errorf("%s is found %d times: %s", in.name, len(list), a.Body)
		}
		o := &output{status: a.Status}
		if len(list) == 1 {
			o.read(c.history, list[0])
		}
		return o
	})
}

func (c *client) user(ctx context.Context, in input, method string, body any, version string) {
	c.do(ctx, in, method, "/Users/"+in.id, body, version, c.seen)
}

// seen reads an answer that is a user, or none.
func (c *client) seen(a harness.Answer) *output {
	o := &output{status: a.Status}
	if a.Status < 300 && len(a.Body) > 0 {
		o.read(c.history, a.JSON(c.t))
		c.last.id, c.last.title, c.last.version = o.id, o.title, a.Header.Get("ETag")
	}
	return o
}

func (c *client) member(ctx context.Context, in input, op map[string]any) {
	c.do(ctx, in, http.MethodPatch, "/Groups/"+c.groups[in.group], harness.Patch(op), "", func(a harness.Answer) *output { return &output{status: a.Status} })
}

func (c *client) group(ctx context.Context, in input) {
	c.do(ctx, in, http.MethodGet, "/Groups/"+c.groups[in.group], nil, "", func(a harness.Answer) *output {
		o := &output{status: a.Status}
		list, _ := a.At("members").([]any)
		for _, m := range list {
			id, _ := harness.At(m, "value").(string)
			o.members = append(o.members, id)
		}
		slices.Sort(o.members)
		return o
	})
}

// read takes a user's attributes over.
func (o *output) read(h *history, user any) {
	o.id, _ = harness.At(user, "id").(string)
	o.name, _ = harness.At(user, "userName").(string)
	o.title, _ = harness.At(user, "title").(string)
	list, _ := harness.At(user, "groups").([]any)
	for _, g := range list {
		id, _ := harness.At(g, "value").(string)
		o.groups = append(o.groups, slices.Index(h.groups[:], id))
	}
	slices.Sort(o.groups)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.ids, o.id) {
		h.ids = append(h.ids, o.id)
	}
}

// do sends an operation through some door and notes it.
func (c *client) do(ctx context.Context, in input, method, path string, body any, version string, read func(harness.Answer) *output) {
	c.changed = nil
	door := c.doors[c.door%len(c.doors)]
	if version != "" {
		door = door.With("If-Match", version)
	}
	op := porcupine.Operation{ClientId: c.n, Input: in, Call: time.Since(c.start).Nanoseconds(), Return: math.MaxInt64}
	a, err := door.Do(ctx, method, path, body)
	op.Metadata = strings.TrimPrefix(door.Base, "http://")
	reading := method == http.MethodGet
	if !reading && err == nil && a.Status < 300 {
		c.changed = &in
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return // nobody was there
	case err != nil || a.Status == http.StatusServiceUnavailable:
		if reading {
			return // it says nothing
		}
	case a.Status >= 500 || a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized:
		c.t.Errorf("%s %s: status %d: %s", method, path, a.Status, a.Body)
		return
	default:
		op.Output = read(a)
		op.Return = time.Since(c.start).Nanoseconds()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, op)
	switch o, _ := op.Output.(*output); {
	case o == nil: // it may still happen while this client goes on: as somebody else
		c.n = c.clients
		c.clients += lanes
		c.last.version = ""
	case !reading && o.status < 300 && o.id != "":
		// An answer to a write shows the user as it was written, and the groups as
		// of some moment before the answer: these are read for themselves.
		op.ClientId++
		op.Input, op.Output = input{op: "groups", id: o.id}, &output{status: http.StatusOK, groups: o.groups}
		c.list = append(c.list, op)
	}
}

package soak_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	// pace is the time between two writes of a writer: enough of them to load
	// two cores together, and little enough that receivers keep up.
	pace = 25 * time.Millisecond
	// most bounds what a writer keeps, so that a long run does not grow.
	most = 150
)

// writer is an identity provider that changes its own users and groups, one
// request after the other.
type writer struct {
	*book
	t      *testing.T
	doors  []*harness.SCIM // the processes that take SCIM
	domain string
	rand   *rand.Rand
	next   int
}

func (w *writer) token() token {
	w.next++
	return token{w.writer, w.next}
}

// run writes until ctx ends.
func (w *writer) run(ctx context.Context) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.step(ctx)
	}
}

func (w *writer) step(ctx context.Context) {
	users, groups := slices.Sorted(maps.Keys(w.users)), slices.Sorted(maps.Keys(w.groups))
	dice := w.rand.IntN(100)
	switch {
	case len(users) < 10 || dice < 25 && len(users) < most:
		w.createUser(ctx)
	case dice < 35 || len(users) >= most:
		w.remove(ctx, "Users", w.pick(users))
	case dice < 60:
		w.changeUser(ctx, w.pick(users), http.MethodPatch)
	case dice < 70:
		w.changeUser(ctx, w.pick(users), http.MethodPut)
	case len(groups) < 3 || dice < 78 && len(groups) < 20:
		w.createGroup(ctx, w.some(users))
	case dice < 82:
		w.remove(ctx, "Groups", w.pick(groups))
	default:
		w.changeGroup(ctx, w.pick(groups), w.some(users))
	}
}

func (w *writer) pick(ids []string) string { return ids[w.rand.IntN(len(ids))] }

// some picks up to four different ids.
func (w *writer) some(ids []string) []string {
	picked := map[string]bool{}
	for range 1 + w.rand.IntN(4) {
		picked[w.pick(ids)] = true
	}
	return slices.Sorted(maps.Keys(picked))
}

func (w *writer) createUser(ctx context.Context) {
	k := w.token()
	name := fmt.Sprintf("user-%d-%d@%s", k.writer, k.n, w.domain) // no token: it stays
	out, a := w.send(ctx, http.MethodPost, "/Users", harness.User(name, map[string]any{"title": k.String(), "nickName": k.String()}))
	w.settle(doubt{kind: "Users", token: k, after: resource{there: true, token: k, name: name}}, out, a.Text("id"))
}

func (w *writer) changeUser(ctx context.Context, id, method string) {
	k := w.token()
	was := w.users[id]
	will := was
	will.token = k
	var body any = harness.Patch(harness.Op("replace", "title", k.String()), harness.Op("Add", "nickName", k.String()))
	if method == http.MethodPut {
		body = harness.User(was.name, map[string]any{"title": k.String(), "nickName": k.String()})
	}
	out, _ := w.send(ctx, method, "/Users/"+id, body)
	w.settle(doubt{kind: "Users", id: id, token: k, before: was, after: will}, out, "")
}

func (w *writer) createGroup(ctx context.Context, members []string) {
	k := w.token()
	out, a := w.send(ctx, http.MethodPost, "/Groups", harness.Group(k.String(), members...))
	w.settle(doubt{kind: "Groups", token: k, after: resource{there: true, token: k, name: k.String(), members: membersOf(members)}}, out, a.Text("id"))
}

// changeGroup renames a group and replaces its members in one request.
func (w *writer) changeGroup(ctx context.Context, id string, members []string) {
	k := w.token()
	was := w.groups[id]
	list := make([]any, 0, len(members))
	for _, m := range members {
		list = append(list, map[string]any{"value": m})
	}
	out, _ := w.send(ctx, http.MethodPatch, "/Groups/"+id, harness.Patch(harness.Op("replace", "displayName", k.String()), harness.Op("replace", "members", list)))
	w.settle(doubt{kind: "Groups", id: id, token: k, before: was, after: resource{there: true, token: k, name: k.String(), members: membersOf(members)}}, out, "")
}

// remove deletes a resource. A user's deletion takes it out of its groups.
func (w *writer) remove(ctx context.Context, kind, id string) {
	was := w.of(kind)[id]
	out, _ := w.send(ctx, http.MethodDelete, "/"+kind+"/"+id, nil)
	w.settle(doubt{kind: kind, id: id, before: was}, out, "")
}

// send sends a write through some door.
func (w *writer) send(ctx context.Context, method, path string, body any) (outcome, harness.Answer) {
	a, err := w.doors[w.rand.IntN(len(w.doors))].Do(ctx, method, path, body)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nothing, a // nobody was there
	case err != nil || a.Status >= 500:
		return unknown, a
	case a.Status < 300:
		return answered, a
	case a.Status == http.StatusNotFound && strings.HasPrefix(path, "/"):
		w.t.Errorf("%s %s: what was answered is lost: %s", method, path, a.Body)
	default:
		w.t.Errorf("%s %s: status %d: %s", method, path, a.Status, a.Body)
	}
	return nothing, a
}

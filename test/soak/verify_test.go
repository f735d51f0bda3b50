package soak_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/test/harness"
)

// stored is what the streams hold.
type stored struct {
	// tokens counts in how many log events each token stands, deleted holds the
	// resources whose deletion is in the log.
	tokens  map[token]int
	deleted map[string]bool
	// told are the public events that each endpoint has to get, by its id.
	told   map[string]*told
	events int
}

// told is what one endpoint has to get: ids in order, and digests of bodies.
type told struct {
	order []string
	sums  map[string][sha256.Size]byte
}

// audit reads LOG and EVENTS and holds that EVENTS is exactly what LOG causes,
// byte for byte, in order, each once.
func (l *load) audit(ctx context.Context, t *testing.T, s *harness.Streams) stored {
	t.Helper()
	st := stored{tokens: map[token]int{}, deleted: map[string]bool{}, told: map[string]*told{}}
	for _, sub := range l.subscribers {
		st.told[sub.id] = &told{sums: map[string][sha256.Size]byte{}}
	}
	type line struct {
		id, typ string
		number  uint64
		sum     [sha256.Size]byte
	}
	var want []line
	created := map[string]uint64{} // ordinals, by endpoint
	err := s.Expected(ctx, func(_ directory.View, e events.Event, ordinal uint64) error {
		switch e.Type {
		case events.TypeWebhookEndpointCreated:
			created[e.Resource] = ordinal
		case events.TypeUserDeleted, events.TypeGroupDeleted:
			st.deleted[e.Resource] = true
		case events.TypeUserCreated, events.TypeUserUpdated, events.TypeGroupCreated, events.TypeGroupUpdated:
			seen := map[token]bool{}
			tokensIn(attributes(e.Payload), func(k token) { seen[k] = true })
			for k := range seen {
				st.tokens[k]++
			}
		default: // no write of a writer
		}
		return nil
	}, func(p harness.Public) error {
		sum := sha256.Sum256(p.Body)
		want = append(want, line{p.ID, p.Type, p.Number, sum})
		for _, sub := range l.subscribers {
			at := created[sub.id]
			if at > 0 && p.Number > uint64(public.NumberOf(at, public.MaxDerived-1)) && sub.wants(p.Organization, p.Type) {
				due := st.told[sub.id]
				due.order, due.sums[p.ID] = append(due.order, p.ID), sum
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("read LOG: %v", err)
	}
	n := 0
	if err := s.Events(ctx, func(p harness.Public) error {
		got := line{p.ID, p.Type, p.Number, sha256.Sum256(p.Body)}
		if n >= len(want) || got != want[n] {
			return fmt.Errorf("message %d of EVENTS, %s %s, is not what LOG causes there", n+1, p.ID, p.Type)
		}
		n++
		return nil
	}); err != nil {
		t.Fatalf("read EVENTS: %v", err)
	}
	if n != len(want) {
		t.Fatalf("EVENTS holds %d events, LOG causes %d", n, len(want))
	}
	st.events = n
	return st
}

// attributes leaves out what a change frees: the old names hold old tokens.
func attributes(payload []byte) []byte {
	if i := bytes.Index(payload, []byte(`"freed"`)); i >= 0 {
		return payload[:i]
	}
	return payload
}

// promised holds that every answered write is in the log exactly once.
func promised(t *testing.T, st stored, b *book) {
	t.Helper()
	for _, k := range b.answered {
		if n := st.tokens[k]; n != 1 {
			t.Errorf("the write %v was answered 2xx and stands in %d log events", k, n)
		}
	}
	for _, d := range b.doubts {
		if n := st.tokens[d.token]; n > 1 {
			t.Errorf("the write %v was sent once and stands in %d log events", d.token, n)
		}
	}
	for _, id := range b.gone {
		if !st.deleted[id] {
			t.Errorf("the deletion of %s was answered 2xx and is not in the log", id)
		}
	}
}

// shown holds that SCIM and the API show what the books say.
func shown(t *testing.T, st stored, in harness.Installation, x *harness.Tenant, books []*book) {
	t.Helper()
	users, groups := map[string]resource{}, map[string]resource{}
	names := map[string]resource{}
	for _, b := range books {
		u, g, n := b.expectation(func(k token) bool { return st.tokens[k] > 0 }, func(id string) bool { return st.deleted[id] })
		for id, r := range u {
			users[id] = r
		}
		for id, r := range g {
			groups[id] = r
		}
		for name, r := range n {
			names[name] = r
		}
	}
	scimUsers, scimGroups := map[string]resource{}, map[string]resource{}
	if err := errors.Join(walk(t, x.SCIM, "/Users", scimUsers), walk(t, x.SCIM, "/Groups", scimGroups)); err != nil {
		t.Error(err)
		return
	}
	// Creates that were not answered, but are there, have ids that no writer
	// knows.
	for what, pair := range map[string]struct{ want, got map[string]resource }{
		"users": {users, scimUsers}, "groups": {groups, scimGroups},
	} {
		for id, r := range pair.got {
			if _, known := pair.want[id]; !known {
				if n, ok := names[r.name]; ok {
					pair.want[id] = n
					delete(names, r.name)
				}
			}
		}
		alive(pair.want, scimUsers)
		if diff := cmp.Diff(pair.want, pair.got, cmp.AllowUnexported(resource{}, token{})); diff != "" {
			t.Errorf("SCIM shows other %s than were written (-written +shown):\n%.4000s", what, diff)
		}
	}
	if len(names) > 0 {
		t.Errorf("the log holds creates that nobody shows: %v", names)
	}

	list, err := in.API.Users(t.Context(), x)
	if err != nil {
		t.Error(err)
		return
	}
	apiUsers := map[string]resource{}
	for id, m := range list {
		name, _ := m["preferred_username"].(string)
		apiUsers[id] = read(t, id, name, harness.At(m, "user_detail.title"), harness.At(m, "user_detail.nickname"))
	}
	if diff := cmp.Diff(users, apiUsers, cmp.AllowUnexported(resource{}, token{})); diff != "" {
		t.Errorf("the API lists other users than were written (-written +listed):\n%.4000s", diff)
	}
	groupList, err := in.API.Groups(t.Context(), x)
	if err != nil {
		t.Error(err)
		return
	}
	for id, r := range groups {
		if groupList[id]["display_name"] != r.name {
			t.Errorf("the API lists group %s as %v, written was %s", id, groupList[id]["display_name"], r.name)
		}
	}
	if len(groupList) != len(groups) {
		t.Errorf("the API lists %d groups, written were %d", len(groupList), len(groups))
	}
}

// alive takes deleted users out of the groups that are expected to hold them.
func alive(groups, users map[string]resource) {
	for id, g := range groups {
		if g.members == "" {
			continue
		}
		var left []string
		for m := range strings.FieldsSeq(g.members) {
			if users[m].there {
				left = append(left, m)
			}
		}
		g.members = membersOf(left)
		groups[id] = g
	}
}

// walk reads all of a kind over SCIM.
func walk(t *testing.T, scim *harness.SCIM, path string, into map[string]resource) error {
	t.Helper()
	for start := 1; ; {
		a, err := scim.Do(t.Context(), http.MethodGet, fmt.Sprintf("%s?startIndex=%d&count=200", path, start), nil)
		if err != nil || a.Status != http.StatusOK {
			return fmt.Errorf("list %s: status %d, %w", path, a.Status, err)
		}
		list, _ := a.At("Resources").([]any)
		for _, r := range list {
			id, _ := harness.At(r, "id").(string)
			if path == "/Users" {
				name, _ := harness.At(r, "userName").(string)
				into[id] = read(t, id, name, harness.At(r, "title"), harness.At(r, "nickName"))
				continue
			}
			name, _ := harness.At(r, "displayName").(string)
			g := read(t, id, name, name, name)
			members, _ := harness.At(r, "members").([]any)
			var ids []string
			for _, m := range members {
				v, _ := harness.At(m, "value").(string)
				ids = append(ids, v)
			}
			g.members = membersOf(ids)
			into[id] = g
		}
		if start += len(list); len(list) == 0 || start > int(number64(a.At("totalResults"))) {
			return nil
		}
	}
}

func number64(v any) float64 {
	f, _ := v.(float64)
	return f
}

// read makes a resource of what is shown, and fails for half a write.
func read(t *testing.T, id, name string, first, second any) resource {
	t.Helper()
	if first != second {
		t.Errorf("half a write: %s shows %v and %v", id, first, second)
	}
	r := resource{there: true, name: name}
	text, _ := first.(string)
	tokensIn([]byte(text), func(k token) { r.token = k })
	return r
}

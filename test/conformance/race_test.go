package conformance_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// atOnce calls f n times at once and counts the statuses that it returns.
func atOnce(t *testing.T, n int, f func(i int) (harness.Answer, error)) map[int]int {
	t.Helper()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		count = map[int]int{}
	)
	for i := range n {
		wg.Go(func() {
			a, err := f(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			count[a.Status]++
		})
	}
	wg.Wait()
	return count
}

// oneWinner holds that a userName is unique also among creations at once.
func oneWinner(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	names := []string{"mara", "MARA", "Mara", "mArA"}
	count := atOnce(t, 16, func(i int) (harness.Answer, error) {
		return s.Do(t.Context(), http.MethodPost, "/Users", harness.User(names[i%len(names)], nil))
	})
	if count[http.StatusCreated] != 1 || count[http.StatusConflict] != 15 {
		t.Errorf("16 creations of one name are answered %v", count)
	}
	if ids, _, err := s.Find(t.Context(), "Users", `userName eq "mara"`); err != nil || len(ids) != 1 {
		t.Errorf("%v are there, %v", ids, err)
	}
}

// manyMembers holds that no member is lost when they are added at once.
func manyMembers(t *testing.T, x site) {
	const n = 24
	s := x.tenant(t, script.Setting{}).SCIM
	group := s.Create(t, "/Groups", harness.Group("Desk"))
	users := make([]string, n)
	for i := range users {
		users[i] = s.Create(t, "/Users", harness.User(fmt.Sprintf("user-%d", i), nil))
	}
	count := atOnce(t, n, func(i int) (harness.Answer, error) {
		return s.Do(t.Context(), http.MethodPatch, "/Groups/"+group, harness.Patch(harness.Op("add", "members", []any{map[string]any{"value": users[i]}})))
	})
	if count[http.StatusOK]+count[http.StatusNoContent] != n {
		t.Errorf("%d additions are answered %v", n, count)
	}
	members, _ := s.Must(t, http.StatusOK, http.MethodGet, "/Groups/"+group, nil).At("members").([]any)
	if len(members) != n {
		t.Errorf("%d of %d members are there", len(members), n)
	}
}

// oneVersion holds that of many writes that require one version one is done.
func oneVersion(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	a := s.Must(t, http.StatusCreated, http.MethodPost, "/Users", harness.User("mara", nil))
	etag := a.Header.Get("ETag")
	if etag == "" {
		t.Fatal("a creation shows no ETag")
	}
	count := atOnce(t, 12, func(i int) (harness.Answer, error) {
		return s.With("If-Match", etag).Do(t.Context(), http.MethodPatch, "/Users/"+a.Text("id"), harness.Patch(harness.Op("replace", "title", strconv.Itoa(i))))
	})
	if count[http.StatusOK]+count[http.StatusNoContent] != 1 || count[http.StatusPreconditionFailed] != 11 {
		t.Errorf("12 writes on one version are answered %v", count)
	}
}

// manyOperations holds that one PATCH may have hundreds of operations, as
// clients send that write one for each member, and that a member is there once.
func manyOperations(t *testing.T, x site) {
	const n = 60
	s := x.tenant(t, script.Setting{}).SCIM
	group := s.Create(t, "/Groups", harness.Group("Desk"))
	var ops []map[string]any
	for i := range n {
		id := s.Create(t, "/Users", harness.User("user-"+strconv.Itoa(i), nil))
		for range 5 {
			ops = append(ops, harness.Op("add", "members", []any{map[string]any{"value": id}}))
		}
	}
	a := s.Must(t, http.StatusOK, http.MethodPatch, "/Groups/"+group+"?attributes=members", harness.Patch(ops...))
	if members, _ := a.At("members").([]any); len(members) != n {
		t.Errorf("%d operations leave %d members, want %d", len(ops), len(members), n)
	}
}

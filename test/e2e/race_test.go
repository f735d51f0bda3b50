package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

const (
	rivals = 16
	rounds = 200
)

// TestRaces has many clients change the same things at the same time, on one
// process and through two ingresses that share a log.
func TestRaces(t *testing.T) {
	t.Parallel()
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		s := harness.NewServer(t, "--log-level", "info").MustStart()
		races(t, s.Installation, s.URL(), s.URL())
	})
	t.Run("two ingresses", func(t *testing.T) {
		t.Parallel()
		c := harness.NewCluster(t)
		races(t, c.Installation, c.Ingresses[0].URL(), c.Ingresses[1].URL())
	})
}

// races shares one running installation, so its parts run one after the other.
func races(t *testing.T, in harness.Installation, bases ...string) {
	t.Helper()
	x := in.API.Tenant(t, in.SCIM, "race.example", "OKTA")
	doors := make([]*harness.SCIM, len(bases))
	for i, b := range bases {
		doors[i] = x.SCIM.Via(x.Directory, b)
	}
	t.Run("creates of one userName", func(t *testing.T) { raceCreates(t, doors) })
	t.Run("delete here, create there", func(t *testing.T) { raceHandover(t, doors) })
	t.Run("attributes of one user", func(t *testing.T) { raceAttributes(t, doors) })
	t.Run("members of one group", func(t *testing.T) { raceMembers(t, doors) })
}

// together calls f for 0 to n-1 at the same time and returns the answers'
// statuses, sorted.
func together(t *testing.T, n int, f func(i int) (harness.Answer, error)) []int {
	t.Helper()
	statuses := make([]int, n)
	errs := make([]error, n)
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range n {
		end.Go(func() {
			start.Wait()
			a, err := f(i)
			statuses[i], errs[i] = a.Status, err
		})
	}
	start.Done()
	end.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(statuses)
	return statuses
}

func raceCreates(t *testing.T, doors []*harness.SCIM) {
	want := append([]int{http.StatusCreated}, slices.Repeat([]int{http.StatusConflict}, rivals-1)...)
	for round := range rounds {
		name := fmt.Sprintf("race-%d@race.example", round)
		got := together(t, rivals, func(i int) (harness.Answer, error) {
			return doors[i%len(doors)].Do(t.Context(), http.MethodPost, "/Users", harness.User(name, map[string]any{"title": strconv.Itoa(i)}))
		})
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: %v, want one 201 and %d times 409", round, got, rivals-1)
		}
		// Every door shows the one, at once.
		for i, d := range doors {
			ids, a, err := d.Find(t.Context(), "Users", fmt.Sprintf("userName eq %q", name))
			if err != nil || len(ids) != 1 {
				t.Fatalf("round %d: door %d finds %v: %v %s", round, i, ids, err, a.Body)
			}
		}
	}
}

// raceHandover frees a name through one process and takes it through the other:
// nobody may remember the old holder.
func raceHandover(t *testing.T, doors []*harness.SCIM) {
	const name = "handover@race.example"
	first, second := doors[0], doors[len(doors)-1]
	id := first.Create(t, "/Users", harness.User(name, nil))
	for round := range rounds {
		first.Must(t, http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
		a, err := second.Do(t.Context(), http.MethodPost, "/Users", harness.User(name, nil))
		if err != nil || a.Status != http.StatusCreated {
			t.Fatalf("round %d: status %d, %v: %s", round, a.Status, err, a.Body)
		}
		old, err := second.Do(t.Context(), http.MethodGet, "/Users/"+id, nil)
		if err != nil || old.Status != http.StatusNotFound {
			t.Fatalf("round %d: the deleted user is answered %d, %v", round, old.Status, err)
		}
		id = a.Text("id")
		first, second = second, first
	}
}

func raceAttributes(t *testing.T, doors []*harness.SCIM) {
	attributes := []string{
		"title", "nickName", "displayName", "userType", "preferredLanguage", "locale", "timezone", "profileUrl",
		harness.EnterpriseURN + ":department", harness.EnterpriseURN + ":division",
		harness.EnterpriseURN + ":costCenter", harness.EnterpriseURN + ":employeeNumber",
	}
	id := doors[0].Create(t, "/Users", harness.User("attributes@race.example", nil))
	for round := range rounds / 10 {
		value := func(i int) string { return fmt.Sprintf("value-%d-%d", round, i) }
		got := together(t, len(attributes), func(i int) (harness.Answer, error) {
			return doors[i%len(doors)].Do(t.Context(), http.MethodPatch, "/Users/"+id, harness.Patch(harness.Op("replace", attributes[i], value(i))))
		})
		if got[0] != http.StatusOK || got[len(got)-1] != http.StatusOK {
			t.Fatalf("round %d: %v, want only 200", round, got)
		}
		for d, door := range doors {
			u := door.Must(t, http.StatusOK, http.MethodGet, "/Users/"+id, nil).JSON(t)
			for i, a := range attributes {
				holder := u
				name := a
				if i >= len(attributes)-4 {
					holder, _ = u[harness.EnterpriseURN].(map[string]any)
					name = a[len(harness.EnterpriseURN)+1:]
				}
				if holder[name] != value(i) {
					t.Fatalf("round %d, door %d: %s is %v, want %s", round, d, a, holder[name], value(i))
				}
			}
		}
	}
}

func raceMembers(t *testing.T, doors []*harness.SCIM) {
	users := make([]string, rivals)
	for i := range users {
		users[i] = doors[0].Create(t, "/Users", harness.User(fmt.Sprintf("member-%d@race.example", i), nil))
	}
	group := doors[0].Create(t, "/Groups", harness.Group("Racers"))
	members := func(door *harness.SCIM) []string {
		a := door.Must(t, http.StatusOK, http.MethodGet, "/Groups/"+group, nil)
		var ids []string
		list, _ := a.At("members").([]any)
		for _, m := range list {
			id, _ := harness.At(m, "value").(string)
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return ids
	}
	want := slices.Sorted(slices.Values(users))
	for round := range rounds / 10 {
		change := func(op func(user string) map[string]any) {
			got := together(t, rivals, func(i int) (harness.Answer, error) {
				return doors[i%len(doors)].Do(t.Context(), http.MethodPatch, "/Groups/"+group, harness.Patch(op(users[i])))
			})
			if got[0] != http.StatusNoContent || got[rivals-1] != http.StatusNoContent {
				t.Fatalf("round %d: %v, want only 204", round, got)
			}
		}
		change(func(user string) map[string]any {
			return harness.Op("add", "members", []any{map[string]any{"value": user}})
		})
		for d, door := range doors {
			if got := members(door); !slices.Equal(got, want) {
				t.Fatalf("round %d, door %d: %d members after %d parallel adds: %v", round, d, len(got), rivals, got)
			}
		}
		change(func(user string) map[string]any {
			return harness.Op("remove", fmt.Sprintf("members[value eq %q]", user), nil)
		})
		for d, door := range doors {
			if got := members(door); len(got) != 0 {
				t.Fatalf("round %d, door %d: %v are left after parallel removes", round, d, got)
			}
		}
	}
}

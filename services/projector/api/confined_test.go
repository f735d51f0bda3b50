package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// A client of one organization cannot tell who is in others: what is taken there
// is answered as what is free. Within its own it is told.
func TestConfinedClient_learnsNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	s.ok(t, 200, "PATCH", "/api/v1/organizations/"+other, `{"external_id":"globex-ext"}`)
	dir := s.directory(t, other)
	theirs := s.person(t, other, `{"email":"vera@globex.example","external_id":"vera-ext"}`)
	s.user(t, other, dir, "known") // known@acme.example, a directory's
	_, _, token := s.client(t, `{"scopes":["read","write"],"organization_id":"`+mine+`"}`)

	same := func(name, method, path, taken, free string) {
		t.Helper()
		st, a := s.callAs(t, token, method, path, taken)
		st2, b := s.callAs(t, token, method, path, free)
		if st != st2 || str(a, "message") != str(b, "message") {
			t.Errorf("%s: what is taken is answered %d %v, what is free %d %v", name, st, a, st2, b)
		}
		if text := fmt.Sprint(a); strings.Contains(text, theirs) || strings.Contains(text, other) {
			t.Errorf("%s: shows %s", name, text)
		}
	}
	people := "/api/v1/organizations/" + mine + "/users"
	same("a user's address", "POST", people, `{"email":"Vera@globex.example"}`, `{"email":"nobody@globex.example"}`)
	same("a directory user's address", "POST", people, `{"email":"known@acme.example"}`, `{"email":"unknown@acme.example"}`)
	same("a user's external id", "POST", people, `{"email":"a@acme.example","external_id":"vera-ext"}`, `{"email":"a@acme.example","external_id":"free-ext"}`)
	same("an organization's external id", "PATCH", "/api/v1/organizations/"+mine, `{"external_id":"globex-ext"}`, `{"external_id":"free-ext"}`)

	if st, m := s.callAs(t, token, "POST", people, `{"email":"vera@GLOBEX.example"}`); st != 409 || strings.Contains(fmt.Sprint(m), theirs) {
		t.Errorf("an address that is taken in its own organization: %d %v", st, m)
	}
	if st, _ := s.call(t, "POST", "/api/v1/organizations/"+other+"/users", `{"email":"nobody@globex.example"}`); st != 409 {
		t.Errorf("an address that is taken anywhere, for a client that sees all: %d", st)
	}
	// The two of one address go their own ways.
	list := items(s.ok(t, 200, "GET", people, ""), "users")
	for _, u := range list {
		if str(u, "email") == "Vera@globex.example" {
			s.ok(t, 200, "DELETE", "/api/v1/users/"+str(u, "id"), "")
		}
	}
	if got := str(s.ok(t, 200, "GET", "/api/v1/users/"+theirs, ""), "user", "email"); got != "vera@globex.example" {
		t.Errorf("the other one's address is %q", got)
	}
}

// One of two people with the same address is put where the other is: refused, as
// the two could not be told apart there.
func TestMembership_sameAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	theirs := s.person(t, other, `{"email":"vera@globex.example"}`)
	_, _, token := s.client(t, `{"scopes":["write"],"organization_id":"`+mine+`"}`)
	if st, m := s.callAs(t, token, "POST", "/api/v1/organizations/"+mine+"/users", `{"email":"vera@globex.example"}`); st != 201 || str(m, "user", "id") == theirs {
		t.Fatalf("%d %v", st, m)
	}
	if st, m := s.call(t, "POST", "/api/v1/memberships/organizations/"+mine+"/users/"+theirs, `{}`); st != 409 {
		t.Errorf("%d %v", st, m)
	}
}

// A cascade ends a user in no organization but the client's own.
func TestConfinedClient_cascade(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	_, _, token := s.client(t, `{"scopes":["read","write"],"organization_id":"`+mine+`"}`)
	remove := func(org, id string) int {
		t.Helper()
		st, _ := s.callAs(t, token, "DELETE", "/api/v1/memberships/organizations/"+org+"/users/"+id+"?cascade=true", "")
		return st
	}
	both := s.person(t, mine, `{"email":"both@acme.example"}`)
	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+other+"/users/"+both, `{}`)
	provisioned := userOf(s.user(t, other, s.directory(t, other), "ada"))
	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+mine+"/users/"+provisioned, `{}`)
	only := s.person(t, mine, `{"email":"only@acme.example"}`)
	theirs := s.person(t, other, `{"email":"theirs@acme.example"}`)

	for _, id := range []string{both, provisioned} {
		if st := remove(mine, id); st != 200 {
			t.Errorf("out of its own organization: %d", st)
		}
		if in := names(t, at(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user", "memberships"), "organization_id"); len(in) != 1 || in[0] != other {
			t.Errorf("%s is left in %v, want %s", id, in, other)
		}
	}
	if a, b, c := remove(mine, theirs), remove(other, theirs), remove(other, both); a != 404 || b != 404 || c != 404 {
		t.Errorf("out of another's: %d, %d, %d", a, b, c)
	}
	s.ok(t, 200, "GET", "/api/v1/users/"+theirs, "")
	if st := remove(mine, only); st != 200 {
		t.Errorf("the only membership: %d", st)
	}
	if st, _ := s.call(t, "GET", "/api/v1/users/"+only, ""); st != 404 {
		t.Errorf("whom nobody has any more is still there: %d", st)
	}
}

// Whom only a directory wrote is found without a look into any other directory,
// however many there are.
func TestUser_foundByIndex(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	id := ""
	for i := range 20 {
		name := fmt.Sprintf("u%d", i)
		id = userOf(s.user(t, org, s.directory(t, org), name))
	}
	var (
		mu    sync.Mutex
		reads map[directory.Table]int
	)
	s.mu.Lock()
	s.watch = func(k directory.Key) {
		mu.Lock()
		defer mu.Unlock()
		reads[k.Table()]++
	}
	s.mu.Unlock()
	for _, path := range []string{"/api/v1/users/" + id, "/api/v1/organizations/" + org + "/users/" + id + "/roles", "/api/v1/users/usr_100000000000999999"} {
		mu.Lock()
		reads = map[directory.Table]int{}
		mu.Unlock()
		st, _ := s.call(t, "GET", path, "")
		mu.Lock()
		if users, counts := reads[directory.TableUser], reads[directory.TableCounts]; (st != 200) != strings.HasSuffix(path, "999999") || users > 3 || counts > 0 {
			t.Errorf("GET %s: %d, looks at %d users and the totals of %d directories", path, st, users, counts)
		}
		mu.Unlock()
	}
}

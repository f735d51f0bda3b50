package api_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// TestUser_lists pages through users of every kind, forwards and back.
func TestUser_lists(t *testing.T) {
	t.Parallel()
	s := start(t)
	acme, globex := s.organization(t, "Acme"), s.organization(t, "Globex")
	in := map[string][]string{}
	for _, org := range []string{acme, globex} {
		for range 2 {
			dir := s.directory(t, org)
			for i := range 4 {
				in[org] = append(in[org], userOf(s.user(t, org, dir, fmt.Sprintf("user%d%s", i, dir[len(dir)-3:]))))
			}
		}
		for i := range 3 {
			in[org] = append(in[org], s.person(t, org, fmt.Sprintf(`{"email":"api%d-%s@acme.example","user_profile":{"given_name":"Zoë"}}`, i, org)))
		}
	}
	s.ok(t, 200, "PATCH", "/api/v1/users/"+in[acme][0], `{"user_profile":{"family_name":"Zoë-King"}}`) // stored by now
	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+globex+"/users/"+in[acme][1], `{}`)
	in[globex] = append(in[globex], in[acme][1])
	all := slices.Concat(in[acme], in[globex])
	slices.Sort(all)
	all = slices.Compact(all)
	for name, c := range map[string]struct {
		path  string
		want  []string
		total float64
	}{
		"of all":             {"/api/v1/users?", all, float64(len(all))},
		"of an organization": {"/api/v1/organizations/" + acme + "/users?", in[acme], 11},
		"of another":         {"/api/v1/organizations/" + globex + "/users?", in[globex], 12},
		"found in all":       {"/api/v1/users:search?query=zo%C3%AB&", append(slices.Concat(in[acme][8:11], in[globex][8:11]), in[acme][0]), -1},
		"found in one":       {"/api/v1/organizations/" + acme + "/users:search?query=ZO%C3%8B&", append(slices.Clone(in[acme][8:11]), in[acme][0]), -1},
		"found by id":        {"/api/v1/organizations/" + acme + "/users:search?query=" + in[acme][2] + "&", in[acme][2:3], -1},
		"found nowhere":      {"/api/v1/organizations/" + acme + "/users:search?query=" + in[globex][2] + "&", nil, -1},
	} {
		for _, size := range []int{1, 3, 30} {
			var forward, back []string
			token, last := "", ""
			for page := 0; page < 100; page++ {
				m := s.ok(t, 200, "GET", fmt.Sprintf("%spage_size=%d&page_token=%s", c.path, size, token), "")
				forward = append(forward, names(t, at(m, "users"), "id")...)
				if c.total >= 0 && m["total_size"] != c.total {
					t.Errorf("%s: total_size is %v, want %v", name, m["total_size"], c.total)
				}
				last = str(m, "prev_page_token")
				if token = str(m, "next_page_token"); token == "" {
					break
				}
			}
			for page := 0; last != "" && page < 100; page++ {
				m := s.ok(t, 200, "GET", fmt.Sprintf("%spage_size=%d&page_token=%s", c.path, size, last), "")
				back = append(names(t, at(m, "users"), "id"), back...)
				last = str(m, "prev_page_token")
			}
			got := slices.Sorted(slices.Values(forward))
			want := slices.Sorted(slices.Values(c.want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", name, size, diff)
			}
			if len(forward) > size {
				if n := (len(forward) - 1) / size * size; !slices.Equal(forward[:n], back) {
					t.Errorf("%s by %d: back are %v, forward were %v", name, size, back, forward)
				}
			}
		}
	}
	if st, _ := s.call(t, "GET", "/api/v1/users?page_token="+str(s.ok(t, 200, "GET", "/api/v1/organizations/"+acme+"/users?page_size=1", ""), "next_page_token"), ""); st != 400 {
		t.Errorf("another list's token is taken: %d", st)
	}
}

// A client of one organization sees of a user what is about that organization.
func TestUser_organizationsClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	both := s.person(t, mine, `{"email":"ada@acme.example"}`)
	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+other+"/users/"+both, `{"metadata":{"seat":"7"}}`)
	theirs := s.person(t, other, `{"email":"eve@globex.example"}`)
	_, _, token := s.client(t, `{"scopes":["read","write"],"organization_id":"`+mine+`"}`)
	for name, m := range map[string]map[string]any{
		"a list": object(func() any { _, m := s.callAs(t, token, "GET", "/api/v1/organizations/"+mine+"/users", ""); return m }(), "users", 0),
		"a write": object(func() any {
			_, m := s.callAs(t, token, "PATCH", "/api/v1/memberships/organizations/"+mine+"/users/"+both, `{"metadata":{"seat":"1"}}`)
			return m
		}(), "user"),
	} {
		if diff := cmp.Diff([]string{mine}, names(t, m["memberships"], "organization_id")); diff != "" {
			t.Errorf("%s shows (-want +got):\n%s", name, diff)
		}
	}
	for path, want := range map[string]int{
		"/api/v1/users": 403, "/api/v1/users/" + both: 403, "/api/v1/users/" + both + "/history": 403, "/api/v1/organizations/" + other + "/users": 404,
		"/api/v1/organizations/" + mine + "/users/" + theirs + "/roles": 404, "/api/v1/organizations/" + mine + "/users:search?query=eve@": 200,
	} {
		st, m := s.callAs(t, token, "GET", path, "")
		if st != want || strings.Contains(fmt.Sprint(m), "globex") {
			t.Errorf("GET %s: %d %v, want %d", path, st, m, want)
		}
	}
	if st, _ := s.callAs(t, token, "POST", "/api/v1/memberships/organizations/"+mine+"/users/"+theirs, `{}`); st != 403 {
		t.Errorf("it takes another's user: %d", st)
	}
}

// watched is a view that notes which rows somebody asked for or was given.
type watched struct {
	directory.View
	mu   sync.Mutex
	seen []directory.Key
}

func (w *watched) note(k directory.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, k)
}

func (w *watched) Get(k directory.Key) (directory.Row, error) {
	w.note(k)
	return w.View.Get(k)
}

func (w *watched) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	w.note(prefix)
	return w.View.Scan(prefix, after, func(k directory.Key, r directory.Row) bool { w.note(k); return yield(k, r) })
}

func (w *watched) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	w.note(prefix)
	return w.View.ScanBack(prefix, before, func(k directory.Key, r directory.Row) bool { w.note(k); return yield(k, r) })
}

// TestUser_reads says that calls about an organization look at no row of another
// one, nor at more than the page needs.
func TestUser_reads(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	dir, theirs := s.directory(t, mine), s.directory(t, other)
	var users []string
	for i := range 40 {
		users = append(users, userOf(s.user(t, mine, dir, fmt.Sprint("user", i))))
		s.user(t, other, theirs, fmt.Sprint("user", i))
	}
	s.person(t, other, `{"email":"eve@globex.example"}`)
	member := "/api/v1/organizations/" + mine + "/users"
	for path, most := range map[string]int{
		member + "?page_size=5": 120, member + ":search?query=user3&page_size=5": 250, member + "/" + users[7] + "/roles": 40, member + "/" + users[7] + "/permissions": 40,
	} {
		w := &watched{}
		s.mu.Lock()
		s.look = func(v directory.View) directory.View { w.View = v; return w }
		s.mu.Unlock()
		s.ok(t, 200, "GET", path, "")
		s.mu.Lock()
		s.look = nil
		s.mu.Unlock()
		for _, k := range w.seen {
			if strings.Contains(string(k), other) || strings.Contains(string(k), theirs) {
				t.Errorf("GET %s looks at %q", path, k)
			}
		}
		if n := len(w.seen); n == 0 || n > most {
			t.Errorf("GET %s looks at %d rows, want at most %d", path, n, most)
		}
	}
}

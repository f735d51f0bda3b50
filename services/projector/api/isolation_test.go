package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// seenView is a view that tells of every row that somebody looks at.
type seenView struct {
	directory.View
	see func(directory.Key)
}

func (w seenView) Get(k directory.Key) (directory.Row, error) {
	w.see(k)
	return w.View.Get(k)
}

func (w seenView) Scan(prefix, after directory.Key, yield func(directory.Key, directory.Row) bool) error {
	return w.View.Scan(prefix, after, func(k directory.Key, r directory.Row) bool { w.see(k); return yield(k, r) })
}

func (w seenView) ScanBack(prefix, before directory.Key, yield func(directory.Key, directory.Row) bool) error {
	return w.View.ScanBack(prefix, before, func(k directory.Key, r directory.Row) bool { w.see(k); return yield(k, r) })
}

// TestIsolation says that calls about one organization look at no row of another,
// and that a page costs rows of its size and not of the directory's.
func TestIsolation(t *testing.T) {
	t.Parallel()
	s := start(t)
	const people = 60
	var paths, foreign []string
	for n := range 3 {
		org := s.organization(t, fmt.Sprintf("Acme %d", n))
		dir := s.directory(t, org)
		s.ok(t, 200, "POST", "/api/v1/organizations/"+org+"/domains", fmt.Sprintf(`{"domain":"acme%d.example"}`, n))
		var members []string
		for i := range people {
			members = append(members, s.user(t, org, dir, fmt.Sprintf("u%d", i)))
		}
		group := s.group(t, org, dir, "Editors", members...)
		if n != 1 {
			foreign = append(foreign, org, dir, group, fmt.Sprintf("acme%d.example", n))
			continue
		}
		at := "/api/v1/organizations/" + org
		paths = []string{
			at, at + "/domains", at + "/directories", at + "/directories/" + dir, at + "/portal_links", at + "/roles",
			at + "/directories/" + dir + "/users", at + "/directories/" + dir + "/users?include_detail=true&page_size=30",
			at + "/directories/" + dir + "/users?directory_group_id=" + group, at + "/directories/" + dir + "/users?updated_after=2026-02-01T08:00:30Z",
			at + "/directories/" + dir + "/groups?include_detail=true", at + "/directories/" + dir + "/groups/summary",
		}
	}
	var (
		mu   sync.Mutex
		seen []directory.Key
	)
	s.mu.Lock()
	s.watch = func(k directory.Key) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, k)
	}
	s.mu.Unlock()
	for _, path := range paths {
		seen = nil
		s.ok(t, 200, "GET", path, "")
		mu.Lock()
		users := 0
		for _, k := range seen {
			if k.Table() == directory.TableUser {
				users++
			}
			for _, id := range foreign {
				if strings.Contains(string(k), id) {
					t.Errorf("GET %s looks at %q of another organization", path, k)
				}
			}
		}
		if len(seen) == 0 || strings.HasSuffix(path, "/users") && users >= people {
			t.Errorf("GET %s looks at %d rows, %d of them users", path, len(seen), users)
		}
		mu.Unlock()
	}
}

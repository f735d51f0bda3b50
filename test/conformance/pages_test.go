package conformance_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// population is how many users the walks are about.
const population = 37

// populate creates the users and returns their ids by name.
func populate(t *testing.T, s *harness.SCIM) (ids []string) {
	t.Helper()
	for i := range population {
		ids = append(ids, s.Create(t, "/Users", harness.User(fmt.Sprintf("user-%02d", i*7%population), map[string]any{"title": strconv.Itoa(i % 3)})))
	}
	slices.Sort(ids)
	return ids
}

// queries are lists that are walked, with how many users they hold.
var queries = []struct {
	query string
	total int
}{
	{"", population},
	{"&sortBy=title", population},
	{"&sortBy=userName&sortOrder=descending", population},
	{"&filter=" + url.QueryEscape(`title eq "0"`), 13},
	{"&filter=" + url.QueryEscape(`title eq "1" or userName co "3"`) + "&sortBy=meta.created&sortOrder=descending", 20},
}

// indexWalk holds that pages by index join up, and that the order is stable.
func indexWalk(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	populate(t, s)
	for _, q := range queries {
		var got, whole []string
		for start := 1; ; {
			a := s.Must(t, http.StatusOK, http.MethodGet, fmt.Sprintf("/Users?startIndex=%d&count=5%s", start, q.query), nil)
			page := idsOf(a)
			if a.At("totalResults") != float64(q.total) || a.At("startIndex") != float64(start) {
				t.Fatalf("%s from %d: %s", q.query, start, a.Body)
			}
			got = append(got, page...)
			if len(page) == 0 {
				break
			}
			start += len(page)
		}
		whole = idsOf(s.Must(t, http.StatusOK, http.MethodGet, "/Users?count=200"+q.query, nil))
		if len(whole) != q.total || !slices.Equal(got, whole) {
			t.Errorf("%q in pages of 5 holds %d, at once %d, want %d in the same order", q.query, len(got), len(whole), q.total)
		}
	}
}

// cursorWalk holds the same of pages by cursor, also when users come and go
// meanwhile: who was there all the time is shown once.
func cursorWalk(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	populate(t, s)
	for i, q := range queries {
		whole := idsOf(s.Must(t, http.StatusOK, http.MethodGet, "/Users?count=200"+q.query, nil))
		var got []string
		cursor := ""
		for page := 0; ; page++ {
			a := s.Must(t, http.StatusOK, http.MethodGet, "/Users?count=5&cursor="+url.QueryEscape(cursor)+q.query, nil)
			ids := idsOf(a)
			got = append(got, ids...)
			if cursor = a.Text("nextCursor"); cursor == "" {
				break
			}
			if len(ids) != 5 || page > population {
				t.Fatalf("%s: page %d holds %d: %s", q.query, page, len(ids), a.Body)
			}
			come := s.Create(t, "/Users", harness.User(fmt.Sprintf("guest-%d-%02d", i, page), nil))
			if page%2 == 0 {
				s.Must(t, http.StatusNoContent, http.MethodDelete, "/Users/"+come, nil)
			}
		}
		slices.Sort(got)
		if n := len(got); len(slices.Compact(got)) != n {
			t.Errorf("%q shows somebody twice", q.query)
		}
		for _, id := range whole {
			if !slices.Contains(got, id) {
				t.Errorf("%q passes over %s", q.query, id)
			}
		}
		for _, id := range idsOf(s.Must(t, http.StatusOK, http.MethodGet, "/Users?count=200&filter="+url.QueryEscape(`userName sw "guest"`), nil)) {
			s.Must(t, http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
		}
	}
}

// idsOf returns the ids on a page.
func idsOf(a harness.Answer) (ids []string) {
	list, _ := a.At("Resources").([]any)
	for _, r := range list {
		id, _ := harness.At(r, "id").(string)
		ids = append(ids, id)
	}
	return ids
}

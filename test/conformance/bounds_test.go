package conformance_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/conformance/script"
	"github.com/rollcallhq/rollcall/test/harness"
)

// number is what stands in the service's configuration.
func number(t *testing.T, s *harness.SCIM, path string) int {
	t.Helper()
	n, ok := s.Must(t, http.StatusOK, http.MethodGet, "/ServiceProviderConfig", nil).At(path).(float64)
	if !ok || n <= 0 {
		t.Fatalf("the service does not say %s", path)
	}
	return int(n)
}

// bulkBounds holds that a bulk request may be as large as the configuration says
// and no larger (RFC 7644 section 3.7.4).
func bulkBounds(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	bulk := func(n int, pad string) map[string]any {
		ops := []any{}
		for range n {
			ops = append(ops, map[string]any{"method": "DELETE", "path": "/Users/none" + pad})
		}
		return map[string]any{"schemas": []string{script.URNs["BulkRequest"]}, "Operations": ops}
	}
	most := number(t, s, "bulk.maxOperations")
	a := s.Must(t, http.StatusOK, http.MethodPost, "/Bulk", bulk(most, ""))
	if ops, _ := a.At("Operations").([]any); len(ops) != most {
		t.Errorf("%d operations are answered by %d", most, len(ops))
	}
	s.Must(t, http.StatusRequestEntityTooLarge, http.MethodPost, "/Bulk", bulk(most+1, ""))
	size := number(t, s, "bulk.maxPayloadSize")
	s.Must(t, http.StatusRequestEntityTooLarge, http.MethodPost, "/Bulk", bulk(2, strings.Repeat("x", size/2)))
}

// pageBounds holds that a page is no larger than the configuration says, by
// either kind of paging.
func pageBounds(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	most, page := number(t, s, "filter.maxResults"), number(t, s, "pagination.defaultPageSize")
	const n = 120
	for i := 0; i < n; i += 60 {
		ops := []any{}
		for j := range 60 {
			ops = append(ops, map[string]any{"method": "POST", "path": "/Users", "bulkId": strconv.Itoa(j), "data": harness.User(fmt.Sprintf("user-%d", i+j), nil)})
		}
		s.Must(t, http.StatusOK, http.MethodPost, "/Bulk", map[string]any{"schemas": []string{script.URNs["BulkRequest"]}, "Operations": ops})
	}
	for query, want := range map[string]int{
		"": min(n, page), "?cursor=": min(n, page), "?count=100000": min(n, most), "?cursor=&count=100000": min(n, number(t, s, "pagination.maxPageSize")),
	} {
		a := s.Must(t, http.StatusOK, http.MethodGet, "/Users"+query, nil)
		if got := len(idsOf(a)); got != want || a.At("totalResults") != float64(n) {
			t.Errorf("/Users%s holds %d of %v, want %d", query, got, a.At("totalResults"), want)
		}
	}
}

// bodyBounds holds that what is too large or too deep is refused with an error.
func bodyBounds(t *testing.T, x site) {
	s := x.tenant(t, script.Setting{}).SCIM
	id := s.Create(t, "/Users", harness.User("mara", nil))
	for _, r := range []struct {
		what, method, path string
		body               any
		status             []int
	}{
		{"a body of 16 MiB", "POST", "/Users", harness.User("ines", map[string]any{"title": strings.Repeat("x", 16<<20)}), []int{413}},
		{"a body as deep as a well", "POST", "/Users", `{"schemas":["` + harness.UserURN + `"],"userName":"ines","x":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}`, []int{400, 413}},
		{"a filter of 20 kB", "GET", "/Users?filter=title%20eq%20%22" + strings.Repeat("x", 20_000) + "%22", nil, []int{400, 413, 414}},
		{"a search of 1 MB", "POST", "/Users/.search", map[string]any{"schemas": []string{script.URNs["SearchRequest"]}, "filter": `title eq "` + strings.Repeat("x", 1<<20) + `"`}, []int{400, 413}},
		{"a filter of very many terms", "POST", "/Users/.search", map[string]any{"schemas": []string{script.URNs["SearchRequest"]}, "filter": strings.Repeat("title pr or ", 10_000) + "title pr"}, []int{400, 413}},
		{"a path as deep as a well", "PATCH", "/Users/" + id, harness.Patch(harness.Op("add", "emails["+strings.Repeat("(", 10_000)+`type eq "work"`+strings.Repeat(")", 10_000)+"].value", "x")), []int{400, 413}},
	} {
		a, err := s.Do(t.Context(), r.method, r.path, r.body)
		if err != nil {
			t.Errorf("%s: %v", r.what, err)
			continue
		}
		ok := false
		for _, status := range r.status {
			ok = ok || a.Status == status
		}
		if !ok || a.Text("schemas.0") != harness.ErrorURN || a.Text("detail") == "" {
			t.Errorf("%s is answered %d, want %v: %.300s", r.what, a.Status, r.status, a.Body)
		}
	}
	if ids, _, err := s.Find(t.Context(), "Users", `userName eq "ines"`); err != nil || len(ids) != 0 {
		t.Errorf("what was refused is there: %v, %v", ids, err)
	}
	s.Must(t, http.StatusOK, http.MethodGet, "/Users/"+id, nil)
}

// TestRateLimit holds that a directory that sends more than its share is told
// when to try again, and that another one is not.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	x := site{harness.NewServer(t, "--scim-rate-limit", "5").MustStart()}
	eager, calm := x.tenant(t, script.Setting{Domain: "eager.example"}).SCIM, x.tenant(t, script.Setting{Domain: "calm.example"}).SCIM
	count := atOnce(t, 40, func(int) (harness.Answer, error) {
		a, err := eager.Do(t.Context(), http.MethodGet, "/Users?count=1", nil)
		if a.Status == http.StatusTooManyRequests && (a.Header.Get("Retry-After") == "" || a.Text("schemas.0") != harness.ErrorURN || a.Text("status") != "429") {
			t.Errorf("429 is answered %v %s", a.Header, a.Body)
		}
		return a, err
	})
	if count[http.StatusOK] < 5 || count[http.StatusTooManyRequests] == 0 || count[http.StatusOK]+count[http.StatusTooManyRequests] != 40 {
		t.Errorf("40 requests at 5 a second are answered %v", count)
	}
	calm.Must(t, http.StatusOK, http.MethodGet, "/Users?count=1", nil)
	harness.Eventually(t, soon, "room for one more", func() error {
		if a, err := eager.Do(t.Context(), http.MethodGet, "/Users?count=1", nil); err != nil || a.Status != http.StatusOK {
			return fmt.Errorf("%d, %w", a.Status, err)
		}
		return nil
	})
}

package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

// BenchmarkTenants lists the users of many organizations of one size, each with
// paging to the end, and measures every call over REST: p50-ms and p99-ms of the
// pages, group-p99-ms of pages of the members of a group, filter-p99-ms of a SCIM
// filter on userName; x-last is the median of each organization's last page
// against its first. ROLLCALL_TENANTS=100x10000 is what the goal is about; a tenth
// of both is the default.
func BenchmarkTenants(b *testing.B) {
	organizations, users := 10, 1000
	if s := os.Getenv("ROLLCALL_TENANTS"); s != "" {
		if _, err := fmt.Sscanf(s, "%dx%d", &organizations, &users); err != nil {
			b.Fatalf("ROLLCALL_TENANTS=%q is not like 100x10000", s)
		}
	}
	data := filepath.Join(b.TempDir(), "data")
	s := harness.NewServerIn(b, data, "--store-limit", strconv.FormatInt(scaleLimit, 10), "--log-level", "warn").MustStart()
	tenants := make([]*harness.Tenant, organizations)
	groups := make([]string, organizations)
	for i := range tenants {
		tenants[i] = s.API.Tenant(b, s.SCIM, fmt.Sprintf("tenant%d.example", i), "OKTA")
	}
	check(b, s.Stop())
	l := newLoader(b, data)
	for i, t := range tenants {
		ids := l.users(t, users)
		groups[i] = l.group(t, "Half", ids[:users/2])
	}
	l.close()
	s.MustStart()
	harness.Eventually(b, 10*time.Minute, "the read model to catch up", func() error {
		res, err := s.API.Call(b.Context(), http.MethodGet, tenants[0].Path(), nil)
		if err == nil && res.Status != http.StatusOK {
			err = fmt.Errorf("it answers %d", res.Status)
		}
		return err
	})

	var pages, members, filters, firsts, lasts []float64
	timed := func(f func()) float64 {
		started := time.Now()
		f()
		return float64(time.Since(started).Microseconds()) / 1000
	}
	walk := func(t *harness.Tenant, query string) (took []float64, seen int) {
		for token := ""; ; {
			var res harness.Answer
			took = append(took, timed(func() {
				res = s.API.Must(b, http.StatusOK, http.MethodGet, t.Path()+"/users?page_size=30"+query+"&page_token="+token, nil)
			}))
			list, _ := res.At("users").([]any)
			seen += len(list)
			if token = res.Text("next_page_token"); token == "" {
				return took, seen
			}
		}
	}
	for b.Loop() {
		for i, t := range tenants {
			took, seen := walk(t, "")
			if seen != users {
				b.Fatalf("%d users of %d", seen, users)
			}
			pages, firsts, lasts = append(pages, took...), append(firsts, took[0]), append(lasts, took[len(took)-1])
			took, seen = walk(t, "&directory_group_id="+groups[i])
			if seen != users/2 {
				b.Fatalf("%d members of %d", seen, users/2)
			}
			members = append(members, took...)
			filters = append(filters, timed(func() {
				ids, _, err := t.SCIM.Find(b.Context(), "Users", fmt.Sprintf("userName eq \"user%d@%s\"", users, t.Domain))
				if err != nil || len(ids) != 1 {
					b.Fatalf("a filter found %v, %v", ids, err)
				}
			}))
		}
	}
	at := func(took []float64, p float64) float64 {
		slices.Sort(took)
		return took[min(len(took)-1, int(p*float64(len(took))))]
	}
	b.ReportMetric(at(pages, 0.5), "p50-ms")
	b.ReportMetric(at(pages, 0.99), "p99-ms")
	b.ReportMetric(at(members, 0.99), "group-p99-ms")
	b.ReportMetric(at(filters, 0.99), "filter-p99-ms")
	b.ReportMetric(median(lasts)/median(firsts), "x-last")
	b.ReportMetric(0, "ns/op")
}

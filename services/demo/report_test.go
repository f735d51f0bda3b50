package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	ten := make([]time.Duration, 10)
	for i := range ten {
		ten[i] = time.Duration(i+1) * time.Millisecond
	}
	for _, tt := range []struct {
		values []time.Duration
		p      int
		want   float64
	}{
		{nil, 50, 0}, {ten[:1], 50, 1}, {ten[:1], 99, 1}, {ten, 50, 5}, {ten, 90, 9}, {ten, 99, 10}, {ten, 100, 10},
	} {
		if got := percentile(tt.values, tt.p); got != tt.want {
			t.Errorf("percentile %d of %d values is %v, want %v", tt.p, len(tt.values), got, tt.want)
		}
	}
}

// Every latency is counted once, in the bucket of the bounds around it.
func TestHistogram(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Map(rapid.Int64Range(0, 20_000_000), func(us int64) time.Duration { return time.Duration(us) * time.Microsecond })).Draw(t, "values")
		slices.Sort(values)
		above := -1.0
		total := 0
		for _, b := range histogram(values) {
			n := 0
			for _, v := range values {
				if ms := milliseconds(v); ms <= b.UpTo && (ms > above || total == 0) {
					n++
				}
			}
			if n != b.Count {
				t.Fatalf("up to %v ms: %d, want %d", b.UpTo, b.Count, n)
			}
			above, total = b.UpTo, total+b.Count
		}
		if total != len(values) {
			t.Fatalf("%d of %d are counted", total, len(values))
		}
	})
}

func TestReport_Write(t *testing.T) {
	t.Parallel()
	r := Report{
		OK: false, Changes: 10, Requests: 21, PutOff: 1, Expected: 12, Verified: 11, Missing: 1, Repeats: 2, Seconds: 2, PerSecond: 5,
		P50: 3.25, P90: 7, P99: 9, Max: 9.5, Histogram: []Bucket{{4, 8}, {8, 2}, {16, 1}}, Problems: []string{"missing: one"},
	}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `changes sent       10 in 2.0 s (5/s), 21 SCIM and API requests, 1 put off by 429 or 503
webhooks verified  11 of 12
missing            1
unexpected         0
badly signed       0
repeats            2 (same webhook-id; allowed)
out of order       0 (data.version below one that came before; allowed)
latency            p50 3.2 ms, p90 7.0 ms, p99 9.0 ms, max 9.5 ms, from SCIM request to webhook
  up to       4 ms       8  ########################################
  up to       8 ms       2  ##########
  up to      16 ms       1  #####
! missing: one
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

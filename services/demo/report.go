package demo

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is what a run came to. Latencies are from the moment a SCIM request
// was sent to the receipt of a webhook that it caused.
type Report struct {
	OK       bool  `json:"ok"`
	Changes  int   `json:"changes"`
	Requests int64 `json:"requests"`
	// PutOff counts the answers 429 and 503 that were waited out.
	PutOff      int64    `json:"put_off"`
	Expected    int      `json:"expected"`
	Verified    int      `json:"verified"`
	Missing     int      `json:"missing"`
	Unexpected  int      `json:"unexpected"`
	BadlySigned int      `json:"badly_signed"`
	Repeats     int      `json:"repeats"`
	OutOfOrder  int      `json:"out_of_order"`
	Problems    []string `json:"problems"` // the first of each kind; [] if there are none

	Seconds   float64   `json:"seconds"` // of sending
	PerSecond float64   `json:"changes_per_second"`
	P50       float64   `json:"p50_ms"`
	P90       float64   `json:"p90_ms"`
	P99       float64   `json:"p99_ms"`
	Max       float64   `json:"max_ms"`
	Histogram []Bucket  `json:"histogram"`
	Started   time.Time `json:"started"`

	Organization string `json:"organization_id"`
	Seed         uint64 `json:"seed"`
}

// Bucket counts the latencies up to a bound and above that of the bucket
// before.
type Bucket struct {
	UpTo  float64 `json:"up_to_ms"`
	Count int     `json:"count"`
}

// close counts what is left over and fills in the ledger's part of a report.
func (l *ledger) close(r *Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.early {
		l.surprise("%s, %s about %s, version %d, showing %q", a.ID, a.Type, a.key.id, a.key.version, a.sight)
	}
	clear(l.early)
	missing := slices.SortedFunc(maps.Keys(l.open), func(a, b arrivalKey) int {
		return cmp.Or(l.open[a].sent.Compare(l.open[b].sent), cmp.Compare(a.id, b.id), cmp.Compare(a.version, b.version))
	})
	for i, key := range missing {
		d := l.open[key]
		l.note("missing: %s about %s, version %d, showing %q, caused by: %s", i+1, d.typ, key.id, key.version, d.sight, d.by)
	}
	r.Expected, r.Verified, r.Missing, r.Unexpected = l.expected, l.verified, len(missing), l.unexpected
	r.BadlySigned, r.Repeats, r.OutOfOrder, r.Problems = l.badlySigned, l.repeats, l.outOfOrder, append([]string{}, l.details...)
	r.OK = len(missing) == 0 && l.unexpected == 0 && l.badlySigned == 0
	slices.Sort(l.latencies)
	r.P50, r.P90, r.P99, r.Max = percentile(l.latencies, 50), percentile(l.latencies, 90), percentile(l.latencies, 99), percentile(l.latencies, 100)
	r.Histogram = histogram(l.latencies)
}

// percentile returns in milliseconds the smallest value that p percent of the
// sorted values do not exceed, 0 if there are none.
func percentile(sorted []time.Duration, p int) float64 {
	if len(sorted) == 0 {
		return 0
	}
	i := (len(sorted)*p + 99) / 100
	return milliseconds(sorted[max(i, 1)-1])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// histogram counts sorted latencies in buckets that double.
func histogram(sorted []time.Duration) []Bucket {
	var out []Bucket
	for bound := time.Millisecond; len(sorted) > 0; bound *= 2 {
		n, _ := slices.BinarySearch(sorted, bound+1)
		sorted = sorted[n:]
		if n > 0 || len(out) > 0 {
			out = append(out, Bucket{UpTo: milliseconds(bound), Count: n})
		}
	}
	return out
}

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s "+format+"\n", append([]any{name}, args...)...)
	}
	line("changes sent", "%d in %.1f s (%.0f/s), %d SCIM and API requests, %d put off by 429 or 503", r.Changes, r.Seconds, r.PerSecond, r.Requests, r.PutOff)
	line("webhooks verified", "%d of %d", r.Verified, r.Expected)
	line("missing", "%d", r.Missing)
	line("unexpected", "%d", r.Unexpected)
	line("badly signed", "%d", r.BadlySigned)
	line("repeats", "%d (same webhook-id; allowed)", r.Repeats)
	line("out of order", "%d (data.version below one that came before; allowed)", r.OutOfOrder)
	line("latency", "p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms, from SCIM request to webhook", r.P50, r.P90, r.P99, r.Max)
	most := 0
	for _, h := range r.Histogram {
		most = max(most, h.Count)
	}
	for _, h := range r.Histogram {
		bar := strings.Repeat("#", (h.Count*40+most-1)/most)
		fmt.Fprintf(&b, "  up to %7.0f ms  %6d  %s\n", h.UpTo, h.Count, bar)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "! %s\n", p)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

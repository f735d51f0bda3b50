package scimhttp

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestLimiter_forgets directories that rest: those that are deleted must not
// stay for ever.
func TestLimiter_forgets(t *testing.T) {
	t.Parallel()
	l := newLimiter(5)
	now := time.Now()
	for i := range 1000 {
		if err := l.take(strconv.Itoa(i), 1, now); err != nil {
			t.Fatal(err)
		}
	}
	l.charge("owes", 5*int(sweepEvery.Seconds())*2, now)
	if err := l.take("other", 1, now.Add(sweepEvery)); err != nil {
		t.Fatal(err)
	}
	if _, owes := l.buckets["owes"]; len(l.buckets) != 2 || !owes {
		t.Errorf("%d directories are remembered, want the one that asks and the one that owes", len(l.buckets))
	}
}

// TestLimiter_rate holds whatever a directory asks for, and when: it never gets
// more than its rate and one bucket, apart from the last request, which may be a
// Bulk; and whoever waits as long as told is let in.
func TestLimiter_rate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 300).Draw(t, "rate")
		l := newLimiter(rate)
		start := time.Unix(1_800_000_000, 0)
		now, got := start, 0
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause in ms")) * time.Millisecond)
			n := rapid.SampledFrom([]int{1, 1, 1, 1, 20, 1000}).Draw(t, "operations")
			err := l.take("d", 1, now)
			if err != nil {
				e, ok := errors.AsType[*busy](err)
				if !ok || e.after <= 0 {
					t.Fatalf("refused with %v", err)
				}
				now = now.Add(e.after + time.Microsecond)
				if err = l.take("d", 1, now); err != nil {
					t.Fatalf("still refused after the pause: %v", err)
				}
			}
			if most := float64(rate)*(now.Sub(start).Seconds()+1) + 1; float64(got) > most {
				t.Fatalf("let in behind %d operations in %s at a rate of %d", got, now.Sub(start), rate)
			}
			l.charge("d", n-1, now)
			got += n
		}
	})
}

// TestLimiter_off counts nothing.
func TestLimiter_off(t *testing.T) {
	t.Parallel()
	l := newLimiter(0)
	for range 10_000 {
		if err := l.take("d", 1000, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.buckets) > 0 {
		t.Error("a limiter that is off remembers directories")
	}
}

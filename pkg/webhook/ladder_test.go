package webhook_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

func ladder(t testing.TB, text string) webhook.Ladder {
	t.Helper()
	l, err := webhook.ParseLadder(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// The rungs of the default as the specification states them, and when each
// fires counted from the event.
func TestLadder_default(t *testing.T) {
	t.Parallel()
	l := ladder(t, webhook.DefaultLadder)
	tests := []struct{ step, at time.Duration }{
		{0, 0},
		{5 * time.Second, 5 * time.Second},
		{5 * time.Minute, 5*time.Minute + 5*time.Second},
		{30 * time.Minute, 35*time.Minute + 5*time.Second},
		{2 * time.Hour, 2*time.Hour + 35*time.Minute + 5*time.Second},
		{5 * time.Hour, 7*time.Hour + 35*time.Minute + 5*time.Second},
		{10 * time.Hour, 17*time.Hour + 35*time.Minute + 5*time.Second},
		{10 * time.Hour, 27*time.Hour + 35*time.Minute + 5*time.Second},
	}
	if l.Len() != len(tests) {
		t.Fatalf("%d steps, want %d", l.Len(), len(tests))
	}
	start := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	last := start
	for i, tt := range tests {
		step, ok := l.Step(i + 1)
		if !ok || step != tt.step {
			t.Errorf("step %d is %s, want %s", i+1, step, tt.step)
		}
		due, ok := l.Due(i+1, last, 0)
		if !ok || due.Sub(start) != tt.at {
			t.Errorf("attempt %d is due after %s, want %s", i+1, due.Sub(start), tt.at)
		}
		last = due
	}
	if due, ok := l.Due(9, last, 0); ok {
		t.Errorf("there is a ninth attempt, at %s", due)
	}
	if want := 27*time.Hour + 35*time.Minute + 5*time.Second; l.Total() != want {
		t.Errorf("total %s, want %s", l.Total(), want)
	}
	if l.String() != webhook.DefaultLadder {
		t.Errorf("printed as %q", l)
	}
}

func TestParseLadder_refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", ",", "0s,", "5", "0s,-1s", "0s,169h", "five minutes", strings.Repeat("1s,", 20) + "1s"} {
		if l, err := webhook.ParseLadder(text); err == nil {
			t.Errorf("%q accepted as %s", text, l)
		}
	}
	if l := ladder(t, strings.Repeat("1s,", 19)+" 1s "); l.Len() != 20 {
		t.Errorf("%d steps, want 20", l.Len())
	}
	if _, ok := (webhook.Ladder{}).Due(1, time.Time{}, 0); ok {
		t.Error("the zero ladder has a step")
	}
}

func TestLadder_properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Int64Range(0, int64(webhook.MaxStep)), 1, webhook.MaxSteps).Draw(t, "steps")
		parts := make([]string, len(steps))
		for i, s := range steps {
			parts[i] = time.Duration(s).String()
		}
		l, err := webhook.ParseLadder(strings.Join(parts, ","))
		if err != nil {
			t.Fatal(err)
		}
		again, err := webhook.ParseLadder(l.String())
		if err != nil || again.String() != l.String() || again.Total() != l.Total() {
			t.Fatalf("%s printed and parsed is %s (%v)", l, again, err)
		}
		n := rapid.IntRange(1, len(steps)).Draw(t, "attempt")
		last := time.Unix(1_800_000_000, 0)
		due, ok := l.Due(n, last, rapid.Float64().Draw(t, "jitter"))
		step := time.Duration(steps[n-1])
		slack := time.Duration(float64(step)*webhook.MaxJitter) + 1
		if d := due.Sub(last) - step; !ok || d > slack || d < -slack || due.Before(last) {
			t.Fatalf("step %s is due after %s", step, due.Sub(last))
		}
	})
}

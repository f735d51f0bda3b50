package webhook

import (
	"math"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Bounds of a ladder.
const (
	MaxSteps = 20
	MaxStep  = 7 * 24 * time.Hour
	// MaxJitter is the largest part of a step that it is moved by, either way.
	MaxJitter = 0.2
)

// DefaultLadder is the text of the default: eight attempts over 27 h 35 min 5 s.
const DefaultLadder = "0s,5s,5m,30m,2h,5h,10h,10h"

// Ladder is the times between attempts: the n-th step is what the n-th attempt
// waits after the one before, the first after the event was there. The zero
// Ladder has no step, so nothing is ever due.
type Ladder struct{ steps []time.Duration }

// ParseLadder reads durations in Go's notation, separated by commas: 1 to
// MaxSteps of them, each from 0 to MaxStep.
func ParseLadder(text string) (Ladder, error) {
	var l Ladder
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		d, err := time.ParseDuration(part)
		switch {
		case err != nil:
			return Ladder{}, fault.New(fault.Invalid, "The webhook ladder has a step %q that is not a duration; write, for example, %q.", part, DefaultLadder)
		case d < 0 || d > MaxStep:
			return Ladder{}, fault.New(fault.Invalid, "The webhook ladder has a step of %s; a step is 0s to %s.", d, MaxStep)
		case len(l.steps) == MaxSteps:
			return Ladder{}, fault.New(fault.Invalid, "The webhook ladder has more than %d steps.", MaxSteps)
		}
		l.steps = append(l.steps, d)
	}
	return l, nil
}

// Len is how many attempts a delivery has before it is a dead letter.
func (l Ladder) Len() int { return len(l.steps) }

// Step returns what the given attempt (from 1) waits, without jitter.
func (l Ladder) Step(attempt int) (time.Duration, bool) {
	if attempt < 1 || attempt > len(l.steps) {
		return 0, false
	}
	return l.steps[attempt-1], true
}

// Total is the time from the event to the last attempt, without jitter.
func (l Ladder) Total() time.Duration {
	var sum time.Duration
	for _, s := range l.steps {
		sum += s
	}
	return sum
}

// Due returns when the given attempt (from 1) is to be made if the one before
// was made at last. jitter is a fraction of the step, held within
// ±MaxJitter; the caller draws it. There is no attempt behind the last step.
func (l Ladder) Due(attempt int, last time.Time, jitter float64) (time.Time, bool) {
	step, ok := l.Step(attempt)
	if !ok {
		return time.Time{}, false
	}
	if math.IsNaN(jitter) {
		jitter = 0
	}
	jitter = max(-MaxJitter, min(MaxJitter, jitter))
	return last.Add(step + time.Duration(float64(step)*jitter)), true
}

// String returns what ParseLadder reads.
func (l Ladder) String() string {
	parts := make([]string, len(l.steps))
	for i, s := range l.steps {
		parts[i] = short(s)
	}
	return strings.Join(parts, ",")
}

// short drops the zero units that time.Duration prints: "5m", not "5m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

package projector

import (
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

// TestPace says how large the steps of a fan-out are, and how long it rests
// behind one, by how long ago somebody else wrote.
func TestPace(t *testing.T) {
	t.Parallel()
	wrote := time.Now()
	for name, c := range map[string]struct {
		never       bool
		since, took time.Duration
		size        int
		rest        time.Duration
	}{
		"nobody ever wrote":            {never: true, took: time.Second, size: directory.FanoutBatch},
		"somebody writes":              {took: 7 * time.Millisecond, size: gentleStep, rest: 7 * time.Millisecond},
		"somebody wrote not long ago":  {since: besideFor - 1, took: 7 * time.Millisecond, size: gentleStep, rest: 7 * time.Millisecond},
		"somebody wrote long ago":      {since: besideFor, took: 7 * time.Millisecond, size: directory.FanoutBatch},
		"the step took no time":        {size: gentleStep},
		"EVENTS did not answer for it": {took: emitPatience, size: gentleStep, rest: maxRest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p pace
			if !c.never {
				p.wrote(wrote)
			}
			now := wrote.Add(c.since)
			if got := p.size(now); got != c.size {
				t.Errorf("a step covers %d resources, want %d", got, c.size)
			}
			if got := p.rest(now, c.took, false); got != c.rest {
				t.Errorf("it rests for %v, want %v", got, c.rest)
			}
			if got, want := p.rest(now, c.took, true), min(2*c.rest, maxRest); got != want {
				t.Errorf("a back-fill rests for %v, want %v", got, want)
			}
		})
	}
}

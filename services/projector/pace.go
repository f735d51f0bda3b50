package projector

import (
	"sync/atomic"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

const (
	// gentleStep is how many resources a step of a fan-out covers beside other
	// writes. What is written meanwhile waits behind one step at most, in the fold
	// and on its way to EVENTS, so this is what bounds how late a step makes it.
	gentleStep = 50
	// besideFor is how long after another write a fan-out still minds others.
	besideFor = 2 * time.Second
	// maxRest bounds the pause behind a step, so that one slow step, or a stream
	// that did not answer for a while, does not stop a fan-out for as long again.
	maxRest = time.Second
)

// pace is how fast fan-outs go. While nobody else writes, a step covers
// directory.FanoutBatch resources and the next follows at once. Beside other
// writes a step covers gentleStep, and then nothing happens for as long as it
// took: fan-outs take at most half of the time, and the faster the machine, the
// faster they go. A back-fill, which changes nothing for anybody, rests twice as
// long: only one of three changes meets a step of it then, and the others are as
// fast as without.
//
// Its methods are safe for concurrent use.
type pace struct {
	last atomic.Pointer[time.Time] // when something else was written, nil if never
}

// wrote notes that something else than a step of a fan-out was written.
func (p *pace) wrote(now time.Time) { p.last.Store(&now) }

// beside reports whether others write now.
func (p *pace) beside(now time.Time) bool {
	last := p.last.Load()
	return last != nil && now.Sub(*last) < besideFor
}

// size is how many resources the next step covers at most.
func (p *pace) size(now time.Time) int {
	if p.beside(now) {
		return gentleStep
	}
	return directory.FanoutBatch
}

// rest is how long to wait behind a step that took so long, of a back-fill or of
// a change that receivers wait for.
func (p *pace) rest(now time.Time, took time.Duration, backfill bool) time.Duration {
	if !p.beside(now) {
		return 0
	}
	if backfill {
		took *= 2
	}
	return min(max(took, 0), maxRest)
}

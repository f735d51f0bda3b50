package demo

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// maxDetails is how many problems of a kind are described; all are counted.
const maxDetails = 10

// ledger holds wants against arrivals, whichever comes first.
type ledger struct {
	mu    sync.Mutex
	open  map[arrivalKey]due
	early map[arrivalKey]arrival // not wanted yet, perhaps never
	seen  map[string][sha256.Size]byte
	top   map[string]uint64

	expected, verified, repeats, outOfOrder, badlySigned, unexpected int
	latencies                                                        []time.Duration
	details                                                          []string

	last time.Time // of the last arrival or newly expected event
}

type (
	due struct {
		want
		sent time.Time
		by   kind
	}
	arrival struct {
		envelope
		key   arrivalKey
		sight string
		at    time.Time
	}
)

func newLedger() *ledger {
	return &ledger{
		open: map[arrivalKey]due{}, early: map[arrivalKey]arrival{},
		seen: map[string][sha256.Size]byte{}, top: map[string]uint64{}, last: time.Now(),
	}
}

// expect records what a change that was sent then must cause.
func (l *ledger) expect(wants []want, id func(ref) string, by kind, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = time.Now()
	for _, w := range wants {
		l.expected++
		key := arrivalKey{id(w.about), w.version}
		d := due{w, sent, by}
		if a, ok := l.early[key]; ok {
			delete(l.early, key)
			l.settle(d, a)
			continue
		}
		l.open[key] = d
	}
}

// arrive records a verified delivery.
func (l *ledger) arrive(webhookID string, body []byte, e envelope, key arrivalKey, sight string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = at
	sum := sha256.Sum256(body)
	if before, ok := l.seen[webhookID]; ok {
		l.repeats++
		if before != sum {
			l.surprise("%s came again with another body", webhookID)
		}
		return
	}
	l.seen[webhookID] = sum
	if key.version < l.top[key.id] {
		l.outOfOrder++
	}
	l.top[key.id] = max(l.top[key.id], key.version)
	a := arrival{e, key, sight, at}
	if d, ok := l.open[key]; ok {
		delete(l.open, key)
		l.settle(d, a)
		return
	}
	if _, twice := l.early[key]; twice {
		l.surprise("%s about %s has the version %d of another event", e.ID, key.id, key.version)
		return
	}
	l.early[key] = a
}

// settle compares an arrival with what was wanted at its place.
func (l *ledger) settle(d due, a arrival) {
	if a.Type != d.typ || a.sight != d.sight {
		l.open[a.key] = d // it never came
		l.surprise("%s about %s, version %d: it is %s showing %q; wanted was %s showing %q", a.ID, a.key.id, a.key.version, a.Type, a.sight, d.typ, d.sight)
		return
	}
	l.verified++
	l.latencies = append(l.latencies, a.at.Sub(d.sent))
}

// surprise counts an event that nobody wanted.
func (l *ledger) surprise(format string, args ...any) {
	l.unexpected++
	l.note("unexpected: "+format, l.unexpected, args...)
}

// reject counts a delivery that cannot be trusted.
func (l *ledger) reject(webhookID string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.badlySigned++
	l.note("badly signed: %q: %v", l.badlySigned, webhookID, err)
}

// note keeps the first few of each kind of problem.
func (l *ledger) note(format string, nth int, args ...any) {
	if nth <= maxDetails {
		l.details = append(l.details, fmt.Sprintf(format, args...))
	}
}

// state tells how far things are, and when something last happened.
func (l *ledger) state() (verified, open int, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.verified, len(l.open), l.last
}

package synclog

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// How much is kept one by one. Everything beyond is counted: an entry with a
// Count, the first of the requests as their example, and the ids of the others.
const (
	// refusedBurst requests of one directory that were refused alike are kept at
	// once, refusedRate more a minute; of tolerated ones, which were answered as
	// the provider wished, fewer are enough.
	refusedBurst, refusedRate     = 1000, 60
	toleratedBurst, toleratedRate = 10, 1
	// A directory may fill burstBytes at once and bytesPerSecond from then on,
	// some 90 MB a day if it never rests. The last reserveBytes of it are for what
	// was not seen yet.
	burstBytes, bytesPerSecond = 4 << 20, 1 << 10
	reserveBytes               = 1 << 20
	// bodyShare is how much of a received body counts at least: redacting costs
	// time by what is received, not by what is kept.
	bodyShare = 16
	// maxWindows is how many kinds of requests are told apart in one directory.
	maxWindows = 256
)

// When it is told.
const (
	// spacing is the time between two batches of one directory.
	spacing = 2 * time.Second
	// countFor is how long alike requests are counted before the count is told.
	countFor = 10 * time.Second
	// usageEvery is how often a directory's use is told while nothing else is.
	usageEvery = time.Minute
	// sweepEvery is how often is looked for what has become due.
	sweepEvery = time.Second
	// forget is after how much silence a directory's counters are dropped.
	forget = 15 * time.Minute
)

// MaxHeld is how much waits to be told at most, in bytes. What comes then is
// dropped and counted.
const MaxHeld = 32 << 20

// Collector turns requests into batches: it counts all, keeps what is notable,
// and counts what is notable but like what it has kept already. It is a value
// in memory without a clock; it is not safe for concurrent use.
type Collector struct {
	dirs map[string]*pending
	// entries and uses are the directories that have entries to tell, and those of
	// which only the use is; the one that waits longest first. Who waits for an
	// entry looks for it; nobody waits for a time of last use.
	entries, uses []*pending
	swept         time.Time
	held          int
	dropped       uint64
}

// NewCollector returns an empty one.
func NewCollector() *Collector { return &Collector{dirs: map[string]*pending{}} }

// pending is what is known of one directory and not yet told.
type pending struct {
	organization, directory string

	entries []Entry
	windows map[string]*window
	usage   *Usage
	budget  bucket // bytes

	queued queue
	told   time.Time // when the last batch was
	used   time.Time // by the latest request
}

// queue says where a directory waits.
type queue uint8

const (
	nowhere queue = iota
	amongUses
	amongEntries
)

// window is a kind of request in one directory.
type window struct {
	budget bucket // entries
	used   time.Time
	// counted stands for those that were not kept one by one; Count 0 if none.
	counted Entry
	since   time.Time
}

// Dropped returns how many notable requests were lost because too much waited.
func (c *Collector) Dropped() uint64 { return c.dropped }

// Held returns how many bytes wait to be told.
func (c *Collector) Held() int { return c.held }

// Add takes a request that was answered at the time now. Entries that name no
// directory are not counted.
func (c *Collector) Add(e Entry, now time.Time) {
	if e.Directory == "" {
		return
	}
	e.At = e.At.UTC().Truncate(time.Microsecond)
	if e.Notable() {
		e.bound()
	}
	p, ok := c.dirs[e.Directory]
	if !ok {
		p = &pending{organization: e.Organization, directory: e.Directory, windows: map[string]*window{}, budget: full(burstBytes, now)}
		c.dirs[e.Directory] = p
	}
	p.used = now
	if p.usage == nil {
		p.usage = &Usage{}
	}
	p.usage.add(&e)
	if !e.Notable() {
		return
	}
	w, fresh := p.window(&e, now)
	if c.keep(p, w, e, fresh, now) {
		return
	}
	c.count(p, w, e, now)
}

// window finds the kind of a request. Of too many kinds the rest is one.
func (p *pending) window(e *Entry, now time.Time) (w *window, fresh bool) {
	key := kindOf(e)
	w, ok := p.windows[key]
	if !ok && len(p.windows) >= maxWindows {
		key = fmt.Sprint("others ", e.Status/100)
		w, ok = p.windows[key]
	}
	if !ok {
		w = &window{budget: full(toleratedBurst, now)}
		if e.Refused() {
			w.budget = full(refusedBurst, now)
		}
		p.windows[key] = w
	}
	w.used = now
	return w, !ok
}

// kindOf is what requests have to share to be alike.
func kindOf(e *Entry) string {
	var b strings.Builder
	fmt.Fprint(&b, e.Status, " ", e.Method, " ", e.Endpoint, " ", e.Part, " ", e.Cause, " ", e.Subject, " ", e.Profile)
	for _, d := range e.Deviations {
		b.WriteByte(0)
		b.WriteString(d.Cause)
		b.WriteByte(1)
		b.WriteString(d.Path)
	}
	return b.String()
}

// keep keeps a request one by one if that is still allowed: with its body, or
// else without.
func (c *Collector) keep(p *pending, w *window, e Entry, fresh bool, now time.Time) bool {
	rate := float64(toleratedRate)
	if e.Refused() {
		rate = refusedRate
	}
	w.budget.refill(rate/60, now)
	p.budget.refill(bytesPerSecond, now)
	reserve := float64(reserveBytes)
	if fresh {
		reserve = 0
	}
	size := e.size()
	if w.budget.left < 1 || !p.budget.has(float64(size), reserve) {
		return false
	}
	if c.held+size > MaxHeld {
		c.dropped++
		return true
	}
	w.budget.left--
	cost := size + max(min(len(e.raw), MaxBody), len(e.raw)/bodyShare)
	if c.held+size+len(e.raw) > MaxHeld || !p.budget.has(float64(cost), reserve) {
		e.raw, e.BodyCut, cost = nil, e.BodySize > 0, size
	}
	p.budget.left -= float64(cost)
	c.push(p, e)
	return true
}

func (c *Collector) push(p *pending, e Entry) {
	c.held += e.size() + len(e.raw)
	p.entries = append(p.entries, e)
	c.queue(p, amongEntries)
}

// queue has a directory wait. One that moves up leaves its old place behind,
// which is passed over.
func (c *Collector) queue(p *pending, at queue) {
	if at <= p.queued {
		return
	}
	p.queued = at
	if at == amongEntries {
		c.entries = append(c.entries, p)
	} else {
		c.uses = append(c.uses, p)
	}
}

// count adds a request to those of its kind that are only counted. Every one is
// found by its resource's id as long as the directory's bytes last.
func (c *Collector) count(p *pending, w *window, e Entry, now time.Time) {
	e.BodyCut, e.raw = e.BodySize > 0, nil
	t := &w.counted
	if t.Count > 0 && len(t.Resources) >= MaxResources && !t.names(e.Resource) && p.budget.has(float64(t.size()), 0) {
		p.budget.left -= float64(t.size())
		c.held -= t.size()
		c.push(p, *t)
		*t = Entry{}
	}
	if t.Count == 0 {
		if c.held+e.size() > MaxHeld {
			c.dropped++
			return
		}
		*t, w.since = e, now
		t.Last, t.Resources = e.At, nil
		c.held += t.size()
		return
	}
	t.Count += e.Count
	if e.At.Before(t.At) {
		t.At = e.At
	}
	t.Last = later(t.Last, e.At)
	if !t.names(e.Resource) && len(t.Resources) < MaxResources && c.held+MaxID <= MaxHeld {
		c.held -= t.size()
		t.Resources = append(t.Resources, e.Resource)
		c.held += t.size()
	}
}

// names reports whether the entry is about a resource.
func (e *Entry) names(id string) bool {
	return id == "" || e.Resource == id || slices.Contains(e.Resources, id)
}

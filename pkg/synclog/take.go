package synclog

import (
	"maps"
	"slices"
	"time"
)

// Take removes and returns up to n batches that may be told now, each of
// another directory. Their bodies are not redacted and therefore not part of
// the wire form yet: call Redact on each.
func (c *Collector) Take(n int, now time.Time) []Batch {
	if age := now.Sub(c.swept); age >= sweepEvery || age < 0 {
		c.sweep(now)
		c.swept = now
	}
	out := c.pop(&c.entries, amongEntries, n, now)
	return append(out, c.pop(&c.uses, amongUses, n-len(out), now)...)
}

// pop takes from one queue. Directories that were told of just now go to its
// end.
func (c *Collector) pop(list *[]*pending, at queue, n int, now time.Time) (out []Batch) {
	for range len(*list) {
		if len(out) >= n {
			break
		}
		p := (*list)[0]
		*list = (*list)[1:]
		switch {
		case p.queued != at: // it waits elsewhere, or was told
		case now.Sub(p.told) < spacing && !p.told.After(now):
			*list = append(*list, p)
		default:
			out = append(out, c.batch(p, now, false))
		}
	}
	return out
}

// Drain is Take without any waiting: everything, for a process that ends.
func (c *Collector) Drain(now time.Time) []Batch {
	var out []Batch
	for _, id := range slices.Sorted(maps.Keys(c.dirs)) {
		p := c.dirs[id]
		for p.usage != nil || len(p.entries) > 0 || p.counts() {
			out = append(out, c.batch(p, now, true))
		}
	}
	return out
}

// counts reports whether requests of any kind are counted and not told.
func (p *pending) counts() bool {
	for _, w := range p.windows {
		if w.counted.Count > 0 {
			return true
		}
	}
	return false
}

// sweep queues what has become due by time and forgets what is silent.
func (c *Collector) sweep(now time.Time) {
	for id, p := range c.dirs {
		if p.usage != nil && elapsed(p.told, now, usageEvery) {
			c.queue(p, amongUses)
		}
		for key, w := range p.windows {
			switch {
			case w.counted.Count > 0:
				if elapsed(w.since, now, countFor) {
					c.queue(p, amongEntries)
				}
			case now.Sub(w.used) >= forget:
				delete(p.windows, key)
			}
		}
		if p.queued == nowhere && p.usage == nil && len(p.windows) == 0 && now.Sub(later(p.used, p.told)) >= forget {
			delete(c.dirs, id) // by now the budget is full again, or nearly
		}
	}
}

// elapsed reports whether d has passed since t, or the clock was set back.
func elapsed(t, now time.Time, d time.Duration) bool {
	return now.Sub(t) >= d || now.Before(t)
}

// batch removes the next batch of a directory. Whatever of it does not fit
// stays queued.
func (c *Collector) batch(p *pending, now time.Time, all bool) Batch {
	b := Batch{Organization: p.organization, Directory: p.directory, Usage: p.usage}
	// Half, because text can double when it is quoted.
	room := MaxBatch/2 - 2<<10
	fits := func(size int) bool {
		if len(b.Entries) > 0 && size > room {
			return false
		}
		room -= size
		return true
	}
	n := 0
	for n < len(p.entries) && fits(p.entries[n].size()+min(MaxBody, len(p.entries[n].raw))) {
		e := p.entries[n]
		c.held -= e.size() + len(e.raw)
		b.Entries = append(b.Entries, e)
		n++
	}
	rest := n < len(p.entries)
	if p.entries = p.entries[n:]; !rest {
		p.entries = nil
	}
	if !rest {
		for _, key := range slices.Sorted(maps.Keys(p.windows)) {
			w := p.windows[key]
			if w.counted.Count == 0 || !all && !elapsed(w.since, now, countFor) {
				continue
			}
			if !fits(w.counted.size()) {
				rest = true
				break
			}
			c.held -= w.counted.size()
			b.Entries = append(b.Entries, w.counted)
			w.counted = Entry{}
		}
	}
	p.usage, p.queued, p.told = nil, nowhere, now
	if rest {
		c.queue(p, amongEntries)
	}
	return b
}

// Redact turns the bodies as they were received into what may be kept of them.
func (b *Batch) Redact() {
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.raw != nil {
			e.Body, e.BodyCut = Redact(e.raw)
			e.raw = nil
		}
	}
}

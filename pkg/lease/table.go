package lease

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// table is who shares a number of slots: one value in the bucket, which is only
// ever replaced whole, so that everybody decides on the same one.
type table struct {
	Members map[string]member `json:"members"`
}

// member is one process's line. Beat counts its renewals.
type member struct {
	Beat    uint64 `json:"beat"`
	Leaving bool   `json:"leaving,omitempty"`
	Slots   []int  `json:"slots,omitempty"` // sorted; no slot is in two lines
}

func parseTable(b []byte) (table, error) {
	t := table{}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &t); err != nil {
			return table{}, fmt.Errorf("lease: the table of slots cannot be read: %w", err)
		}
	}
	if t.Members == nil {
		t.Members = map[string]member{}
	}
	return t, nil
}

func (t table) bytes() []byte {
	b, _ := json.Marshal(t) // numbers and texts only
	return b
}

func (t table) clone() table { return table{maps.Clone(t.Members)} }

// staying returns the members among which the slots are divided, sorted.
func (t table) staying() []string {
	var ids []string
	for id, m := range t.Members {
		if !m.Leaving {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// quota is how many of n slots a member is to hold: shares differ by one at
// most. It falls for everybody when one joins and rises for everybody when one
// leaves, so no slot ever moves between two that stay.
func (t table) quota(id string, n int) int {
	ids := t.staying()
	at, ok := slices.BinarySearch(ids, id)
	if !ok || at >= n {
		return 0
	}
	return (n - at + len(ids) - 1) / len(ids)
}

// owners returns the holder of each of n slots, empty where there is none.
func (t table) owners(n int) []string {
	owners := make([]string, n)
	for id, m := range t.Members {
		for _, s := range m.Slots {
			if s >= 0 && s < n {
				owners[s] = id
			}
		}
	}
	return owners
}

// claims is what one process knows of its own slots.
type claims struct {
	id      string
	slots   int
	leaving bool
	// held are its slots; true marks those that it was asked to give.
	held map[int]bool
	// freed are slots that it has ended its work on and that the table still says
	// are its own.
	freed map[int]bool
}

// plan is what a process does with a table.
type plan struct {
	next    table
	changed bool  // next is to be written, renewal aside
	take    []int // its own from then on
	give    []int // to be freed
	lost    []int // no longer its own, whatever is written
}

// plan decides. dead are members that have been silent for too long. Only if
// settled does the process give or take slots: right after somebody came,
// others may be about to.
func (c *claims) plan(t table, dead []string, settled bool) plan {
	p := plan{next: t.clone()}
	for _, id := range dead {
		delete(p.next.Members, id)
		p.changed = true
	}
	me, there := p.next.Members[c.id]
	owners := p.next.owners(c.slots)
	p.changed = p.changed || !there || me.Leaving != c.leaving
	me.Leaving = c.leaving
	mine := map[int]bool{}
	for _, s := range me.Slots {
		switch _, held := c.held[s]; {
		case c.freed[s]:
			owners[s], p.changed = "", true
		case !held && c.leaving:
			owners[s], p.changed = "", true
		case !held: // claimed by a write whose answer was lost
			p.take = append(p.take, s)
			mine[s] = true
		default:
			mine[s] = true
		}
	}
	for s := range c.held {
		switch {
		case mine[s]:
		case owners[s] == "":
			// The table expired while nobody could renew it. Nobody else was given
			// the slot since; if somebody had it in between, the fence will say so.
			mine[s], owners[s], p.changed = true, c.id, true
		default:
			p.lost = append(p.lost, s)
		}
	}
	me.Slots = slices.Sorted(maps.Keys(mine))
	p.next.Members[c.id] = me
	active := len(mine)
	for s := range mine {
		if c.held[s] {
			active--
		}
	}
	quota := p.next.quota(c.id, c.slots)
	switch {
	case settled && active < quota && !c.leaving:
		for s := 0; s < c.slots && active < quota; s++ {
			if owners[s] == "" && !c.freed[s] {
				me.Slots = append(me.Slots, s)
				p.take = append(p.take, s)
				p.changed = true
				active++
			}
		}
		slices.Sort(me.Slots)
	case (settled || c.leaving) && active > quota:
		for _, s := range slices.Backward(slices.Clone(me.Slots)) {
			if _, held := c.held[s]; held && !c.held[s] && active > quota {
				p.give = append(p.give, s)
				active--
			}
		}
	}
	p.next.Members[c.id] = me
	slices.Sort(p.lost)
	return p
}

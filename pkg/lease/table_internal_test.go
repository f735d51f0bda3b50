package lease

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// process is one member of a simulation, with what it holds and has to give.
type process struct {
	claims claims
	giving []int
}

func newProcess(id string, slots int) *process {
	return &process{claims: claims{id: id, slots: slots, held: map[int]bool{}, freed: map[int]bool{}}}
}

// act is Share.once without a bucket: read, plan, and write unless stale.
func (p *process) act(t table, dead []string, stale bool) table {
	pl := p.claims.plan(t, dead, true)
	for _, n := range pl.lost {
		delete(p.claims.held, n)
	}
	if stale {
		return t
	}
	clear(p.claims.freed)
	for _, n := range pl.take {
		p.claims.held[n] = false
	}
	for _, n := range pl.give {
		p.claims.held[n] = true
		p.giving = append(p.giving, n)
	}
	return pl.next
}

// finish ends the work on what is to be given.
func (p *process) finish() {
	for _, n := range p.giving {
		if _, held := p.claims.held[n]; held {
			delete(p.claims.held, n)
			p.claims.freed[n] = true
		}
	}
	p.giving = nil
}

// Whatever joins, leaves, dies, is paused or loses a race: no slot is in two
// lines, and in the end every slot is held, in fair shares, by who is there.
func TestTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 64).Draw(rt, "slots")
		tab, _ := parseTable(nil)
		alive, silent := map[string]*process{}, map[string]*process{}
		next := 0
		pick := func(m map[string]*process) *process {
			return m[rapid.SampledFrom(slices.Sorted(maps.Keys(m))).Draw(rt, "who")]
		}
		dead := func() (ids []string) {
			for id := range silent {
				if _, there := tab.Members[id]; there {
					ids = append(ids, id)
				}
			}
			return ids
		}
		check := func() {
			seen := map[int]string{}
			for id, m := range tab.Members {
				if !slices.IsSorted(m.Slots) {
					rt.Fatalf("%s has %v", id, m.Slots)
				}
				for _, n := range m.Slots {
					if other, twice := seen[n]; twice {
						rt.Fatalf("slot %d is in the lines of %s and %s", n, id, other)
					}
					seen[n] = id
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch what := rapid.IntRange(0, 5).Draw(rt, "what"); {
			case what == 0 || len(alive) == 0:
				p := newProcess(fmt.Sprintf("p%d", next), slots)
				next++
				alive[p.claims.id] = p
			case what == 1 && len(alive) > 1: // killed or paused
				p := pick(alive)
				delete(alive, p.claims.id)
				silent[p.claims.id] = p
			case what == 2 && len(silent) > 0: // wakes
				p := pick(silent)
				delete(silent, p.claims.id)
				alive[p.claims.id] = p
			case what == 3:
				pick(alive).finish()
			default:
				tab = pick(alive).act(tab, dead(), rapid.Bool().Draw(rt, "loses the race"))
			}
			check()
		}
		for range 4 {
			for _, id := range slices.Sorted(maps.Keys(alive)) {
				tab = alive[id].act(tab, dead(), false)
				alive[id].finish()
				check()
			}
		}
		held := map[int]bool{}
		low, high := slots, 0
		for id, p := range alive {
			low, high = min(low, len(p.claims.held)), max(high, len(p.claims.held))
			for n := range p.claims.held {
				if held[n] {
					rt.Fatalf("slot %d is held twice", n)
				}
				held[n] = true
			}
			if got := tab.Members[id].Slots; !slices.Equal(got, slices.Sorted(maps.Keys(p.claims.held))) {
				rt.Fatalf("%s holds %v, the table says %v", id, p.claims.held, got)
			}
		}
		if len(held) != slots || high-low > 1 {
			rt.Fatalf("%d of %d slots are held, by %d to %d each", len(held), slots, low, high)
		}
	})
}

// When one joins nobody who stays gets more, when one leaves nobody who stays
// gets less: nothing moves between them.
func TestQuota(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 64).Draw(rt, "slots")
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}`), 1, 70, rapid.ID[string]).Draw(rt, "ids")
		tab := table{Members: map[string]member{}}
		for _, id := range ids[1:] {
			tab.Members[id] = member{}
		}
		before := map[string]int{}
		for _, id := range ids[1:] {
			before[id] = tab.quota(id, slots)
		}
		tab.Members[ids[0]] = member{}
		sum := 0
		for _, id := range ids {
			q := tab.quota(id, slots)
			sum += q
			if had, stayed := before[id]; stayed && q > had {
				rt.Fatalf("%s may hold %d after a join, %d before", id, q, had)
			}
			if q < slots/len(ids) || q > slots/len(ids)+1 {
				rt.Fatalf("%d of %d slots for one of %d", q, slots, len(ids))
			}
		}
		if sum != slots {
			rt.Fatalf("quotas add up to %d of %d", sum, slots)
		}
		tab.Members[ids[0]] = member{Leaving: true}
		for id, had := range before {
			if q := tab.quota(id, slots); q != had {
				rt.Fatalf("%s may hold %d when the other leaves, %d before it came", id, q, had)
			}
		}
	})
}

package delivery

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// patterns are what endpoints choose in the properties: names, stars, aliases,
// and one that cannot be read.
var patterns = []string{
	"*", "organization.*", "organization.directory.*", "organization.directory.user_*", "*.created", "*created", "*.directory.*_created", "o*n.d*y.u*_d*d",
	"scalekit.dir.user.*", "scalekit.dir.group.*",
	"organization.created", "organization.directory.user_created", "organization.directory.group_deleted", "never.this", "No.Pattern",
}

// crowd is endpoints whose settings change, and an index of those that are fed.
type crowd struct {
	ordinal uint64 // of the log's last event
	passed  uint64 // of the last event that was offered
	made    int
	lanes   map[string]*lane
	fed     map[*lane]bool
	index   *index
}

func newCrowd() *crowd {
	return &crowd{lanes: map[string]*lane{}, fed: map[*lane]bool{}, index: newIndex()}
}

func (c *crowd) any(t *rapid.T) *lane {
	if len(c.lanes) == 0 {
		t.Skip("there is no endpoint")
	}
	return c.lanes[rapid.SampledFrom(slices.Sorted(maps.Keys(c.lanes))).Draw(t, "endpoint")]
}

// set gives a lane another setting, as the fold does.
func (c *crowd) set(l *lane, organization string, enabled bool, types []string) {
	c.ordinal++
	var settings []setting
	if l.ep != nil {
		organization, settings = l.ep.Organization, l.ep.settings
	}
	row := &directory.Endpoint{ID: l.id, Organization: organization}
	row.Enabled, row.EventTypes = enabled, types
	ep := newEndpoint(row)
	ep.settings = set(settings, c.ordinal, row)
	l.ep = ep
	if c.fed[l] {
		c.index.put(l)
	}
}

func (c *crowd) create(t *rapid.T) {
	c.made++
	l := &lane{id: fmt.Sprint("whe_", c.made)}
	c.lanes[l.id] = l
	c.set(l, rapid.SampledFrom([]string{"", "", "org_1", "org_2"}).Draw(t, "organization"), rapid.Bool().Draw(t, "enabled"), drawTypes(t))
	c.attach(l)
}

func (c *crowd) attach(l *lane) {
	c.fed[l] = true
	c.index.put(l)
}

func (c *crowd) detach(l *lane) {
	delete(c.fed, l)
	c.index.remove(l)
}

func drawTypes(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 3).Draw(t, "types")
}

// offer has the index find who wants an event, against asking every lane.
func (c *crowd) offer(t *rapid.T, e *event) {
	found := map[*lane]bool{}
	for _, l := range c.index.find(e, nil) {
		if found[l] {
			t.Fatalf("%s is named twice", l.id)
		}
		if !c.fed[l] {
			t.Fatalf("%s is named although it is not fed", l.id)
		}
		found[l] = true
	}
	for l := range c.fed {
		if l.ep.wants(e) && !found[l] {
			t.Fatalf("%s wants the event %+v with the settings %+v and is not named", l.id, *e, l.ep.settings)
		}
		// It is named for nothing only while a later setting is still to come.
		if found[l] && !l.ep.wants(e) && e.only == "" && l.ep.settings[len(l.ep.settings)-1].After < e.ordinal {
			t.Fatalf("%s is named for the event %+v, which it does not want with the settings %+v", l.id, *e, l.ep.settings)
		}
	}
}

// For every event the index names whoever wants it, whatever the endpoints
// choose, and however they are made, changed, disabled, deleted, fed and no
// longer fed in between, and whether the feed is behind the log or not.
func TestIndex(t *testing.T) {
	t.Parallel()
	types := slices.Sorted(slices.Values(public.Types()))
	rapid.Check(t, func(t *rapid.T) {
		c := newCrowd()
		draw := func(t *rapid.T) *event {
			return &event{
				id: "evt", typ: string(rapid.SampledFrom(types).Draw(t, "type")), organization: rapid.SampledFrom([]string{"", "org_1", "org_2", "org_3"}).Draw(t, "of"),
				ordinal: rapid.Uint64Range(c.passed, max(c.passed, c.ordinal)).Draw(t, "ordinal"),
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": c.create,
			"update": func(t *rapid.T) { c.set(c.any(t), "", true, drawTypes(t)) },
			"toggle": func(t *rapid.T) {
				l := c.any(t)
				c.set(l, "", !l.ep.Enabled, l.ep.EventTypes)
			},
			"delete": func(t *rapid.T) {
				l := c.any(t)
				c.detach(l)
				delete(c.lanes, l.id)
			},
			"lag":   func(t *rapid.T) { c.detach(c.any(t)) },
			"catch": func(t *rapid.T) { c.attach(c.any(t)) },
			"pass":  func(t *rapid.T) { c.ordinal += rapid.Uint64Range(1, 3).Draw(t, "events") },
			"offer": func(t *rapid.T) {
				e := draw(t)
				c.offer(t, e)
				c.passed = e.ordinal
			},
			"out of order": func(t *rapid.T) {
				e := draw(t)
				e.ordinal = rapid.Uint64Range(0, c.passed).Draw(t, "earlier")
				for l := range c.fed {
					if l.ep.wants(e) && !slices.Contains(c.index.find(e, nil), l) {
						t.Fatalf("%s wants the event %+v and is not named", l.id, *e)
					}
				}
			},
			"only": func(t *rapid.T) {
				l := c.any(t)
				e := draw(t)
				e.only = l.id
				if rapid.Bool().Draw(t, "test") {
					e.typ = string(public.EndpointTest)
				}
				c.offer(t, e)
			},
		})
	})
}

// An index that knows as many types as it may begins anew.
func TestIndex_types(t *testing.T) {
	t.Parallel()
	c := newCrowd()
	l, other := &lane{id: "whe_1"}, &lane{id: "whe_2"}
	c.set(l, "", true, []string{"*"})
	c.set(other, "", true, []string{"type.7"})
	c.attach(l)
	c.attach(other)
	for range 2 {
		for i := range maxTypes + 10 {
			want := []*lane{l}
			if i == 7 {
				want = append(want, other)
			}
			got := c.index.find(&event{typ: fmt.Sprint("type.", i), ordinal: c.ordinal + 1}, nil)
			slices.SortFunc(got, func(a, b *lane) int { return len(a.ep.EventTypes[0]) - len(b.ep.EventTypes[0]) })
			if !slices.Equal(got, want) {
				t.Fatalf("type %d: %d lanes, want %d", i, len(got), len(want))
			}
			if len(c.index.types) > maxTypes {
				t.Fatalf("the index knows %d types", len(c.index.types))
			}
		}
	}
}

// Once a feed has passed what an endpoint wanted formerly, that costs nothing
// any more.
func TestIndex_former(t *testing.T) {
	t.Parallel()
	c := newCrowd()
	l := &lane{id: "whe_1"}
	c.set(l, "", true, []string{"*"})
	c.attach(l)
	c.set(l, "", true, []string{"organization.deleted"})
	for _, tt := range []struct {
		typ     string
		ordinal uint64
		want    int
	}{{"organization.created", 2, 1}, {"organization.created", 3, 0}, {"organization.deleted", 3, 1}, {"role.created", 4, 0}} {
		if got := c.index.find(&event{typ: tt.typ, ordinal: tt.ordinal}, nil); len(got) != tt.want {
			t.Errorf("%s at %d: %d lanes, want %d", tt.typ, tt.ordinal, len(got), tt.want)
		}
	}
	if len(c.index.changing) != 0 {
		t.Error("the lane counts as changing still")
	}
	c.detach(l)
	if n := len(c.index.lanes) + len(c.index.byID) + len(c.index.wanted); n != 0 {
		t.Errorf("the empty index keeps %d entries", n)
	}
}

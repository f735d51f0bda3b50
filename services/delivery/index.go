package delivery

import "sync"

// maxTypes bounds how many event types an index knows. There are some dozens.
const maxTypes = 256

// index says which of the lanes that a feed serves may want an event, so that an
// event costs what it is for, not what there is. It may name a lane too many, as
// lanes look for themselves, but none too few.
//
// It learns an event type when it first meets it, by asking every lane's
// patterns, and from then on keeps who wants it.
//
// Its lock is taken last, behind those of feed and slot.
type index struct {
	mu sync.Mutex
	// lanes holds each lane's endpoint as it was put.
	lanes map[*lane]*endpoint
	// byID holds them by endpoint, for events that are for one. There is a second
	// lane of an endpoint while its slot is lost and taken again.
	byID map[string]laneSet
	// types are those that were met; wanted says for them who wants what.
	types  map[string]struct{}
	wanted map[topic]laneSet
	// passed is the highest ordinal that was asked for: what a lane wanted of
	// earlier events no longer matters.
	passed uint64
	// changing holds the lanes of which more than one setting matters still, with
	// the ordinal behind which only the last does; soonest is the least of those.
	changing map[*lane]uint64
	soonest  uint64
}

// topic is what endpoints of an organization want; those for all organizations
// are under "".
type topic struct{ organization, typ string }

type laneSet map[*lane]struct{}

func newIndex() *index {
	return &index{
		lanes: map[*lane]*endpoint{}, byID: map[string]laneSet{}, types: map[string]struct{}{}, wanted: map[topic]laneSet{}, changing: map[*lane]uint64{},
	}
}

// put takes a lane, or what its endpoint has become. The lane's slot is locked.
func (x *index) put(l *lane) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.take(l)
	x.lanes[l] = l.ep
	add(x.byID, l.id, l)
	x.sort(l, l.ep)
}

// remove forgets a lane.
func (x *index) remove(l *lane) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.take(l)
}

// all returns every lane.
func (x *index) all() []*lane {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.everyone(nil)
}

// find appends to list the lanes that may want an event, none twice.
func (x *index) find(e *event, list []*lane) []*lane {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case e.only != "":
		return x.byID[e.only].appendTo(list)
	case e.ordinal < x.passed:
		// EVENTS rises in the ordinal. If it ever does not, nobody misses anything.
		return x.everyone(list)
	}
	x.pass(e.ordinal)
	if _, ok := x.types[e.typ]; !ok {
		x.learn(e.typ)
	}
	list = x.wanted[topic{"", e.typ}].appendTo(list)
	if e.organization != "" {
		list = x.wanted[topic{e.organization, e.typ}].appendTo(list)
	}
	return list
}

func (x *index) everyone(list []*lane) []*lane {
	for l := range x.lanes {
		list = append(list, l)
	}
	return list
}

// take takes a lane out.
func (x *index) take(l *lane) {
	ep, ok := x.lanes[l]
	if !ok {
		return
	}
	delete(x.lanes, l)
	delete(x.changing, l)
	drop(x.byID, l.id, l)
	for typ := range x.types {
		drop(x.wanted, topic{ep.Organization, typ}, l)
	}
}

// sort files a lane, which is in no topic, under the known types that it wants.
func (x *index) sort(l *lane, ep *endpoint) {
	settings := ep.from(x.passed)
	for typ := range x.types {
		if choose(settings, typ) {
			add(x.wanted, topic{ep.Organization, typ}, l)
		}
	}
	if len(settings) > 1 {
		last := settings[len(settings)-1].After
		if len(x.changing) == 0 || last < x.soonest {
			x.soonest = last
		}
		x.changing[l] = last
	}
}

// learn files all lanes that want a type under it.
func (x *index) learn(typ string) {
	if len(x.types) == maxTypes {
		clear(x.types)
		clear(x.wanted)
	}
	x.types[typ] = struct{}{}
	for l, ep := range x.lanes {
		if choose(ep.from(x.passed), typ) {
			add(x.wanted, topic{ep.Organization, typ}, l)
		}
	}
}

// pass goes on to an ordinal, and files the lanes again of which fewer settings
// matter from there on.
func (x *index) pass(ordinal uint64) {
	x.passed = ordinal
	if len(x.changing) == 0 || ordinal <= x.soonest {
		return
	}
	var over []*lane
	least := uint64(0)
	for l, last := range x.changing {
		switch {
		case last < ordinal:
			over = append(over, l)
		case least == 0 || last < least:
			least = last
		}
	}
	x.soonest = least
	for _, l := range over {
		ep := x.lanes[l]
		delete(x.changing, l)
		for typ := range x.types {
			drop(x.wanted, topic{ep.Organization, typ}, l)
		}
		x.sort(l, ep)
	}
}

// choose reports whether any of the settings chooses a type.
func choose(settings []setting, typ string) bool {
	for i := range settings {
		if s := &settings[i]; s.Enabled && s.patterns.Match(typ) {
			return true
		}
	}
	return false
}

func (s laneSet) appendTo(list []*lane) []*lane {
	for l := range s {
		list = append(list, l)
	}
	return list
}

func add[K comparable](sets map[K]laneSet, key K, l *lane) {
	set := sets[key]
	if set == nil {
		set = laneSet{}
		sets[key] = set
	}
	set[l] = struct{}{}
}

func drop[K comparable](sets map[K]laneSet, key K, l *lane) {
	set := sets[key]
	if delete(set, l); len(set) == 0 {
		delete(sets, key)
	}
}

package attempts

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tidwall/btree"
)

// State is the Rows of one slot in memory: endpoints, what waits, what is dead,
// and of the delivered only those above their endpoint's position, which are
// needed to not send them again. It is for one goroutine at a time.
type State struct {
	endpoints map[string]*endpointState
}

type endpointState struct {
	row     Endpoint
	waiting btree.Map[uint64, *Delivery]
	dead    btree.Map[uint64, *Delivery]
	ahead   map[uint64]*Delivery
	replays map[string]Replay
}

var _ Rows = (*State)(nil)

// NewState returns a State without rows.
func NewState() *State { return &State{endpoints: map[string]*endpointState{}} }

// Endpoint implements Rows.
func (s *State) Endpoint(id string) (Endpoint, bool, error) {
	e, ok := s.endpoints[id]
	if !ok {
		return Endpoint{}, false, nil
	}
	return e.row, true, nil
}

// Endpoints returns the rows of all endpoints, by id.
func (s *State) Endpoints() []Endpoint {
	list := make([]Endpoint, 0, len(s.endpoints))
	for _, e := range s.endpoints {
		list = append(list, e.row)
	}
	slices.SortFunc(list, func(a, b Endpoint) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (s *State) endpoint(id string) *endpointState {
	e, ok := s.endpoints[id]
	if !ok {
		e = &endpointState{row: Endpoint{ID: id}, ahead: map[uint64]*Delivery{}}
		s.endpoints[id] = e
	}
	return e
}

// PutEndpoint implements Rows.
func (s *State) PutEndpoint(row Endpoint) error {
	e := s.endpoint(row.ID)
	moved := row.Position != e.row.Position
	e.row = row
	if !moved {
		return nil // most records leave it
	}
	for seq := range e.ahead {
		if seq <= row.Position {
			delete(e.ahead, seq)
		}
	}
	return nil
}

// DropEndpoint implements Rows.
func (s *State) DropEndpoint(id string) error {
	delete(s.endpoints, id)
	return nil
}

func (e *endpointState) find(seq uint64) *Delivery {
	if d, ok := e.waiting.Get(seq); ok {
		return d
	}
	if d, ok := e.dead.Get(seq); ok {
		return d
	}
	return e.ahead[seq]
}

// Delivery implements Rows.
func (s *State) Delivery(endpoint string, seq uint64) (Delivery, bool, error) {
	if e, ok := s.endpoints[endpoint]; ok {
		if d := e.find(seq); d != nil {
			return *d, true, nil
		}
	}
	return Delivery{}, false, nil
}

// PutDelivery implements Rows.
func (s *State) PutDelivery(d Delivery) error {
	e := s.endpoint(d.Endpoint)
	d.Detail = nil
	e.waiting.Delete(d.Seq)
	e.dead.Delete(d.Seq)
	delete(e.ahead, d.Seq)
	switch {
	case d.Status.Waiting():
		e.waiting.Set(d.Seq, &d)
	case d.Status == Exhausted:
		e.dead.Set(d.Seq, &d)
	case d.Seq > e.row.Position:
		e.ahead[d.Seq] = &d
	}
	return nil
}

// Replay implements Rows.
func (s *State) Replay(endpoint, id string) (Replay, bool, error) {
	e, ok := s.endpoints[endpoint]
	if !ok {
		return Replay{}, false, nil
	}
	p, ok := e.replays[id]
	return p, ok, nil
}

// Replays returns the endpoint's replays that are under way, by id.
func (s *State) Replays(endpoint string) []Replay {
	e, ok := s.endpoints[endpoint]
	if !ok {
		return nil
	}
	return slices.SortedFunc(maps.Values(e.replays), func(a, b Replay) int { return cmp.Compare(a.ID, b.ID) })
}

// PutReplay implements Rows.
func (s *State) PutReplay(p Replay) error {
	e := s.endpoint(p.Endpoint)
	if e.replays == nil {
		e.replays = map[string]Replay{}
	}
	e.replays[p.ID] = p
	return nil
}

// DropReplay implements Rows.
func (s *State) DropReplay(endpoint, id string) error {
	if e, ok := s.endpoints[endpoint]; ok {
		delete(e.replays, id)
	}
	return nil
}

// Dead calls each for the endpoint's dead letters behind a sequence, by Seq,
// until it answers false.
func (s *State) Dead(endpoint string, after uint64, each func(*Delivery) bool) {
	if e, ok := s.endpoints[endpoint]; ok {
		e.dead.Ascend(after+1, func(_ uint64, d *Delivery) bool { return each(d) })
	}
}

// Waiting implements Rows.
func (s *State) Waiting(endpoint string) ([]Delivery, error) {
	e, ok := s.endpoints[endpoint]
	if !ok {
		return nil, nil
	}
	list := make([]Delivery, 0, e.waiting.Len())
	e.waiting.Scan(func(_ uint64, d *Delivery) bool {
		list = append(list, *d)
		return true
	})
	return list, nil
}

// CountWaiting returns how many deliveries of the endpoint wait.
func (s *State) CountWaiting(endpoint string) int {
	if e, ok := s.endpoints[endpoint]; ok {
		return e.waiting.Len()
	}
	return 0
}

// First returns the endpoint's waiting delivery with the lowest Seq.
func (s *State) First(endpoint string) (Delivery, bool) {
	if e, ok := s.endpoints[endpoint]; ok {
		if _, d, ok := e.waiting.Min(); ok {
			return *d, true
		}
	}
	return Delivery{}, false
}

// DropOldestDead implements Rows.
func (s *State) DropOldestDead(endpoint string) error {
	if e, ok := s.endpoints[endpoint]; ok {
		e.dead.PopMin()
	}
	return nil
}

// deliveries returns every row that is kept of the endpoint, by Seq.
func (s *State) deliveries(endpoint string) []*Delivery {
	e, ok := s.endpoints[endpoint]
	if !ok {
		return nil
	}
	var list []*Delivery
	for _, m := range []*btree.Map[uint64, *Delivery]{&e.waiting, &e.dead} {
		m.Scan(func(_ uint64, d *Delivery) bool {
			list = append(list, d)
			return true
		})
	}
	for _, d := range e.ahead {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
	return list
}

// Deliveries returns every row that is kept of the endpoint, by Seq.
func (s *State) Deliveries(endpoint string) []Delivery {
	var list []Delivery
	for _, d := range s.deliveries(endpoint) {
		list = append(list, *d)
	}
	return list
}

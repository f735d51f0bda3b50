package attempts

// Checkpoint returns all of the state as the parts of one checkpoint, whose
// first frame has the given index and whose frames name the checkpoint before.
// There is at least one part. Every part is within MaxFrame, however much
// waits.
func (s *State) Checkpoint(slot int, index, before uint64) ([][]byte, error) {
	var parts []Frame
	part, size := Frame{}, 0
	room := func(n int) {
		if size += n; size > partSize {
			parts = append(parts, part)
			part, size = Frame{}, n
		}
	}
	for _, ep := range s.Endpoints() {
		room(len(ep.ID) + 32)
		part.Endpoints = append(part.Endpoints, ep)
		for _, d := range s.deliveries(ep.ID) {
			// Strings that repeat are counted each time: the estimate is high.
			room(len(d.Endpoint) + len(d.EventID) + len(d.EventType) + len(d.Resource) + len(d.Class) + len(d.Error) + len(d.Replay) + 80)
			part.Deliveries = append(part.Deliveries, *d)
		}
		for _, p := range s.Replays(ep.ID) {
			room(len(p.Endpoint) + len(p.ID) + 96)
			part.Replays = append(part.Replays, p)
		}
	}
	parts = append(parts, part)
	out := make([][]byte, len(parts))
	for i, p := range parts {
		p.Header = Header{Slot: slot, Index: index + uint64(i), Checkpoint: before, Part: i + 1, Parts: len(parts)}
		b, err := Encode(p)
		if err != nil {
			return nil, err
		}
		out[i] = b
	}
	return out, nil
}

package attempts

import "time"

// MaxDead is how many dead letters of an endpoint are kept, the newest.
const MaxDead = 10_000

// Fold applies one record. It is total: it refuses no record that Encode
// accepts. Errors are those of rows.
func Fold(rows Rows, r Record) error {
	switch r.Kind {
	case KindDropped:
		return rows.DropEndpoint(r.Endpoint)
	case KindReplayEnded:
		return rows.DropReplay(r.Endpoint, r.Progress.ID)
	default: // below
	}
	ep, ok, err := rows.Endpoint(r.Endpoint)
	if err != nil {
		return err
	}
	if !ok {
		ep = Endpoint{ID: r.Endpoint}
	}
	if r.Kind == KindCursor {
		ep.Position = r.Position
		return rows.PutEndpoint(ep)
	}
	if r.Kind == KindReplay {
		if !ok {
			if err := rows.PutEndpoint(ep); err != nil {
				return err
			}
		}
		return advance(rows, r)
	}
	d, ok, err := rows.Delivery(r.Endpoint, r.Seq)
	if err != nil {
		return err
	}
	if !ok {
		d = Delivery{Endpoint: r.Endpoint, Seq: r.Seq}
	}
	if d.Status == Exhausted && ep.Dead > 0 {
		ep.Dead--
	}
	d.EventID, d.EventType, d.Resource, d.Replay, d.Detail = r.EventID, r.EventType, r.Resource, r.Replay, r.Detail
	if r.Kind == KindQueued {
		// Sent anew: what an earlier life of the delivery came to is history, which
		// not every store still has.
		d.Status, d.Attempts, d.Due = Pending, 0, r.Due
		d.LastAt, d.Duration, d.StatusCode, d.Class, d.Error = time.Time{}, 0, 0, "", ""
		return put(rows, ep, d)
	}
	d.Attempts, d.LastAt, d.Duration = r.Attempt, r.At, r.Duration
	d.StatusCode, d.Class, d.Error, d.Due = r.Status, r.Class, r.Error, r.Due
	if r.Replay != "" && r.Outcome != Failed {
		if err := settle(rows, r); err != nil {
			return err
		}
	}
	switch r.Outcome {
	case Delivered:
		d.Status = Success
		ep.Failures = 0
		if ep.Open() {
			return closeCircuit(rows, ep, d, r)
		}
	case Failed, Dead:
		d.Status = Retrying
		if r.Outcome == Dead {
			d.Status = Exhausted
			ep.Dead++
		}
		ep.Failures++
		if r.Opens {
			ep.OpenedAt = r.At
		}
	}
	return put(rows, ep, d)
}

// advance moves a replay's cursor. What came of its deliveries is counted here,
// not by whoever moves it.
func advance(rows Rows, r Record) error {
	old, _, err := rows.Replay(r.Endpoint, r.Progress.ID)
	if err != nil {
		return err
	}
	p := r.Progress
	p.Endpoint, p.Delivered, p.Dead = r.Endpoint, old.Delivered, old.Dead
	return rows.PutReplay(p)
}

// settle counts a replay's delivery that will not be tried again.
func settle(rows Rows, r Record) error {
	p, ok, err := rows.Replay(r.Endpoint, r.Replay)
	if err != nil || !ok {
		return err
	}
	if r.Outcome == Delivered {
		p.Delivered++
	} else {
		p.Dead++
	}
	return rows.PutReplay(p)
}

// closeCircuit makes everything that waits for a time due at once.
func closeCircuit(rows Rows, ep Endpoint, d Delivery, r Record) error {
	ep.OpenedAt = time.Time{}
	if err := put(rows, ep, d); err != nil {
		return err
	}
	waiting, err := rows.Waiting(ep.ID)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		if !w.Due.After(r.At) {
			continue // due already, or behind another of its resource
		}
		w.Due = r.At
		if err := rows.PutDelivery(w); err != nil {
			return err
		}
	}
	return nil
}

func put(rows Rows, ep Endpoint, d Delivery) error {
	if err := rows.PutDelivery(d); err != nil {
		return err
	}
	for ep.Dead > MaxDead {
		if err := rows.DropOldestDead(ep.ID); err != nil {
			return err
		}
		ep.Dead--
	}
	return rows.PutEndpoint(ep)
}

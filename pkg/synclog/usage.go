package synclog

import "time"

// add counts a request.
func (u *Usage) add(e *Entry) {
	if !e.Part {
		u.Requests++
		u.Last = later(u.Last, e.At)
	}
	switch {
	case e.Refused():
		u.Refused++
		if u.LastRefusal == nil || !e.At.Before(u.LastRefusal.At) {
			u.LastRefusal = &Refusal{At: e.At, Status: e.Status, Cause: e.Cause, Detail: e.Detail}
		}
	default:
		if !e.Part {
			u.LastSuccess = later(u.LastSuccess, e.At)
		}
		if len(e.Deviations) > 0 {
			u.Tolerated++
		}
	}
	if e.Secret != "" {
		if u.Secrets == nil {
			u.Secrets = map[string]time.Time{}
		}
		u.Secrets[e.Secret] = later(u.Secrets[e.Secret], e.At)
	}
}

// Merge adds what another part says. In which order the parts come makes no
// difference, except between refusals of one instant.
func (u *Usage) Merge(o Usage) {
	u.Requests += o.Requests
	u.Refused += o.Refused
	u.Tolerated += o.Tolerated
	u.Last = later(u.Last, o.Last)
	u.LastSuccess = later(u.LastSuccess, o.LastSuccess)
	if o.LastRefusal != nil && (u.LastRefusal == nil || o.LastRefusal.At.After(u.LastRefusal.At)) {
		r := *o.LastRefusal
		u.LastRefusal = &r
	}
	for id, at := range o.Secrets {
		if u.Secrets == nil {
			u.Secrets = map[string]time.Time{}
		}
		u.Secrets[id] = later(u.Secrets[id], at)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

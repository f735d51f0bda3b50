package api

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/published"
)

const (
	// mostWait is how many seconds a pull waits for an event at most.
	mostWait = 30
	// pullEvery is how often a pull that waits looks.
	pullEvery = 500 * time.Millisecond
	// expiredCursor names the refusal of a cursor that is older than what is kept.
	// Its subject is the cursor of the oldest event.
	expiredCursor = "expired_cursor"
)

// ListEvents returns events behind a cursor, and waits for one if there is none.
func (s *pullService) ListEvents(ctx context.Context, r *rollcallv1.ListEventsRequest) (*rollcallv1.ListEventsResponse, error) {
	if s.core.cfg.Events == nil {
		return nil, fault.New(fault.Unimplemented, "This server does not show events.")
	}
	size, sizeErr := pageSize(r.GetLimit(), usualEvents, mostEvents)
	if sizeErr != nil { // other calls name it page_size
		sizeErr = fault.New(fault.Invalid, "limit must be 1 to %d.", mostEvents)
	}
	after, back, cursorErr := parseEventToken(r.GetCursor())
	if back || cursorErr != nil { // ListEventsPaginated calls it page_token
		cursorErr = fault.New(fault.Invalid, "cursor is not one that this call gave; start again without it.")
	}
	f, filterErr := pullFilter(r)
	if err := first(sizeErr, cursorErr, filterErr); err != nil {
		return nil, err
	}
	if r.GetWaitSeconds() > mostWait {
		return nil, fault.New(fault.Invalid, "wait_seconds is 0 to %d.", mostWait)
	}
	end := time.Now().Add(time.Duration(r.GetWaitSeconds()) * time.Second)
	for {
		p, err := s.core.cfg.Events.Read(ctx, f, after, size)
		if err != nil {
			return nil, err
		}
		if p.Missed {
			oldest := eventToken(p.Oldest, false)
			return nil, fault.New(fault.Gone, "Events behind this cursor are no longer kept. Fetch users and groups as they are, then go on at the oldest event that is kept, with the cursor %q.", oldest).
				Named(expiredCursor, oldest)
		}
		after = p.Next
		wait := min(pullEvery, time.Until(end))
		if len(p.Events) > 0 || wait <= 0 {
			return pulled(p)
		}
		select {
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "The call was given up while it waited.")
		case <-s.core.cfg.Stopping: // a stop is not to wait for an event
			return pulled(p)
		case <-time.After(wait):
		}
	}
}

func pullFilter(r *rollcallv1.ListEventsRequest) (f published.Filter, err error) {
	if id := r.GetOrganizationId(); id != "" {
		if err := checkID("organization_id", id, "", maxID); err != nil {
			return f, err
		}
		f.Organization = id
	}
	if f.From, err = timeOf("since", r.GetSince()); err != nil {
		return f, err
	}
	if f.Until, err = timeOf("until", r.GetUntil()); err != nil {
		return f, err
	}
	if !f.From.IsZero() && !f.Until.IsZero() && !f.From.Before(f.Until) {
		return f, fault.New(fault.Invalid, "since must be before until.")
	}
	if len(r.GetEventTypes()) > mostTypes {
		return f, fault.New(fault.Invalid, "event_types names more than %d types.", mostTypes)
	}
	known := public.Types()
	for _, name := range r.GetEventTypes() {
		if !slices.Contains(known, public.Type(name)) {
			return f, fault.New(fault.Invalid, "event_types: %.60q is no type of event.", name)
		}
		f.Types = append(f.Types, public.Type(name))
	}
	return f, nil
}

func pulled(p published.Page) (*rollcallv1.ListEventsResponse, error) {
	res := &rollcallv1.ListEventsResponse{Cursor: eventToken(p.Next, false), More: p.More}
	for i := range p.Events {
		var m map[string]any
		dec := json.NewDecoder(bytes.NewReader(p.Events[i].Body))
		dec.UseNumber() // a provider may send numbers that Go has no type for
		err := dec.Decode(&m)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "The event %s cannot be shown.", p.Events[i].ID)
		}
		shown, err := structOf(m)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "The event %s cannot be shown.", p.Events[i].ID)
		}
		res.Events = append(res.Events, shown)
	}
	return res, nil
}

package api

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/rollcallhq/rollcall/events"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualReplays = 10
	mostReplays  = 100
)

// ReplayProgress is how far a replay is.
type ReplayProgress struct {
	// Looked is the part of what it is about that it has looked at, 0 to 1.
	Looked                           float64
	Queued, Skipped, Delivered, Dead uint64
}

// CreateWebhookReplay begins a replay.
func (s *replayService) CreateWebhookReplay(ctx context.Context, r *rollcallv1.CreateWebhookReplayRequest) (*rollcallv1.CreateWebhookReplayResponse, error) {
	if err := checkID("endpoint_id", r.GetEndpointId(), "", maxID); err != nil {
		return nil, err
	}
	if err := checkPatterns(r.GetEventTypes()); err != nil {
		return nil, err
	}
	e := events.WebhookReplayRequested{Endpoint: r.GetEndpointId(), EventTypes: r.GetEventTypes(), RateLimit: *whole(&r.RateLimit)}
	if err := s.what(ctx, r, &e); err != nil {
		return nil, err
	}
	row, err := submitFor[*directory.Replay](ctx, s.core, directory.RequestWebhookReplay{WebhookReplayRequested: e})
	if err != nil {
		return nil, err
	}
	return &rollcallv1.CreateWebhookReplayResponse{Replay: replayMessage(row, ReplayProgress{})}, nil
}

// what fills in what a replay is to send.
func (s *replayService) what(ctx context.Context, r *rollcallv1.CreateWebhookReplayRequest, e *events.WebhookReplayRequested) error {
	given := 0
	for _, is := range []bool{r.GetDeliveryId() != "", r.GetFailed() != nil, r.GetRange() != nil, r.GetEveryone() != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return fault.New(fault.Invalid, "Say what is to be sent again: exactly one of delivery_id, failed, range and everyone.")
	}
	if id := r.GetDeliveryId(); id != "" {
		if len(e.EventTypes) > 0 {
			return fault.New(fault.Invalid, "event_types chooses among several events; delivery_id names one.")
		}
		d, err := (&endpointService{core: s.core}).delivery(ctx, r.GetEndpointId(), id)
		if err != nil {
			return err
		}
		e.Kind, e.EventID, e.Seq = directory.ReplayDelivery, d.EventID, d.Seq
		return nil
	}
	if f := r.GetFailed(); f != nil {
		e.Kind = directory.ReplayFailed
		return instants(map[string]*timestamppb.Timestamp{"since": f.GetSince()}, map[string]**time.Time{"since": &e.Since})
	}
	x := r.GetRange()
	e.Kind, e.Organization = directory.ReplayRange, x.GetOrganizationId()
	if r.GetEveryone() != nil {
		e.Kind, e.Organization = directory.ReplayEveryone, r.GetEveryone().GetOrganizationId()
	}
	if e.Organization != "" {
		if err := checkID("organization_id", e.Organization, directory.PrefixOrganization, maxID); err != nil {
			return err
		}
	}
	return instants(map[string]*timestamppb.Timestamp{"since": x.GetSince(), "until": x.GetUntil()}, map[string]**time.Time{"since": &e.Since, "until": &e.Until})
}

// instants reads times that may be left out.
func instants(from map[string]*timestamppb.Timestamp, to map[string]**time.Time) error {
	for name, stamp := range from {
		at, err := timeOf(name, stamp)
		if err != nil {
			return err
		}
		if stamp != nil {
			*to[name] = &at
		}
	}
	return nil
}

// ListWebhookReplays pages through an endpoint's, the oldest first.
func (s *replayService) ListWebhookReplays(ctx context.Context, r *rollcallv1.ListWebhookReplaysRequest) (*rollcallv1.ListWebhookReplaysResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualReplays, mostReplays)
	at, tokenErr := parseCursor(listReplays, r.GetPageToken())
	if err := first(checkID("endpoint_id", r.GetEndpointId(), "", maxID), sizeErr, tokenErr); err != nil {
		return nil, err
	}
	progress, err := s.progress(ctx, r.GetEndpointId())
	if err != nil {
		return nil, err
	}
	l := list{
		prefix: directory.Make(directory.TableReplay, r.GetEndpointId()), kind: listReplays,
		key: func(id string) directory.Key { return directory.Make(directory.TableReplay, r.GetEndpointId(), id) },
	}
	res := &rollcallv1.ListWebhookReplaysResponse{}
	err = s.core.read(ctx, func(v directory.View) error {
		if _, err := endpointOf(v, r.GetEndpointId()); err != nil {
			return err
		}
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, id := range p.ids {
			row, err := replayOf(v, r.GetEndpointId(), id)
			if err != nil {
				return err
			}
			res.Replays = append(res.Replays, replayMessage(row, progress[id]))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// GetWebhookReplay shows one.
func (s *replayService) GetWebhookReplay(ctx context.Context, r *rollcallv1.GetWebhookReplayRequest) (*rollcallv1.GetWebhookReplayResponse, error) {
	if err := first(checkID("endpoint_id", r.GetEndpointId(), "", maxID), checkID("id", r.GetId(), "", maxID)); err != nil {
		return nil, err
	}
	progress, err := s.progress(ctx, r.GetEndpointId())
	if err != nil {
		return nil, err
	}
	res := &rollcallv1.GetWebhookReplayResponse{}
	err = s.core.read(ctx, func(v directory.View) error {
		row, err := replayOf(v, r.GetEndpointId(), r.GetId())
		if err == nil {
			res.Replay = replayMessage(row, progress[row.ID])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// CancelWebhookReplay ends one.
func (s *replayService) CancelWebhookReplay(ctx context.Context, r *rollcallv1.CancelWebhookReplayRequest) (*rollcallv1.CancelWebhookReplayResponse, error) {
	if err := first(checkID("endpoint_id", r.GetEndpointId(), "", maxID), checkID("id", r.GetId(), "", maxID)); err != nil {
		return nil, err
	}
	row, err := submitFor[*directory.Replay](ctx, s.core, directory.CancelWebhookReplay{Endpoint: r.GetEndpointId(), ID: r.GetId()})
	if err != nil {
		return nil, err
	}
	progress, err := s.progress(ctx, r.GetEndpointId())
	if err != nil {
		return nil, err
	}
	return &rollcallv1.CancelWebhookReplayResponse{Replay: replayMessage(row, progress[row.ID])}, nil
}

// progress returns how far an endpoint's replays are, as far as this server
// keeps a record of deliveries.
func (s *replayService) progress(ctx context.Context, endpoint string) (map[string]ReplayProgress, error) {
	if s.core.cfg.Deliveries == nil {
		return nil, nil
	}
	return s.core.cfg.Deliveries.Replays(ctx, endpoint)
}

func replayOf(v directory.View, endpoint, id string) (*directory.Replay, error) {
	row, ok, err := directory.Get[*directory.Replay](v, directory.Make(directory.TableReplay, endpoint, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no replay %q of the webhook endpoint %q.", id, endpoint)
	}
	return row, err
}

func replayMessage(r *directory.Replay, p ReplayProgress) *rollcallv1.WebhookReplay {
	switch {
	case r.Kind == directory.ReplayEveryone:
		p.Looked, p.Queued = 0, r.Result.Queued
		if p.Queued > 0 {
			p.Looked = min(1, float64(p.Delivered+p.Dead)/float64(p.Queued))
		} else if r.Status == directory.ReplayFinished {
			p.Looked = 1 // there was nobody
		}
	case r.Status == directory.ReplayFinished:
		p = ReplayProgress{Looked: 1, Queued: r.Result.Queued, Skipped: r.Result.Skipped, Delivered: r.Result.Delivered, Dead: r.Result.Dead}
	}
	m := &rollcallv1.WebhookReplay{
		Id: r.ID, EndpointId: r.Endpoint, Kind: strings.ToUpper(r.Kind), Status: strings.ToUpper(r.Status), EventId: r.EventID,
		EventTypes: r.EventTypes, OrganizationId: r.Organization, RateLimit: uint32(r.RateLimit), //nolint:gosec // bounded
		CreateTime: stamp(r.Created), EndTime: stamp(r.Ended), Actor: r.Actor, Progress: p.Looked,
		Queued: clamp(p.Queued), Skipped: clamp(p.Skipped), Delivered: clamp(p.Delivered), Failed: clamp(p.Dead),
	}
	if r.Since != nil {
		m.Since = stamp(*r.Since)
	}
	if r.Until != nil {
		m.Until = stamp(*r.Until)
	}
	return m
}

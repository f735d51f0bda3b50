package api

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/published"
)

const (
	usualEvents = 30
	mostEvents  = 100
	// mostTypes bounds how many types one filter names.
	mostTypes = 50
)

// Events reads the public events that are kept; *published.Reader does.
type Events interface {
	// Read returns a page of at most limit events behind a position.
	//
	// Errors: Invalid for a position or a filter that cannot be; Unavailable.
	Read(ctx context.Context, f published.Filter, after uint64, limit int) (published.Page, error)
	// ReadBack returns the page of at most limit events ahead of a position, with
	// the same errors.
	ReadBack(ctx context.Context, f published.Filter, before uint64, limit int) (published.Page, error)
}

// ListEventsPaginated pages through the public events that are kept, the oldest
// first. A token says how far the caller is and which way it leads; the filter
// goes with every call.
func (s *eventsService) ListEventsPaginated(ctx context.Context, r *events.ListEventsPaginatedRequest) (*events.ListEventsPaginatedResponse, error) {
	if _, err := principalOf(ctx); err != nil {
		return nil, err
	}
	if s.core.cfg.Events == nil {
		return nil, fault.New(fault.Unimplemented, "This server does not show events.")
	}
	size, sizeErr := pageSize(r.GetPageSize(), usualEvents, mostEvents)
	at, back, tokenErr := parseEventToken(r.GetPageToken())
	f, none, filterErr := eventFilter(r.GetFilter())
	if err := first(sizeErr, tokenErr, filterErr); err != nil {
		return nil, err
	}
	res := &events.ListEventsPaginatedResponse{}
	if none {
		return res, nil
	}
	read := s.core.cfg.Events.Read
	if back {
		read = s.core.cfg.Events.ReadBack
	}
	p, err := read(ctx, f, at, size)
	if err != nil {
		return nil, err
	}
	for i := range p.Events {
		m, err := eventMessage(&p.Events[i])
		if err != nil {
			return nil, err
		}
		res.Events = append(res.Events, m)
	}
	n := len(p.Events)
	if n == 0 {
		return res, nil
	}
	// The page that is gone back from follows this one; the event at which a page
	// went on is ahead of it, if it is still kept.
	if back || p.More {
		res.NextPageToken = eventToken(p.Events[n-1].Seq, false)
	}
	if back && p.More || !back && at > p.Oldest {
		res.PrevPageToken = eventToken(p.Events[0].Seq, true)
	}
	return res, nil
}

// eventToken leads to what is behind a position, or back to what is ahead of it.
func eventToken(at uint64, back bool) string {
	return cursor{at: strconv.FormatUint(at, 10), before: back}.token(listEvents)
}

func parseEventToken(token string) (at uint64, back bool, err error) {
	c, err := parseCursor(listEvents, token)
	if err != nil || c.at == "" {
		return 0, false, err
	}
	if at, err = strconv.ParseUint(c.at, 10, 64); err != nil {
		return 0, false, fault.New(fault.Invalid, "page_token is not one that this list gave; start again without it.")
	}
	return at, c.before, nil
}

// eventFilter reads a filter; none says that no event can fit it.
func eventFilter(in *events.EventFilter) (f published.Filter, none bool, err error) {
	if in == nil {
		return f, false, nil
	}
	if id := in.GetOrganizationId(); id != "" {
		if err := checkID("filter.organization_id", id, "", maxID); err != nil {
			return f, false, err
		}
		f.Organization = id
	}
	if f.From, err = eventTime("filter.start_time", in.GetStartTime()); err != nil {
		return f, false, err
	}
	if f.Until, err = eventTime("filter.end_time", in.GetEndTime()); err != nil {
		return f, false, err
	}
	if len(in.GetEventTypes()) > mostTypes {
		return f, false, fault.New(fault.Invalid, "filter.event_types names more than %d types.", mostTypes)
	}
	known := public.Types()
	for _, name := range in.GetEventTypes() {
		if t := public.Type(name); slices.Contains(known, t) {
			f.Types = append(f.Types, t)
		}
	}
	none = len(in.GetEventTypes()) > 0 && len(f.Types) == 0 || in.GetAuthRequestId() != "" || in.InterceptorId != nil || in.InterceptorStatus != nil ||
		in.InterceptorDecision != nil || in.ConnectionId != nil || in.ConnectedAccountId != nil
	if src := in.GetSource(); src != events.Source_SOURCE_UNSPECIFIED {
		if len(f.Types) == 0 {
			f.Types = known
		}
		f.Types = slices.DeleteFunc(slices.Clone(f.Types), func(t public.Type) bool { return sourceOf(t) != src })
		slices.Sort(f.Types)
		none = none || len(f.Types) == 0
	}
	return f, none, nil
}

// eventTime reads a bound in time; the zero time of Unix is none, as some clients
// send it for unset.
func eventTime(what string, at *timestamppb.Timestamp) (time.Time, error) {
	if at == nil || at.GetSeconds() == 0 && at.GetNanos() == 0 {
		return time.Time{}, nil
	}
	if err := at.CheckValid(); err != nil {
		return time.Time{}, fault.New(fault.Invalid, "%s is not a time.", what)
	}
	return at.AsTime(), nil
}

// sourceOf says where events of a type come from.
func sourceOf(t public.Type) events.Source {
	if strings.HasPrefix(string(t), "organization.directory.") {
		return events.Source_DIR_SYNC
	}
	return events.Source_SCALEKIT
}

// eventMessage shows an event as it was published.
func eventMessage(e *published.Event) (*events.ScalekitEvent, error) {
	var in struct {
		SpecVersion    string         `json:"spec_version"`
		ID             string         `json:"id"`
		Type           string         `json:"type"`
		Object         string         `json:"object"`
		OccurredAt     time.Time      `json:"occurred_at"`
		EnvironmentID  string         `json:"environment_id"`
		OrganizationID string         `json:"organization_id"`
		DisplayName    string         `json:"display_name"`
		Data           map[string]any `json:"data"`
	}
	dec := json.NewDecoder(bytes.NewReader(e.Body))
	dec.UseNumber() // a provider may send numbers that Go has no type for
	if err := dec.Decode(&in); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The event %s cannot be shown.", e.ID)
	}
	data, err := structOf(in.Data)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The event %s cannot be shown.", e.ID)
	}
	return &events.ScalekitEvent{
		SpecVersion: in.SpecVersion, Id: in.ID, Type: in.Type, OccurredAt: stamp(in.OccurredAt), EnvironmentId: in.EnvironmentID,
		OrganizationId: text(in.OrganizationID), Object: events.ObjectType(events.ObjectType_value[in.Object]), Data: data, DisplayName: in.DisplayName,
	}, nil
}

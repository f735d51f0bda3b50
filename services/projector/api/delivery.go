package api

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualDeliveries = 10
	mostDeliveries  = 100
)

// Deliveries shows what was sent to webhook endpoints.
type Deliveries interface {
	// List returns a part of an endpoint's deliveries, the newest first. It shows
	// every attempt that was recorded before the call.
	//
	// Errors: fault.Invalid for a position that it never gave; fault.Unavailable.
	List(ctx context.Context, q DeliveryQuery) (DeliveryPage, error)
	// Get returns one delivery to an endpoint.
	//
	// Errors: fault.NotFound; fault.Unavailable.
	Get(ctx context.Context, endpoint, id string) (Delivery, error)
	// Health says how an endpoint fared since a time.
	//
	// Errors: fault.Unavailable.
	Health(ctx context.Context, ep *directory.Endpoint, since time.Time) (EndpointHealth, error)
	// Replays returns how far the replays of an endpoint are that were begun, by
	// their ids.
	//
	// Errors: fault.Unavailable.
	Replays(ctx context.Context, endpoint string) (map[string]ReplayProgress, error)
}

// DeliveryQuery chooses deliveries to one endpoint. What is zero chooses all.
type DeliveryQuery struct {
	Endpoint  string
	Status    DeliveryStatus
	EventType string
	// Since and Until bound when the delivery was first recorded; Until itself is
	// not included.
	Since, Until time.Time
	// Position is one that an earlier answer gave; Limit is how many at most.
	Position string
	Limit    int
}

// EndpointHealth is how an endpoint fares.
type EndpointHealth struct {
	// Attempts and Succeeded count recent attempts; P50 and P99 are percentiles of
	// how long those took that got an answer.
	Attempts, Succeeded int
	P50, P99            time.Duration
	// Waiting counts deliveries that wait for an attempt, Behind events that the
	// endpoint is to get and whose turn has not come, Dead the dead letters.
	Waiting, Behind, Dead int
	// OpenSince is when the circuit opened, zero while it is closed.
	OpenSince time.Time
	// FailuresInRow counts failed attempts since the last success.
	FailuresInRow            int
	LastSuccess, LastFailure time.Time
}

// DeliveryPage is a part of an endpoint's deliveries.
type DeliveryPage struct {
	Deliveries []Delivery
	// Next is the position behind the last one, at most 512 bytes; empty: there
	// are no more.
	Next string
	// Total counts the endpoint's deliveries that are still on record.
	Total int
}

// DeliveryStatus says how a delivery stands.
type DeliveryStatus string

// The states of a delivery.
const (
	DeliveryPending   DeliveryStatus = "PENDING"   // no attempt yet
	DeliveryDelivered DeliveryStatus = "DELIVERED" // the receiver answered 2xx
	DeliveryRetrying  DeliveryStatus = "RETRYING"  // failed, and tried again at NextAttempt
	DeliveryDead      DeliveryStatus = "DEAD"      // failed for the last time
)

// Delivery is one public event on its way to one endpoint.
type Delivery struct {
	ID        string
	EventID   string
	Seq       uint64 // where the event is in EVENTS
	EventType string
	Status    DeliveryStatus
	Created   time.Time
	// NextAttempt is zero if none is due.
	NextAttempt time.Time
	// Attempts counts all; Log holds the last of them in order.
	Attempts int
	Log      []DeliveryAttempt
}

// DeliveryAttempt is one POST.
type DeliveryAttempt struct {
	Number     int // from 1
	At         time.Time
	Took       time.Duration
	StatusCode int // 0: no answer came
	// Error is a sentence about what went wrong, without the receiver's body;
	// empty for a success.
	Error string
	// DNS, Connect, TLS and FirstByte are parts of Took, 0 if they did not happen.
	DNS, Connect, TLS, FirstByte time.Duration
	// Head are headers of the answer, "Name: value" a line; Body is its beginning.
	Head, Body string
	// Replay is the replay that asked for it, empty if none did.
	Replay string
}

// ListDeliveries pages through an endpoint's deliveries, the newest first.
func (s *endpointService) ListDeliveries(ctx context.Context, r *rollcallv1.ListDeliveriesRequest) (*rollcallv1.ListDeliveriesResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualDeliveries, mostDeliveries)
	at, tokenErr := parseCursor(listDeliveries, r.GetPageToken())
	status, statusErr := deliveryStatus(r.GetStatus())
	since, sinceErr := timeOf("since", r.GetSince())
	until, untilErr := timeOf("until", r.GetUntil())
	if err := first(checkID("endpoint_id", r.GetEndpointId(), "", maxID), sizeErr, tokenErr, statusErr, sinceErr, untilErr); err != nil {
		return nil, err
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return nil, fault.New(fault.Invalid, "since must be before until.")
	}
	if typ := r.GetEventType(); typ != "" && !slices.Contains(public.Types(), public.Type(typ)) {
		return nil, fault.New(fault.Invalid, "event_type: %.60q is no type of event.", typ)
	}
	if err := s.recorded(ctx, r.GetEndpointId()); err != nil {
		return nil, err
	}
	p, err := s.core.cfg.Deliveries.List(ctx, DeliveryQuery{
		Endpoint: r.GetEndpointId(), Status: status, EventType: r.GetEventType(), Since: since, Until: until, Position: at.at, Limit: size,
	})
	if err != nil {
		return nil, err
	}
	res := &rollcallv1.ListDeliveriesResponse{NextPageToken: cursor{at: p.Next}.token(listDeliveries), TotalSize: uint32(min(uint64(max(p.Total, 0)), math.MaxUint32))}
	for _, d := range p.Deliveries {
		res.Deliveries = append(res.Deliveries, deliveryMessage(r.GetEndpointId(), d))
	}
	return res, nil
}

// GetDelivery shows one, with its attempts.
func (s *endpointService) GetDelivery(ctx context.Context, r *rollcallv1.GetDeliveryRequest) (*rollcallv1.GetDeliveryResponse, error) {
	d, err := s.delivery(ctx, r.GetEndpointId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &rollcallv1.GetDeliveryResponse{Delivery: deliveryMessage(r.GetEndpointId(), d)}, nil
}

// ListDeliveryAttempts shows the attempts of one, in order.
func (s *endpointService) ListDeliveryAttempts(ctx context.Context, r *rollcallv1.ListDeliveryAttemptsRequest) (*rollcallv1.ListDeliveryAttemptsResponse, error) {
	d, err := s.delivery(ctx, r.GetEndpointId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &rollcallv1.ListDeliveryAttemptsResponse{Attempts: deliveryMessage(r.GetEndpointId(), d).GetAttemptLog()}, nil
}

func (s *endpointService) delivery(ctx context.Context, endpoint, id string) (Delivery, error) {
	if err := first(checkID("endpoint_id", endpoint, "", maxID), checkID("id", id, "", maxID)); err != nil {
		return Delivery{}, err
	}
	if err := s.recorded(ctx, endpoint); err != nil {
		return Delivery{}, err
	}
	return s.core.cfg.Deliveries.Get(ctx, endpoint, id)
}

// recorded refuses an endpoint whose deliveries this server cannot show.
func (s *endpointService) recorded(ctx context.Context, id string) error {
	err := s.core.read(ctx, func(v directory.View) error {
		_, err := endpointOf(v, id)
		return err
	})
	if err == nil && s.core.cfg.Deliveries == nil {
		err = fault.New(fault.Unimplemented, "This server keeps no record of deliveries; ask one that sends webhooks.")
	}
	return err
}

func deliveryStatus(text string) (DeliveryStatus, error) {
	switch s := DeliveryStatus(text); s {
	case "", DeliveryPending, DeliveryDelivered, DeliveryRetrying, DeliveryDead:
		return s, nil
	}
	return "", fault.New(fault.Invalid, "status: %.40q is none of %s, %s, %s and %s.", text, DeliveryPending, DeliveryDelivered, DeliveryRetrying, DeliveryDead)
}

// healthWindow is which attempts an endpoint's health is made of.
const healthWindow = 24 * time.Hour

// health says how an endpoint's receiver fares.
func (s *endpointService) health(ctx context.Context, ep *directory.Endpoint) (*rollcallv1.WebhookEndpointHealth, error) {
	h, err := s.core.cfg.Deliveries.Health(ctx, ep, s.core.cfg.Now().Add(-healthWindow))
	if err != nil {
		return nil, err
	}
	m := &rollcallv1.WebhookEndpointHealth{
		Attempts: clamp(h.Attempts), Succeeded: clamp(h.Succeeded), LatencyP50Ms: clamp(h.P50.Milliseconds()), LatencyP99Ms: clamp(h.P99.Milliseconds()),
		Waiting: clamp(h.Waiting), Behind: clamp(h.Behind), DeadLetters: clamp(h.Dead), Circuit: "CLOSED", CircuitOpenSince: stamp(h.OpenSince),
		FailuresInARow: clamp(h.FailuresInRow), LastSuccessTime: stamp(h.LastSuccess), LastFailureTime: stamp(h.LastFailure),
	}
	if h.Attempts > 0 {
		rate := float64(h.Succeeded) / float64(h.Attempts)
		m.SuccessRate = &rate
	}
	if !h.OpenSince.IsZero() {
		m.Circuit = "OPEN"
	}
	return m, nil
}

func deliveryMessage(endpoint string, d Delivery) *rollcallv1.Delivery {
	m := &rollcallv1.Delivery{
		Id: d.ID, EventId: d.EventID, EventType: d.EventType, EndpointId: endpoint, Status: string(d.Status),
		Attempts: clamp(d.Attempts), NextAttemptTime: stamp(d.NextAttempt), CreateTime: stamp(d.Created),
	}
	for _, a := range d.Log {
		m.AttemptLog = append(m.AttemptLog, &rollcallv1.DeliveryAttempt{
			Attempt: clamp(a.Number), Time: stamp(a.At), DurationMs: clamp(a.Took.Milliseconds()), StatusCode: clamp(a.StatusCode), Error: a.Error,
			DnsUs: clamp(a.DNS.Microseconds()), ConnectUs: clamp(a.Connect.Microseconds()), TlsUs: clamp(a.TLS.Microseconds()), FirstByteUs: clamp(a.FirstByte.Microseconds()),
			ResponseHeaders: answerHeaders(a.Head), ResponseBody: a.Body, ReplayId: a.Replay,
		})
		m.LastAttemptTime, m.LastStatusCode, m.LastError = stamp(a.At), clamp(a.StatusCode), a.Error
	}
	return m
}

// answerHeaders reads headers that are kept one a line.
func answerHeaders(head string) []*rollcallv1.ResponseHeader {
	var list []*rollcallv1.ResponseHeader
	for line := range strings.Lines(head) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); ok {
			list = append(list, &rollcallv1.ResponseHeader{Name: name, Value: value})
		}
	}
	return list
}

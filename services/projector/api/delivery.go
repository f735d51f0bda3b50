package api

import (
	"context"
	"math"
	"time"

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
	// List returns up to limit deliveries to an endpoint behind a position that
	// an earlier answer gave (empty: from the start), the newest first. It shows
	// every attempt that was recorded before the call.
	//
	// Errors: fault.Invalid for a position that it never gave; fault.Unavailable.
	List(ctx context.Context, endpoint, position string, limit int) (DeliveryPage, error)
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
}

// ListDeliveries pages through an endpoint's deliveries, the newest first.
func (s *endpointService) ListDeliveries(ctx context.Context, r *rollcallv1.ListDeliveriesRequest) (*rollcallv1.ListDeliveriesResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualDeliveries, mostDeliveries)
	at, tokenErr := parseCursor(listDeliveries, r.GetPageToken())
	if err := first(checkID("endpoint_id", r.GetEndpointId(), "", maxID), sizeErr, tokenErr); err != nil {
		return nil, err
	}
	err := s.core.read(ctx, func(v directory.View) error {
		_, err := endpointOf(v, r.GetEndpointId())
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.core.cfg.Deliveries == nil {
		return nil, fault.New(fault.Unimplemented, "This server keeps no record of deliveries; ask one that sends webhooks.")
	}
	p, err := s.core.cfg.Deliveries.List(ctx, r.GetEndpointId(), at.at, size)
	if err != nil {
		return nil, err
	}
	res := &rollcallv1.ListDeliveriesResponse{NextPageToken: cursor{at: p.Next}.token(listDeliveries), TotalSize: uint32(min(uint64(max(p.Total, 0)), math.MaxUint32))}
	for _, d := range p.Deliveries {
		res.Deliveries = append(res.Deliveries, deliveryMessage(r.GetEndpointId(), d))
	}
	return res, nil
}

func deliveryMessage(endpoint string, d Delivery) *rollcallv1.Delivery {
	m := &rollcallv1.Delivery{
		Id: d.ID, EventId: d.EventID, EventType: d.EventType, EndpointId: endpoint, Status: string(d.Status),
		Attempts: clamp(d.Attempts), NextAttemptTime: stamp(d.NextAttempt), CreateTime: stamp(d.Created),
	}
	for _, a := range d.Log {
		m.AttemptLog = append(m.AttemptLog, &rollcallv1.DeliveryAttempt{
			Attempt: clamp(a.Number), Time: stamp(a.At), DurationMs: clamp(a.Took.Milliseconds()), StatusCode: clamp(a.StatusCode), Error: a.Error,
		})
		m.LastAttemptTime, m.LastStatusCode, m.LastError = stamp(a.At), clamp(a.StatusCode), a.Error
	}
	return m
}

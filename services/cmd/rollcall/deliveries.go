package main

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/ledger"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/services/projector"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

// deliveries shows the ledger as the API wants it.
type deliveries struct {
	js     jetstream.JetStream
	ledger *ledger.Ledger
}

var statuses = map[api.DeliveryStatus]attempts.Status{
	api.DeliveryPending: attempts.Pending, api.DeliveryDelivered: attempts.Success,
	api.DeliveryRetrying: attempts.Retrying, api.DeliveryDead: attempts.Exhausted,
}

// current returns when the ledger shows what was recorded before the call.
func (d deliveries) current(ctx context.Context) error {
	if err := d.ledger.CatchUp(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "The record of deliveries cannot be reached. Try again.")
	}
	return nil
}

// List implements api.Deliveries.
func (d deliveries) List(ctx context.Context, want api.DeliveryQuery) (api.DeliveryPage, error) {
	q := ledger.Query{
		Endpoint: want.Endpoint, Status: statuses[want.Status], EventType: want.EventType, Since: want.Since, Until: want.Until, Limit: want.Limit,
	}
	if want.Position != "" {
		n, err := strconv.ParseUint(want.Position, 10, 64)
		if err != nil {
			return api.DeliveryPage{}, fault.New(fault.Invalid, "page_token is not one that this call gave.")
		}
		q.Before = n
	}
	if err := d.current(ctx); err != nil {
		return api.DeliveryPage{}, err
	}
	page, err := d.ledger.List(ctx, q)
	if err != nil {
		return api.DeliveryPage{}, err
	}
	out := api.DeliveryPage{Deliveries: make([]api.Delivery, 0, len(page.Deliveries)), Total: page.Total}
	if page.Next > 0 {
		out.Next = strconv.FormatUint(page.Next, 10)
	}
	for _, row := range page.Deliveries {
		out.Deliveries = append(out.Deliveries, shown(row))
	}
	return out, nil
}

// Get implements api.Deliveries.
func (d deliveries) Get(ctx context.Context, endpoint, id string) (api.Delivery, error) {
	missing := fault.New(fault.NotFound, "There is no delivery %q to the webhook endpoint %q, or it is no longer kept.", id, endpoint)
	event, seq, ok := attempts.ParseDeliveryID(id)
	if !ok {
		return api.Delivery{}, missing
	}
	if err := d.current(ctx); err != nil {
		return api.Delivery{}, err
	}
	row, ok, err := d.ledger.Delivery(ctx, endpoint, seq)
	if err != nil {
		return api.Delivery{}, err
	}
	if !ok || row.EventID != event {
		return api.Delivery{}, missing
	}
	return shown(row), nil
}

// Health implements api.Deliveries.
func (d deliveries) Health(ctx context.Context, ep *directory.Endpoint, since time.Time) (api.EndpointHealth, error) {
	if err := d.current(ctx); err != nil {
		return api.EndpointHealth{}, err
	}
	h, err := d.ledger.Health(ctx, ep.ID, since)
	if err != nil {
		return api.EndpointHealth{}, err
	}
	behind, err := d.behind(ctx, ep, h.Position)
	if err != nil {
		return api.EndpointHealth{}, fault.Wrap(fault.Unavailable, err, "The stream of events cannot be asked. Try again.")
	}
	return api.EndpointHealth{
		Attempts: h.Attempts, Succeeded: h.Succeeded, P50: h.P50, P99: h.P99, Waiting: h.Waiting, Behind: behind, Dead: int(h.Dead), //nolint:gosec // at most attempts.MaxDead
		OpenSince: h.OpenedAt, FailuresInRow: int(h.Failures), LastSuccess: h.LastSuccess, LastFailure: h.LastFailure, //nolint:gosec // a count
	}, nil
}

// Replays implements api.Deliveries.
func (d deliveries) Replays(ctx context.Context, endpoint string) (map[string]api.ReplayProgress, error) {
	if err := d.current(ctx); err != nil {
		return nil, err
	}
	list, err := d.ledger.Replays(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	all := make(map[string]api.ReplayProgress, len(list))
	for _, p := range list {
		looked := 1.0
		if !p.Read {
			looked = float64(p.Position+1-p.First) / float64(p.End+1-p.First)
		}
		all[p.ID] = api.ReplayProgress{Looked: looked, Queued: p.Queued, Skipped: p.Skipped, Delivered: p.Delivered, Dead: p.Dead}
	}
	return all, nil
}

// behind counts the events behind a position that an endpoint wants. The server
// counts them: what a consumer there would get.
func (d deliveries) behind(ctx context.Context, ep *directory.Endpoint, position uint64) (int, error) {
	subjects := wanted(ep)
	if !ep.Enabled || position == 0 {
		return 0, nil // without a position nothing was caused since it was made
	}
	c, err := d.js.CreateConsumer(ctx, natslog.EventsStream, jetstream.ConsumerConfig{
		FilterSubjects: subjects, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: position + 1,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return 0, err
	}
	info := c.CachedInfo()
	_ = d.js.DeleteConsumer(ctx, natslog.EventsStream, info.Name) // else it goes by itself
	return int(info.NumPending), nil                              //nolint:gosec // a count
}

// wanted returns the subjects of the events that an endpoint wants.
func wanted(ep *directory.Endpoint) (subjects []string) {
	var patterns webhook.Patterns
	for _, text := range ep.EventTypes {
		if p, err := webhook.ParsePattern(text); err == nil {
			patterns = append(patterns, p)
		}
	}
	organization := "*"
	if ep.Organization != "" {
		organization = ep.Organization
	}
	for _, t := range public.Types() {
		if patterns.Match(string(t)) {
			subjects = append(subjects, projector.Subject(organization, "*", t))
		}
	}
	return append(subjects, "endpoint."+ep.ID+".>")
}

func shown(d ledger.Delivery) api.Delivery {
	out := api.Delivery{
		ID: attempts.DeliveryID(d.EventID, d.Seq), EventID: d.EventID, Seq: d.Seq, EventType: d.EventType, Created: d.Since,
		Status: api.DeliveryStatus(d.Status.String()), Attempts: d.Attempts, NextAttempt: d.Due,
	}
	for _, a := range d.Log() {
		r := api.DeliveryAttempt{Number: a.Number, At: a.At, Took: a.Duration, StatusCode: a.StatusCode, Error: a.Error, Replay: a.Replay}
		if x := a.Detail; x != nil {
			r.DNS, r.Connect, r.TLS, r.FirstByte, r.Head, r.Body = x.DNS, x.Connect, x.TLS, x.FirstByte, x.Head, x.Body
		}
		out.Log = append(out.Log, r)
	}
	return out
}

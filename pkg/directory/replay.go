package directory

import (
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// What a replay sends.
const (
	ReplayDelivery = "delivery" // one event
	ReplayFailed   = "failed"   // dead letters since a time
	ReplayRange    = "range"    // events between two times
	ReplayEveryone = "everyone" // the present state of every group and user
)

// How a replay stands.
const (
	ReplayRunning   = "running"
	ReplayCancelled = "cancelled"
	ReplayFinished  = "finished"
)

// Bounds of the replays of one endpoint.
const (
	// MaxRunningReplays run at a time, and MaxReplays are remembered, the newest.
	MaxRunningReplays = 10
	MaxReplays        = 100
	// UsualReplayRate is how many events a second a replay queues unless told.
	UsualReplayRate = 200
)

// Replay is a job of the delivery workers: events that are sent to an endpoint
// once more. Its key is the endpoint and its own id.
type Replay struct {
	ID       string    `json:"id"`
	Owner    string    `json:"owner,omitempty"` // the endpoint's organization
	Revision uint64    `json:"revision"`
	Actor    string    `json:"actor,omitempty"`
	Created  time.Time `json:"created"`
	Status   string    `json:"status"`
	// Ended is when it was cancelled or found finished, zero while it runs.
	Ended time.Time `json:"ended,omitzero"`
	events.WebhookReplayRequested
	// Result is set once it is finished.
	Result events.WebhookReplayFinished `json:"result,omitzero"`
}

func (*Replay) row() {}

type (
	// RequestWebhookReplay asks for a replay. Whoever sends it has checked the
	// patterns, and that the event of a ReplayDelivery is the endpoint's.
	RequestWebhookReplay struct {
		events.WebhookReplayRequested
	}
	// CancelWebhookReplay ends a replay. One that has ended already stays as it is.
	CancelWebhookReplay struct {
		Endpoint string `json:"endpoint"`
		ID       string `json:"id"`
	}
	// FinishWebhookReplay says that a replay has come to its end. It is the delivery
	// worker's.
	FinishWebhookReplay struct {
		ID string `json:"id"`
		events.WebhookReplayFinished
	}
)

func (RequestWebhookReplay) name() string { return "RequestWebhookReplay" }
func (CancelWebhookReplay) name() string  { return "CancelWebhookReplay" }
func (FinishWebhookReplay) name() string  { return "FinishWebhookReplay" }

func (c RequestWebhookReplay) decide(d *decision) error {
	ep, err := endpoint(d.view, c.Endpoint)
	if err != nil {
		return err
	}
	if !ep.Enabled {
		return fault.New(fault.FailedPrecondition, "The webhook endpoint %q is disabled; enable it before anything is sent to it again.", ep.ID)
	}
	e := c.WebhookReplayRequested
	if err := c.check(d, ep, e); err != nil {
		return err
	}
	if e.RateLimit == 0 && e.Kind != ReplayEveryone {
		e.RateLimit = UsualReplayRate
	}
	running := 0
	if err := d.view.Scan(Make(TableReplay, ep.ID), "", func(_ Key, r Row) bool {
		if r, ok := r.(*Replay); ok && r.Status == ReplayRunning {
			running++
		}
		return true
	}); err != nil {
		return err
	}
	if running >= MaxRunningReplays {
		return fault.New(fault.FailedPrecondition, "%d replays run for the webhook endpoint %q already; wait for one to finish, or cancel one.", running, ep.ID)
	}
	id := d.mint(PrefixReplay)
	d.resource = Make(TableReplay, ep.ID, id)
	return d.emit(events.Event{Organization: ep.Organization, Resource: id, Revision: 1}, e)
}

func (c RequestWebhookReplay) check(d *decision, ep *Endpoint, e events.WebhookReplayRequested) error {
	switch e.Kind {
	case ReplayDelivery:
		if e.EventID == "" || e.Seq == 0 {
			return fault.New(fault.Invalid, "A redelivery names one delivery.")
		}
	case ReplayFailed:
		if e.Since == nil {
			return fault.New(fault.Invalid, "since is required: failed deliveries are sent again from when on?")
		}
	case ReplayEveryone:
		if e.RateLimit != 0 || len(e.EventTypes) > 0 {
			return fault.New(fault.Invalid, "rate_limit and event_types do not apply to a back-fill: its events come at the endpoint's own rate, and are of the types that the endpoint wants.")
		}
	case ReplayRange:
		if e.Since == nil || e.Until != nil && !e.Since.Before(*e.Until) {
			return fault.New(fault.Invalid, "since is required and must be before until.")
		}
	default:
		return fault.New(fault.Invalid, "%q is no kind of replay.", e.Kind)
	}
	if e.RateLimit < 0 || e.RateLimit > maxRate {
		return fault.New(fault.Invalid, "rate_limit is events a second, 1 to %d, or 0 for %d.", maxRate, UsualReplayRate)
	}
	if len(e.EventTypes) > MaxEventTypes {
		return fault.New(fault.Invalid, "event_types names at most %d patterns.", MaxEventTypes)
	}
	for _, p := range e.EventTypes {
		if err := length("an event type", p, 1, 128); err != nil {
			return err
		}
	}
	if e.Organization == "" {
		return nil
	}
	if ep.Organization != "" && ep.Organization != e.Organization {
		return fault.New(fault.Invalid, "The webhook endpoint %q gets events of another organization only.", ep.ID)
	}
	_, err := organization(d.view, e.Organization)
	return err
}

func (c CancelWebhookReplay) decide(d *decision) error {
	r, ok, err := get[*Replay](d.view, Make(TableReplay, c.Endpoint, c.ID))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.NotFound, "There is no replay %q of the webhook endpoint %q.", c.ID, c.Endpoint)
	}
	d.resource = Make(TableReplay, c.Endpoint, c.ID)
	if r.Status != ReplayRunning {
		return nil
	}
	return d.emit(r.event(), events.WebhookReplayCancelled{Endpoint: c.Endpoint})
}

func (c FinishWebhookReplay) decide(d *decision) error {
	r, ok, err := get[*Replay](d.view, Make(TableReplay, c.Endpoint, c.ID))
	if err != nil || !ok || r.Status != ReplayRunning {
		return err
	}
	return d.emit(r.event(), c.WebhookReplayFinished)
}

func (r *Replay) event() events.Event {
	return events.Event{Organization: r.Owner, Resource: r.ID, Revision: r.Revision + 1}
}

func foldReplayRequested(f *folding, p events.WebhookReplayRequested) error {
	// The endpoint may have gone in the same frame.
	if _, ok, err := get[*Endpoint](f.view, Make(TableEndpoint, p.Endpoint)); err != nil || !ok {
		return err
	}
	f.put(Make(TableReplay, p.Endpoint, f.e.Resource), &Replay{
		ID: f.e.Resource, Owner: f.e.Organization, Revision: f.e.Revision, Actor: f.e.Actor, Created: f.e.At, Status: ReplayRunning, WebhookReplayRequested: p,
	})
	// Of those that have ended the oldest are forgotten.
	var ended []Key
	n := 1
	if err := f.view.Scan(Make(TableReplay, p.Endpoint), "", func(k Key, r Row) bool {
		n++
		if r, ok := r.(*Replay); ok && r.Status != ReplayRunning {
			ended = append(ended, k)
		}
		return true
	}); err != nil {
		return err
	}
	for _, k := range ended[:min(len(ended), max(0, n-MaxReplays))] {
		f.drop(k)
	}
	if p.Kind == ReplayEveryone {
		return f.startBackfill(p)
	}
	return nil
}

// A back-fill is a fan-out over groups and users that changes nothing: for each,
// an event for the endpoint alone is derived where its stretch is folded, so it
// has its place among the live events of the same resource.

// startBackfill covers the first stretch of a back-fill.
func (f *folding) startBackfill(p events.WebhookReplayRequested) error {
	ranges, err := backfillRanges(f.view, p, f.e.Organization)
	if err != nil {
		return err
	}
	job := &Fanout{Job: FormatID(PrefixJob, f.e.ID), Kind: FanoutBackfill, Organization: f.e.Organization, Resource: f.e.Resource, Endpoint: p.Endpoint, Further: ranges}
	keys, more, err := job.stretch(f.view, "")
	if err != nil {
		return err
	}
	k := Make(TableReplay, p.Endpoint, f.e.Resource)
	row := &Replay{
		ID: f.e.Resource, Owner: f.e.Organization, Revision: f.e.Revision, Actor: f.e.Actor, Created: f.e.At, Status: ReplayRunning, WebhookReplayRequested: p,
		Result: events.WebhookReplayFinished{Endpoint: p.Endpoint, Queued: uint64(len(keys))},
	}
	if more {
		job.After = keys[len(keys)-1]
		f.put(Make(TableFanout, job.Job), job)
	} else {
		row.Status, row.Ended = ReplayFinished, f.e.At
	}
	f.put(k, row)
	return nil
}

// backfillRanges returns what a back-fill goes over: groups before users, since
// users show their groups.
func backfillRanges(v View, p events.WebhookReplayRequested, owner string) (ranges []Key, err error) {
	org := p.Organization
	if org == "" {
		org = owner
	}
	if org == "" {
		return []Key{Make(TableGroup), Make(TableUser)}, nil
	}
	err = v.Scan(Make(TableOrgDirectory, org), "", func(k Key, _ Row) bool {
		ranges = append(ranges, Make(TableGroup, k.Last()), Make(TableUser, k.Last()))
		return true
	})
	return ranges, err
}

// backfilled notes a further stretch of a back-fill.
func (f *folding) backfilled(job *Fanout, n int, done bool) error {
	if job.Kind != FanoutBackfill {
		return nil
	}
	k := Make(TableReplay, job.Endpoint, job.Resource)
	old, ok, err := get[*Replay](f.view, k)
	if err != nil || !ok {
		return err
	}
	r := *old
	r.Result.Queued += uint64(n) //nolint:gosec // a count
	if done {
		r.Status, r.Ended = ReplayFinished, f.e.At
	}
	f.put(k, &r)
	return nil
}

// endBackfill stops the fan-out of a back-fill.
func (f *folding) endBackfill(r *Replay) {
	if r.Kind == ReplayEveryone {
		f.drop(Make(TableFanout, PrefixJob+strings.TrimPrefix(r.ID, PrefixReplay)))
	}
}

// BackfillOf returns for which endpoint and replay the event derives events, if
// it is a step of a back-fill. v is the view before it is folded.
func BackfillOf(v View, e events.Event) (endpoint, replay string, err error) {
	switch e.Type {
	case events.TypeWebhookReplayRequested:
		p, err := events.Decode[events.WebhookReplayRequested](e)
		if err == nil && p.Kind == ReplayEveryone {
			return p.Endpoint, e.Resource, nil
		}
		return "", "", err
	case events.TypeFanoutContinued:
		p, err := events.Decode[events.FanoutContinued](e)
		if err != nil {
			return "", "", err
		}
		job, ok, err := get[*Fanout](v, Make(TableFanout, p.Job))
		if err == nil && ok && job.Kind == FanoutBackfill {
			return job.Endpoint, job.Resource, nil
		}
		return "", "", err
	default: // no other
	}
	return "", "", nil
}

// replay changes a copy of the row of a job, which the event ends.
func (f *folding) replay(endpoint string, change func(*Replay)) error {
	return edit(f, Make(TableReplay, endpoint, f.e.Resource), func(r *Replay) {
		r.Revision, r.Ended = f.e.Revision, f.e.At
		change(r)
	})
}

func foldReplayCancelled(f *folding, p events.WebhookReplayCancelled) error {
	return f.replay(p.Endpoint, func(r *Replay) {
		r.Status = ReplayCancelled
		f.endBackfill(r)
	})
}

func foldReplayFinished(f *folding, p events.WebhookReplayFinished) error {
	return f.replay(p.Endpoint, func(r *Replay) { r.Status, r.Result = ReplayFinished, p })
}

func foldEndpointDeleted(f *folding) error {
	f.drop(Make(TableEndpoint, f.e.Resource))
	return f.view.Scan(Make(TableReplay, f.e.Resource), "", func(k Key, r Row) bool {
		f.drop(k)
		if r, ok := r.(*Replay); ok {
			f.endBackfill(r)
		}
		return true
	})
}

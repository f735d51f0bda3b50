package operate

import (
	"context"
	"fmt"
	"strconv"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type webhookReplayCmd struct {
	One      replayOneCmd      `cmd:"" help:"Send one delivery again."`
	Failed   replayFailedCmd   `cmd:"" help:"Send deliveries again that failed for the last time."`
	Range    replayRangeCmd    `cmd:"" help:"Send the events of a time, whether the endpoint ever got them or not."`
	Everyone replayEveryoneCmd `cmd:"" help:"Send the present state of every group and user."`
	List     replayListCmd     `cmd:"" help:"List an endpoint's, the oldest first."`
	Get      replayGetCmd      `cmd:"" help:"Show how far one is."`
	Cancel   replayCancelCmd   `cmd:"" help:"Queue nothing more."`
}

var replayColumns = []column[*rollcallv1.WebhookReplay]{
	{"ID", (*rollcallv1.WebhookReplay).GetId},
	{"KIND", (*rollcallv1.WebhookReplay).GetKind},
	{"STATUS", (*rollcallv1.WebhookReplay).GetStatus},
	{"PROGRESS", func(r *rollcallv1.WebhookReplay) string { return fmt.Sprintf("%.0f%%", 100*r.GetProgress()) }},
	{"QUEUED", func(r *rollcallv1.WebhookReplay) string { return strconv.Itoa(int(r.GetQueued())) }},
	{"DELIVERED", func(r *rollcallv1.WebhookReplay) string { return strconv.Itoa(int(r.GetDelivered())) }},
	{"FAILED", func(r *rollcallv1.WebhookReplay) string { return strconv.Itoa(int(r.GetFailed())) }},
	{"SKIPPED", func(r *rollcallv1.WebhookReplay) string { return strconv.Itoa(int(r.GetSkipped())) }},
	{"BEGAN", func(r *rollcallv1.WebhookReplay) string { return when(r.GetCreateTime()) }},
	{"ENDED", func(r *rollcallv1.WebhookReplay) string { return when(r.GetEndTime()) }},
}

// following is what every command has that begins a replay.
type following struct {
	Follow bool `help:"Wait until everything has arrived or failed for good, and show how far it is." env:"-"`
}

// begin asks for a replay, and shows it now or when it has ended.
func (f following) begin(ctx context.Context, s *Server, out *Output, req *rollcallv1.CreateWebhookReplayRequest) error {
	var none string
	org := &none
	switch {
	case req.GetRange() != nil:
		org = &req.GetRange().OrganizationId
	case req.GetEveryone() != nil:
		org = &req.GetEveryone().OrganizationId
	}
	return s.askIn(ctx, org, func() error {
		r, err := s.replays().CreateWebhookReplay(ctx, req)
		if err != nil {
			return err
		}
		replay := r.GetReplay()
		if f.Follow {
			if replay, err = follow(ctx, s, out, replay, arrived); err != nil {
				return err
			}
		}
		return show(s, out, replay, replayColumns)
	})
}

// ended reports whether a replay goes on no more.
func ended(r *rollcallv1.WebhookReplay) bool { return r.GetStatus() != "RUNNING" }

// arrived is ended for one that was begun just now: a back-fill has ended at the
// server when all of it is on its way.
func arrived(r *rollcallv1.WebhookReplay) bool {
	return ended(r) && (r.GetStatus() != "FINISHED" || r.GetDelivered()+r.GetFailed() >= r.GetQueued())
}

// follow waits until a replay has ended, with a bar on a terminal.
func follow(ctx context.Context, s *Server, out *Output, r *rollcallv1.WebhookReplay, enough func(*rollcallv1.WebhookReplay) bool) (*rollcallv1.WebhookReplay, error) {
	err := watch(ctx, out, "the replay "+r.GetId(), func() (p progress, err error) {
		got, err := s.replays().GetWebhookReplay(ctx, &rollcallv1.GetWebhookReplayRequest{EndpointId: r.GetEndpointId(), Id: r.GetId()})
		if err != nil {
			return p, err
		}
		r = got.GetReplay()
		return progress{
			ended: enough(r), part: float64(r.GetProgress()),
			text: fmt.Sprintf("%d queued, %d delivered, %d failed", r.GetQueued(), r.GetDelivered(), r.GetFailed()),
		}, nil
	})
	return r, err
}

// paced is what replays of many deliveries have.
type paced struct {
	Rate uint32 `help:"How many events a second are queued, 1 to 10000; 0 is the server's 200." env:"-"`
}

type replayOneCmd struct {
	endpoint
	Delivery string `arg:"" help:"Id of the delivery, as deliveries lists it."`
	following
}

// Run sends one delivery again.
func (c *replayOneCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.begin(ctx, s, out, &rollcallv1.CreateWebhookReplayRequest{EndpointId: c.Endpoint, DeliveryId: c.Delivery})
}

type replayFailedCmd struct {
	endpoint
	Since moment   `help:"Those whose last attempt failed then or later, such as ${moment}." required:"" env:"-"`
	Type  []string `help:"Event type, or beginning such as organization.directory.*; may be repeated." env:"-"`
	paced
	following
}

// Run sends dead letters again.
func (c *replayFailedCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.begin(ctx, s, out, &rollcallv1.CreateWebhookReplayRequest{
		EndpointId: c.Endpoint, EventTypes: c.Type, RateLimit: c.Rate, Failed: &rollcallv1.FailedDeliveries{Since: given(c.Since)},
	})
}

type replayRangeCmd struct {
	endpoint
	Since moment   `help:"Events that occurred then or later, such as ${moment}." required:"" env:"-"`
	Until moment   `help:"Events that occurred before; now if none." env:"-"`
	Org   string   `help:"Only of this organization (org_… or external id)." env:"-" of:"org"`
	Type  []string `help:"Event type, or beginning such as organization.directory.*; may be repeated. Those of the endpoint if none." env:"-"`
	paced
	following
}

// Run sends the events of a time.
func (c *replayRangeCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.begin(ctx, s, out, &rollcallv1.CreateWebhookReplayRequest{
		EndpointId: c.Endpoint, EventTypes: c.Type,
		RateLimit: c.Rate, Range: &rollcallv1.EventRange{Since: given(c.Since), Until: given(c.Until), OrganizationId: c.Org},
	})
}

type replayEveryoneCmd struct {
	endpoint
	Org string `help:"Only groups and users of this organization (org_… or external id)." env:"-" of:"org"`
	following
}

// Run sends everyone.
func (c *replayEveryoneCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return c.begin(ctx, s, out, &rollcallv1.CreateWebhookReplayRequest{EndpointId: c.Endpoint, Everyone: &rollcallv1.Everyone{OrganizationId: c.Org}})
}

type replayListCmd struct {
	endpoint
	Limit
}

// Run lists replays.
func (c *replayListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		var all []*rollcallv1.WebhookReplay
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			r, err := s.replays().ListWebhookReplays(ctx, &rollcallv1.ListWebhookReplaysRequest{EndpointId: c.Endpoint, PageSize: uint32(size), PageToken: token}) //nolint:gosec // bounded
			all = append(all, r.GetReplays()...)
			return r.GetNextPageToken(), len(r.GetReplays()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, replayColumns)
	})
}

// replay is what every replay is named by.
type replay struct {
	endpoint
	Replay string `arg:"" help:"Id of the replay." of:"replay"`
}

type replayGetCmd struct {
	replay
	Follow bool `help:"Wait until it has ended, and show how far it is." env:"-"`
}

// Run shows a replay.
func (c *replayGetCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		got, err := s.replays().GetWebhookReplay(ctx, &rollcallv1.GetWebhookReplayRequest{EndpointId: c.Endpoint, Id: c.Replay})
		if err != nil {
			return err
		}
		r := got.GetReplay()
		if c.Follow {
			if r, err = follow(ctx, s, out, r, ended); err != nil {
				return err
			}
		}
		return show(s, out, r, replayColumns)
	})
}

type replayCancelCmd struct{ replay }

// Run ends a replay.
func (c *replayCancelCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.replays().CancelWebhookReplay(ctx, &rollcallv1.CancelWebhookReplayRequest{EndpointId: c.Endpoint, Id: c.Replay})
		if err != nil {
			return err
		}
		return show(s, out, r.GetReplay(), replayColumns)
	})
}

package operate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

type eventCmd struct {
	Server

	List eventListCmd `cmd:"" help:"List the events that are kept, the oldest first, or wait for new ones."`
}

type eventListCmd struct {
	Limit
	Org    string   `help:"Only of this organization (org_… or external id)." env:"-" of:"org"`
	Type   []string `help:"Only of this type; may be repeated." env:"-"`
	Since  moment   `help:"Occurred not before this time, such as ${moment}." env:"-"`
	Until  moment   `help:"Occurred before this time." env:"-"`
	Cursor string   `help:"Go on behind this place, which the list ends with." env:"-"`
	Follow bool     `help:"Wait for new ones until ctrl-C; --limit does not count." env:"-"`
	Count  int      `help:"With --follow, end after so many; 0 goes on." env:"-"`
}

// Help is shown by kong.
func (eventListCmd) Help() string {
	return `Examples:

  rollcall event list --org acme --since 2026-03-01T00:00:00Z
  rollcall event list --type organization.directory.user_updated --json     # events, and the cursor to go on with
  rollcall event list --follow --json                                       # a line for each, as {"event": …, "cursor": …}

A line has a cursor where the list can go on behind it; those of one answer share the last one's.

Events are what webhooks carry. "rollcall webhook tail" shows what was sent to whom.`
}

var eventColumns = []column[*structpb.Struct]{
	{"TIME", func(e *structpb.Struct) string { return at(e, "occurred_at") }},
	{"ID", func(e *structpb.Struct) string { return at(e, "id") }},
	{"TYPE", func(e *structpb.Struct) string { return at(e, "type") }},
	{"ORGANIZATION", func(e *structpb.Struct) string { return at(e, "organization_id") }},
	{"OF", func(e *structpb.Struct) string {
		return e.GetFields()["data"].GetStructValue().GetFields()["id"].GetStringValue()
	}},
}

func at(e *structpb.Struct, member string) string { return e.GetFields()[member].GetStringValue() }

const (
	// eventWait is how long one call waits for an event; it is below patience.
	eventWait = 20 * time.Second
	// tokenUse is how long one access token is used while events are followed.
	tokenUse = time.Hour
)

// Run lists events.
func (c *eventListCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.askIn(ctx, &c.Org, func() error {
		req := &rollcallv1.ListEventsRequest{
			Cursor: c.Cursor, EventTypes: c.Type, OrganizationId: c.Org, Since: given(c.Since), Until: given(c.Until),
		}
		if c.Follow {
			return c.follow(ctx, s, out, req)
		}
		res := &rollcallv1.ListEventsResponse{Cursor: c.Cursor}
		for more := true; more && len(res.GetEvents()) < c.Limit.Limit; more = res.GetMore() {
			req.Cursor, req.Limit = res.GetCursor(), uint32(min(most, c.Limit.Limit-len(res.GetEvents()))) //nolint:gosec // bounded
			r, err := s.events().ListEvents(ctx, req)
			if err != nil {
				return err
			}
			res.Events, res.Cursor, res.More = append(res.GetEvents(), r.GetEvents()...), r.GetCursor(), r.GetMore()
		}
		if s.JSON {
			return show(s, out, res, nil)
		}
		if err := list(s, out, res.GetEvents(), eventColumns); err != nil || !res.GetMore() {
			return err
		}
		_, err := fmt.Fprintf(out.Stdout, "\nThere are more: --cursor %s\n", printable(res.GetCursor()))
		return err
	})
}

// follow shows events as they come. A break is waited out: the cursor knows what
// was shown.
func (c *eventListCmd) follow(ctx context.Context, s *Server, out *Output, req *rollcallv1.ListEventsRequest) error {
	req.WaitSeconds, req.Limit = uint32(eventWait/time.Second), most
	connected, answered, shown := time.Now(), false, 0
	for {
		r, err := s.events().ListEvents(ctx, req)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			answered = true
		case !answered || !passing(err):
			return err
		default:
			fmt.Fprintf(out.Stderr, "%v; asking again\n", explained(s, err))
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(tailPause):
			}
			continue
		}
		for i, e := range r.GetEvents() {
			cursor := ""
			if i == len(r.GetEvents())-1 {
				cursor = r.GetCursor()
			}
			if err := c.line(s, out, e, cursor); err != nil {
				return err
			}
			if shown++; shown == c.Count {
				return nil
			}
		}
		req.Cursor = r.GetCursor()
		if time.Since(connected) > tokenUse {
			if _, err := s.connect(ctx); err != nil {
				return err
			}
			connected = time.Now()
		}
	}
}

// passing reports whether asking again may help.
func passing(err error) bool {
	switch connect.CodeOf(err) { //nolint:exhaustive // the others stay as they are
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeResourceExhausted:
		return true
	}
	return false
}

// line prints one event that has come, and the cursor behind it if there is one.
func (c *eventListCmd) line(s *Server, out *Output, e *structpb.Struct, cursor string) error {
	if s.JSON {
		line, err := json.Marshal(struct {
			Event  *structpb.Struct `json:"event"` // which writes itself
			Cursor string           `json:"cursor,omitempty"`
		}{e, cursor})
		if err == nil {
			_, err = fmt.Fprintf(out.Stdout, "%s\n", line)
		}
		return err
	}
	for i, c := range eventColumns {
		if i > 0 {
			fmt.Fprint(out.Stdout, "  ")
		}
		fmt.Fprint(out.Stdout, printable(c.show(e)))
	}
	_, err := fmt.Fprintln(out.Stdout)
	return err
}

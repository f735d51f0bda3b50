package operate

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
)

var healthColumns = []column[*rollcallv1.WebhookEndpointHealth]{
	{"SUCCESS", func(h *rollcallv1.WebhookEndpointHealth) string {
		if h.SuccessRate == nil {
			return "no attempts in 24 hours"
		}
		return fmt.Sprintf("%.1f%% of %d attempts in 24 hours", 100*h.GetSuccessRate(), h.GetAttempts())
	}},
	{"LATENCY", func(h *rollcallv1.WebhookEndpointHealth) string {
		return fmt.Sprintf("p50 %d ms, p99 %d ms", h.GetLatencyP50Ms(), h.GetLatencyP99Ms())
	}},
	{"BACKLOG", func(h *rollcallv1.WebhookEndpointHealth) string {
		return fmt.Sprintf("%d waiting, %d behind, %d dead letters", h.GetWaiting(), h.GetBehind(), h.GetDeadLetters())
	}},
	{"CIRCUIT", (*rollcallv1.WebhookEndpointHealth).GetCircuit},
	{"OPEN SINCE", func(h *rollcallv1.WebhookEndpointHealth) string { return when(h.GetCircuitOpenSince()) }},
	{"LAST SUCCESS", func(h *rollcallv1.WebhookEndpointHealth) string { return when(h.GetLastSuccessTime()) }},
	{"LAST FAILURE", func(h *rollcallv1.WebhookEndpointHealth) string { return when(h.GetLastFailureTime()) }},
}

type webhookDeliveriesCmd struct {
	endpoint
	Limit
	Status string `help:"Only those that are ${enum}." enum:"pending,delivered,retrying,dead,any" default:"any" env:"-"`
	Type   string `help:"Only of this event type." env:"-"`
	Since  moment `help:"First recorded not before this time, such as ${moment}." env:"-"`
	Until  moment `help:"First recorded before this time." env:"-"`
}

var deliveryColumns = []column[*rollcallv1.Delivery]{
	{"ID", (*rollcallv1.Delivery).GetId},
	{"TYPE", (*rollcallv1.Delivery).GetEventType},
	{"STATUS", (*rollcallv1.Delivery).GetStatus},
	{"ATTEMPTS", func(d *rollcallv1.Delivery) string { return strconv.Itoa(int(d.GetAttempts())) }},
	{"LAST", func(d *rollcallv1.Delivery) string { return when(d.GetLastAttemptTime()) }},
	{"ANSWER", func(d *rollcallv1.Delivery) string { return answer(d.GetLastStatusCode(), d.GetLastError()) }},
	{"NEXT", func(d *rollcallv1.Delivery) string { return when(d.GetNextAttemptTime()) }},
}

// answer is the status of an answer, or why there is none.
func answer(code int32, why string) string {
	if code != 0 {
		return strconv.Itoa(int(code))
	}
	return why
}

// Run lists deliveries.
func (c *webhookDeliveriesCmd) Run(ctx context.Context, s *Server, out *Output) error {
	status := strings.ToUpper(strings.TrimPrefix(c.Status, "any"))
	return s.ask(ctx, func() error {
		var all []*rollcallv1.Delivery
		err := c.pages(out, most, func(size int, token string) (string, int, error) {
			r, err := s.webhooks().ListDeliveries(ctx, &rollcallv1.ListDeliveriesRequest{
				EndpointId: c.Endpoint, PageSize: uint32(size), PageToken: token, //nolint:gosec // bounded
				Status: status, EventType: c.Type, Since: given(c.Since), Until: given(c.Until),
			})
			all = append(all, r.GetDeliveries()...)
			return r.GetNextPageToken(), len(r.GetDeliveries()), err
		})
		if err != nil {
			return err
		}
		return list(s, out, all, deliveryColumns)
	})
}

type webhookAttemptsCmd struct {
	endpoint
	Delivery string `arg:"" help:"Id of the delivery, as deliveries lists it."`
}

var attemptColumns = []column[*rollcallv1.DeliveryAttempt]{
	{"ATTEMPT", func(a *rollcallv1.DeliveryAttempt) string { return strconv.Itoa(int(a.GetAttempt())) }},
	{"TIME", func(a *rollcallv1.DeliveryAttempt) string { return when(a.GetTime()) }},
	{"ANSWER", func(a *rollcallv1.DeliveryAttempt) string { return answer(a.GetStatusCode(), a.GetError()) }},
	{"TOOK", func(a *rollcallv1.DeliveryAttempt) string { return strconv.Itoa(int(a.GetDurationMs())) + " ms" }},
	{"DNS", func(a *rollcallv1.DeliveryAttempt) string { return micros(a.GetDnsUs()) }},
	{"CONNECT", func(a *rollcallv1.DeliveryAttempt) string { return micros(a.GetConnectUs()) }},
	{"TLS", func(a *rollcallv1.DeliveryAttempt) string { return micros(a.GetTlsUs()) }},
	{"FIRST BYTE", func(a *rollcallv1.DeliveryAttempt) string { return micros(a.GetFirstByteUs()) }},
	{"REPLAY", (*rollcallv1.DeliveryAttempt).GetReplayId},
}

func micros(us int32) string {
	if us == 0 {
		return "-"
	}
	return (time.Duration(us) * time.Microsecond).String()
}

// Run shows a delivery's attempts, and what the last of them was answered.
func (c *webhookAttemptsCmd) Run(ctx context.Context, s *Server, out *Output) error {
	return s.ask(ctx, func() error {
		r, err := s.webhooks().GetDelivery(ctx, &rollcallv1.GetDeliveryRequest{EndpointId: c.Endpoint, Id: c.Delivery})
		if err != nil {
			return err
		}
		d := r.GetDelivery()
		if s.JSON {
			return show(s, out, d, deliveryColumns)
		}
		if err := list(s, out, d.GetAttemptLog(), attemptColumns); err != nil {
			return err
		}
		if next := d.GetNextAttemptTime(); next != nil {
			fmt.Fprintf(out.Stdout, "\n%s; next attempt %s\n", printable(d.GetStatus()), when(next))
		} else {
			fmt.Fprintf(out.Stdout, "\n%s\n", printable(d.GetStatus()))
		}
		for _, a := range d.GetAttemptLog()[max(0, len(d.GetAttemptLog())-1):] {
			for _, h := range a.GetResponseHeaders() {
				fmt.Fprintf(out.Stdout, "%s: %s\n", printable(h.GetName()), printable(h.GetValue()))
			}
			for line := range strings.Lines(a.GetResponseBody()) {
				fmt.Fprintln(out.Stdout, printable(strings.TrimRight(line, "\r\n")))
			}
		}
		return nil
	})
}

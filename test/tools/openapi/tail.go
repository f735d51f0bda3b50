package main

import "github.com/getkin/kin-openapi/openapi3"

// The live tail is a stream of server-sent events, which no .proto file can say.
const (
	tailPath  = "/api/v1/webhook_attempts:tail"
	tailAbout = `Server-sent events, until the caller leaves, its token ends or the server stops: ` + "`attempt`" + ` holds a delivery (rollcall.v1.Delivery) with
that attempt alone in attempt_log, ` + "`skipped`" + ` how many attempts were left out because the reader was too slow (0: nobody knows), and ` + "`end`" + ` the
reason and message with which the server ends. Something comes every 15 seconds. A process has 32 readers at most and a client 8; more get 429.`
)

// tail is the operation of the live tail. It is described like the others.
func tail() *openapi3.PathItem {
	text := func(name, description string, values ...any) *openapi3.ParameterRef {
		p := openapi3.NewQueryParameter(name).WithSchema(openapi3.NewStringSchema().WithEnum(values...))
		p.Description = description
		return &openapi3.ParameterRef{Value: p}
	}
	types := openapi3.NewQueryParameter("event_types").WithSchema(openapi3.NewArraySchema().WithItems(openapi3.NewStringSchema()))
	types.Description = "Exact types, or patterns such as organization.directory.*; none: all."
	types.Style, types.Explode = "form", openapi3.Ptr(true)
	place := openapi3.NewHeaderParameter("Last-Event-ID").WithSchema(openapi3.NewStringSchema())
	place.Description = "Goes on behind this id of the stream; 1.0 is the oldest attempt that is kept. Without it, the stream begins with what comes."
	ok := "The stream."
	op := openapi3.NewOperation()
	op.OperationID, op.Description, op.Tags = "WebhookEndpointService_TailAttempts", tailAbout, []string{"WebhookEndpointService"}
	op.Parameters = openapi3.Parameters{
		text("endpoint_id", "Only to this endpoint."), text("organization_id", "Only to endpoints of this organization."), {Value: types},
		text("status", "Only attempts after which the delivery is so; empty: all.", "DELIVERED", "RETRYING", "DEAD"), {Value: place},
	}
	op.Responses = openapi3.NewResponses(openapi3.WithStatus(200, &openapi3.ResponseRef{Value: &openapi3.Response{
		Description: &ok,
		Content:     openapi3.Content{"text/event-stream": {Schema: openapi3.NewStringSchema().NewRef()}},
	}}))
	return &openapi3.PathItem{Get: op}
}

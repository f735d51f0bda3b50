package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
)

// eventsStream holds the public events; the projector writes it.
const eventsStream = "EVENTS"

// What a message carries on its way, besides its id and its body. The first three
// are what brokers' headers are called, too.
const (
	metaType         = "rollcall-event-type"
	metaOrganization = "rollcall-organization"
	metaResource     = "rollcall-resource"
	// metaPath is the subject in EVENTS behind "events.".
	metaPath = "rollcall-path"
)

// headers are what every broker is given of a message.
func headers(m *message.Message) map[string]string {
	h := map[string]string{"rollcall-event-id": m.UUID}
	for _, k := range [...]string{metaType, metaOrganization, metaResource} {
		if v := m.Metadata.Get(k); v != "" {
			h[k] = v
		}
	}
	return h
}

// position returns the durable consumer of the bridge. One message at a time is
// what keeps the order, also when one is given again, and between processes.
func position(ctx context.Context, nc *nats.Conn, name string, fromNow bool) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	durable := "bridge-" + name
	if c, err := js.Consumer(ctx, eventsStream, durable); err == nil {
		return c, nil // where it begins cannot be changed afterwards
	}
	cfg := jetstream.ConsumerConfig{
		Durable: durable, Description: "Position of the bridge " + name, AckPolicy: jetstream.AckExplicitPolicy,
		// What the stream holds for single endpoints is not for everybody.
		FilterSubject: "events.>",
		AckWait:       ackWithin, MaxAckPending: 1, MaxDeliver: -1, DeliverPolicy: jetstream.DeliverAllPolicy,
	}
	if fromNow {
		cfg.DeliverPolicy = jetstream.DeliverNewPolicy
	}
	c, err := js.CreateOrUpdateConsumer(ctx, eventsStream, cfg)
	if err != nil {
		return nil, fmt.Errorf("make the position of the bridge %s on %s: %w", name, eventsStream, err)
	}
	return c, nil
}

// messageOf makes a message of one of EVENTS. What is not an event becomes a message
// without an id.
func messageOf(in jetstream.Msg) *message.Message {
	m := message.NewMessage(in.Headers().Get(public.HeaderEventID), in.Data())
	m.Metadata.Set(metaType, in.Headers().Get(public.HeaderEventType))
	m.Metadata.Set(metaOrganization, in.Headers().Get(public.HeaderOrganization))
	m.Metadata.Set(metaPath, strings.TrimPrefix(in.Subject(), "events."))
	var body struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if json.Unmarshal(in.Data(), &body) == nil {
		m.Metadata.Set(metaResource, body.Data.ID)
	}
	return m
}

// Command stream prints the public events of the stream EVENTS, one line each. Its
// position is a durable consumer on the server, so that it goes on where it was
// after a stop.
//
//	NATS_URL=nats://… CONSUMER=my-app stream
//
// What must not live here: anything but the reading.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{
		Durable: os.Getenv("CONSUMER"), FilterSubject: "events.>", AckPolicy: jetstream.AckExplicitPolicy,
		AckWait:       5 * time.Second, // longer than the work takes; after a stop an event comes again behind it
		MaxAckPending: 1,               // keeps the order, also when an event comes again
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next()
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			continue // the server is slow or away; the library asks again
		}
		if err != nil {
			return err
		}
		fmt.Println(m.Headers().Get("Rollcall-Event-Id"), m.Headers().Get("Rollcall-Event-Type")) // the work
		// Only now: what is done twice is known by its id, what is skipped by nothing.
		if err := m.Ack(); err != nil {
			return err
		}
	}
}

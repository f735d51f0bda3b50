package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/attempts/ledger"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
	"github.com/rollcallhq/rollcall/services/delivery"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

// deliverySetup is what a delivery worker is made of.
type deliverySetup struct {
	path   string
	log    eventlog.Log
	js     jetstream.JetStream
	leases *lease.Keeper // nil if no other worker can be there
	keys   *seal.Keys
	flags  webhookFlags
	submit submitter
	logger *slog.Logger
}

func startDelivery(ctx context.Context, s *stack, d deliverySetup) (*delivery.Worker, error) {
	ladder, err := webhook.ParseLadder(d.flags.WebhookLadder)
	if err != nil {
		return nil, err
	}
	options, err := d.flags.egress()
	if err != nil {
		return nil, err
	}
	client := egress.NewClient(options)
	w, err := delivery.New(delivery.Config{
		Path: d.path, Log: d.log, JetStream: d.js, Leases: d.leases, Client: client, Ladder: ladder, Version: version, Logger: d.logger,
		Submit: func(ctx context.Context, c directory.Command) error {
			_, err := d.submit.Submit(ctx, directory.Request{ID: rand.Text(), Actor: "system", Command: c})
			return err
		},
		Unseal: func(sealed []byte) ([]byte, error) { return d.keys.Open(seal.WebhookSecret, sealed) },
	})
	if err != nil {
		return nil, err
	}
	s.push(func() error {
		err := w.Stop()
		client.Close()
		return err
	})
	return w, w.Start(ctx)
}

// openDeliveries opens the projection of attempts that the API lists.
func openDeliveries(ctx context.Context, s *stack, a apiSetup, source *attemptlog.Log) (api.Deliveries, error) {
	l, err := ledger.Open(ctx, a.path("deliveries.db"), source, a.logger)
	if err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	var task sync.WaitGroup
	task.Go(func() {
		if err := l.Follow(following); err != nil && following.Err() == nil {
			a.logger.Error("deliveries can no longer be listed", "error", err)
		}
	})
	s.push(func() error {
		stop()
		task.Wait()
		return l.Close()
	})
	return deliveries{js: a.js, ledger: l}, nil
}

package main

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

// deliverySetup is what a delivery worker is made of.
type deliverySetup struct {
	path   string
	log    eventlog.Log
	js     jetstream.JetStream
	keys   *seal.Keys
	flags  webhookFlags
	logger *slog.Logger
}

type deliveryWorker struct{}

func (deliveryWorker) Err() error { return nil }

func startDelivery(_ context.Context, _ *stack, _ deliverySetup) (deliveryWorker, error) {
	return deliveryWorker{}, nil
}

func openDeliveries(_ context.Context, _ *stack, _ apiSetup) (api.Deliveries, error) { return nil, nil }

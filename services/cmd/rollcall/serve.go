package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/projector"
)

// serveCmd runs everything in one process.
type serveCmd struct {
	dataFlags
	httpFlags
	scimFlags
	webhookFlags
	clientFlags
	eventsFlags
	portalFlags
	dnsFlags
	bridgeFlags
	natsClientFlags
	StoreLimit int64 `help:"Bytes that the embedded log may take; 80% of the free disk if 0." env:"ROLLCALL_STORE_LIMIT"`
}

// Validate is called by kong.
func (c *serveCmd) Validate() error {
	return errors.Join(c.httpFlags.validate(), c.scimFlags.validate(), c.webhookFlags.validate(), c.clientFlags.validate(), c.portalFlags.validate(), c.dnsFlags.validate(), c.natsClientFlags.validate())
}

// Run starts the services from the log outwards and stops them in reverse.
func (c *serveCmd) Run(ctx context.Context, out *output) (err error) {
	s := &stack{log: out.log}
	defer func() { err = errors.Join(err, s.stop()) }()

	server, js, log, err := c.openLog(ctx, s)
	if err != nil {
		return err
	}
	keys, err := seal.LoadOrCreate(c.masterKeyFile())
	if err != nil {
		return err
	}

	in, err := ingress.Open(ctx, ingress.Config{Path: c.path("ingress.db"), Log: log, Logger: out.log})
	if err != nil {
		return err
	}
	s.push(in.Stop)
	if err := in.Start(ctx); err != nil {
		return err
	}
	if err := bootstrap(ctx, out, in, keys, c.clientFlags); err != nil {
		return err
	}

	p, err := projector.Open(ctx, projector.Config{
		Path: c.path("projector.db"), Log: log, JetStream: js, EventsMaxAge: c.EventsMaxAge, Commands: sequenced{in}, Logger: out.log,
	})
	if err != nil {
		return err
	}
	s.push(p.Stop)
	if err := p.Start(ctx); err != nil {
		return err
	}

	worker, err := startDelivery(ctx, s, deliverySetup{
		path: c.path("delivery.db"), log: log, js: js, keys: keys, flags: c.webhookFlags, submit: in, logger: out.log,
	})
	if err != nil {
		return err
	}

	metrics := newRegistry()
	worker.Register(metrics)
	if c.BridgeTo != "" {
		if err := startBridge(ctx, s, c.bridgeFlags, metrics, func() (*nats.Conn, error) { return server.Connect(natslog.ConnectOptions()...) }); err != nil {
			return err
		}
	}
	srv, base, err := startWeb(out, c.httpFlags, metrics, func(ctx context.Context) error {
		return errors.Join(in.Ready(ctx), p.Err(), worker.Err())
	})
	if err != nil {
		return err
	}
	mountSCIM(ctx, s, srv, scimSetup{ingress: in, base: base, flags: c.scimFlags, js: js, metrics: metrics, logger: out.log})
	clients, err := openGate(ctx, s, out, c.natsClientFlags, server, js, p)
	if err != nil {
		return err
	}
	if err := mountAPI(ctx, s, srv, apiSetup{
		projector: p, commands: in, keys: keys, base: base(), portal: base(), origins: c.PortalOrigins, resolver: txtrecord.At(c.DNSResolver), flags: c.webhookFlags, js: js, path: c.path, clients: clients, logger: out.log,
	}); err != nil {
		return err
	}
	if c.WebhookInsecure {
		out.log.Warn("webhooks may go to http and private addresses (--webhook-insecure); use this for development only")
	}
	return s.serve(ctx, out, srv, base())
}

// openLog starts the embedded server and opens its log.
func (c *serveCmd) openLog(ctx context.Context, s *stack) (*embedded.Server, jetstream.JetStream, *natslog.Log, error) {
	identity, err := c.identity()
	if err != nil {
		return nil, nil, nil, err
	}
	server, err := embedded.Start(ctx, embedded.Options{
		Dir: c.Data, StoreLimit: c.StoreLimit, Guests: c.NatsListen, TLS: identity, Logger: s.log,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	s.push(server.Close)
	nc, err := server.Connect(natslog.ConnectOptions()...)
	if err != nil {
		return nil, nil, nil, err
	}
	s.push(func() error { nc.Close(); return nil })
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := natslog.Ensure(ctx, js, natslog.Config{Sizes: natslog.Shares(server.StoreLimit())}); err != nil {
		return nil, nil, nil, fmt.Errorf("prepare the streams: %w", err)
	}
	l, err := natslog.Open(ctx, js, 0, natslog.Options{Sole: true, StoreLimit: server.StoreLimit()})
	return server, js, l, err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
	"github.com/rollcallhq/rollcall/services/delivery"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/projector"
)

// ingressCmd runs one ingress.
type ingressCmd struct {
	dataFlags
	httpFlags
	natsFlags
	scimFlags
	clientFlags
}

// Validate is called by kong.
func (c *ingressCmd) Validate() error {
	return errors.Join(c.httpFlags.validate(), c.scimFlags.validate(), c.clientFlags.validate())
}

// Run serves SCIM; the first of several owns the log.
func (c *ingressCmd) Run(ctx context.Context, out *output) (err error) {
	s := &stack{log: out.log}
	defer func() { err = errors.Join(err, s.stop()) }()
	keys, err := splitKeys(c.dataFlags)
	if err != nil {
		return err
	}
	ext, err := connect(ctx, s, c.natsFlags, "ingress")
	if err != nil {
		return err
	}
	in, err := ingress.Open(ctx, ingress.Config{Path: c.path("ingress.db"), Log: ext.log, Leases: ext.leases, Conn: ext.nc, Logger: out.log})
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
	metrics := newRegistry()
	srv, base, err := startWeb(out, c.httpFlags, metrics, in.Ready)
	if err != nil {
		return err
	}
	mountSCIM(ctx, s, srv, scimSetup{ingress: in, base: base, flags: c.scimFlags, js: ext.js, metrics: metrics, logger: out.log})
	return s.serve(ctx, out, srv, base())
}

// projectorCmd runs one projector with the API.
type projectorCmd struct {
	dataFlags
	httpFlags
	natsFlags
	webhookFlags
	eventsFlags
	portalFlags
	dnsFlags
	ScimURL string `help:"Base URL of the ingresses, which SCIM URLs show; the public URL if empty." name:"scim-url" env:"ROLLCALL_SCIM_URL"`
}

// Validate is called by kong.
func (c *projectorCmd) Validate() error {
	return errors.Join(c.httpFlags.validate(), c.webhookFlags.validate(), c.portalFlags.validate(), c.dnsFlags.validate())
}

// Run folds the log, emits public events and serves the API.
func (c *projectorCmd) Run(ctx context.Context, out *output) (err error) {
	s := &stack{log: out.log}
	defer func() { err = errors.Join(err, s.stop()) }()
	keys, err := splitKeys(c.dataFlags)
	if err != nil {
		return err
	}
	ext, err := connect(ctx, s, c.natsFlags, "projector")
	if err != nil {
		return err
	}
	p, err := projector.Open(ctx, projector.Config{
		Path: c.path("projector.db"), Log: ext.log, JetStream: ext.js, EventsMaxAge: c.EventsMaxAge, Commands: sequenced{remote{ext.nc}}, Logger: out.log,
	})
	if err != nil {
		return err
	}
	s.push(p.Stop)
	if err := p.Start(ctx); err != nil {
		return err
	}
	srv, base, err := startWeb(out, c.httpFlags, newRegistry(), func(ctx context.Context) error { return errors.Join(p.Err(), ext.log.Check(ctx)) })
	if err != nil {
		return err
	}
	shown := base()
	if c.ScimURL != "" {
		shown = c.ScimURL
	}
	if err := mountAPI(ctx, s, srv, apiSetup{
		projector: p, commands: remote{ext.nc}, keys: keys, base: shown, portal: base(), origins: c.PortalOrigins, resolver: txtrecord.At(c.DNSResolver), leases: ext.leases, flags: c.webhookFlags, js: ext.js, path: c.path, logger: out.log,
	}); err != nil {
		return err
	}
	return s.serve(ctx, out, srv, base())
}

// deliveryCmd runs one delivery worker.
type deliveryCmd struct {
	dataFlags
	httpFlags
	natsFlags
	webhookFlags
}

// Validate is called by kong.
func (c *deliveryCmd) Validate() error {
	return errors.Join(c.httpFlags.validate(), c.webhookFlags.validate())
}

// Run sends webhooks, for its part of the endpoints if there are other workers.
func (c *deliveryCmd) Run(ctx context.Context, out *output) (err error) {
	s := &stack{log: out.log}
	defer func() { err = errors.Join(err, s.stop()) }()
	keys, err := splitKeys(c.dataFlags)
	if err != nil {
		return err
	}
	ext, err := connect(ctx, s, c.natsFlags, "delivery")
	if err != nil {
		return err
	}
	worker, err := startDelivery(ctx, s, deliverySetup{
		path: c.path("delivery.db"), log: ext.log, js: ext.js, leases: ext.leases, keys: keys, flags: c.webhookFlags, submit: remote{ext.nc}, logger: out.log,
	})
	if err != nil {
		return err
	}
	metrics := newRegistry()
	worker.Register(metrics)
	srv, base, err := startWeb(out, c.httpFlags, metrics, func(ctx context.Context) error { return errors.Join(worker.Ready(), ext.log.Check(ctx)) })
	if err != nil {
		return err
	}
	srv.Mount(showSlots(worker), "/slots")
	return s.serve(ctx, out, srv, base())
}

// showSlots answers which workers share the slots, and who holds which.
func showSlots(w *delivery.Worker) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(map[string]any{"workers": w.Members()}) // whoever asked has gone
	})
}

// splitKeys loads the master key that the split services share. They never make
// one: each would make another.
func splitKeys(f dataFlags) (*seal.Keys, error) {
	if f.MasterKeyFile == "" {
		return nil, fmt.Errorf("--master-key-file is required: all services of an installation share one master key (`rollcall key` makes a file)")
	}
	return seal.Load(f.MasterKeyFile)
}

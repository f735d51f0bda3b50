package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/published"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/pkg/synclog/requestlog"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
	"github.com/rollcallhq/rollcall/services/projector"
	"github.com/rollcallhq/rollcall/services/projector/api"
	"github.com/rollcallhq/rollcall/services/projector/portal"
	"github.com/rollcallhq/rollcall/services/projector/verifier"
	"github.com/rollcallhq/rollcall/services/web"
)

// startWeb binds the port; routes are mounted before it serves. base is known
// once it is bound, since the port may be the kernel's choice.
func startWeb(out *output, f httpFlags, metrics *prometheus.Registry, ready func(context.Context) error) (srv *web.Server, base func() string, err error) {
	srv, err = web.New(web.Config{
		Listen: f.Listen, TLSCert: f.TLSCert, TLSKey: f.TLSKey, TrustedProxies: f.TrustedProxies,
		Ready: ready, Registry: metrics, Logger: out.log,
	})
	if err != nil {
		return nil, nil, err
	}
	if err := srv.Listen(); err != nil {
		return nil, nil, err
	}
	url := f.base(srv.Addr())
	return srv, func() string { return url }, nil
}

// scimSetup is what the SCIM edge is made of.
type scimSetup struct {
	ingress *ingress.Ingress
	base    func() string
	flags   scimFlags
	js      jetstream.JetStream
	metrics *prometheus.Registry
	logger  *slog.Logger
}

// mountSCIM serves SCIM, with a recorder behind it that is stopped after the
// port and before the connection to NATS.
func mountSCIM(ctx context.Context, s *stack, srv *web.Server, e scimSetup) {
	recorder := requestlog.Start(ctx, e.js, requestlog.Options{Logger: e.logger})
	s.push(recorder.Stop)
	e.metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "rollcall_synclog_dropped_total", Help: "Requests that the sync log should hold and does not: too many waited, or the stream could not be written.",
	}, func() float64 { return float64(recorder.Dropped()) }))
	scimhttp.New(e.ingress, scimhttp.Config{
		Base: e.base, RateLimit: e.flags.ScimRateLimit, Logger: e.logger,
		Recorder: recorder, Metrics: scimhttp.NewMetrics(e.metrics),
	}).Register(srv.Echo)
}

// apiSetup is what the API is made of.
type apiSetup struct {
	projector *projector.Projector
	commands  submitter
	keys      *seal.Keys
	base      string
	portal    string // where the portal is
	origins   []string
	resolver  txtrecord.Resolver
	leases    *lease.Keeper // nil: no other process verifies domains
	flags     webhookFlags
	js        jetstream.JetStream
	path      func(name string) string
	clients   api.NATS // nil: no NATS clients are let in
	logger    *slog.Logger
}

func mountAPI(ctx context.Context, s *stack, srv *web.Server, a apiSetup) error {
	record, err := attemptlog.Open(ctx, a.js)
	if err != nil {
		return err
	}
	deliveries, err := openDeliveries(ctx, s, a, record)
	if err != nil {
		return err
	}
	options, err := a.flags.egress()
	if err != nil {
		return err
	}
	requests, err := openSyncLog(ctx, s, a)
	if err != nil {
		return err
	}
	uses := requestlog.Start(ctx, a.js, requestlog.Options{Logger: a.logger})
	s.push(uses.Stop)
	h, err := api.New(api.Config{
		Uses: clientUses{uses}, Attempts: record, Stopping: ctx.Done(),
		Model: a.projector, Commands: visible{a.commands, a.projector}, Deliveries: deliveries, SyncLog: requests, NATS: a.clients, Events: published.Open(a.js), Keys: a.keys, PublicURL: a.base, PortalURL: a.portal, Resolver: a.resolver,
		CheckURL:  options.CheckURL,
		UserNames: announce.Names, UserDetail: userDetail, GroupDetail: groupDetail, Logger: a.logger,
	})
	if err != nil {
		return err
	}
	srv.Mount(h, api.Prefixes...)
	admins, err := portal.New(portal.Config{
		Model: a.projector, Commands: visible{a.commands, a.projector}, PublicURL: a.portal, Origins: a.origins, Logger: a.logger,
	})
	if err != nil {
		return err
	}
	srv.Mount(admins, portal.Prefix)
	startVerifier(ctx, s, a)
	return nil
}

// startVerifier looks for the TXT records of domains, in one process at a time.
func startVerifier(ctx context.Context, s *stack, a apiSetup) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	s.push(func() error { cancel(); <-done; return nil })
	run := func(ctx context.Context) error {
		verifier.Run(ctx, verifier.Config{
			Model: a.projector, Resolver: a.resolver, Logger: a.logger,
			Submit: func(ctx context.Context, r directory.Request) error {
				_, err := a.commands.Submit(ctx, r)
				return err
			},
		})
		return context.Cause(ctx)
	}
	go func() {
		defer close(done)
		if a.leases != nil {
			a.leases.Hold(ctx, "domains", run)
			return
		}
		_ = run(ctx) // ends with ctx
	}()
}

// clientUses keeps when API clients were used, as that of directories is kept: in
// the stream of requests, best effort.
type clientUses struct{ recorder *requestlog.Recorder }

// Used implements api.Uses.
func (u clientUses) Used(client string, at time.Time) {
	u.recorder.Record(synclog.Entry{Organization: "-", Directory: client, At: at, Status: http.StatusOK, Count: 1})
}

// visible is a submitter that answers once the read model shows the commit.
type visible struct {
	submitter
	model *projector.Projector
}

// Submit implements api.Commands.
func (v visible) Submit(ctx context.Context, r directory.Request) (directory.Row, error) {
	res, err := v.submitter.Submit(ctx, r)
	if err != nil {
		return nil, err
	}
	return res.Row, v.model.Reached(ctx, res.Seq)
}

// userDetail is what webhooks show of a user.
func userDetail(v directory.View, u *directory.User) (map[string]any, error) {
	p, err := announce.Shown(v, u)
	if err != nil {
		return nil, err
	}
	return object(p)
}

// groupDetail is what webhooks show of a group.
func groupDetail(v directory.View, g *directory.Group) (map[string]any, error) {
	p := announce.Group(g)
	var err error
	if p.Version, err = announce.Version(v, g.ID); err != nil {
		return nil, err
	}
	return object(p)
}

func object(v any) (map[string]any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The details could not be written.")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // a provider may send numbers that Go has no type for
	var m map[string]any
	return m, dec.Decode(&m)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/lease"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/web"
)

// stack is what a process has started, to be stopped in reverse.
type stack struct {
	log   *slog.Logger
	stops []func() error
}

func (s *stack) push(stop func() error) { s.stops = append(s.stops, stop) }

// stop ends everything, the last started first.
func (s *stack) stop() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	s.stops = nil
	return errors.Join(errs...)
}

// submitter is the road to the owner of the log: a function call in this
// process, or NATS.
type submitter interface {
	Submit(ctx context.Context, r directory.Request) (commit.Result, error)
}

// remote sends commands over NATS.
type remote struct{ nc *nats.Conn }

// Submit implements submitter.
func (r remote) Submit(ctx context.Context, req directory.Request) (commit.Result, error) {
	return ingress.Forward(ctx, r.nc, req)
}

// sequenced is a submitter for the projector, which wants only the position.
type sequenced struct{ submitter }

// Submit implements projector.Commands.
func (s sequenced) Submit(ctx context.Context, r directory.Request) (uint64, error) {
	res, err := s.submitter.Submit(ctx, r)
	return res.Seq, err
}

// external is a connection to a NATS that other processes share.
type external struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	log    *natslog.Log
	leases *lease.Keeper
}

// connect joins the NATS of the flags and makes sure that the streams are
// there.
func connect(ctx context.Context, s *stack, f natsFlags, name string) (*external, error) {
	options := append(natslog.ConnectOptions(), nats.Name("rollcall "+name), nats.RetryOnFailedConnect(true))
	if f.NatsCreds != "" {
		options = append(options, nats.UserCredentials(f.NatsCreds))
	}
	nc, err := nats.Connect(f.NatsURL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redacted(f.NatsURL), err)
	}
	s.push(func() error { nc.Close(); return nil })
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	err = patiently(ctx, s.log, "the NATS server", func(ctx context.Context) error {
		return natslog.Ensure(ctx, js, natslog.Config{Replicas: f.Replicas, Sizes: natslog.Shares(f.StreamBytes)})
	})
	if err != nil {
		return nil, err
	}
	l, err := natslog.Open(ctx, js, 0, natslog.Options{})
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	k, err := lease.Open(ctx, js, fmt.Sprintf("%s@%s/%d", name, host, os.Getpid()), f.LeaseTTL, f.Replicas, s.log)
	if err != nil {
		return nil, err
	}
	return &external{nc: nc, js: js, log: l, leases: k}, nil
}

// redacted takes credentials out of NATS URLs before they are shown.
func redacted(urls string) string {
	parts := strings.Split(urls, ",")
	for i, p := range parts {
		if scheme, rest, ok := strings.Cut(p, "://"); ok {
			if _, host, has := strings.Cut(rest, "@"); has {
				parts[i] = scheme + "://" + host
			}
		}
	}
	return strings.Join(parts, ",")
}

// newRegistry makes the process's metrics.
func newRegistry() *prometheus.Registry { return prometheus.NewRegistry() }

// announceReady tells people where the server is.
func announceReady(out *output, base string, srv *web.Server) {
	fmt.Fprintf(out.stdout, "rollcall %s listens on %s\n", version, srv.Addr())
	if base != "http://"+srv.Addr().String() {
		fmt.Fprintf(out.stdout, "public URL: %s\n", base)
	}
}

// serve opens the port, whose routes are all there, tells people where it is, and
// runs until ctx ends or the port fails.
func (s *stack) serve(ctx context.Context, out *output, srv *web.Server, base string) error {
	if err := srv.Serve(); err != nil {
		return err
	}
	s.push(srv.Stop)
	announceReady(out, base, srv)
	return s.waitFor(ctx, srv)
}

// waitFor runs until ctx ends or the port fails, then stops the stack.
func (s *stack) waitFor(ctx context.Context, srv *web.Server) error {
	var failed error
	select {
	case <-ctx.Done():
		s.log.Info("stopping")
	case failed = <-srv.Failed():
	}
	return errors.Join(failed, s.stop())
}

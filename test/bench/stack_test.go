package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
	"github.com/rollcallhq/rollcall/services/delivery"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
	"github.com/rollcallhq/rollcall/services/projector"
	"github.com/rollcallhq/rollcall/services/web"
)

// stack is what `rollcall serve` runs, in this process.
type stack struct {
	js        jetstream.JetStream
	log       *natslog.Log
	ingress   *ingress.Ingress
	projector *projector.Projector
	base      string
	org       string
	// dirs are SCIM base URLs with their bearer secrets.
	dirs []target
	next atomic.Int64
}

type target struct{ url, token, directory string }

type sequenced struct{ *ingress.Ingress }

func (s sequenced) Submit(ctx context.Context, r directory.Request) (uint64, error) {
	res, err := s.Ingress.Submit(ctx, r)
	return res.Seq, err
}

// newStack starts everything, with directories that take writes.
func newStack(b *testing.B, directories int) *stack {
	b.Helper()
	s := newReadingStack(b, directories)
	s.deliver(b)
	return s
}

// newReadingStack starts everything but what delivers.
func newReadingStack(b *testing.B, directories int) *stack {
	b.Helper()
	discard := slog.New(slog.DiscardHandler)
	s := &stack{js: server(b)}
	var err error
	s.log, err = natslog.Open(b.Context(), s.js, 0, natslog.Options{Sole: true})
	check(b, err)
	dir := b.TempDir()
	s.ingress, err = ingress.Open(b.Context(), ingress.Config{Path: filepath.Join(dir, "ingress.db"), Log: s.log, Logger: discard})
	check(b, err)
	check(b, s.ingress.Start(b.Context()))
	b.Cleanup(func() { _ = s.ingress.Stop() })
	s.projector, err = projector.Open(b.Context(), projector.Config{
		Path: filepath.Join(dir, "projector.db"), Log: s.log, JetStream: s.js, Commands: sequenced{s.ingress}, Logger: discard,
	})
	check(b, err)
	check(b, s.projector.Start(b.Context()))
	b.Cleanup(func() { _ = s.projector.Stop() })
	srv := port(b)
	scimhttp.New(s.ingress, scimhttp.Config{Base: func() string { return s.base }, Logger: discard}).Register(srv.Echo)
	s.base = "http://" + srv.Addr().String()
	check(b, srv.Serve())

	s.org = s.must(b, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Bench"}}).(*directory.Organization).ID
	s.must(b, directory.CreateDomain{Organization: s.org, Domain: "bench.example"})
	for range directories {
		id := s.must(b, directory.CreateDirectory{Organization: s.org, Kind: "SCIM"}).(*directory.Directory).ID
		c := credential.New(credential.PrefixSCIM)
		s.must(b, directory.CreateDirectorySecret{Organization: s.org, Directory: id, Hash: c.Hash, Suffix: c.Suffix})
		s.must(b, directory.EnableDirectory{Organization: s.org, Directory: id})
		s.dirs = append(s.dirs, target{s.base + "/directories/" + id + "/scim/v2", c.Plain, id})
	}
	return s
}

// deliver starts a worker.
func (s *stack) deliver(b *testing.B) *delivery.Worker {
	b.Helper()
	client := egress.NewClient(egress.Options{Insecure: true})
	w, err := delivery.New(delivery.Config{
		Path: filepath.Join(b.TempDir(), "delivery.db"), Log: s.log, JetStream: s.js, Client: client, Logger: slog.New(slog.DiscardHandler),
		Unseal: func(b []byte) ([]byte, error) { return b, nil },
	})
	check(b, err)
	check(b, w.Start(b.Context()))
	b.Cleanup(func() { _ = w.Stop(); client.Close() })
	return w
}

// subscribe has a receiver get the events of some types.
func (s *stack) subscribe(b *testing.B, r *receiver, eventTypes ...string) {
	b.Helper()
	s.must(b, directory.CreateWebhookEndpoint{
		Config:             events.WebhookEndpointConfig{URL: r.url, EventTypes: eventTypes, Enabled: true, Concurrency: inFlight},
		WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte(r.secret)},
	})
}

func (s *stack) must(b *testing.B, c directory.Command) directory.Row {
	b.Helper()
	res, err := s.ingress.Submit(b.Context(), directory.Request{ID: strconv.FormatInt(s.next.Add(1), 10), Actor: "system", Command: c})
	check(b, err)
	return res.Row
}

// port is the router that serves both contenders.
func port(b *testing.B) *web.Server {
	b.Helper()
	srv, err := web.New(web.Config{
		Listen: "127.0.0.1:0", Ready: func(context.Context) error { return nil },
		Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	check(b, err)
	check(b, srv.Listen())
	b.Cleanup(func() { _ = srv.Stop() })
	return srv
}

// codec is the simpler program: the same router, a handler that decodes the
// body and encodes it again.
func codec(b *testing.B) target {
	b.Helper()
	srv := port(b)
	srv.Echo.POST("/Users", func(c echo.Context) error {
		var v map[string]any
		if err := json.NewDecoder(c.Request().Body).Decode(&v); err != nil {
			return err
		}
		out, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return c.Blob(http.StatusCreated, "application/scim+json", out)
	})
	check(b, srv.Serve())
	return target{url: "http://" + srv.Addr().String()}
}

// browser is an HTTP client that keeps a connection per caller.
func browser(callers int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		MaxIdleConns: callers * 2, MaxIdleConnsPerHost: callers * 2, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}}
}

func post(c *http.Client, t target, body []byte) error {
	_, err := send(c, t, "/Users", http.StatusCreated, body)
	return err
}

// send posts and returns the answer, which must have the status.
func send(c *http.Client, t target, path string, status int, body []byte) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, t.url+path, bytes.NewReader(body)) //nolint:noctx // the round bounds it
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/scim+json")
	req.Header.Set("Authorization", "Bearer "+t.token)
	res, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != status {
		err = fmt.Errorf("status %d: %s", res.StatusCode, answer)
	}
	return answer, err
}

// receiver verifies webhooks and says when each event was there.
type receiver struct {
	url    string
	secret string
	seen   atomic.Int64
	bad    atomic.Int64
	on     atomic.Pointer[func(userName string)]
}

func newReceiver(b *testing.B) *receiver {
	b.Helper()
	key := bytes.Repeat([]byte{7}, 32)
	secret, err := webhook.NewSecret(key)
	check(b, err)
	r := &receiver{secret: secret.Text()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	r.url = "http://" + l.Addr().String()
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			err = webhook.Verify(q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), q.Header.Get("webhook-signature"), body, time.Now(), secret)
		}
		if err != nil {
			r.bad.Add(1)
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.seen.Add(1)
		if f := r.on.Load(); f != nil {
			var e struct {
				Data struct {
					UserName string `json:"preferred_username"`
				} `json:"data"`
			}
			if json.Unmarshal(body, &e) == nil {
				(*f)(e.Data.UserName)
			}
		}
	})}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	return r
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

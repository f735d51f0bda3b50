package operate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	rollcallv1 "github.com/rollcallhq/rollcall/pkg/api/gen/rollcall/v1"
	"github.com/rollcallhq/rollcall/pkg/webhook"
)

type webhookListenCmd struct {
	Listen   string   `help:"Address on this machine to receive on; port 0 takes a free one." default:"127.0.0.1:0" env:"-"`
	Secret   []string `help:"Signing secret (whsec_…) or public key (whpk_…) to verify with; may be repeated. Prefer the environment: arguments show in ps." env:"ROLLCALL_WEBHOOK_SECRET"`
	Register bool     `help:"Make an endpoint at the server for as long as this runs." env:"-"`
	At       string   `help:"URL at which the server reaches this machine, of a tunnel for example; http:// and the address if none." env:"-"`
	Type     []string `help:"With --register: event type, or beginning such as organization.directory.*; may be repeated. All if none." env:"-"`
	Org      string   `help:"With --register: only events of this organization (org_… or external id)." env:"-" of:"org"`
	Test     bool     `help:"With --register: ask for a test event at once." env:"-"`
	Status   int      `help:"Status to answer verified webhooks with; 500 shows how retries come." default:"204" env:"-"`
	Count    int      `help:"End after so many verified webhooks; 0 goes on until ctrl-C." env:"-"`
}

// Help is shown by kong.
func (webhookListenCmd) Help() string {
	return `Verifies the signature of every webhook (Standard Webhooks, v1 and v1a), and prints the event, whether it came before, the
replay that asked for it and data.version, which tells stale events. What is not well signed gets 401.

  rollcall webhook listen --register --type 'organization.directory.*'
  ROLLCALL_WEBHOOK_SECRET=whsec_… rollcall webhook listen --listen 127.0.0.1:4000

Servers send to https at public addresses only. For one on your own machine, start it with --webhook-insecure; for another, give
the https address of a tunnel to this machine with --at.`
}

// Validate is called by kong.
func (c *webhookListenCmd) Validate() error {
	switch {
	case c.Status < 200 || c.Status > 599:
		return errors.New("--status must be from 200 to 599")
	case !c.Register && (len(c.Type) > 0 || c.Org != "" || c.Test || c.At != ""):
		return errors.New("--type, --org, --test and --at go with --register")
	case !c.Register && len(c.Secret) == 0:
		return errors.New("give the endpoint's --secret (ROLLCALL_WEBHOOK_SECRET), or have a temporary endpoint made with --register")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen must be host:port: %w", err)
	}
	_, err := verifiers(c.Secret)
	return err
}

// verifiers reads secrets and public keys.
func verifiers(texts []string) (keys []webhook.Verifier, err error) {
	for _, text := range texts {
		var k webhook.Verifier
		if strings.HasPrefix(text, webhook.PublicKeyPrefix) {
			k, err = webhook.ParsePublicKey(text)
		} else {
			k, err = webhook.ParseSecret(text)
		}
		if err != nil {
			return nil, err // it quotes nothing of the secret
		}
		keys = append(keys, k)
	}
	return keys, nil
}

const (
	// closing bounds how long what is under way may take when listening ends.
	closing = 10 * time.Second
	// headersWithin bounds how long a sender may take for its headers.
	headersWithin = 10 * time.Second
)

// Run receives until ctrl-C.
func (c *webhookListenCmd) Run(ctx context.Context, s *Server, out *Output) (err error) {
	keys, err := verifiers(c.Secret)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	r := &webhookReceiver{json: s.JSON, out: out, keys: keys, status: c.Status, left: c.Count, enough: enough, seen: map[string]int{}}
	server := &http.Server{Handler: r, ReadHeaderTimeout: headersWithin, ReadTimeout: time.Minute}
	served := make(chan error, 1)
	r.hold() // until it knows what to verify with
	go func() { served <- server.Serve(l) }()
	defer func() {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		if stop := server.Shutdown(bound); stop != nil {
			_ = server.Close()
		}
	}()
	if c.Register {
		remove, err := c.register(ctx, s, out, r, "http://"+l.Addr().String()+"/")
		if err != nil {
			r.release()
			return err
		}
		defer func() { err = errors.Join(err, remove()) }()
	}
	r.release()
	fmt.Fprintf(out.Stderr, "Listening on http://%s; ctrl-C ends it.\n", l.Addr())
	if c.Test {
		if err := c.test(ctx, s, r.endpoint); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		return err
	}
}

// register makes an endpoint, whose secret it adds to what the receiver verifies
// with, and returns how to delete it.
func (c *webhookListenCmd) register(ctx context.Context, s *Server, out *Output, r *webhookReceiver, address string) (remove func() error, err error) {
	if c.At != "" {
		address = c.At
	}
	if _, err := s.connect(ctx); err != nil {
		return nil, err
	}
	org, err := s.organizationID(ctx, c.Org)
	if err != nil {
		return nil, explained(s, err)
	}
	made, err := s.webhooks().CreateWebhookEndpoint(ctx, &rollcallv1.CreateWebhookEndpointRequest{
		Url: address, EventTypes: c.Type, OrganizationId: org, Description: "rollcall webhook listen",
	})
	if err != nil {
		err, invalid := explained(s, err), connect.CodeOf(err) == connect.CodeInvalidArgument
		if invalid && c.At == "" {
			err = fmt.Errorf("%w Start the server with --webhook-insecure, or give the https address of a tunnel with --at", err)
		}
		return nil, err
	}
	id := made.GetEndpoint().GetId()
	remove = func() error {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		if _, err := s.webhooks().DeleteWebhookEndpoint(bound, &rollcallv1.DeleteWebhookEndpointRequest{Id: id}); err != nil && connect.CodeOf(err) != connect.CodeNotFound {
			return fmt.Errorf("the endpoint %s is left behind; delete it with \"rollcall webhook delete\": %w", id, explained(s, err))
		}
		return nil
	}
	secret, err := webhook.ParseSecret(made.GetSecret())
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	r.keys, r.endpoint = append(r.keys, secret), id
	fmt.Fprintf(out.Stderr, "Registered %s at %s until this ends.\n", printable(id), printable(address))
	return remove, nil
}

func (c *webhookListenCmd) test(ctx context.Context, s *Server, endpoint string) error {
	_, err := s.webhooks().TestWebhookEndpoint(ctx, &rollcallv1.TestWebhookEndpointRequest{Id: endpoint})
	return explained(s, err)
}

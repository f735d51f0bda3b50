package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/natslog/gate"
	"github.com/rollcallhq/rollcall/pkg/published"
	"github.com/rollcallhq/rollcall/services/projector"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

// natsClientFlags say where NATS clients that read events are let in.
type natsClientFlags struct {
	NatsListen    string `help:"Address for NATS clients that read events with a credential of \"rollcall nats create\"; none if empty." placeholder:"HOST:PORT" env:"ROLLCALL_NATS_LISTEN"`
	NatsTLSCert   string `help:"PEM file of the certificate for NATS clients." name:"nats-tls-cert" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_NATS_TLS_CERT"`
	NatsTLSKey    string `help:"PEM file of its key." name:"nats-tls-key" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_NATS_TLS_KEY"`
	NatsPlaintext bool   `help:"Let NATS clients in without TLS from other machines too. Events are personal data." env:"ROLLCALL_NATS_PLAINTEXT"`
}

func (f *natsClientFlags) validate() error {
	if (f.NatsTLSCert == "") != (f.NatsTLSKey == "") {
		return errors.New("--nats-tls-cert and --nats-tls-key go together")
	}
	if f.NatsListen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(f.NatsListen); err != nil {
		return fmt.Errorf("--nats-listen must be host:port: %w", err)
	}
	if f.NatsTLSCert == "" && !f.NatsPlaintext && !embedded.Loopback(f.NatsListen) {
		return errors.New("--nats-listen is open to other machines: give --nats-tls-cert and --nats-tls-key, or --nats-plaintext if something else encrypts")
	}
	return nil
}

// identity reads the certificate; nil if there is none.
func (f *natsClientFlags) identity() (*tls.Config, error) {
	if f.NatsListen == "" || f.NatsTLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.NatsTLSCert, f.NatsTLSKey)
	if err != nil {
		return nil, fmt.Errorf("read the certificate for NATS clients: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// natsClients is a gate as the API sees it.
type natsClients struct{ *gate.Gate }

// NewKey implements api.NATS.
func (natsClients) NewKey() (seed, public string, err error) { return gate.NewKey() }

// openGate lets NATS clients in, if the flags say where.
func openGate(ctx context.Context, s *stack, out *output, f natsClientFlags, server *embedded.Server, js jetstream.JetStream, p *projector.Projector) (api.NATS, error) {
	if f.NatsListen == "" {
		return nil, nil
	}
	g := gate.New(gate.Config{
		Server: server, JetStream: js, Prefix: directory.PrefixNATSCredential, Logger: s.log,
		List: func(ctx context.Context) ([]gate.Reader, error) { return readers(ctx, p) },
	})
	s.push(g.Stop)
	if err := g.Start(ctx); err != nil {
		return nil, err
	}
	fmt.Fprintf(out.stdout, "NATS clients are let in at %s\n", server.Addr())
	return natsClients{g}, nil
}

// readers are those whom the read model has credentials of.
func readers(ctx context.Context, p *projector.Projector) ([]gate.Reader, error) {
	var list []gate.Reader
	err := p.Read(ctx, func(v directory.View) error {
		var failed error
		if err := v.Scan(directory.Make(directory.TableNATSCredential), "", func(_ directory.Key, row directory.Row) bool {
			r, ok := row.(*directory.NATSCredential)
			if !ok {
				failed = fmt.Errorf("the row of a NATS credential is a %T", row)
				return false
			}
			filter := published.Filter{Organization: r.Organization}
			for _, t := range r.EventTypes {
				filter.Types = append(filter.Types, public.Type(t))
			}
			subjects, err := filter.Subjects()
			if err != nil {
				failed = fmt.Errorf("the NATS credential %s: %w", r.ID, err)
				return false
			}
			list = append(list, gate.Reader{ID: r.ID, PublicKey: r.PublicKey, Subjects: subjects, Start: r.Start})
			return true
		}); err != nil {
			return err
		}
		return failed
	})
	return list, err
}

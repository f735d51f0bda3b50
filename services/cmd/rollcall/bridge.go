package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/bridge"
)

// bridgeFlags say what is forwarded to a broker, and how to be let in there.
type bridgeFlags struct {
	BridgeTo            string   `help:"Broker to forward public events to: amqp://host:5672/vhost?exchange=name, kafka://host:9092,host:9092/topic or nats://host:4222/prefix; amqps and tls for TLS. Without user and password." placeholder:"URL" env:"ROLLCALL_BRIDGE_TO"`
	BridgeName          string   `help:"Name of the bridge's position; processes with the same name stand in for each other." default:"default" env:"ROLLCALL_BRIDGE_NAME"`
	BridgeTypes         []string `help:"Patterns of the event types to forward; all if empty." placeholder:"PATTERN" env:"ROLLCALL_BRIDGE_TYPES"`
	BridgeOrganizations []string `help:"Organizations whose events to forward; all if empty." placeholder:"ORG" env:"ROLLCALL_BRIDGE_ORGANIZATIONS"`
	BridgeFromNow       bool     `help:"Begin a new bridge with what happens from now on, not with all that is kept." env:"ROLLCALL_BRIDGE_FROM_NOW"`
	BridgeUser          string   `help:"User at the broker." env:"ROLLCALL_BRIDGE_USER"`
	BridgePasswordFile  string   `help:"File with its password." type:"existingfile" placeholder:"FILE" env:"ROLLCALL_BRIDGE_PASSWORD_FILE"`
	BridgeSasl          string   `help:"SASL mechanism for Kafka: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512." name:"bridge-sasl" enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" env:"ROLLCALL_BRIDGE_SASL"`
	BridgeCreds         string   `help:"NATS credentials file for the broker." type:"existingfile" placeholder:"FILE" env:"ROLLCALL_BRIDGE_CREDS"`
	BridgeTLS           bool     `help:"Use TLS with Kafka; for the others the URL says so." name:"bridge-tls" env:"ROLLCALL_BRIDGE_TLS"`
	BridgeCA            string   `help:"PEM file of the authorities to trust at the broker; the system's if empty." name:"bridge-ca" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_BRIDGE_CA"`
	BridgeCert          string   `help:"PEM file of our certificate for the broker." type:"existingfile" placeholder:"FILE" env:"ROLLCALL_BRIDGE_CERT"`
	BridgeKey           string   `help:"PEM file of its key." type:"existingfile" placeholder:"FILE" env:"ROLLCALL_BRIDGE_KEY"`
}

// target reads the password: a file, so that it is neither in a list of
// processes nor in a configuration that is shown around.
func (f *bridgeFlags) target() (bridge.Target, error) {
	t := bridge.Target{
		URL: f.BridgeTo, User: f.BridgeUser, SASL: f.BridgeSasl, CredsFile: f.BridgeCreds,
		TLS: f.BridgeTLS, CAFile: f.BridgeCA, CertFile: f.BridgeCert, KeyFile: f.BridgeKey,
	}
	if f.BridgePasswordFile != "" {
		b, err := os.ReadFile(f.BridgePasswordFile)
		if err != nil {
			return t, fmt.Errorf("read the broker's password: %w", err)
		}
		t.Password = strings.TrimRight(string(b), "\r\n")
	}
	return t, nil
}

// startBridge starts a bridge over connections that connect opens.
func startBridge(ctx context.Context, s *stack, f bridgeFlags, metrics *prometheus.Registry, connect func() (*nats.Conn, error)) error {
	target, err := f.target()
	if err != nil {
		return err
	}
	b, err := bridge.New(bridge.Config{
		Name: f.BridgeName, Connect: connect, Target: target, Types: f.BridgeTypes, Organizations: f.BridgeOrganizations,
		FromNow: f.BridgeFromNow, Logger: s.log,
	})
	if err != nil {
		return err
	}
	b.Register(metrics)
	s.push(b.Stop)
	return b.Start(ctx)
}

// bridgeCmd runs one bridge.
type bridgeCmd struct {
	httpFlags
	natsFlags
	bridgeFlags
}

// Validate is called by kong.
func (c *bridgeCmd) Validate() error {
	if c.BridgeTo == "" {
		return errors.New("--bridge-to is required: the broker to forward events to")
	}
	return c.validate()
}

// Help is called by kong.
func (*bridgeCmd) Help() string {
	return `Every public event is sent to the broker at least once, in order, and counts as sent when the broker has
confirmed it. While the broker is away the bridge waits; it goes on where it was, also after a restart.

AMQP gets persistent messages on a durable topic exchange ("rollcall" if the URL names none), with the event's
type as routing key and its id as message-id. Kafka gets records keyed by resource. NATS gets messages on
<prefix>.<organization>.<directory>.<type>, for which a stream must be there, with the id as Nats-Msg-Id.`
}

// Run forwards events.
func (c *bridgeCmd) Run(ctx context.Context, out *output) (err error) {
	s := &stack{log: out.log}
	defer func() { err = errors.Join(err, s.stop()) }()
	ext, err := connect(ctx, s, c.natsFlags, "bridge")
	if err != nil {
		return err
	}
	metrics := newRegistry()
	srv, base, err := startWeb(out, c.httpFlags, metrics, ext.log.Check)
	if err != nil {
		return err
	}
	if err := startBridge(ctx, s, c.bridgeFlags, metrics, func() (*nats.Conn, error) {
		options := append(natslog.ConnectOptions(), nats.Name("rollcall bridge"))
		if c.NatsCreds != "" {
			options = append(options, nats.UserCredentials(c.NatsCreds))
		}
		return nats.Connect(c.NatsURL, options...)
	}); err != nil {
		return err
	}
	return s.serve(ctx, out, srv, base())
}

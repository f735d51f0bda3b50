package harness

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// NewNATS starts an operator's NATS server with its store in a folder of the
// test.
func NewNATS(t testing.TB, secrets *Secrets) *Process {
	t.Helper()
	store := t.TempDir()
	p := newProcess(t, "nats", NATS(t), secrets, func(addr string) []string {
		host, port := split(addr)
		if port == "0" {
			port = "-1"
		}
		return []string{"-host", host, "-port", port, "-store", store}
	})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// Connect opens a client's connection to a NATS server, closed with the test.
func Connect(t testing.TB, addr string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("nats://"+addr, natslog.ConnectOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

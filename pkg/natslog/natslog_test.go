package natslog_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	mib      = 1 << 20
	patience = time.Minute // a busy machine is not a failure
)

// start runs an embedded server on dir until the test or stop ends it.
func start(t testing.TB, dir string, limit int64) (js jetstream.JetStream, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir, StoreLimit: limit, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		nc.Close()
		if err := server.Close(); err != nil {
			t.Errorf("stop the server: %v", err)
		}
	}
	t.Cleanup(stop)
	return client(t, nc), stop
}

func client(t testing.TB, nc *nats.Conn) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// partition is a log that also takes raw bytes.
type partition struct {
	*natslog.Log
	js     jetstream.JetStream
	number int
}

func (p partition) AppendRaw(ctx context.Context, b []byte) (uint64, error) {
	ack, err := p.js.Publish(ctx, natslog.Subject(p.number), b)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

func open(t testing.TB, js jetstream.JetStream, number int, opts natslog.Options) partition {
	t.Helper()
	if opts.AppendTimeout == 0 {
		opts.AppendTimeout = patience
	}
	log, err := natslog.Open(t.Context(), js, number, opts)
	if err != nil {
		t.Fatal(err)
	}
	return partition{log, js, number}
}

func ensure(t testing.TB, js jetstream.JetStream, c natslog.Config) {
	t.Helper()
	if err := natslog.Ensure(t.Context(), js, c); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	logtest.Run(t, func(t *testing.T) eventlog.Log {
		js, _ := start(t, t.TempDir(), 1<<30)
		ensure(t, js, natslog.Config{})
		return open(t, js, 0, natslog.Options{})
	})
}

// TestConformanceSole runs the suite on logs that answer Tail by themselves.
func TestConformanceSole(t *testing.T) {
	t.Parallel()
	logtest.Run(t, func(t *testing.T) eventlog.Log {
		js, _ := start(t, t.TempDir(), 1<<30)
		ensure(t, js, natslog.Config{})
		return open(t, js, 0, natslog.Options{Sole: true})
	})
}

// TestConformancePartitions runs the suite on partitions that share one stream,
// written to at the same time.
func TestConformancePartitions(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 1<<30)
	ensure(t, js, natslog.Config{})
	t.Run("partition", func(t *testing.T) {
		var number atomic.Int64
		logtest.Run(t, func(t *testing.T) eventlog.Log {
			return open(t, js, int(number.Add(1)), natslog.Options{})
		})
	})
}

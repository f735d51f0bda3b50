package natslog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

func config(t *testing.T, js jetstream.JetStream, name string) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().Config
}

func TestShares(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(natslog.Sizes{Log: 600, Events: 200, Attempts: 100, Requests: 50}, natslog.Shares(1000)); diff != "" {
		t.Errorf("shares of 1000 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(natslog.Sizes{}, natslog.Shares(0)); diff != "" {
		t.Errorf("shares of nothing (-want +got):\n%s", diff)
	}
	const disk = 1 << 40
	s := natslog.Shares(disk)
	if sum := s.Log + s.Events + s.Attempts + s.Requests; s.Requests != 2<<30 || sum > disk/100*95 {
		t.Errorf("of a large disk the sync log takes %d bytes, all streams %d", s.Requests, sum)
	}
}

// TestEnsure creates the streams, meets them again, and brings a stream that
// somebody changed back.
func TestEnsure(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 1<<30)
	sizes := natslog.Shares(1 << 30)
	ensure(t, js, natslog.Config{Sizes: sizes})
	for name, want := range map[string]struct {
		subjects []string
		bytes    int64
		discard  jetstream.DiscardPolicy
		direct   bool
		atomic   bool
		purge    bool
		trimmed  bool
	}{
		natslog.LogStream:      {[]string{"log.*"}, sizes.Log, jetstream.DiscardNew, false, false, true, false},
		natslog.EventsStream:   {[]string{"events.>", "endpoint.>"}, sizes.Events, jetstream.DiscardOld, true, true, false, false},
		natslog.AttemptsStream: {[]string{"attempts.*"}, sizes.Attempts, jetstream.DiscardNew, false, false, false, false},
		natslog.RequestsStream: {[]string{"requests.>"}, sizes.Requests, jetstream.DiscardOld, true, true, false, true},
	} {
		c := config(t, js, name)
		if diff := cmp.Diff(want.subjects, c.Subjects); diff != "" {
			t.Errorf("%s subjects (-want +got):\n%s", name, diff)
		}
		if c.MaxBytes != want.bytes || c.Discard != want.discard || c.AllowDirect != want.direct || c.AllowAtomicPublish != want.atomic {
			t.Errorf("%s is defined as %+v", name, c)
		}
		if c.Storage != jetstream.FileStorage || c.Retention != jetstream.LimitsPolicy || c.Compression != jetstream.NoCompression || c.MaxMsgs != -1 {
			t.Errorf("%s may lose messages: %+v", name, c)
		}
		if trimmed := c.MaxAge == natslog.RequestsAge && c.MaxMsgsPerSubject == natslog.RequestsPerDirectory; trimmed != want.trimmed || !trimmed && (c.MaxAge != 0 || c.MaxMsgsPerSubject != -1) {
			t.Errorf("%s is trimmed after %s, or at %d messages a subject", name, c.MaxAge, c.MaxMsgsPerSubject)
		}
		if c.DenyDelete == want.trimmed || c.DenyPurge != want.purge {
			t.Errorf("%s denies delete %t and purge %t", name, c.DenyDelete, c.DenyPurge)
		}
	}
	before := config(t, js, natslog.EventsStream)
	// An installation from before the sync log gets it at its next start, and one
	// whose bounds were moved gets them back.
	if err := js.DeleteStream(t.Context(), natslog.RequestsStream); err != nil {
		t.Fatal(err)
	}
	ensure(t, js, natslog.Config{Sizes: sizes})
	requests := config(t, js, natslog.RequestsStream)
	loose := requests
	loose.MaxAge, loose.MaxMsgsPerSubject = 0, -1
	if _, err := js.UpdateStream(t.Context(), loose); err != nil {
		t.Fatal(err)
	}
	ensure(t, js, natslog.Config{Sizes: sizes})
	changed := before
	changed.MaxAge, changed.MaxMsgs, changed.Metadata = time.Hour, 7, map[string]string{"owner": "ops"}
	if _, err := js.UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	// Bounds that trade places need room made first.
	ensure(t, js, natslog.Config{Sizes: natslog.Sizes{Log: sizes.Events, Events: sizes.Log, Attempts: sizes.Attempts}})
	after := config(t, js, natslog.EventsStream)
	if after.MaxAge != 0 || after.MaxMsgs != -1 || after.MaxBytes != sizes.Log {
		t.Errorf("EVENTS is now %+v", after)
	}
	if diff := cmp.Diff(requests, config(t, js, natslog.RequestsStream), cmpopts.IgnoreFields(jetstream.StreamConfig{}, "MaxBytes")); diff != "" {
		t.Errorf("REQUESTS was not brought back (-want +got):\n%s", diff)
	}
	if after.Metadata["owner"] != "ops" {
		t.Errorf("what the operator added is gone: %v", after.Metadata)
	}
	ensure(t, js, natslog.Config{})
	if got := config(t, js, natslog.LogStream).MaxBytes; got != -1 {
		t.Errorf("without a bound LOG has %d", got)
	}
}

// TestLogIsImmutable holds the promise that nobody deletes from LOG.
func TestLogIsImmutable(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 1<<30)
	ensure(t, js, natslog.Config{})
	log := open(t, js, 0, natslog.Options{})
	logtest.Fill(t, log, eventlog.Position{}, 3)
	stream, err := js.Stream(t.Context(), natslog.LogStream)
	if err != nil {
		t.Fatal(err)
	}
	loose := stream.CachedInfo().Config
	loose.DenyDelete, loose.DenyPurge = false, false
	for name, act := range map[string]func() error{
		"delete":        func() error { return stream.DeleteMsg(t.Context(), 2) },
		"secure delete": func() error { return stream.SecureDeleteMsg(t.Context(), 2) },
		"purge":         func() error { return stream.Purge(t.Context()) },
		"loosen":        func() error { _, err := js.UpdateStream(t.Context(), loose); return err },
	} {
		if err := act(); err == nil {
			t.Errorf("LOG let somebody %s", name)
		}
	}
	// A smaller bound than what is stored drops nothing.
	ensure(t, js, natslog.Config{Sizes: natslog.Sizes{Log: 100}})
	if got := logtest.Read(t, log, eventlog.Position{}); len(got) != 3 {
		t.Errorf("LOG holds %d frames, want 3", len(got))
	}
	if err := log.Check(t.Context()); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("the check of a full LOG answers %v", err)
	}
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]jetstream.StreamConfig{
		"not stored in files": {Storage: jetstream.MemoryStorage},
		"retention":           {Retention: jetstream.WorkQueuePolicy},
		"copies":              {Sources: []*jetstream.StreamSource{{Name: "OTHER"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js, _ := start(t, t.TempDir(), 1<<30)
			c.Name, c.Subjects = natslog.LogStream, []string{"log.*"}
			if _, err := js.CreateStream(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if err := natslog.Ensure(t.Context(), js, natslog.Config{}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("Ensure answers %v, want a refusal that says %q", err, name)
			}
		})
	}
	t.Run("a small message limit", func(t *testing.T) {
		t.Parallel()
		s := external(t, server.Options{MaxPayload: 1 << 20})
		if err := natslog.Ensure(t.Context(), client(t, dial(t, s)), natslog.Config{}); err == nil || !strings.Contains(err.Error(), "max_payload: 8MB") {
			t.Errorf("Ensure answers %v, want a sentence that says what to set", err)
		}
	})
	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		s := external(t, server.Options{MaxPayload: natslog.MinPayload})
		nc := dial(t, s)
		s.Shutdown()
		eventually(t, "the client notices", func() bool { return !nc.IsConnected() })
		if err := natslog.Ensure(t.Context(), client(t, nc), natslog.Config{}); !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("Ensure answers %v, want ErrUnavailable", err)
		}
	})
	t.Run("no room", func(t *testing.T) {
		t.Parallel()
		js, _ := start(t, t.TempDir(), 64*mib)
		if err := natslog.Ensure(t.Context(), js, natslog.Config{Sizes: natslog.Shares(1 << 30)}); err == nil || !strings.Contains(err.Error(), "define the stream") {
			t.Errorf("Ensure answers %v, want a refusal that names the stream", err)
		}
	})
	t.Run("no room for the sync log", func(t *testing.T) {
		t.Parallel()
		js, _ := start(t, t.TempDir(), 64*mib)
		sizes := natslog.Shares(64 * mib)
		sizes.Requests = 64 * mib
		if err := natslog.Ensure(t.Context(), js, natslog.Config{Sizes: sizes}); err != nil {
			t.Errorf("without a sync log Rollcall does not start: %v", err)
		}
		if _, err := js.Stream(t.Context(), natslog.RequestsStream); !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("looking for REQUESTS answers %v", err)
		}
		if got := config(t, js, natslog.AttemptsStream).MaxBytes; got != sizes.Attempts {
			t.Errorf("ATTEMPTS has %d bytes", got)
		}
		ensure(t, js, natslog.Config{Sizes: natslog.Shares(64 * mib)})
		config(t, js, natslog.RequestsStream)
	})
	t.Run("open without a stream", func(t *testing.T) {
		t.Parallel()
		js, _ := start(t, t.TempDir(), 64*mib)
		if _, err := natslog.Open(t.Context(), js, 0, natslog.Options{}); !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("Open answers %v, want ErrUnavailable", err)
		}
		if _, err := natslog.Open(t.Context(), js, -1, natslog.Options{}); err == nil {
			t.Error("partition -1 was opened")
		}
	})
}

// external runs a server that listens on a port of its own.
func external(t *testing.T, o server.Options) *server.Server {
	t.Helper()
	o.Host, o.JetStream, o.NoLog, o.NoSigs = "127.0.0.1", true, true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	s, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not accept connections")
	}
	return s
}

func dial(t *testing.T, s *server.Server) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL(), natslog.ConnectOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestTrimEvents drops what is older than a time, and never the last event.
func TestTrimEvents(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 1<<30)
	ensure(t, js, natslog.Config{})
	if err := natslog.TrimEvents(t.Context(), js, time.Now()); err != nil {
		t.Errorf("trim an empty stream: %v", err)
	}
	stream, err := js.Stream(t.Context(), natslog.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	var stored []time.Time
	for i := range 10 {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("events.org_%d.-.created", i), []byte("x")); err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetMsg(t.Context(), uint64(i)+1)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, m.Time)
	}
	for _, test := range []struct {
		before time.Time
		first  uint64
	}{
		{stored[0].Add(-time.Hour), 1},
		{stored[0], 1},
		{stored[4], 5},
		{stored[4], 5},
		{stored[9].Add(time.Hour), 10},
		{stored[9].Add(time.Hour), 10},
	} {
		if err := natslog.TrimEvents(t.Context(), js, test.before); err != nil {
			t.Fatal(err)
		}
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s := info.State; s.FirstSeq != test.first || s.LastSeq != 10 || info.State.Consumers != 0 {
			t.Errorf("after trimming before %s the events are %d to %d, with %d consumers; want from %d", test.before, s.FirstSeq, s.LastSeq, s.Consumers, test.first)
		}
	}
}

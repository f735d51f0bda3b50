package natslog_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// positionOf returns the position behind b, stored at seq behind at.
func positionOf(t *testing.T, at eventlog.Position, seq uint64, b []byte) eventlog.Position {
	t.Helper()
	f, err := frame.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return at.After(seq, frame.Sum(b), f.Events())
}

// fill appends frames of 256 KiB until one is refused.
func fill(t *testing.T, log eventlog.Log, at eventlog.Position) (eventlog.Position, error) {
	t.Helper()
	for range 1000 {
		b := incompressible(at, 256<<10)
		seq, err := log.Append(t.Context(), at, b)
		if err != nil {
			return at, err
		}
		at = positionOf(t, at, seq, b)
	}
	t.Fatal("the log took 250 MiB")
	return at, nil
}

// TestFullStream fills LOG up to its own bound.
func TestFullStream(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 64*mib)
	ensure(t, js, natslog.Config{Sizes: natslog.Sizes{Log: 8 * mib}})
	full(t, open(t, js, 0, natslog.Options{}), func() {
		ensure(t, js, natslog.Config{Sizes: natslog.Sizes{Log: 16 * mib}})
	})
}

// TestFullServer fills the server's store with another stream's messages and
// LOG without a bound.
func TestFullServer(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 64*mib)
	ensure(t, js, natslog.Config{})
	for range 16 {
		if _, err := js.Publish(t.Context(), "events.-.-.x", make([]byte, 2*mib)); err != nil {
			t.Fatal(err)
		}
	}
	log := open(t, js, 0, natslog.Options{StoreLimit: 64 * mib})
	if err := log.Check(t.Context()); err != nil {
		t.Errorf("with half the store free: %v", err)
	}
	at, err := fill(t, log, eventlog.Position{})
	if !errors.Is(err, eventlog.ErrFull) {
		t.Fatalf("a full server answers %v, want ErrFull", err)
	}
	if err := log.Check(t.Context()); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("the check of a full server answers %v, want ErrFull", err)
	}
	if got := logtest.Read(t, log, eventlog.Position{}); uint64(len(got)) != at.Index {
		t.Errorf("read %d frames of a full log, %d were acked", len(got), at.Index)
	}
}

func full(t *testing.T, log partition, room func()) {
	t.Helper()
	if err := log.Check(t.Context()); err != nil {
		t.Errorf("an empty log: %v", err)
	}
	at, err := fill(t, log, eventlog.Position{})
	if !errors.Is(err, eventlog.ErrFull) {
		t.Fatalf("a full log answers %v, want ErrFull", err)
	}
	if err := log.Check(t.Context()); !errors.Is(err, eventlog.ErrFull) {
		t.Errorf("the check of a full log answers %v, want ErrFull", err)
	}
	if got := logtest.Read(t, log, eventlog.Position{}); uint64(len(got)) != at.Index {
		t.Errorf("read %d frames of a full log, %d were acked", len(got), at.Index)
	}
	room()
	logtest.Append(t, log, at, logtest.Frame(at, "after more room", 1))
	if err := log.Check(t.Context()); err != nil {
		t.Errorf("with more room: %v", err)
	}
}

// TestUnknown publishes where nobody answers: the outcome is not known.
func TestUnknown(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 64*mib)
	// A stream of the right name that does not take the subject.
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natslog.LogStream, Subjects: []string{"elsewhere"}}); err != nil {
		t.Fatal(err)
	}
	log := open(t, js, 0, natslog.Options{AppendTimeout: 50 * time.Millisecond, Sole: true})
	b := logtest.Frame(eventlog.Position{}, "x", 1)
	if _, err := log.Append(t.Context(), eventlog.Position{}, b); !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("without a responder: %v, want ErrUnknown", err)
	}
	sub, err := js.Conn().SubscribeSync(natslog.Subject(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), eventlog.Position{}, b); !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("without an answer: %v, want ErrUnknown", err)
	}
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	// What goes over the wire is part of the promise: the fence, on the exact
	// subject, and nothing for the duplicate window.
	if got := m.Header.Get("Nats-Expected-Last-Subject-Sequence"); got != "0" {
		t.Errorf("the expectation on the wire is %q", got)
	}
	for _, name := range []string{"Nats-Expected-Last-Subject-Sequence-Subject", "Nats-Msg-Id"} {
		if got := m.Header.Get(name); got != "" {
			t.Errorf("%s is on the wire: %q", name, got)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := log.Append(ctx, eventlog.Position{}, b); !errors.Is(err, eventlog.ErrUnknown) {
		t.Errorf("a caller that gave up is told %v, want ErrUnknown", err)
	}
	if _, err := log.Append(ctx, eventlog.Position{}, b); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("a caller that had given up before is told %v, want ErrUnavailable", err)
	}
}

// TestSoleAsksAfterUnknown holds that a sole writer's Tail counts a frame whose
// ack was lost.
func TestSoleAsksAfterUnknown(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 64*mib)
	ensure(t, js, natslog.Config{})
	log := open(t, js, 0, natslog.Options{Sole: true})
	at := logtest.Fill(t, log, eventlog.Position{}, 2)[2]
	b := logtest.Frame(at, "without ack", 1)
	if _, err := log.AppendRaw(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if tail, err := log.Tail(t.Context()); tail != at.Seq || err != nil {
		t.Errorf("the tail is %d, %v; a sole writer answers with its last ack, %d", tail, err, at.Seq)
	}
	if _, err := log.Append(t.Context(), at, b); !errors.Is(err, eventlog.ErrConflict) {
		t.Errorf("the resend answers %v, want ErrConflict", err)
	}
	if tail, err := log.Tail(t.Context()); tail != at.Seq+1 || err != nil {
		t.Errorf("the tail after a conflict is %d, %v; want %d", tail, err, at.Seq+1)
	}
	// One that starts now knows the whole log.
	if tail, err := open(t, js, 0, natslog.Options{Sole: true}).Tail(t.Context()); tail != at.Seq+1 || err != nil {
		t.Errorf("the tail at a new start is %d, %v; want %d", tail, err, at.Seq+1)
	}
}

// TestServerTooSmall meets a server whose message limit was lowered after the
// streams were made.
func TestServerTooSmall(t *testing.T) {
	t.Parallel()
	s := external(t, server.Options{MaxPayload: mib})
	js := client(t, dial(t, s))
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: natslog.LogStream, Subjects: []string{"log.*"}}); err != nil {
		t.Fatal(err)
	}
	log := open(t, js, 0, natslog.Options{})
	var at eventlog.Position
	if _, err := log.Append(t.Context(), at, incompressible(at, 2*mib)); !errors.Is(err, eventlog.ErrTooLarge) {
		t.Errorf("a frame above the server's limit answers %v, want ErrTooLarge", err)
	}
	logtest.Append(t, log, at, logtest.Frame(at, "small", 1))
}

// TestRestart stops a server under a log and a reader, and starts it again.
// Nothing is lost and nothing comes twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := server.Options{MaxPayload: natslog.MinPayload, StoreDir: dir, SyncAlways: true}
	s := external(t, options)
	js := client(t, dial(t, s))
	ensure(t, js, natslog.Config{})
	log := open(t, js, 0, natslog.Options{AppendTimeout: time.Second})
	r, err := log.Open(t.Context(), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	read := make(chan eventlog.Entry)
	go func() {
		defer close(read)
		for {
			e, err := r.Next(ctx)
			switch {
			case err == nil:
				read <- e
			case !errors.Is(err, eventlog.ErrUnavailable):
				if ctx.Err() == nil {
					t.Errorf("the reader ends with %v", err)
				}
				return
			}
		}
	}()
	var at eventlog.Position
	for round := range 3 {
		for range 5 {
			b := logtest.Frame(at, "x", 1)
			seq := appendUntilKnown(ctx, t, log, at, b)
			at = positionOf(t, at, seq, b)
			if e := <-read; e.Position != at {
				t.Fatalf("round %d: read %+v, appended %+v", round, e.Position, at)
			}
		}
		options.Port = port(t, s.Addr())
		s.Shutdown()
		s.WaitForShutdown()
		if _, err := log.Append(ctx, at, logtest.Frame(at, "x", 1)); !errors.Is(err, eventlog.ErrUnavailable) && !errors.Is(err, eventlog.ErrUnknown) {
			t.Errorf("a stopped server answers %v", err)
		}
		if err := log.Check(ctx); !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("the check of a stopped server answers %v", err)
		}
		if _, err := log.Tail(ctx); !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("the tail of a stopped server is %v", err)
		}
		s = external(t, options)
	}
	cancel()
	for e := range read {
		t.Errorf("frame %d came unasked", e.Position.Index)
	}
}

// appendUntilKnown does what the port's doc asks of a caller.
func appendUntilKnown(ctx context.Context, t *testing.T, log eventlog.Log, at eventlog.Position, b []byte) uint64 {
	t.Helper()
	unknown := false
	for ctx.Err() == nil {
		seq, err := log.Append(ctx, at, b)
		switch {
		case err == nil:
			return seq
		case errors.Is(err, eventlog.ErrUnknown):
			unknown = true
		case errors.Is(err, eventlog.ErrUnavailable):
		case errors.Is(err, eventlog.ErrConflict) && unknown:
			if e := logtest.Read(t, log, at); len(e) == 1 {
				return e[0].Position.Seq
			}
			t.Fatal("a lone writer met a stranger")
		default:
			t.Fatalf("append: %v", err)
		}
	}
	t.Fatal("the log did not come back")
	return 0
}

// TestReplacedLog gives a reader another log under its feet: it must not go on.
func TestReplacedLog(t *testing.T) {
	t.Parallel()
	options := server.Options{MaxPayload: natslog.MinPayload}
	s := external(t, options)
	js := client(t, dial(t, s))
	ensure(t, js, natslog.Config{})
	log := open(t, js, 0, natslog.Options{})
	at := logtest.Fill(t, log, eventlog.Position{}, 3)[3]
	r, err := log.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := js.DeleteStream(t.Context(), natslog.LogStream); err != nil {
		t.Fatal(err)
	}
	ensure(t, js, natslog.Config{})
	other := logtest.Append(t, log, eventlog.Position{}, logtest.Frame(eventlog.Position{}, "another history", 1))
	logtest.Fill(t, log, other, 4)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		_, err := r.Next(ctx)
		if errors.Is(err, eventlog.ErrUnavailable) {
			continue
		}
		if m, ok := errors.AsType[*eventlog.MismatchError](err); !ok || m.Want != at {
			t.Errorf("another log reads as %v, want a MismatchError", err)
		}
		return
	}
}

// TestSlowReader leaves a reader alone until the server has forgotten its
// consumer, and deletes one under a waiting reader.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 64*mib)
	ensure(t, js, natslog.Config{})
	log := open(t, js, 0, natslog.Options{})
	r, err := log.Open(t.Context(), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	forget := func() {
		stream, err := js.Stream(t.Context(), natslog.LogStream)
		if err != nil {
			t.Fatal(err)
		}
		names := stream.ConsumerNames(t.Context())
		for name := range names.Name() {
			if err := stream.DeleteConsumer(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if err := names.Err(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	positions := logtest.Fill(t, log, eventlog.Position{}, 2)
	forget()
	for _, want := range positions[1:] {
		if e, err := r.Next(ctx); err != nil || e.Position != want {
			t.Fatalf("read %+v, %v; want %+v", e.Position, err, want)
		}
	}
	got := make(chan error, 1)
	go func() {
		e, err := r.Next(ctx)
		if err == nil && e.Position.Index != 3 {
			err = errors.New("it is not frame 3")
		}
		got <- err
	}()
	forget()
	logtest.Append(t, log, positions[2], logtest.Frame(positions[2], "x", 1))
	if err := <-got; err != nil {
		t.Errorf("after the consumer was deleted: %v", err)
	}
}

// TestReaderCleansUp holds that a closed reader leaves no consumer behind.
func TestReaderCleansUp(t *testing.T) {
	t.Parallel()
	js, _ := start(t, t.TempDir(), 64*mib)
	ensure(t, js, natslog.Config{})
	log := open(t, js, 0, natslog.Options{})
	stream, err := js.Stream(t.Context(), natslog.LogStream)
	if err != nil {
		t.Fatal(err)
	}
	consumers := func() int {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.State.Consumers
	}
	r, err := log.Open(t.Context(), eventlog.Position{})
	if err != nil {
		t.Fatal(err)
	}
	if got := consumers(); got != 1 {
		t.Errorf("an open reader has %d consumers, want 1", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no consumer is left", func() bool { return consumers() == 0 })
}

// TestDomain reads through an API prefix.
func TestDomain(t *testing.T) {
	t.Parallel()
	s := external(t, server.Options{MaxPayload: natslog.MinPayload, JetStreamDomain: "hub"})
	nc := dial(t, s)
	for name, make := range map[string]func(*nats.Conn) (jetstream.JetStream, error){
		"domain": func(nc *nats.Conn) (jetstream.JetStream, error) { return jetstream.NewWithDomain(nc, "hub") },
		"prefix": func(nc *nats.Conn) (jetstream.JetStream, error) { return jetstream.NewWithAPIPrefix(nc, "$JS.hub.API") },
	} {
		js, err := make(nc)
		if err != nil {
			t.Fatal(err)
		}
		ensure(t, js, natslog.Config{})
		log := open(t, js, len(name)%2, natslog.Options{})
		tail, err := log.Tail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var at eventlog.Position
		for _, e := range logtest.Read(t, log, at) {
			at = e.Position
		}
		if at.Seq != tail {
			t.Errorf("%s: read up to %d of %d", name, at.Seq, tail)
		}
		at = logtest.Append(t, log, at, logtest.Frame(at, name, 1))
		if got := logtest.Read(t, log, eventlog.Position{}); len(got) == 0 || got[len(got)-1].Position != at {
			t.Errorf("%s: read %d frames", name, len(got))
		}
	}
}

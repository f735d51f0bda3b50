package projector_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/services/projector"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit bounds every wait of these tests; it only passes when something is
// wrong.
const limit = time.Minute

// world is an embedded server with a log that has an environment, an
// organization and an enabled directory.
type world struct {
	*directorytest.World
	js    jetstream.JetStream
	log   *natslog.Log
	at    eventlog.Position
	scope directory.Scope
	dir   string // for read models
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{World: directorytest.NewWorld(), js: js, dir: t.TempDir()}
	if err := natslog.Ensure(t.Context(), js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	if w.log, err = natslog.Open(t.Context(), js, 0, natslog.Options{}); err != nil {
		t.Fatal(err)
	}
	w.Must(t, directory.Bootstrap{SecretHash: make([]byte, 32), SecretSuffix: "abcd", Public: []byte{1}, Sealed: []byte{2}})
	w.scope = w.Directory(t, w.Organization(t, "acme", "acme.example"))
	w.append(t, w.Log)
	return w
}

// append stores events as one commit in one frame.
func (w *world) append(t *testing.T, list []events.Event) {
	t.Helper()
	w.at = logtest.Append(t, w.log, w.at, frame.Encode(frame.Frame{
		Header: w.at.Next(), Commits: []frame.Commit{{Command: fmt.Sprint("c", w.at.Index), Events: list}},
	}))
}

// do decides the commands and stores what they cause in one frame.
func (w *world) do(t *testing.T, commands ...directory.Command) {
	t.Helper()
	from := len(w.Log)
	for _, c := range commands {
		w.Must(t, c)
	}
	w.append(t, w.Log[from:])
}

// users stores n new users in one frame and returns their ids.
func (w *world) users(t *testing.T, n int) []string {
	t.Helper()
	from := len(w.Log)
	ids := make([]string, n)
	for i := range n {
		name := fmt.Sprintf("u%d-%d@acme.example", w.LastID, i)
		ids[i] = directorytest.ID(w.Must(t, directory.CreateUser{Scope: w.scope, State: directorytest.User(name)}))
	}
	w.append(t, w.Log[from:])
	return ids
}

// path returns where a read model of a name lies.
func (w *world) path(name string) string { return filepath.Join(w.dir, name+".db") }

func (w *world) open(t *testing.T, name string, options ...func(*projector.Config)) *projector.Projector {
	t.Helper()
	c := projector.Config{Path: w.path(name), Log: w.log, JetStream: w.js}
	for _, o := range options {
		o(&c)
	}
	p, err := projector.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func (w *world) start(t *testing.T, name string, options ...func(*projector.Config)) *projector.Projector {
	t.Helper()
	p := w.open(t, name, options...)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// fold folds the whole log into the read model of a name and emits nothing.
func (w *world) fold(t *testing.T, name string) {
	t.Helper()
	p := w.open(t, name)
	if err := p.RunToEnd(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
}

func stop(t *testing.T, p *projector.Projector) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Errorf("stop the projector: %v", err)
	}
}

// message is what EVENTS holds, or must hold.
type message struct {
	Subject string
	Header  map[string]string
	Body    string
}

func (m message) number(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(m.Header[public.HeaderNumber], 10, 64)
	if err != nil {
		t.Fatalf("a message of EVENTS has the number %q", m.Header[public.HeaderNumber])
	}
	return n
}

func (m message) nats() *nats.Msg {
	out := &nats.Msg{Subject: m.Subject, Header: nats.Header{}, Data: []byte(m.Body)}
	for k, v := range m.Header {
		out.Header.Set(k, v)
	}
	return out
}

// want folds the log, without the projector, into the messages that EVENTS must
// hold in the end.
func (w *world) want(t *testing.T) []message {
	t.Helper()
	var out []message
	rows, environment, ordinal := directory.NewOverlay(directory.Empty{}), "", uint64(0)
	for _, e := range logtest.Read(t, w.log, eventlog.Position{}) {
		for _, c := range e.Frame.Commits {
			for _, ev := range c.Events {
				ordinal++
				if ev.Type == events.TypeEnvironmentCreated {
					environment = ev.Resource
				}
				due, err := announce.Fold(rows, ev, ordinal)
				if err != nil {
					continue // poison
				}
				for _, a := range due {
					body, err := a.Body(environment)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, message{
						Subject: projector.Subject(a.Organization, a.Directory, a.Type), Body: string(body),
						Header: map[string]string{
							public.HeaderEventID: a.Number.ID(), public.HeaderEventType: string(a.Type), public.HeaderOrganization: a.Organization,
							public.HeaderLogSeq: strconv.FormatUint(e.Position.Seq, 10), public.HeaderLogOrdinal: strconv.FormatUint(ordinal, 10), public.HeaderNumber: strconv.FormatUint(uint64(a.Number), 10),
						},
					})
				}
			}
		}
	}
	return out
}

// emitted reads all of EVENTS.
func (w *world) emitted(t *testing.T) []message {
	t.Helper()
	stream, err := w.js.Stream(t.Context(), natslog.EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.DeleteConsumer(context.Background(), consumer.CachedInfo().Name) }()
	left := int(consumer.CachedInfo().NumPending) //nolint:gosec // a count
	var out []message
	for left > 0 {
		batch, err := consumer.Fetch(min(left, 500), jetstream.FetchMaxWait(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for m := range batch.Messages() {
			got++
			header := map[string]string{}
			for k := range m.Headers() {
				if k != "Nats-Expected-Last-Sequence" && k != "Nats-Batch-Id" && k != "Nats-Batch-Sequence" && k != "Nats-Batch-Commit" {
					header[k] = m.Headers().Get(k)
				}
			}
			out = append(out, message{m.Subject(), header, string(m.Data())})
		}
		if err := batch.Error(); err != nil {
			t.Fatal(err)
		}
		left -= got
		if got == 0 {
			// What was pending may have been trimmed meanwhile.
			info, err := consumer.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			left = int(info.NumPending) //nolint:gosec // a count
		}
	}
	return out
}

// last returns the number of the last public event that is due.
func last(t *testing.T, ms []message) uint64 {
	t.Helper()
	if len(ms) == 0 {
		return 0
	}
	return ms[len(ms)-1].number(t)
}

// settled waits until the projector says that all of the log is in EVENTS, and
// holds EVENTS against what it must be: each event once, in order.
func (w *world) settled(t *testing.T, p *projector.Projector) {
	t.Helper()
	want := w.want(t)
	eventually(t, func() bool { return p.Emitted() >= last(t, want) }, "the projector's last event to be emitted")
	compare(t, w.emitted(t), want)
}

func compare(t *testing.T, got, want []message) {
	t.Helper()
	var before uint64
	for i, m := range got {
		n := m.number(t)
		if n <= before {
			t.Errorf("EVENTS does not rise at message %d: %d after %d", i+1, n, before)
		}
		before = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("EVENTS is not what the log says (-want +got):\n%.4000s", diff)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, holds func() bool, what string) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

// resetEvents empties EVENTS and stores the given messages.
func (w *world) resetEvents(t *testing.T, ms []message) {
	t.Helper()
	if err := w.js.DeleteStream(t.Context(), natslog.EventsStream); err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(t.Context(), w.js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	// One after the other: a stream that was just made may not answer the first, and
	// what is sent again would come behind what follows it.
	for _, m := range ms {
		if _, err := w.js.PublishMsg(t.Context(), m.nats()); err != nil {
			t.Fatal(err)
		}
	}
}

// copyFile puts a copy of a closed read model in another's place.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

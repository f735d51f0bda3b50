package delivery_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
	"github.com/rollcallhq/rollcall/services/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// user is the name and password for the server's port.
const user = "rollcall"

// patience bounds every wait for something that must happen. attemptLimit is
// longer, so that no attempt ends because the machine is busy: what a receiver
// does not answer stays under way for as long as a test looks.
const (
	patience     = 2 * time.Minute
	attemptLimit = 3 * time.Minute
)

const (
	userUpdated  = "organization.directory.user_updated"
	groupCreated = "organization.directory.group_created"
)

// world is a NATS server with the streams, a log with endpoints, and a client.
type world struct {
	t      testing.TB
	server *embedded.Server
	js     jetstream.JetStream
	log    *natslog.Log
	client *egress.Client
	path   string
	leases time.Duration // how long one of a worker that shares lives

	mu      sync.Mutex
	at      eventlog.Position
	secrets map[string]webhook.Secret
}

func newWorld(t testing.TB, sizes natslog.Sizes) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), StoreLimit: 1 << 30, Logger: slog.New(slog.DiscardHandler), Listen: "127.0.0.1:0", User: user, Password: user})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(ctx, js, natslog.Config{Sizes: sizes}); err != nil {
		t.Fatal(err)
	}
	log, err := natslog.Open(ctx, js, 0, natslog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, server: server, js: js, log: log, client: egress.NewClient(egress.Options{Insecure: true, Timeout: attemptLimit}),
		path: filepath.Join(t.TempDir(), "delivery.db"), secrets: map[string]webhook.Secret{},
		leases: leaseTTL,
	}
	t.Cleanup(w.client.Close)
	return w
}

// commit appends one frame and returns its sequence and the ordinal of its last
// event.
func (w *world) commit(evs ...events.Event) (seq, ordinal uint64) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	b := frame.Encode(frame.Frame{Header: w.at.Next(), Commits: []frame.Commit{{Command: "cmd", Events: evs}}})
	seq, err := w.log.Append(w.t.Context(), w.at, b)
	if err != nil {
		w.t.Fatal(err)
	}
	w.at = w.at.After(seq, frame.Sum(b), len(evs))
	return seq, w.at.Ordinal
}

func (w *world) event(e events.Event, p events.Payload) events.Event {
	w.t.Helper()
	e.ID, e.At, e.Actor = w.at.Ordinal+1, time.Now(), "system"
	e, err := events.New(e, p)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// endpoint creates an endpoint for all organizations.
func (w *world) endpoint(id, url string, types ...string) {
	w.t.Helper()
	w.endpointOf("", id, url, types...)
}

func (w *world) endpointOf(organization, id, url string, types ...string) {
	w.t.Helper()
	s, err := webhook.NewSecret([]byte(fmt.Sprintf("%-32s", id)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.secrets[id] = s
	w.mu.Unlock()
	w.commit(w.event(events.Event{Organization: organization, Resource: id, Revision: 1}, events.WebhookEndpointCreated{
		WebhookEndpointConfig: events.WebhookEndpointConfig{URL: url, EventTypes: types, Enabled: true}, WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: seal(s.Text())},
	}))
}

// configure changes an endpoint.
func (w *world) configure(id, url string, enabled bool, types ...string) {
	w.t.Helper()
	w.commit(w.event(events.Event{Resource: id, Revision: 2}, events.WebhookEndpointUpdated{
		WebhookEndpointConfig: events.WebhookEndpointConfig{URL: url, EventTypes: types, Enabled: enabled},
	}))
}

// Sealing is pkg/seal's; here it only has to be something that must be undone.
func seal(text string) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte(text))) }

func unseal(b []byte) ([]byte, error) { return base64.StdEncoding.DecodeString(string(b)) }

// published is an event in EVENTS.
type published struct {
	seq      uint64
	id, body string
}

// publish causes n events about resources in the log and appends them to EVENTS.
func (w *world) publish(organization, typ string, resources ...string) []published {
	w.t.Helper()
	caused := make([]events.Event, len(resources))
	for i, r := range resources {
		caused[i] = w.event(events.Event{Type: "user.updated.v1", Organization: organization, Resource: r}, events.UserUpdated{})
	}
	seq, ordinal := w.commit(caused...)
	return w.emit(organization, typ, seq, ordinal-uint64(len(resources)), resources...)
}

// emit appends to EVENTS what was caused by the frame at seq, whose events begin
// behind ordinal.
func (w *world) emit(organization, typ string, seq, ordinal uint64, resources ...string) []published {
	w.t.Helper()
	return w.store(caused(organization, typ, seq, ordinal, resources...)...)
}

// caused returns the messages of what was caused by the frame at seq, whose events
// begin behind ordinal.
func caused(organization, typ string, seq, ordinal uint64, resources ...string) (ms []*nats.Msg) {
	for _, r := range resources {
		ordinal++
		id := fmt.Sprintf("evt_%018d", ordinal*10_000)
		ms = append(ms, &nats.Msg{
			Subject: "events." + strings.ReplaceAll("-"+organization, "-org", "org") + ".-." + typ,
			Data:    fmt.Appendf(nil, `{"spec_version":"1","id":%q,"type":%q,"object":"DirectoryUser","data":{"id":%q,"version":%d}}`, id, typ, r, ordinal),
			Header: nats.Header{
				"Rollcall-Event-Id": {id}, "Rollcall-Event-Type": {typ}, "Rollcall-Organization": {organization},
				"Rollcall-Log-Seq": {strconv.FormatUint(seq, 10)}, "Rollcall-Log-Ordinal": {strconv.FormatUint(ordinal, 10)},
			},
		})
	}
	return ms
}

// store appends messages to EVENTS.
func (w *world) store(ms ...*nats.Msg) (out []published) {
	w.t.Helper()
	var futures []jetstream.PubAckFuture
	for _, m := range ms {
		f, err := w.js.PublishMsgAsync(m)
		if err != nil {
			w.t.Fatal(err)
		}
		futures = append(futures, f)
		out = append(out, published{id: m.Header.Get("Rollcall-Event-Id"), body: string(m.Data)})
	}
	for i, f := range futures {
		select {
		case ack := <-f.Ok():
			out[i].seq = ack.Sequence
		case err := <-f.Err():
			w.t.Fatal(err)
		}
	}
	return out
}

func resources(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s_%d", prefix, i)
	}
	return list
}

// worker starts a worker that is stopped with the test, unless it ended before.
func (w *world) worker(change ...func(*delivery.Config)) *delivery.Worker {
	w.t.Helper()
	cfg := delivery.Config{
		Path: w.path, Log: w.log, JetStream: w.js, Unseal: unseal, Client: w.client, Version: "1.2.3", Logger: slog.New(slog.DiscardHandler),
		Ladder: ladder(w.t, "0s,100ms,200ms,300ms"),
	}
	for _, c := range change {
		c(&cfg)
	}
	d, err := delivery.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := d.Start(ctx); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			w.t.Errorf("stop: %v", err)
		}
	})
	return d
}

func ladder(t testing.TB, text string) webhook.Ladder {
	t.Helper()
	l, err := webhook.ParseLadder(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func withLadder(t testing.TB, text string) func(*delivery.Config) {
	l := ladder(t, text)
	return func(c *delivery.Config) { c.Ladder = l }
}

// rows folds what ATTEMPTS says of an endpoint's slot, as the next worker would.
func (w *world) rows(endpoint string) (attempts.Endpoint, []attempts.Delivery) {
	w.t.Helper()
	l, err := attemptlog.Open(w.t.Context(), w.js)
	if err != nil {
		w.t.Fatal(err)
	}
	state, place := attempts.NewState(), attempts.Place{}
	if _, err := l.Recover(w.t.Context(), attempts.SlotOf(endpoint), func(seq uint64, f attempts.Frame) (err error) {
		place, err = attempts.Apply(state, place, seq, f)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	row, _, _ := state.Endpoint(endpoint)
	return row, state.Deliveries(endpoint)
}

// request is a webhook that a receiver got.
type request struct {
	at        time.Time
	id, body  string
	timestamp string
	header    http.Header
	verified  error
	status    int // that it was answered with
}

// receiver is an endpoint's other side.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []request
	answer func(n int, r request) int // n counts from 1; 0 hangs
}

func (w *world) receiver(id string, answer func(n int, r request) int) *receiver {
	rc := &receiver{answer: answer}
	rc.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off
		}
		w.mu.Lock()
		s := w.secrets[id]
		w.mu.Unlock()
		q := request{at: time.Now(), id: r.Header.Get("webhook-id"), body: string(b), timestamp: r.Header.Get("webhook-timestamp"), header: r.Header}
		q.verified = webhook.Verify(q.id, q.timestamp, r.Header.Get("webhook-signature"), b, time.Now(), s)
		rc.mu.Lock()
		rc.got = append(rc.got, q)
		n, answer := len(rc.got), rc.answer
		rc.mu.Unlock()
		status := http.StatusOK
		if answer != nil {
			status = answer(n, q)
		}
		rc.mu.Lock()
		rc.got[n-1].status = status
		rc.mu.Unlock()
		if status == 0 {
			<-r.Context().Done()
			return
		}
		if status/100 == 3 {
			rw.Header().Set("Location", "/elsewhere")
		}
		rw.WriteHeader(status)
	}))
	w.t.Cleanup(rc.Close)
	return rc
}

func (rc *receiver) requests() []request {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return append([]request(nil), rc.got...)
}

func (rc *receiver) count() int {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return len(rc.got)
}

func (rc *receiver) set(answer func(n int, r request) int) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.answer = answer
}

// ids returns how often each webhook-id came.
func (rc *receiver) ids() map[string]int {
	m := map[string]int{}
	for _, r := range rc.requests() {
		m[r.id]++
	}
	return m
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond) // between looks at a condition
	}
}

func always(status int) func(int, request) int { return func(int, request) int { return status } }

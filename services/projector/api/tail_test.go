package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/attempts"
	"github.com/rollcallhq/rollcall/pkg/attempts/attemptlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

const tailPath = "/api/v1/webhook_attempts:tail"

// record is the real record of attempts, and a worker that writes it.
type record struct {
	t       *testing.T
	log     *attemptlog.Log
	writers map[int]*attemptlog.Writer
	indexes map[int]uint64
}

func startRecord(t *testing.T) *record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js := must(jetstream.New(nc))
	if err := natslog.Ensure(ctx, js, natslog.Config{}); err != nil {
		t.Fatal(err)
	}
	return &record{t: t, log: must(attemptlog.Open(ctx, js)), writers: map[int]*attemptlog.Writer{}, indexes: map[int]uint64{}}
}

// attempt stores frames of one attempt each.
func (r *record) attempt(list ...attempts.Record) {
	r.t.Helper()
	for _, a := range list {
		r.frame(a)
	}
}

// frame stores attempts of one slot together.
func (r *record) frame(list ...attempts.Record) {
	r.t.Helper()
	slot := attempts.SlotOf(list[0].Endpoint)
	if r.writers[slot] == nil {
		r.writers[slot] = must(r.log.Recover(r.t.Context(), slot, func(uint64, attempts.Frame) error { return nil }))
	}
	r.indexes[slot]++
	b, err := attempts.Encode(attempts.Frame{Header: attempts.Header{Slot: slot, Index: r.indexes[slot]}, Records: list})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.writers[slot].Append(r.t.Context(), b); err != nil {
		r.t.Fatal(err)
	}
}

func attempted(endpoint string, n uint64, kind string, outcome attempts.Outcome) attempts.Record {
	r := attempts.Record{
		Kind: attempts.KindAttempt, Endpoint: endpoint, Seq: n, EventID: fmt.Sprint("evt_", n), EventType: kind, Attempt: 1, Outcome: outcome,
		At: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), Duration: 12 * time.Millisecond, Status: 204,
		Detail: &attempts.Detail{DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 9 * time.Millisecond, Head: "Content-Type: text/plain", Body: "ok"},
	}
	if outcome != attempts.Delivered {
		r.Status, r.Error, r.Class, r.Detail = 0, "the receiver did not answer", "timeout", nil
	}
	if outcome == attempts.Failed {
		r.Due = r.At.Add(5 * time.Second)
	}
	return r
}

// reader reads server-sent events.
type reader struct {
	t    *testing.T
	in   *bufio.Scanner
	id   string
	stop func()
}

// sent is one event.
type sent struct{ name, id, data string }

func (s *server) tail(t *testing.T, token, query, after string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req := must(http.NewRequestWithContext(ctx, http.MethodGet, s.url+tailPath+query, http.NoBody))
	req.Header.Set("Authorization", "Bearer "+token)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := s.http1.Do(req) //nolint:bodyclose // stop closes it
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %d %s", query, res.StatusCode, b)
	}
	r := &reader{t: t, in: bufio.NewScanner(res.Body), stop: func() { cancel(); _ = res.Body.Close() }}
	t.Cleanup(r.stop)
	for r.id == "" { // until it says where it begins
		if e := r.next(); e.name != "" {
			t.Fatalf("the stream begins with %+v", e)
		}
	}
	return r
}

// next returns the next block, an event or what only moves the id.
func (r *reader) next() sent {
	r.t.Helper()
	var e sent
	for r.in.Scan() {
		name, value, _ := strings.Cut(r.in.Text(), ": ")
		switch name {
		case "":
			if r.in.Text() == "" {
				return e
			}
		case "event":
			e.name = value
		case "id":
			e.id, r.id = value, value
		case "data":
			e.data = value
		}
	}
	r.t.Fatalf("the stream ends: %v", r.in.Err())
	return e
}

// event returns the next block that is an event.
func (r *reader) event() sent {
	r.t.Helper()
	for {
		if e := r.next(); e.name != "" {
			return e
		}
	}
}

// events returns the ids of the next n attempts' events.
func (r *reader) events(n int) []string {
	r.t.Helper()
	var ids []string
	for range n {
		e := r.event()
		if e.name != "attempt" {
			r.t.Fatalf("%+v among attempts", e)
		}
		ids = append(ids, str(decode(r.t, []byte(e.data)), "event_id"))
	}
	return ids
}

func (s *server) endpoint(t *testing.T, org string) string {
	t.Helper()
	return str(s.ok(t, 201, "POST", "/api/v1/webhook_endpoints", `{"url":"https://a.example/hook","organization_id":"`+org+`"}`), "endpoint", "id")
}

func TestTail(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	s := startWith(t, func(c *api.Config) { c.Attempts = rec.log }, func(http.Handler) {})
	org, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	a, b, free := s.endpoint(t, org), s.endpoint(t, other), s.endpoint(t, "")
	_, _, confined := s.client(t, `{"name":"acme","scopes":["read"],"organization_id":"`+org+`"}`)
	rec.attempt(attempted(a, 1, "organization.created", attempts.Delivered)) // before anybody reads

	readers := map[string]*reader{
		"all":       s.tail(t, s.token, "", ""),
		"endpoint":  s.tail(t, s.token, "?endpoint_id="+b, ""),
		"org":       s.tail(t, s.token, "?organization_id="+other, ""),
		"confined":  s.tail(t, confined, "?organization_id="+org, ""),
		"its own":   s.tail(t, confined, "?organization_id="+org+"&endpoint_id="+a, ""),
		"types":     s.tail(t, s.token, "?event_types=organization.directory.*&event_types=organization.created", ""),
		"retrying":  s.tail(t, s.token, "?status=RETRYING", ""),
		"delivered": s.tail(t, s.token, "?status=DELIVERED&endpoint_id="+free, ""),
	}
	rec.attempt(
		attempted(a, 2, "organization.created", attempts.Failed),
		attempted(b, 3, "organization.directory.user_created", attempts.Dead),
		attempted(free, 4, "organization.updated", attempts.Delivered),
		attempted(a, 5, "organization.created", attempts.Delivered),
		attempted(b, 6, "organization.created", attempts.Failed),
		attempted(free, 7, "organization.updated", attempts.Delivered),
	)
	for name, want := range map[string][]string{
		"all": {"evt_2", "evt_3", "evt_4", "evt_5", "evt_6", "evt_7"}, "endpoint": {"evt_3", "evt_6"}, "org": {"evt_3", "evt_6"},
		"confined": {"evt_2", "evt_5"}, "its own": {"evt_2", "evt_5"}, "types": {"evt_2", "evt_3", "evt_5", "evt_6"},
		"retrying": {"evt_2", "evt_6"}, "delivered": {"evt_4", "evt_7"},
	} {
		if diff := cmp.Diff(want, readers[name].events(len(want))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTail_shape(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	s := startWith(t, func(c *api.Config) { c.Attempts = rec.log }, func(http.Handler) {})
	ep := s.endpoint(t, "")
	r := s.tail(t, s.token, "", "")
	rec.attempt(attempted(ep, 9, "organization.created", attempts.Delivered), attempted(ep, 10, "organization.created", attempts.Failed))
	want := map[string]any{
		"id": "evt_9.9", "event_id": "evt_9", "event_type": "organization.created", "endpoint_id": ep, "status": "DELIVERED", "attempts": 1.0,
		"last_attempt_time": "2026-03-01T08:00:00Z", "last_status_code": 204.0, "last_error": "",
		"attempt_log": []any{map[string]any{
			"attempt": 1.0, "time": "2026-03-01T08:00:00Z", "duration_ms": 12.0, "status_code": 204.0, "error": "",
			"dns_us": 1000.0, "connect_us": 2000.0, "tls_us": 3000.0, "first_byte_us": 9000.0, "replay_id": "",
			"response_headers": []any{map[string]any{"name": "Content-Type", "value": "text/plain"}}, "response_body": "ok",
		}},
	}
	if diff := cmp.Diff(want, decode(t, []byte(r.event().data))); diff != "" {
		t.Errorf("a delivered one (-want +got):\n%s", diff)
	}
	failed := decode(t, []byte(r.event().data))
	if str(failed, "status") != "RETRYING" || str(failed, "next_attempt_time") != "2026-03-01T08:00:05Z" || str(failed, "attempt_log", 0, "error") == "" {
		t.Errorf("a failed one: %v", failed)
	}
}

// A reader that comes back with the last id goes on where it was, in the middle of
// a frame as well, and hears of a place that there is no more.
func TestTail_resume(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	s := startWith(t, func(c *api.Config) { c.Attempts = rec.log }, func(http.Handler) {})
	ep := s.endpoint(t, "")
	r := s.tail(t, s.token, "", "")
	began := r.id
	r.stop()
	rec.frame(attempted(ep, 1, "organization.created", attempts.Delivered), attempted(ep, 2, "organization.created", attempts.Delivered), attempted(ep, 3, "organization.created", attempts.Delivered))
	rec.attempt(attempted(ep, 4, "organization.created", attempts.Delivered))
	r = s.tail(t, s.token, "", began)
	if diff := cmp.Diff([]string{"evt_1", "evt_2"}, r.events(2)); diff != "" {
		t.Errorf("what came since it left (-want +got):\n%s", diff)
	}
	r.stop()
	if r = s.tail(t, s.token, "?endpoint_id="+ep, r.id); !cmp.Equal(r.events(2), []string{"evt_3", "evt_4"}) {
		t.Error("the rest of a frame is not told")
	}
	if e := s.tail(t, s.token, "", "900.0").event(); e.name != "skipped" || e.data != `{"attempts":0}` {
		t.Errorf("a place that there is not: %+v", e)
	}
}

func TestTail_refusals(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	s := startWith(t, func(c *api.Config) { c.Attempts = rec.log }, func(http.Handler) {})
	org, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	foreign := s.endpoint(t, other)
	_, _, confined := s.client(t, `{"name":"acme","scopes":["read"],"organization_id":"`+org+`"}`)
	_, _, writer := s.client(t, `{"name":"writer","scopes":["write"]}`)
	for name, tt := range map[string]struct {
		method, token, query, after string
		status                      int
		says                        string
	}{
		"no token":                       {"GET", "", "", "", 401, "token"},
		"another method":                 {"POST", s.token, "", "", 405, "method"},
		"without the scope":              {"GET", writer, "", "", 403, `"read"`},
		"confined, of nobody":            {"GET", confined, "", "", 403, "organization_id must name it"},
		"confined, of another":           {"GET", confined, "?organization_id=" + other, "", 404, "There is no organization"},
		"confined, another's endpoint":   {"GET", confined, "?organization_id=" + org + "&endpoint_id=" + foreign, "", 404, "There is no webhook endpoint"},
		"an endpoint that there is not":  {"GET", s.token, "?endpoint_id=whe_1", "", 404, "There is no webhook endpoint"},
		"a misspelt filter":              {"GET", s.token, "?endpoint=whe_1", "", 400, "There is no parameter"},
		"a filter twice":                 {"GET", s.token, "?status=DEAD&status=DEAD", "", 400, "more than once"},
		"a status without attempts":      {"GET", s.token, "?status=PENDING", "", 400, "no attempt yet"},
		"an unknown status":              {"GET", s.token, "?status=LOST", "", 400, "status"},
		"a type that cannot be":          {"GET", s.token, "?event_types=A!", "", 400, "is no event type"},
		"a place that cannot be":         {"GET", s.token, "", "1.-1", 400, "Last-Event-ID"},
		"a place that nobody would give": {"GET", s.token, "", "99999999999999999999.0", 400, "Last-Event-ID"},
	} {
		status, m := s.callAs(t, tt.token, tt.method, tailPath+tt.query, "", "Last-Event-ID", tt.after)
		if text := str(m, "message"); status != tt.status || !strings.Contains(text, tt.says) || strings.Contains(text, "Globex") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	bare := start(t)
	if status, _ := bare.call(t, "GET", tailPath, ""); status != 501 {
		t.Errorf("without a record: %d", status)
	}
}

// Every client may read eight at a time, and whoever leaves makes room.
func TestTail_bound(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	s := startWith(t, func(c *api.Config) { c.Attempts = rec.log }, func(http.Handler) {})
	var open []*reader
	for range 8 {
		open = append(open, s.tail(t, s.token, "", ""))
	}
	if status, m := s.call(t, "GET", tailPath, ""); status != 429 || !strings.Contains(str(m, "message"), "limit") {
		t.Fatalf("the ninth: %d %v", status, m)
	}
	_, _, another := s.client(t, `{"name":"another","scopes":["read"]}`)
	s.tail(t, another, "", "")
	open[0].stop()
	for { // the server hears of it when it does
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		req := must(http.NewRequestWithContext(ctx, http.MethodGet, s.url+tailPath, http.NoBody))
		req.Header.Set("Authorization", "Bearer "+s.token)
		res, err := s.http1.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		cancel()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
}

// What a reader does not hear of, it is told: the number is exact.
func TestTail_slow(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	slow := &slowRecord{record: rec.log, begin: make(chan struct{})}
	s := startWith(t, func(c *api.Config) { c.Attempts = slow }, func(h http.Handler) { api.HastenTails(h, time.Hour, 10) })
	ep, quiet := s.endpoint(t, ""), s.endpoint(t, "")
	r := s.tail(t, s.token, "?endpoint_id="+ep, "")
	const all = 200
	for i := range uint64(all) {
		rec.attempt(attempted(ep, i+1, "organization.created", attempts.Delivered))
		if i%10 == 0 {
			rec.attempt(attempted(quiet, i+1, "organization.created", attempts.Delivered)) // nobody asked for
		}
	}
	close(slow.begin)
	heard, missed, last := 0, 0, ""
	for last != fmt.Sprint("evt_", all) {
		switch e := r.event(); e.name {
		case "attempt":
			heard++
			last = str(decode(t, []byte(e.data)), "event_id")
		case "skipped":
			var n struct{ Attempts int }
			if err := json.Unmarshal([]byte(e.data), &n); err != nil || n.Attempts == 0 {
				t.Errorf("%+v", e)
			}
			missed += n.Attempts
		}
	}
	if heard+missed != all || missed < all/2 {
		t.Errorf("%d heard, %d left out of %d", heard, missed, all)
	}
}

// slowRecord hands out nothing but where reading begins until it may.
type slowRecord struct {
	record api.Attempts
	begin  chan struct{}
}

func (r *slowRecord) Tail(ctx context.Context, endpoint string, from uint64, each func(attemptlog.Tailed) error) error {
	return r.record.Tail(ctx, endpoint, from, func(f attemptlog.Tailed) error {
		err := each(f)
		select {
		case <-r.begin:
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
		return err
	})
}

// A tail ends with its token, with its client, and when the server stops, and says
// so.
func TestTail_end(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	stopping := make(chan struct{})
	s := startWith(t, func(c *api.Config) { c.Attempts, c.Stopping = rec.log, stopping }, func(h http.Handler) { api.HastenTails(h, 10*time.Millisecond, 1000) })
	lasting := s.tail(t, s.token, "", "")
	id, _, token := s.client(t, `{"name":"gone","scopes":["read"]}`)
	gone := s.tail(t, token, "", "")
	if e := gone.next(); e.name != "" || e.id == "" {
		t.Errorf("a beat: %+v", e)
	}
	s.ok(t, 200, "DELETE", "/api/v1/api_clients/"+id, "")
	if e := gone.event(); e.name != "end" || !strings.Contains(e.data, "UNAUTHENTICATED") {
		t.Errorf("the client was deleted: %+v", e)
	}
	close(stopping)
	if e := lasting.event(); e.name != "end" || !strings.Contains(e.data, "stopping") {
		t.Errorf("the server stops: %+v", e)
	}
}

func TestTail_expiry(t *testing.T) {
	t.Parallel()
	rec := startRecord(t)
	s := startWith(t, func(c *api.Config) { c.Attempts = rec.log }, func(h http.Handler) { api.HastenTails(h, 10*time.Millisecond, 1000) })
	r := s.tail(t, s.token, "", "")
	s.clockMu.Lock()
	s.ahead = 25 * time.Hour
	s.clockMu.Unlock()
	if e := r.event(); e.name != "end" || !strings.Contains(e.data, "expired") {
		t.Errorf("the token ends: %+v", e)
	}
}

package delivery_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/services/delivery"
)

// settings changes an endpoint's settings; revisions rise by one.
func (w *world) settings(id, url string, change func(*events.WebhookEndpointUpdated)) {
	w.t.Helper()
	e := events.WebhookEndpointUpdated{WebhookEndpointConfig: events.WebhookEndpointConfig{URL: url, EventTypes: []string{"*"}, Enabled: true}}
	change(&e)
	w.commit(w.event(events.Event{Resource: id, Revision: 2}, e))
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	w.settings("whe_1", rc.URL, func(e *events.WebhookEndpointUpdated) { e.RateLimit = 20 })
	w.worker()
	w.publish("", userUpdated, resources("diruser", 60)...)
	until(t, "all arrive", func() bool { return rc.count() >= 60 })
	// A second's worth may come at once; the rest takes its time.
	got := rc.requests()
	if took := got[59].at.Sub(got[0].at); took < 1800*time.Millisecond {
		t.Errorf("60 attempts at 20 a second took %v", took)
	}
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	var mu sync.Mutex
	now, most := 0, 0
	rc := w.receiver("whe_1", func(int, request) int {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(10 * time.Millisecond) // a receiver at work
		mu.Lock()
		now--
		mu.Unlock()
		return http.StatusOK
	})
	w.endpoint("whe_1", rc.URL, "*")
	w.settings("whe_1", rc.URL, func(e *events.WebhookEndpointUpdated) { e.Concurrency = 3 })
	w.worker()
	w.publish("", userUpdated, resources("diruser", 60)...)
	until(t, "all arrive", func() bool { return rc.count() >= 60 })
	mu.Lock()
	defer mu.Unlock()
	if most != 3 {
		t.Errorf("%d attempts were in flight at once, want 3", most)
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(0))
	w.endpoint("whe_1", rc.URL, "*")
	w.settings("whe_1", rc.URL, func(e *events.WebhookEndpointUpdated) { e.TimeLimit, e.Ladder = 1000, "0s,10ms" })
	w.worker()
	w.publish("", userUpdated, "diruser_1")
	until(t, "the last attempt is recorded", func() bool {
		row, _ := w.rows("whe_1")
		return row.Dead == 1
	})
	_, rows := w.rows("whe_1")
	if len(rows) != 1 || rows[0].Attempts != 2 || rows[0].Class != "timeout" || rows[0].Duration >= attemptLimit {
		t.Errorf("the delivery is %+v, want two attempts of a second, by the endpoint's own ladder and limit", rows)
	}
}

// TestUnordered says that without an order a delivery that fails holds up no
// other of its resource.
func TestUnordered(t *testing.T) {
	t.Parallel()
	for _, ordering := range []string{directory.OrderingResource, directory.OrderingNone} {
		t.Run(ordering, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, natslog.Sizes{})
			var first string
			rc := w.receiver("whe_1", func(n int, r request) int {
				if n == 1 {
					first = r.id
				}
				if r.id == first && n < 6 {
					return http.StatusInternalServerError
				}
				return http.StatusOK
			})
			w.endpoint("whe_1", rc.URL, "*")
			w.settings("whe_1", rc.URL, func(e *events.WebhookEndpointUpdated) { e.Ordering = ordering })
			w.worker(withLadder(t, "0s,500ms,10ms,10ms,10ms,10ms"))
			sent := w.publish("", userUpdated, "diruser_1", "diruser_1", "diruser_1", "diruser_1")
			until(t, "all arrive", func() bool { return len(rc.ids()) == 4 && rc.ids()[sent[0].id] >= 2 })
			var order []string
			for _, r := range rc.requests() {
				order = append(order, r.id)
			}
			second := slices.Index(order, sent[1].id)
			again := slices.Index(order[1:], sent[0].id) + 1
			if before := second < again; before != (ordering == directory.OrderingNone) {
				t.Errorf("the order is %v", order)
			}
		})
	}
}

// TestSlowResource says that deliveries about others go on while an attempt
// about one hangs.
func TestSlowResource(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	release := make(chan struct{})
	defer close(release)
	slow := ""
	rc := w.receiver("whe_1", func(_ int, r request) int {
		if strings.Contains(r.body, `"diruser_slow"`) && slow == "" {
			slow = r.id
			<-release
		}
		return http.StatusOK
	})
	w.endpoint("whe_1", rc.URL, "*")
	w.worker()
	w.publish("", userUpdated, resources("warm", 20)...) // the window grows
	until(t, "the first arrive", func() bool { return rc.count() == 20 })
	sent := w.publish("", userUpdated, append([]string{"diruser_slow", "diruser_slow", "diruser_slow"}, resources("diruser", 20)...)...)
	until(t, "the others arrive", func() bool { return len(rc.ids()) == 41 })
	if n := rc.ids()[sent[1].id]; n != 0 {
		t.Errorf("a later event of the slow resource came %d times before the first was taken", n)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", nil)
	w.endpoint("whe_1", rc.URL, "*")
	w.settings("whe_1", rc.URL, func(e *events.WebhookEndpointUpdated) {
		e.Headers = []events.WebhookHeader{
			{Name: "authorization", SealedValue: seal("Bearer mine")},
			{Name: "X-Two", SealedValue: seal("a")},
			{Name: "X-Two", SealedValue: seal("b")},
			{Name: "webhook-id", SealedValue: seal("forged")},
		}
	})
	w.worker()
	sent := w.publish("", userUpdated, "diruser_1")
	until(t, "it arrives", func() bool { return rc.count() == 1 })
	got := rc.requests()[0]
	if got.header.Get("Authorization") != "Bearer mine" || !slices.Equal(got.header.Values("X-Two"), []string{"a", "b"}) || got.id != sent[0].id || got.verified != nil {
		t.Errorf("the attempt has the headers %v", got.header)
	}
}

// TestRotation says that a replaced secret counts until its time, and that both
// schemes can be used at once.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	key, err := webhook.NewPrivateKey([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	next, err := webhook.NewSecret([]byte(strings.Repeat("n", 32)))
	if err != nil {
		t.Fatal(err)
	}
	rotate := func(id, url string, until time.Time) {
		w.endpoint(id, url, "*")
		w.commit(w.event(events.Event{Resource: id, Revision: 2}, events.WebhookEndpointSecretChanged{
			WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: seal(next.Text()), SealedKey: seal(key.Text()), PublicKey: key.Public().Bytes()},
			FormerUntil:        &until,
		}))
		w.settings(id, url, func(e *events.WebhookEndpointUpdated) { e.Signatures = []string{"v1", "v1a"} })
	}
	during, after := w.receiver("whe_1", nil), w.receiver("whe_2", nil)
	end := time.Now().Add(time.Second)
	rotate("whe_1", during.URL, end.Add(time.Hour))
	rotate("whe_2", after.URL, end)
	w.worker()
	verify := func(q request, k webhook.Verifier) error {
		return webhook.Verify(q.id, q.timestamp, q.header.Get("webhook-signature"), []byte(q.body), time.Now(), k)
	}
	check := func(rc *receiver, id string, signatures int) {
		t.Helper()
		until(t, "it arrives", func() bool { return rc.ids()[id] == 1 })
		all := rc.requests()
		got := all[len(all)-1]
		former := got.verified == nil
		if former != (signatures == 3) || verify(got, next) != nil || verify(got, key.Public()) != nil || len(strings.Fields(got.header.Get("webhook-signature"))) != signatures {
			t.Errorf("the signatures are %q, want %d", got.header.Get("webhook-signature"), signatures)
		}
	}
	check(during, w.publish("", userUpdated, "diruser_1")[0].id, 3)
	until(t, "the overlap ends", func() bool { return time.Now().After(end) })
	// The worker runs, and signed for the endpoint before.
	last := w.publish("", userUpdated, "diruser_1")[0].id
	check(after, last, 2)
	check(during, last, 3)
}

// commands keeps what a worker submits.
type commands struct {
	mu  sync.Mutex
	got []directory.Command
}

func (c *commands) submit(_ context.Context, cmd directory.Command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, cmd)
	return nil
}

func (c *commands) all() []directory.Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func TestGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(http.StatusGone))
	w.endpoint("whe_1", rc.URL, "*")
	var sent commands
	w.worker(func(c *delivery.Config) { c.Submit = sent.submit })
	w.publish("", userUpdated, "diruser_1")
	want := directory.DisableWebhookEndpoint{ID: "whe_1", Revision: 1, Reason: directory.BecauseGone}
	until(t, "the endpoint is to be disabled", func() bool { return slices.Contains(sent.all(), directory.Command(want)) })
}

// TestPatience warns of an endpoint that only fails, more urgently from time to
// time, and then disables it.
func TestPatience(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", always(http.StatusInternalServerError))
	w.endpoint("whe_1", rc.URL, "*")
	var sent commands
	const patience = 5 * time.Second
	w.worker(withLadder(t, strings.TrimSuffix(strings.Repeat("100ms,", 20), ",")), func(c *delivery.Config) {
		c.Patience, c.Circuit, c.Submit = patience, 2, func(ctx context.Context, cmd directory.Command) error {
			if warn, ok := cmd.(directory.WarnWebhookEndpoint); ok { // as the owner of the log would
				w.commit(w.event(events.Event{Resource: "whe_1", Revision: warn.Revision + 1}, warn.WebhookEndpointFailing))
			}
			return sent.submit(ctx, cmd)
		}
	})
	for range 3 {
		w.publish("", userUpdated, "diruser_1")
	}
	until(t, "the endpoint is to be disabled", func() bool {
		return slices.ContainsFunc(sent.all(), func(c directory.Command) bool { _, ok := c.(directory.DisableWebhookEndpoint); return ok })
	})
	var levels []int
	for _, c := range sent.all() {
		switch c := c.(type) {
		case directory.WarnWebhookEndpoint:
			if len(levels) == 0 || levels[len(levels)-1] != c.Level {
				levels = append(levels, c.Level)
			}
			if c.DisableAt.Sub(c.Since) != patience {
				t.Errorf("the warning is %+v", c)
			}
		case directory.DisableWebhookEndpoint:
			if c.Reason != directory.BecauseFailing {
				t.Errorf("the end is %+v", c)
			}
		}
	}
	// A machine that stands still for a second may leave one out.
	if len(levels) == 0 || !slices.IsSorted(levels) {
		t.Errorf("the warnings are %v, want 1 and 2", levels)
	}
}

func TestWarning(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, c := range []struct {
		failing time.Duration
		level   int
	}{{0, 0}, {2*day + 11*time.Hour, 0}, {2*day + 12*time.Hour, 1}, {4*day - time.Second, 1}, {4 * day, 2}, {5*day - time.Second, 2}} {
		if level := delivery.Warning(c.failing, 5*day); level != c.level {
			t.Errorf("after %v of five days the warning is %d, want %d", c.failing, level, c.level)
		}
	}
}

// TestRetryAfter says that an endpoint that asks to be left alone is.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, natslog.Sizes{})
	rc := w.receiver("whe_1", func(n int, _ request) int {
		if n == 1 {
			return http.StatusTooManyRequests
		}
		return http.StatusOK
	})
	rc.Config.Handler = retryAfter(rc.Config.Handler, "1")
	w.endpoint("whe_1", rc.URL, "*")
	w.worker()
	w.publish("", userUpdated, resources("diruser", 5)...)
	until(t, "all arrive", func() bool { return len(rc.ids()) == 5 && rc.count() >= 6 })
	got := rc.requests()
	if wait := got[1].at.Sub(got[0].at); wait < 900*time.Millisecond {
		t.Errorf("the next attempt of another delivery came after %v", wait)
	}
}

func retryAfter(h http.Handler, seconds string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", seconds)
		h.ServeHTTP(w, r)
	})
}

package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/test/harness"
)

// crowd is many receivers behind one port, told apart by path. It verifies
// nothing, so that the sender is what is measured.
type crowd struct {
	base string
	// took counts what was answered with 2xx, and held what is left without an
	// answer.
	took, held atomic.Int64
	// answer decides; nil answers everything with 204. Set before anything arrives.
	answer func(receiver int, p parcel) int
	// hung ends those that are held.
	hung chan struct{}
}

// hold is what answer says to leave a request without an answer.
const hold = 0

// parcel is a webhook as it arrived.
type parcel struct {
	id, resource string
	at           time.Time
	body         []byte
}

func newCrowd(b *testing.B, answer func(receiver int, p parcel) int) *crowd {
	b.Helper()
	c := &crowd{answer: answer, hung: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	c.base = "http://" + l.Addr().String() + "/"
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(c.serve)}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { close(c.hung); _ = srv.Close() })
	return c
}

func (c *crowd) serve(w http.ResponseWriter, q *http.Request) {
	at := time.Now()
	n, err := strconv.Atoi(strings.TrimPrefix(q.URL.Path, "/"))
	body, err2 := io.ReadAll(q.Body)
	if err != nil || err2 != nil {
		return // cut off: it comes again
	}
	status := http.StatusNoContent
	if c.answer != nil {
		status = c.answer(n, parcel{id: q.Header.Get("webhook-id"), resource: subject(body), at: at, body: body})
	}
	if status == hold {
		c.held.Add(1)
		select {
		case <-q.Context().Done():
		case <-c.hung:
		}
		return
	}
	if status/100 == 2 {
		c.took.Add(1)
	}
	w.WriteHeader(status)
}

// url is where a receiver listens.
func (c *crowd) url(receiver int) string { return c.base + strconv.Itoa(receiver) }

// subject returns the id of what an event is about: its data begin with it.
func subject(body []byte) string {
	_, rest, _ := bytes.Cut(body, []byte(`"data":{"id":"`))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

// closedPort is a URL behind which nothing listens.
func closedPort(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(b, err)
	defer func() { check(b, l.Close()) }()
	return "http://" + l.Addr().String() + "/"
}

// register creates endpoints as config says, some at a time, and returns their
// ids.
func register(b *testing.B, api *harness.API, n int, config func(i int) map[string]any) []string {
	b.Helper()
	ids := make([]string, n)
	var next atomic.Int64
	clientsUntilDone(16, func() bool {
		i := int(next.Add(1)) - 1
		if i >= n || b.Failed() {
			return false
		}
		res, err := api.Call(b.Context(), http.MethodPost, "/api/v1/webhook_endpoints", config(i))
		if err != nil || res.Status != http.StatusCreated {
			b.Errorf("an endpoint was not created: %d %v %s", res.Status, err, res.Body)
			return false
		}
		ids[i] = res.Text("endpoint.id")
		return true
	})
	if b.Failed() {
		b.FailNow()
	}
	return ids
}

// hire has n users created over SCIM and calls hired with the id of each and
// when that was answered. perSecond 0 is as fast as eight callers can.
func hire(b *testing.B, t *harness.Tenant, n, perSecond int, hired func(id string, at time.Time)) {
	b.Helper()
	create := func() {
		body := harness.User(fmt.Sprintf("hire%d@%s", hires.Add(1), t.Domain), nil)
		res, err := t.SCIM.Do(b.Context(), http.MethodPost, "/Users", body)
		at := time.Now()
		if err != nil || res.Status != http.StatusCreated {
			b.Errorf("a user was not created: %d %v %s", res.Status, err, res.Body)
			return
		}
		hired(res.Text("id"), at)
	}
	if perSecond == 0 {
		var next atomic.Int64
		clientsUntilDone(8, func() bool {
			if next.Add(1) > int64(n) || b.Failed() {
				return false
			}
			create()
			return true
		})
		return
	}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var wg sync.WaitGroup
	for range n {
		<-tick.C
		wg.Go(create)
	}
	wg.Wait()
}

// hires numbers the users that hire creates.
var hires atomic.Int64

// size is what an environment variable says, or a default.
func size(b *testing.B, variable string, byDefault int) int {
	b.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return byDefault
	}
	n, err := strconv.Atoi(s)
	check(b, err)
	return n
}

// recipients is what the receivers of a crowd got of what was sent since reset.
type recipients struct {
	mu       sync.Mutex
	answered map[string]time.Time   // when SCIM answered, by user
	arrived  map[string][]time.Time // when which webhook arrived, by user
}

func (r *recipients) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered, r.arrived = map[string]time.Time{}, map[string][]time.Time{}
}

func (r *recipients) hired(id string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered[id] = at
}

func (r *recipients) got(p parcel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrived != nil {
		r.arrived[p.resource] = append(r.arrived[p.resource], p.at)
	}
}

// count returns how many webhooks there are.
func (r *recipients) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range r.arrived {
		n += len(list)
	}
	return n
}

// last returns when the last webhook arrived.
func (r *recipients) last() (at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range r.arrived {
		if t := list[len(list)-1]; t.After(at) {
			at = t
		}
	}
	return at
}

// latencies are from SCIM answer to receipt; a webhook may overtake the answer.
func (r *recipients) latencies() (took []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, at := range r.answered {
		for _, t := range r.arrived[id] {
			took = append(took, max(t.Sub(at), 0))
		}
	}
	return took
}

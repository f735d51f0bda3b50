package harness

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// Delivery is one POST that a receiver verified.
type Delivery struct {
	ID   string // webhook-id
	Type string
	At   time.Time
	// Nth counts the POSTs with this id, from 1.
	Nth  int
	Body []byte
}

// Data returns what stands in the event's data at a path.
func (d Delivery) Data(path string) any {
	var e struct {
		Data any `json:"data"`
	}
	if json.Unmarshal(d.Body, &e) != nil {
		return nil
	}
	return At(e.Data, path)
}

// Receiver is an application's webhook handler. It verifies every signature and
// records every POST; one that cannot be verified fails the test.
type Receiver struct {
	URL string

	server *httptest.Server

	mu      sync.Mutex
	secrets []webhook.Verifier
	trusts  chan struct{} // closed with the first secret
	got     []Delivery
	times   map[string]int               // by id
	sums    map[string][sha256.Size]byte // by id
	lean    bool
	answer  func(Delivery) int
	seen    func(Delivery)
	refused []string
	changed chan struct{} // closed at the next delivery
}

// NewReceiver starts a receiver that answers 204. It ends with the test.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	r := &Receiver{times: map[string]int{}, sums: map[string][sha256.Size]byte{}, changed: make(chan struct{}), trusts: make(chan struct{})}
	r.server = httptest.NewServer(r)
	r.URL = r.server.URL + "/hook"
	t.Cleanup(func() {
		r.server.CloseClientConnections()
		r.server.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, s := range r.refused {
			t.Error("a webhook was refused by its receiver: " + s)
		}
	})
	return r
}

// Trust lets the receiver verify with one more secret.
func (r *Receiver) Trust(secret string) error {
	s, err := webhook.ParseSecret(secret)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.secrets) == 0 {
		close(r.trusts)
	}
	r.secrets = append(r.secrets, s)
	return nil
}

// Answer has the receiver answer with what f says; f may block.
func (r *Receiver) Answer(f func(Delivery) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// Lean has the receiver keep digests only and hand every delivery to seen.
func (r *Receiver) Lean(seen func(Delivery)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lean, r.seen = true, seen
}

// ServeHTTP takes one webhook.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, maxAnswer))
	if err != nil {
		return // the sender was killed; it will send again
	}
	// A webhook may be here before the answer that tells the endpoint's secret.
	select {
	case <-r.trusts:
	case <-q.Context().Done():
		return
	}
	now := time.Now()
	id := q.Header.Get(webhook.HeaderID)
	r.mu.Lock()
	err = webhook.Verify(id, q.Header.Get(webhook.HeaderTimestamp), q.Header.Get(webhook.HeaderSignature), body, now, r.secrets...)
	var e struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	if err == nil {
		err = json.Unmarshal(body, &e)
	}
	sum := sha256.Sum256(body)
	switch old, repeated := r.sums[id]; {
	case err != nil:
	case e.ID != id:
		err = fmt.Errorf("webhook-id %s on event %s", id, e.ID)
	case repeated && old != sum:
		err = fmt.Errorf("the repeat of %s has another body", id)
	}
	if err != nil {
		r.refused = append(r.refused, err.Error())
		r.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.times[id]++
	r.sums[id] = sum
	d := Delivery{ID: id, Type: e.Type, At: now, Nth: r.times[id], Body: body}
	if !r.lean {
		r.got = append(r.got, d)
	}
	answer, seen := r.answer, r.seen
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	if seen != nil {
		seen(d)
	}
	status := http.StatusNoContent
	if answer != nil {
		status = answer(d)
	}
	w.WriteHeader(status)
}

// Deliveries returns all POSTs so far, in order of arrival.
func (r *Receiver) Deliveries() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// Sums returns the digest of every event's body by its webhook-id, and how many
// POSTs were repeats.
func (r *Receiver) Sums() (sums map[string][sha256.Size]byte, repeats int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sums = make(map[string][sha256.Size]byte, len(r.sums))
	for id, s := range r.sums {
		sums[id] = s
		repeats += r.times[id] - 1
	}
	return sums, repeats
}

// Await waits until some delivery passes, and returns it.
func (r *Receiver) Await(t testing.TB, within time.Duration, what string, pass func(Delivery) bool) Delivery {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	for next := 0; ; {
		r.mu.Lock()
		got, changed := r.got, r.changed
		r.mu.Unlock()
		for ; next < len(got); next++ {
			if pass(got[next]) {
				return got[next]
			}
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("no webhook within %v: %s; got %d others", within, what, len(got))
		}
	}
}

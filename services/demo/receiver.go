package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// maxDelivery bounds the body of a webhook, in bytes.
const maxDelivery = 4 << 20

var (
	errForeignID = errors.New("the webhook-id is not the id in the body")
	errNotJSON   = errors.New("the body is not an event")
)

// receiver takes webhooks, as an application would.
type receiver struct {
	ledger *ledger
	secret atomic.Pointer[webhook.Secret] // nil until the endpoint is registered
	now    func() time.Time
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	at := r.now()
	if req.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxDelivery))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest) // the sender repeats what broke off
		return
	}
	id := req.Header.Get(webhook.HeaderID)
	secret := r.secret.Load()
	if secret == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if err := webhook.Verify(id, req.Header.Get(webhook.HeaderTimestamp), req.Header.Get(webhook.HeaderSignature), body, at, *secret); err != nil {
		r.refuse(w, id, err)
		return
	}
	var e envelope
	if json.Unmarshal(body, &e) != nil {
		r.refuse(w, id, errNotJSON)
		return
	}
	if e.ID != id {
		r.refuse(w, id, errForeignID)
		return
	}
	key, sight, err := look(e)
	if err != nil {
		r.refuse(w, id, errNotJSON)
		return
	}
	r.ledger.arrive(id, body, e, key, sight, at)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) refuse(w http.ResponseWriter, id string, err error) {
	r.ledger.reject(id, err)
	w.WriteHeader(http.StatusUnauthorized)
}

// listen serves the receiver on an address until stop is called, and returns
// the URL to register.
func (r *receiver) listen(ctx context.Context, address string) (url string, stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // ends with ErrServerClosed by stop
	}()
	return "http://" + l.Addr().String() + "/webhooks", func() {
		_ = s.Close()
		<-done
	}, nil
}

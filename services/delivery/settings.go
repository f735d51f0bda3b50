package delivery

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// signing is what an endpoint's attempts are signed with and carry, opened.
type signing struct {
	live    []webhook.Signer
	former  []former
	headers http.Header // the endpoint's own
	err     error
}

// former signs until a time.
type former struct {
	until   time.Time
	signers []webhook.Signer
}

var (
	errSealed = errors.New("the endpoint's signing secret cannot be opened; check the master key")
	errHeader = errors.New("the value of one of the endpoint's headers cannot be opened; check the master key or set the headers again")
	errSecret = errors.New("the endpoint's signing secret cannot be read; rotate it")
)

// signers returns what signs an attempt at the time now: the current keys, and
// those that were replaced not long ago.
func (e *endpoint) signers(unseal func([]byte) ([]byte, error), now time.Time) ([]webhook.Signer, error) {
	e.opened.Do(func() { e.signing = open(e.Endpoint, unseal) })
	if e.signing.err != nil {
		return nil, e.signing.err
	}
	all := slices.Clip(e.signing.live)
	for _, f := range e.signing.former {
		if now.Before(f.until) {
			all = append(all, f.signers...)
		}
	}
	return all, nil
}

func open(ep *directory.Endpoint, unseal func([]byte) ([]byte, error)) (s signing) {
	schemes := ep.Signatures
	if len(schemes) == 0 {
		schemes = []string{directory.SignatureHMAC}
	}
	if s.live, s.err = openKeys(ep.WebhookSigningKeys, schemes, unseal); s.err != nil {
		return s
	}
	s.headers = http.Header{}
	for _, h := range ep.Headers {
		value, err := unseal(h.SealedValue)
		if err != nil {
			s.err = errHeader
			return s
		}
		s.headers.Add(h.Name, string(value))
	}
	// The newest of those that were replaced comes first.
	for _, k := range slices.Backward(ep.Former) {
		signers, err := openKeys(k.WebhookSigningKeys, schemes, unseal)
		if err != nil {
			continue // what was replaced must not stop what replaced it
		}
		s.former = append(s.former, former{k.Until, signers})
	}
	return s
}

func openKeys(k events.WebhookSigningKeys, schemes []string, unseal func([]byte) ([]byte, error)) (signers []webhook.Signer, err error) {
	for _, scheme := range schemes {
		sealed := k.SealedSecret
		if scheme == directory.SignatureEd25519 {
			if sealed = k.SealedKey; len(sealed) == 0 {
				continue // it had none then
			}
		}
		text, err := unseal(sealed)
		if err != nil {
			return nil, errSealed
		}
		var signer webhook.Signer
		if scheme == directory.SignatureEd25519 {
			signer, err = webhook.ParsePrivateKey(string(text))
		} else {
			signer, err = webhook.ParseSecret(string(text))
		}
		if err != nil {
			return nil, errSecret
		}
		signers = append(signers, signer)
	}
	return signers, nil
}

// concurrency is how many attempts the endpoint may have in flight.
func (w *Worker) concurrency(ep *endpoint) int {
	if ep.Concurrency > 0 {
		return ep.Concurrency
	}
	return w.cfg.Concurrency
}

// ladder returns the endpoint's own ladder, or the worker's.
func (w *Worker) ladder(ep *endpoint) webhook.Ladder {
	if ep.ladder.Len() > 0 {
		return ep.ladder
	}
	return w.cfg.Ladder
}

// limiter returns what holds the endpoint's rate, nil without one. A second's
// worth may come at once.
func limiter(ep *endpoint) *rate.Limiter {
	if ep.RateLimit <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(ep.RateLimit), ep.RateLimit)
}

// ordered returns what keeps deliveries of a resource in order at the endpoint:
// nothing if it does not ask for that, nor for what is about the endpoint itself:
// a test event is to show how things are now, whatever became of an earlier one.
func ordered(ep *endpoint, resource string) string {
	if ep != nil && (ep.Ordering == directory.OrderingNone || resource == ep.ID) {
		return ""
	}
	return resource
}

// head adds the endpoint's own headers to ours. None takes the place of one of
// ours.
func (e *endpoint) head(ours http.Header) http.Header {
	for name, values := range e.signing.headers {
		if _, taken := ours[name]; !taken {
			ours[name] = values
		}
	}
	return ours
}

package demo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// Config says what to play, and where.
type Config struct {
	// URL is the server's base URL.
	URL                    string
	ClientID, ClientSecret string
	// Users and Groups are of both directories together.
	Users, Groups int
	// Rate is changes per second; 0 is as fast as the server answers.
	Rate        float64
	Concurrency int
	// Seed makes the same plan again; the names of a run differ all the same.
	Seed uint64
	// Timeout is how long webhooks may take after the last change.
	Timeout time.Duration
	// Receiver is the address on which webhooks are received.
	Receiver string
	// Progress, if set, is told several times a second how far things are. It
	// is never called twice at once.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Sent, Changes      int // changes
	Verified, Webhooks int
}

// Run plays the demo. Webhooks that are missing or wrong are no error: the
// report tells of them. An error means that the server refused something or
// could not be reached, and that nothing was shown either way.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	roll := mathrand.New(mathrand.NewPCG(cfg.Seed, 0)) //nolint:gosec // a plan that can be repeated
	changes := makePlan(roll.IntN, cfg.Users, cfg.Groups, cfg.Users)
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // nobody sets another
	transport.MaxIdleConnsPerHost = cfg.Concurrency + 1
	defer transport.CloseIdleConnections()
	s := &setup{api: &client{
		http: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		base: strings.TrimRight(cfg.URL, "/"), media: "application/json", agent: "rollcall-demo", counts: &counts{},
	}}
	if err := s.signIn(ctx, cfg.ClientID, cfg.ClientSecret); err != nil {
		return nil, err
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	run := hex.EncodeToString(b[:])
	domain := "demo-" + run + ".example"
	if err := s.organize(ctx, "Demo "+run, domain); err != nil {
		return nil, err
	}
	p := &player{changes: changes, ids: make([]string, things(changes)), ledger: newLedger()}
	if err := p.connect(ctx, s, domain); err != nil {
		return nil, err
	}
	r := &receiver{ledger: p.ledger, now: time.Now}
	url, stop, err := r.listen(ctx, cfg.Receiver)
	if err != nil {
		return nil, fmt.Errorf("the webhook receiver cannot listen on %s: %w", cfg.Receiver, err)
	}
	defer stop()
	secret, err := s.subscribe(ctx, url)
	if err != nil {
		return nil, err
	}
	r.secret.Store(&secret)
	defer func() {
		// Also after an interrupt, so that no endpoint without a receiver stays.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = s.unsubscribe(clean) // the run's result matters more
	}()
	report := &Report{Changes: len(changes), Organization: s.organization, Seed: cfg.Seed, Started: time.Now().UTC()}
	err = p.run(ctx, cfg, report)
	report.Requests, report.PutOff = s.api.counts.requests.Load(), s.api.counts.putOff.Load()
	if err != nil {
		return nil, err
	}
	return report, nil
}

// things returns how many refs a plan uses.
func things(changes []change) int {
	n := 0
	for _, c := range changes {
		n = max(n, int(c.on)+1)
	}
	return n
}

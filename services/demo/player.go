package demo

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// player sends a plan's changes through its providers.
type player struct {
	changes   []change
	providers [2]provider
	// ids holds what the server called things. The schedule makes a creation's
	// answer happen before every use.
	ids    []string
	ledger *ledger
	sent   atomic.Int64
}

func (p *player) id(r ref) string { return p.ids[r] }

// connect makes both directories and tests the connections.
func (p *player) connect(ctx context.Context, s *setup, domain string) error {
	c, err := s.connect(ctx, "OKTA", "Okta SCIM Client 1.0.0")
	if err != nil {
		return err
	}
	p.providers[okta] = &oktaClient{session{c, domain, p.id}}
	if c, err = s.connect(ctx, "MICROSOFT_AD", "Microsoft-Entra-Provisioning"); err != nil {
		return err
	}
	p.providers[entra] = &entraClient{session{c, domain, p.id}}
	for _, provider := range p.providers {
		if err := provider.greet(ctx); err != nil {
			return fmt.Errorf("test of the SCIM connection: %w", err)
		}
	}
	return nil
}

// play makes the i-th change and notes what it must cause.
func (p *player) play(ctx context.Context, i int) error {
	c := p.changes[i]
	id, sent, err := p.providers[c.directory].play(ctx, c)
	if err != nil {
		return err
	}
	if id != "" {
		p.ids[c.on] = id
	}
	p.ledger.expect(c.wants, p.id, c.kind, sent)
	p.sent.Add(1)
	return nil
}

// run plays everything, waits for the webhooks and fills in the report.
func (p *player) run(ctx context.Context, cfg Config, r *Report) error {
	stop := p.tellProgress(cfg.Progress)
	start := time.Now()
	err := schedule(ctx, p.changes, cfg.Concurrency, cfg.Rate, p.play)
	r.Seconds = time.Since(start).Seconds()
	if err == nil {
		err = await(ctx, p.ledger, cfg.Timeout)
	}
	stop()
	r.Changes = int(p.sent.Load())
	r.PerSecond = float64(r.Changes) / max(r.Seconds, 1e-3)
	p.ledger.close(r)
	if errors.Is(err, errMissing) {
		return nil // the report says which
	}
	return err
}

// tellProgress calls f until the returned function is called, and then once
// more.
func (p *player) tellProgress(f func(Progress)) (stop func()) {
	if f == nil {
		return func() {}
	}
	webhooks := 0
	for _, c := range p.changes {
		webhooks += len(c.wants)
	}
	tell := func() {
		verified, _, _ := p.ledger.state()
		f(Progress{Sent: int(p.sent.Load()), Changes: len(p.changes), Verified: verified, Webhooks: webhooks})
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				tell()
			case <-quit:
				tell()
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

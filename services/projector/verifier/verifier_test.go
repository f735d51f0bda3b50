package verifier_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
	"github.com/rollcallhq/rollcall/pkg/txtrecord/dnstest"
	"github.com/rollcallhq/rollcall/services/projector/verifier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type world struct {
	*directorytest.World
	mu sync.Mutex
}

func (w *world) Read(_ context.Context, f func(directory.View) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f(w.Rows)
}

func (w *world) submit(_ context.Context, r directory.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Actor != "system" || r.ID == "" {
		return fmt.Errorf("a request %q of %q", r.ID, r.Actor)
	}
	_, err := w.Try(r.Command)
	return err
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.At
}

func (w *world) state(t *testing.T, org, id string) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok, err := directory.Get[*directory.Domain](w.Rows, directory.Make(directory.TableDomain, org, id))
	if err != nil || !ok {
		t.Fatalf("the domain is not there (%v)", err)
	}
	return m.Verification
}

// becomes waits until a domain is in a state.
func (w *world) becomes(t *testing.T, org, id, state string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); w.state(t, org, id) != state; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the domain is %s, want %s", w.state(t, org, id), state)
		}
	}
}

// TestRun verifies domains against a real server: one whose record appears, and
// one whose record never does.
func TestRun(t *testing.T) {
	t.Parallel()
	dns := dnstest.Start(t)
	w := &world{World: directorytest.NewWorld()}
	org := w.Organization(t, "acme")
	domain := func(name string) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return directorytest.ID(w.Must(t, directory.CreateDomain{Organization: org, Domain: name, Token: "0123456789abcdef0123456789abcdef"}))
	}
	a, b := domain("acme.example"), domain("initech.example")
	ctx, cancel := context.WithCancel(t.Context())
	var task sync.WaitGroup
	task.Go(func() {
		verifier.Run(ctx, verifier.Config{
			Model: w, Submit: w.submit, Resolver: txtrecord.At(dns.Address), Logger: slog.New(slog.DiscardHandler), Interval: 5 * time.Millisecond, Now: w.now,
		})
	})
	defer task.Wait()
	defer cancel()
	for deadline := time.Now().Add(30 * time.Second); dns.Asked() < 4; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody asks the DNS")
		}
	}
	for _, id := range []string{a, b} {
		if got := w.state(t, org, id); got != directory.VerificationPending {
			t.Errorf("without a record the domain is %s", got)
		}
	}
	dns.Set("_rollcall-challenge.initech.example", "rollcall-verification=wrong")
	dns.Set("_rollcall-challenge.acme.example", "v=spf1 -all", "rollcall-verification=0123456789abcdef0123456789abcdef")
	w.mu.Lock()
	w.At = w.At.Add(time.Hour) // what waits longer is asked for less often
	w.mu.Unlock()
	w.becomes(t, org, a, directory.VerificationDone)
	if got := w.state(t, org, b); got != directory.VerificationPending {
		t.Errorf("with another record the domain is %s", got)
	}
	// A server that fails says nothing about a domain until its time is over.
	dns.Break(true)
	w.mu.Lock()
	w.At = w.At.Add(directory.DomainWindow)
	w.mu.Unlock()
	w.becomes(t, org, b, directory.VerificationFailed)
}

package soak_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/test/harness"
)

// steady is a ladder that outlasts any time for which nothing can be delivered:
// no delivery becomes a dead letter.
const steady = "0s,200ms,500ms,1s,2s,2s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s,3s"

// TestSoakWorkers kills, stops and pauses delivery workers, and kills the NATS
// server that everything stands on. Every event reaches every endpoint that
// wants it; a repeat has the id and the bytes of the first; and what is about
// one resource comes in order: for the first time only after what was before it
// has been answered with 2xx.
func TestSoakWorkers(t *testing.T) {
	t.Parallel()
	flags := []string{"--webhook-ladder", steady, "--lease-ttl", "2s"}
	c := harness.NewCluster(t, flags...)
	workers := []*harness.Process{c.Delivery, c.Worker("delivery-2", flags...), c.Worker("delivery-3", flags...)}
	for _, p := range workers[1:] {
		p.MustStart()
	}
	l := begin(t, c.Installation, []string{c.Ingresses[0].URL(), c.Ingresses[1].URL()})
	for n := range 3 {
		l.subscribe(t, &subscriber{name: fmt.Sprintf("all-%d", n), order: newOrder()})
	}
	for _, x := range l.tenants {
		l.subscribe(t, &subscriber{name: x.Domain, organization: x.Organization, order: newOrder()})
	}
	l.subscribe(t, &subscriber{name: "updates", typ: string(public.UserUpdated), order: newOrder()})

	k := newKiller(t)
	var counts [6]int
	for step := 0; k.pause(2 * time.Second); step++ {
		p := workers[k.rand.IntN(len(workers))]
		fault := step // every fault once, and then as it comes
		if step > 3 {
			fault = k.rand.IntN(len(counts))
		}
		counts[fault]++
		switch fault {
		case 0: // the log, EVENTS and ATTEMPTS are away for everybody
			k.kill(c.NATS)
			k.pause(time.Second)
			if err := c.NATS.Start(); err != nil {
				t.Fatal(err)
			}
		case 1: // sleeps for longer than its lease lives, or not
			if err := p.Pause(); err != nil {
				t.Fatal(err)
			}
			k.pause(5 * time.Second)
			if err := p.Resume(); err != nil {
				t.Fatal(err)
			}
		case 2: // leaves as it should
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
			k.pause(time.Second)
			p.MustStart()
		default:
			k.kill(p)
			k.forget(filepath.Join(c.Folder(p.Name), "delivery.db"))
			k.pause(3 * time.Second) // the others go on without it
			p.MustStart()
		}
	}
	t.Logf("%d times without NATS, %d pauses, %d orderly stops, %d kills of a worker", counts[0], counts[1], counts[2], counts[3]+counts[4]+counts[5])
	for _, p := range append(c.Services(), workers[1:]...) {
		if err := p.Ready(); err != nil {
			t.Fatal(err)
		}
	}
	l.end(t)
	st := l.audit(t.Context(), t, c.Streams(t.Context(), t))
	l.verify(t, st)
	l.report(t, k.kills, st)
	for _, p := range workers {
		harness.Eventually(t, settle, "three workers with all slots", func() error { return allSlots(t, p, len(workers)) })
	}
}

// allSlots asks a worker who shares the slots.
func allSlots(t *testing.T, p *harness.Process, workers int) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL()+"/slots", http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var shown struct {
		Workers []struct {
			ID    string `json:"id"`
			Slots []int  `json:"slots"`
		} `json:"workers"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&shown); err != nil {
		return err
	}
	held := map[int]bool{}
	for _, w := range shown.Workers {
		if n := len(w.Slots); n < 64/workers || n > 64/workers+1 {
			return fmt.Errorf("%s has %d slots", w.ID, n)
		}
		for _, s := range w.Slots {
			held[s] = true
		}
	}
	if len(shown.Workers) != workers || len(held) != 64 {
		return fmt.Errorf("%d workers with %d of 64 slots", len(shown.Workers), len(held))
	}
	return nil
}

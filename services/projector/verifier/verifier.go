// Package verifier looks for the TXT records of domains that wait for one, until
// they are seen or their time is over. What it finds it says with a command; the
// state of a domain is the log's.
//
// What must not live here: DNS (pkg/txtrecord), what a record is worth and when a
// domain's time is over (pkg/directory).
package verifier

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
)

const (
	// usualInterval is how often waiting domains are looked at.
	usualInterval = time.Minute
	// mostAtOnce bounds the look-ups under way.
	mostAtOnce = 8
	// slowdown spreads the look-ups of a domain: the next comes when it has waited
	// an eighth longer.
	slowdown = 8
)

// Config says what a verifier works on; all but Interval and Now are required.
type Config struct {
	Model interface {
		Read(ctx context.Context, f func(directory.View) error) error
	}
	Submit   func(ctx context.Context, r directory.Request) error
	Resolver txtrecord.Resolver
	Logger   *slog.Logger
	Interval time.Duration    // 0: a minute
	Now      func() time.Time // nil: time.Now
}

// Run looks at waiting domains until ctx ends. One process at a time should: more
// do no harm, but ask the DNS for nothing.
func Run(ctx context.Context, cfg Config) {
	if cfg.Interval <= 0 {
		cfg.Interval = usualInterval
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	v := verifier{Config: cfg, next: map[string]time.Time{}}
	tick := time.NewTicker(cfg.Interval)
	defer tick.Stop()
	for {
		if err := v.round(ctx); err != nil && ctx.Err() == nil {
			cfg.Logger.Warn("domains cannot be verified now; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

type verifier struct {
	Config
	next map[string]time.Time // by domain id; those that are due at once are missing
}

// round looks at every domain that waits and is due.
func (v *verifier) round(ctx context.Context) error {
	waiting, err := v.waiting(ctx)
	if err != nil {
		return err
	}
	now, next := v.Now(), map[string]time.Time{}
	var (
		tasks sync.WaitGroup
		slots = make(chan struct{}, mostAtOnce)
		mu    sync.Mutex
		errs  []error
	)
	for _, m := range waiting {
		if at := v.next[m.ID]; now.Before(at) && now.Before(m.DNS.Until) {
			next[m.ID] = at
			continue
		}
		next[m.ID] = now.Add(max(0, now.Sub(m.Created)/slowdown))
		slots <- struct{}{}
		tasks.Go(func() {
			defer func() { <-slots }()
			if err := v.look(ctx, m, now); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	tasks.Wait()
	v.next = next
	return errors.Join(errs...)
}

// waiting returns the domains that wait for their record.
func (v *verifier) waiting(ctx context.Context) (list []*directory.Domain, err error) {
	err = v.Model.Read(ctx, func(view directory.View) error {
		var keys []directory.Key
		if err := view.Scan(directory.Make(directory.TableDomainPending), "", func(k directory.Key, r directory.Row) bool {
			if org, ok := r.(directory.Ref); ok {
				keys = append(keys, directory.Make(directory.TableDomain, string(org), k.Last()))
			}
			return true
		}); err != nil {
			return err
		}
		for _, k := range keys {
			m, ok, err := directory.Get[*directory.Domain](view, k)
			if err != nil {
				return err
			}
			if ok && m.DNS != nil {
				list = append(list, m)
			}
		}
		return nil
	})
	return list, err
}

// look looks for a domain's record, and says what follows.
func (v *verifier) look(ctx context.Context, m *directory.Domain, now time.Time) error {
	seen, err := txtrecord.Holds(ctx, v.Resolver, m.DNS.Key, m.DNS.Secret)
	if err != nil {
		v.Logger.Debug("a domain's record cannot be looked up", "domain", m.ID, "error", err)
	}
	var c directory.Command
	switch {
	case seen:
		c = directory.ConfirmDomain{Organization: m.Organization, ID: m.ID, Secret: m.DNS.Secret}
	case !now.Before(m.DNS.Until):
		c = directory.FailDomain{Organization: m.Organization, ID: m.ID}
	default:
		return nil
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails: it ends the program instead
	err = v.Submit(ctx, directory.Request{ID: hex.EncodeToString(id[:]), Actor: "system", Command: c})
	if fault.KindOf(err) == fault.NotFound && err != nil { // deleted meanwhile
		return nil
	}
	return err
}

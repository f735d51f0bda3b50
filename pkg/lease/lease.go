// Package lease decides who does a piece of work when several processes could:
// a key in a NATS key-value bucket that expires unless its holder renews it
// (Keeper.Hold), or a number of slots that all of them divide (Share).
//
// A lease saves work, it does not guard data: a paused holder may not know yet
// that it lost. What guards data is the fence of each append, its expected
// sequence. What must not live here: what the work is.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bucket is the name of the key-value bucket.
const Bucket = "LEASES"

// DefaultTTL is how long a silent holder keeps its lease, and so how long a
// takeover takes after a kill.
const DefaultTTL = 3 * time.Second

// releaseTries is how often a lease is given back that a renewal changes
// meanwhile; there is one such renewal at most.
const releaseTries = 3

// Keeper hands out leases to this process.
type Keeper struct {
	js       jetstream.JetStream
	kv       jetstream.KeyValue
	id       string
	ttl      time.Duration
	replicas int
	log      *slog.Logger
}

// Open makes the bucket if it is missing. id names this process in what
// operators see; it must be unique among the processes.
func Open(ctx context.Context, js jetstream.JetStream, id string, ttl time.Duration, replicas int, log *slog.Logger) (*Keeper, error) {
	if ttl <= 0 {
		ttl = DefaultTTL
	}
	kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: Bucket, Description: "Who does what: leases of Rollcall's processes", TTL: ttl, Replicas: max(replicas, 1),
		Storage: jetstream.FileStorage, MaxBytes: 1 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("open the lease bucket: %w", err)
	}
	return &Keeper{js: js, kv: kv, id: id, ttl: ttl, replicas: replicas, log: log}, nil
}

// Hold calls work whenever this process holds the lease, with a context that
// ends when it is lost, until ctx ends. work returning without the context
// having ended gives the lease up for a while, so that another may try.
func (k *Keeper) Hold(ctx context.Context, key string, work func(context.Context) error) {
	for ctx.Err() == nil {
		rev, err := k.kv.Create(ctx, key, []byte(k.id))
		if err == nil {
			k.log.Info("lease taken", "lease", key, "holder", k.id)
			err = k.keep(ctx, key, rev, work)
			if ctx.Err() == nil {
				k.log.Warn("lease given up", "lease", key, "holder", k.id, "error", err)
			}
		} else if !errors.Is(err, jetstream.ErrKeyExists) && ctx.Err() == nil {
			k.log.Warn("lease cannot be asked for", "lease", key, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(k.ttl / 4):
		}
	}
}

// Holder returns who holds a lease, empty if nobody does.
func (k *Keeper) Holder(ctx context.Context, key string) (string, error) {
	e, err := k.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return string(e.Value()), nil
}

// keep renews the lease while work runs.
func (k *Keeper) keep(ctx context.Context, key string, rev uint64, work func(context.Context) error) error {
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- work(working) }()
	renewed := time.Now()
	tick := time.NewTicker(k.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			k.release(ctx, key)
			return err
		case <-tick.C:
			next, err := k.renew(working, key, rev)
			if err == nil {
				rev, renewed = next, time.Now()
				continue
			}
			if working.Err() == nil && !errors.Is(err, jetstream.ErrKeyExists) && time.Since(renewed) < k.ttl*2/3 {
				continue // one unanswered renewal is no loss yet
			}
			cancel()
			<-done              //nolint:errcheck // the renewal is what failed
			k.release(ctx, key) // told to end in the middle of a renewal, it may still hold
			return fmt.Errorf("renew: %w", err)
		}
	}
}

func (k *Keeper) renew(ctx context.Context, key string, rev uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, k.ttl/3)
	defer cancel()
	return k.kv.Update(ctx, key, []byte(k.id), rev)
}

// release lets the next holder in at once, instead of after the TTL. It asks
// for the revision, because a renewal that was given up may have been stored, and
// again if that happens only now.
func (k *Keeper) release(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for range releaseTries {
		e, err := k.kv.Get(ctx, key)
		if err != nil || string(e.Value()) != k.id {
			return
		}
		if k.kv.Delete(ctx, key, jetstream.LastRevision(e.Revision())) == nil {
			return
		}
	}
}

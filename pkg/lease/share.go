package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ShareBucket is the name of the key-value bucket that holds who shares what. Its
// keys do not expire: members do, in the eyes of the others.
const ShareBucket = "SHARES"

// Worker does the work of slots. Its methods are called from one goroutine and
// must not block.
type Worker interface {
	// Take says that slots are this process's from now on.
	Take(slots []int)
	// Give asks for slots back: end the work on them, and then call Done for each.
	Give(slots []int)
	// Lose says that slots are somebody else's already: stop.
	Lose(slots []int)
	// Resume says that the lease counts again after it did not (Share.Valid).
	Resume()
}

// Share is this process's part in sharing a number of slots with others: every
// process that lives holds as many as any other, give or take one, and every
// slot has one holder. It costs one write each third of the lease's life and
// process, whatever the number of slots.
//
// A process that is silent for longer than the lease lives is taken out by the
// others, which take its slots. When one joins, everybody gives some of theirs;
// when one leaves in an orderly way, its slots pass on as it ends its work on
// them. No slot ever moves between two processes that stay.
type Share struct {
	keeper *Keeper
	kv     jetstream.KeyValue
	key    string
	worker Worker
	wake   chan struct{}
	valid  atomic.Int64 // until when, in nanoseconds since began; 0 is not
	began  time.Time

	mu     sync.Mutex
	claims claims
	shown  table // as last read or written

	// Of Run's goroutine.
	seen   map[string]sighting
	asked  time.Time // when the table was read last
	calm   time.Time // before it no slot is given or taken
	wrote  time.Time // when the last renewal that was stored was sent
	broken bool      // the last exchange failed, which was said
}

// sighting is when a member's beat was seen to change.
type sighting struct {
	beat uint64
	at   time.Time
}

// Share prepares for sharing slots under a key; Run does it.
func (k *Keeper) Share(ctx context.Context, key string, slots int, w Worker) (*Share, error) {
	kv, err := k.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: ShareBucket, Description: "Who does what: slots that Rollcall's processes share", Replicas: max(k.replicas, 1),
		Storage: jetstream.FileStorage, MaxBytes: 8 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("open the bucket of shared slots: %w", err)
	}
	id := k.id + "." + rand.Text()[:8] // another one after each start
	return &Share{
		keeper: k, kv: kv, key: key, worker: w, wake: make(chan struct{}, 1), began: time.Now(), seen: map[string]sighting{},
		claims: claims{id: id, slots: slots, held: map[int]bool{}, freed: map[int]bool{}},
		shown:  table{Members: map[string]member{}},
	}, nil
}

// ID is how others see this process.
func (s *Share) ID() string { return s.claims.id }

// Valid reports whether the lease counts: nobody else was given this process's
// slots. It is false from the lease's life after the last renewal on, before
// anybody else concludes the same.
func (s *Share) Valid() bool {
	until := s.valid.Load()
	return until > 0 && int64(time.Since(s.began)) < until
}

// Done says that the work on a slot has ended, because it was asked for or
// because it cannot go on: somebody else may have the slot.
func (s *Share) Done(slot int) {
	s.mu.Lock()
	if _, held := s.claims.held[slot]; held {
		delete(s.claims.held, slot)
		s.claims.freed[slot] = true
	}
	s.mu.Unlock()
	s.signal()
}

// Leave asks for all slots back. Once they are done, Run returns.
func (s *Share) Leave() {
	s.mu.Lock()
	s.claims.leaving = true
	s.mu.Unlock()
	s.signal()
}

func (s *Share) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Member is a process that shares.
type Member struct {
	ID      string `json:"id"`
	Leaving bool   `json:"leaving,omitempty"`
	Slots   []int  `json:"slots"`
}

// Members returns who shares, as last known here.
func (s *Share) Members() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Member{}
	for _, id := range slices.Sorted(maps.Keys(s.shown.Members)) {
		m := s.shown.Members[id]
		list = append(list, Member{ID: id, Leaving: m.Leaving, Slots: append([]int{}, m.Slots...)})
	}
	return list
}

// Run shares until ctx ends, which leaves everything as it is, or until Leave is
// through.
func (s *Share) Run(ctx context.Context) {
	watching, stop := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(watching) })
	defer watcher.Wait()
	defer stop()
	tick := time.NewTicker(s.keeper.ttl / 3)
	defer tick.Stop()
	calm := time.NewTimer(0)
	defer calm.Stop()
	for {
		left, err := s.act(ctx)
		if left || ctx.Err() != nil {
			return
		}
		if err != nil && !s.broken {
			s.keeper.log.Warn("the shared slots cannot be renewed; trying again", "lease", s.key, "error", err)
		}
		s.broken = err != nil
		if wait := time.Until(s.calm); wait > 0 {
			calm.Reset(wait)
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-tick.C:
		case <-calm.C:
		}
		if s.broken && !sleep(ctx, s.keeper.ttl/30) {
			return
		}
	}
}

// watch wakes Run when somebody changes the table. It only saves time: Run looks
// by itself too.
func (s *Share) watch(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := s.kv.Watch(ctx, s.key, jetstream.UpdatesOnly())
		if err == nil {
			for e := range w.Updates() {
				if e != nil {
					s.signal()
				}
			}
			_ = w.Stop()
		}
		sleep(ctx, s.keeper.ttl/3)
	}
}

// act reads the table, decides, and writes if there is need. left says that
// everything was given back.
func (s *Share) act(ctx context.Context) (left bool, err error) {
	for try := 0; ; try++ {
		var conflict bool
		if left, conflict, err = s.once(ctx); !conflict {
			return left, err
		}
		if try == 20 {
			return false, errors.New("others keep changing the table")
		}
	}
}

func (s *Share) once(ctx context.Context) (left, conflict bool, err error) {
	bound, cancel := context.WithTimeout(ctx, s.keeper.ttl/3)
	defer cancel()
	t, rev, err := s.read(bound)
	if err != nil {
		return false, false, err
	}
	now := time.Now()
	dead := s.look(t, now)
	s.mu.Lock()
	p := s.claims.plan(t, dead, !now.Before(s.calm))
	leaving := s.claims.leaving && len(s.claims.held) == 0
	for _, n := range p.lost {
		delete(s.claims.held, n)
	}
	freed := make([]int, 0, len(s.claims.freed))
	for n := range s.claims.freed {
		freed = append(freed, n)
	}
	s.shown = t
	s.mu.Unlock()
	if len(p.lost) > 0 {
		s.keeper.log.Warn("slots were taken by another process", "lease", s.key, "slots", p.lost)
		s.worker.Lose(p.lost)
	}
	id := s.claims.id
	if leaving {
		delete(p.next.Members, id)
		p.take = nil
	} else if p.changed = p.changed || len(p.give) > 0 || time.Since(s.wrote) >= s.keeper.ttl/4; !p.changed {
		return false, false, nil
	} else {
		me := p.next.Members[id]
		me.Beat++
		p.next.Members[id] = me
	}
	sent := time.Now()
	if err := s.write(bound, p.next, rev); err != nil {
		return false, errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch), err
	}
	s.wrote = sent
	s.mu.Lock()
	for _, n := range freed {
		delete(s.claims.freed, n)
	}
	for _, n := range p.take {
		s.claims.held[n] = false
	}
	for _, n := range p.give {
		if _, held := s.claims.held[n]; held {
			s.claims.held[n] = true
		}
	}
	s.shown = p.next
	s.mu.Unlock()
	lapsed := !s.Valid()
	s.valid.Store(int64(sent.Add(s.keeper.ttl).Sub(s.began)))
	if len(dead) > 0 {
		s.keeper.log.Warn("processes that are silent lose their slots", "lease", s.key, "silent", dead)
	}
	if len(p.take) > 0 {
		s.keeper.log.Info("slots taken", "lease", s.key, "slots", p.take)
		s.worker.Take(p.take)
	}
	if len(p.give) > 0 {
		s.keeper.log.Info("slots given up", "lease", s.key, "slots", p.give)
		s.worker.Give(p.give)
	}
	if lapsed {
		s.worker.Resume()
	}
	return leaving, false, nil
}

// look notes whose beat changed, and returns who has been silent for too long.
func (s *Share) look(t table, now time.Time) (dead []string) {
	ttl := s.keeper.ttl
	if gap := now.Sub(s.asked); !s.asked.IsZero() && gap > ttl/2 {
		// What could not be looked at does not count as silence: the others perhaps
		// could not renew either.
		for id, was := range s.seen {
			s.seen[id] = sighting{was.beat, was.at.Add(gap - ttl/2)}
		}
		if gap > ttl {
			s.calm = later(s.calm, now.Add(ttl/2))
		}
	}
	s.asked = now
	for id, m := range t.Members {
		was, known := s.seen[id]
		if !known && !m.Leaving {
			s.calm = later(s.calm, now.Add(ttl/6))
		}
		if !known || was.beat != m.Beat {
			s.seen[id] = sighting{m.Beat, now}
		} else if id != s.claims.id && now.Sub(was.at) > ttl {
			dead = append(dead, id)
		}
	}
	if _, there := t.Members[s.claims.id]; !there {
		s.calm = later(s.calm, now.Add(ttl/6))
	}
	for id := range s.seen {
		if _, there := t.Members[id]; !there {
			delete(s.seen, id)
		}
	}
	return dead
}

func (s *Share) read(ctx context.Context) (table, uint64, error) {
	e, err := s.kv.Get(ctx, s.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		t, err := parseTable(nil)
		return t, 0, err
	}
	if err != nil {
		return table{}, 0, err
	}
	t, err := parseTable(e.Value())
	return t, e.Revision(), err
}

// write replaces the table if it is still the one at rev. jetstream.ErrKeyExists
// and ErrKeyRevisionMismatch say that it is not.
func (s *Share) write(ctx context.Context, t table, rev uint64) (err error) {
	if rev == 0 {
		_, err = s.kv.Create(ctx, s.key, t.bytes())
		return err
	}
	_, err = s.kv.Update(ctx, s.key, t.bytes(), rev)
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sleep waits d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

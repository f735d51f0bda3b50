package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/readmodel"
)

// saveEvery is how often the place in the log is saved while no endpoint
// changes; what lies behind it is folded again at the next start.
const saveEvery = 5 * time.Second

var settingsBucket = []byte("settings")

// fold keeps the endpoints as the log says.
type fold struct {
	source eventlog.Source
	store  *readmodel.Store
	logger *slog.Logger

	// Of the goroutine that folds.
	rows  *directory.Overlay
	saved time.Time

	// telling is held while a change is told of and noted.
	telling sync.Mutex

	mu        sync.Mutex
	at        readmodel.Checkpoint
	moved     chan struct{} // closed and replaced when at moves
	endpoints map[string]*endpoint
}

func openFold(ctx context.Context, cfg Config) (*fold, error) {
	store, at, err := readmodel.OpenFitting(ctx, cfg.Path, cfg.Log, cfg.Logger)
	if err != nil {
		return nil, err
	}
	f := &fold{
		source: cfg.Log, store: store, logger: cfg.Logger, at: at, moved: make(chan struct{}),
		rows: directory.NewOverlay(directory.Empty{}), endpoints: map[string]*endpoint{}, saved: time.Now(),
	}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the endpoints from %s: %w; delete the file to have it built again", cfg.Path, err), store.Close())
	}
	return f, nil
}

func (f *fold) load() error {
	snap, err := f.store.Snapshot()
	if err != nil {
		return err
	}
	defer func() { _ = snap.Close() }()
	var failed error
	err = snap.Scan(directory.Make(directory.TableEndpoint), "", func(k directory.Key, r directory.Row) bool {
		row, ok := r.(*directory.Endpoint)
		if !ok {
			return true
		}
		ep := newEndpoint(row)
		if b := snap.Tx().Bucket(settingsBucket); b != nil {
			failed = json.Unmarshal(b.Get([]byte(row.ID)), &ep.settings)
		}
		for i := range ep.settings {
			ep.settings[i].parse()
		}
		f.rows.Set(k, row)
		f.endpoints[row.ID] = ep
		return failed == nil
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if err := snap.Scan(directory.Make(directory.TableReplay), "", func(k directory.Key, r directory.Row) bool {
		f.rows.Set(k, r)
		return true
	}); err != nil {
		return err
	}
	for id, ep := range f.endpoints {
		if ep.replays, err = f.replays(id); err != nil {
			return err
		}
	}
	return nil
}

// replays returns an endpoint's replays, the oldest first.
func (f *fold) replays(endpoint string) (list []*directory.Replay, err error) {
	err = f.rows.Scan(directory.Make(directory.TableReplay, endpoint), "", func(_ directory.Key, r directory.Row) bool {
		if r, ok := r.(*directory.Replay); ok {
			list = append(list, r)
		}
		return true
	})
	return list, err
}

// about reports whether events of a type change endpoints or their replays.
func about(t events.Type) bool {
	return strings.HasPrefix(string(t), "webhook_endpoint.") || strings.HasPrefix(string(t), "webhook_replay.")
}

// position returns how far the log is folded, and a channel that is closed when
// that moves.
func (f *fold) position() (uint64, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at.Seq, f.moved
}

// wait returns when the frame at seq is folded.
func (f *fold) wait(ctx context.Context, seq uint64) error {
	for {
		at, moved := f.position()
		if at >= seq {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-moved:
		}
	}
}

// reach returns when everything is folded that the log holds now.
func (f *fold) reach(ctx context.Context) error {
	tail, err := f.source.Tail(ctx)
	if err != nil {
		return err
	}
	return f.wait(ctx, tail)
}

func (f *fold) each(do func(*endpoint)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ep := range f.endpoints {
		do(ep)
	}
}

func (f *fold) known(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.endpoints[id]
	return ok
}

// catchUp folds up to the log's end.
func (f *fold) catchUp(ctx context.Context) error {
	tail, err := f.source.Tail(ctx)
	if err != nil || tail == 0 {
		return err
	}
	return f.read(ctx, tail, func(string, *endpoint) {})
}

// run folds until ctx ends, and tells of every endpoint that changes, before
// the place moves.
func (f *fold) run(ctx context.Context, changed func(string, *endpoint)) error {
	for {
		err := f.read(ctx, 0, changed)
		if ctx.Err() != nil {
			return nil
		}
		if final(err) {
			return fmt.Errorf("follow the log: %w", err)
		}
		f.logger.Warn("the log cannot be read; trying again", "error", err)
		if !pause(ctx, 100*time.Millisecond) {
			return nil
		}
	}
}

// final reports whether reading again cannot help.
func final(err error) bool {
	if _, ok := errors.AsType[*frame.UnknownVersionError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*eventlog.MismatchError](err); ok {
		return true
	}
	return errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, errFold)
}

var errFold = errors.New("delivery: the endpoints cannot be folded further")

func (f *fold) read(ctx context.Context, until uint64, changed func(string, *endpoint)) error {
	f.mu.Lock()
	at := f.at
	f.mu.Unlock()
	if until > 0 && at.Seq >= until {
		return nil
	}
	reader, err := f.source.Open(ctx, at.Position)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	for until == 0 || at.Seq < until {
		e, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		at = at.Advanced(e)
		if err := f.apply(e, at, changed); err != nil {
			return fmt.Errorf("%w: the frame at sequence %d: %w", errFold, at.Seq, err)
		}
	}
	return nil
}

// apply folds one frame. Most have nothing about endpoints.
func (f *fold) apply(e eventlog.Entry, at readmodel.Checkpoint, changed func(string, *endpoint)) error {
	touched, rows := map[string]*endpoint{}, map[directory.Key]directory.Row{}
	ordinal := e.Frame.Ordinal
	for _, c := range e.Frame.Commits {
		for _, ev := range c.Events {
			ordinal++
			if !about(ev.Type) {
				continue
			}
			changes, err := directory.Evolve(f.rows, ev)
			if err != nil {
				return err
			}
			f.rows.Apply(changes)
			for _, ch := range changes {
				rows[ch.Key] = ch.Row
				f.touch(touched, ch, ordinal)
			}
		}
	}
	for id, ep := range touched {
		if ep != nil {
			var err error
			if ep.replays, err = f.replays(id); err != nil {
				return err
			}
		}
	}
	if len(touched) > 0 || time.Since(f.saved) >= saveEvery {
		if err := f.save(at, rows, touched); err != nil {
			return err
		}
	}
	f.telling.Lock()
	defer f.telling.Unlock()
	for id, ep := range touched {
		changed(id, ep)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, ep := range touched {
		if ep == nil {
			delete(f.endpoints, id)
		} else {
			f.endpoints[id] = ep
		}
	}
	f.at = at
	close(f.moved)
	f.moved = make(chan struct{})
	return nil
}

// touch notes what a change makes of its endpoint.
func (f *fold) touch(touched map[string]*endpoint, ch directory.Change, ordinal uint64) {
	id := ch.Key.Last()
	row, ok := ch.Row.(*directory.Endpoint)
	switch replay, is := ch.Row.(*directory.Replay); {
	case is: // the endpoint stays what it is
		id = replay.Endpoint
		r, err := f.rows.Get(directory.Make(directory.TableEndpoint, id))
		if row, ok = r.(*directory.Endpoint); err != nil || !ok {
			return
		}
	case ch.Key.Table() == directory.TableReplay:
		return // forgotten with its endpoint, or for another
	case !ok:
		touched[id] = nil
		return
	}
	ep := newEndpoint(row)
	if old := touched[id]; old != nil {
		ep.settings = old.settings
	} else if old, ok := f.endpoints[id]; ok { // only the goroutine that folds writes it
		ep.settings = old.settings
	}
	ep.settings = set(ep.settings, ordinal, row)
	touched[id] = ep
}

// save writes rows, the settings of endpoints and the place in one transaction.
func (f *fold) save(at readmodel.Checkpoint, rows map[directory.Key]directory.Row, touched map[string]*endpoint) error {
	f.saved = time.Now()
	return f.store.Change(at, maps.All(rows), func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(settingsBucket)
		if err != nil {
			return err
		}
		for id, ep := range touched {
			if ep == nil {
				if err := b.Delete([]byte(id)); err != nil {
					return err
				}
				continue
			}
			v, err := json.Marshal(ep.settings)
			if err != nil {
				return err
			}
			if err := b.Put([]byte(id), v); err != nil {
				return err
			}
		}
		return nil
	})
}

// close saves the place and closes the file.
func (f *fold) close() error {
	f.mu.Lock()
	at := f.at
	f.mu.Unlock()
	return errors.Join(f.save(at, nil, nil), f.store.Close())
}

// pause waits d and reports whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

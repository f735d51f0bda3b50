package bench_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/projector"
)

const (
	rebuildEvents = 200_000
	rebuildBatch  = 10_000
)

// BenchmarkRebuild measures building the read model from a log of 200,000
// events against putting the same ready-made rows into bbolt in batches of
// 10,000 events. Goal: x-ready-made at least 0.5.
func BenchmarkRebuild(b *testing.B) {
	in := install(b, 100)
	var at atomic.Int64
	for at.Load() < rebuildEvents {
		pool := commands(b, in, 50_000)
		var i atomic.Int64
		clientsUntilDone(256, func() bool {
			n := i.Add(1)
			if n > int64(len(pool)) {
				return false
			}
			if _, err := in.submit(pool[n-1]); err != nil {
				b.Error(err)
			}
			at.Add(1)
			return true
		})
	}
	log, err := natslog.Open(b.Context(), in.js, 0, natslog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	rows := readyRows(b, log)
	emitted(b, in, log)
	var ours, theirs []float64
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "projector.db")
		started := time.Now()
		p, err := projector.Open(b.Context(), projector.Config{Path: path, Log: log, JetStream: in.js, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.RunToEnd(b.Context()); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, float64(p.At().Ordinal)/time.Since(started).Seconds())
		if err := p.Stop(); err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, putRows(b, rows))
	}
	b.ReportMetric(median(ours), "events/s")
	b.ReportMetric(median(ours)/median(theirs), "x-ready-made")
	b.ReportMetric(0, "ns/op")
}

// emitted runs a projector until EVENTS holds everything, as it does when a read
// model is built again.
func emitted(b *testing.B, in *installation, log eventlog.Log) {
	b.Helper()
	p, err := projector.Open(b.Context(), projector.Config{
		Path: filepath.Join(b.TempDir(), "projector.db"), Log: log, JetStream: in.js, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	tail, err := log.Tail(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Wait(b.Context(), tail); err != nil {
		b.Fatal(err)
	}
	last := uint64(public.NumberOf(p.At().Ordinal, 0))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.Emitted() < last {
		<-tick.C
	}
	if err := p.Stop(); err != nil {
		b.Fatal(err)
	}
}

// row is one encoded change.
type row struct{ table, key, value []byte }

// readyRows folds the log in memory and returns the rows of each transaction.
func readyRows(b *testing.B, log eventlog.Source) [][]row {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	tail, err := log.Tail(ctx)
	if err != nil {
		b.Fatal(err)
	}
	r, err := log.Open(ctx, eventlog.Position{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	all := directory.NewOverlay(directory.Empty{})
	top := directory.NewOverlay(all)
	var out [][]row
	events := 0
	flush := func() {
		var rows []row
		top.Changes(func(k directory.Key, v directory.Row) bool {
			e := row{table: []byte(k[:1]), key: []byte(k[1:])}
			if v != nil {
				if e.value, err = directory.EncodeRow(v); err != nil {
					b.Fatal(err)
				}
			}
			rows = append(rows, e)
			all.Set(k, v)
			return true
		})
		out, top, events = append(out, rows), directory.NewOverlay(all), 0
	}
	for seq := uint64(0); seq < tail; {
		e, err := r.Next(ctx)
		if err != nil {
			b.Fatal(err)
		}
		seq = e.Position.Seq
		ordinal := e.Frame.Ordinal
		for _, c := range e.Frame.Commits {
			for _, ev := range c.Events {
				ordinal++
				events++
				if _, err := announce.Fold(top, ev, ordinal); err != nil {
					b.Fatal(err)
				}
			}
		}
		if events >= rebuildBatch {
			flush()
		}
	}
	flush()
	return out
}

// putRows writes ready-made rows and returns events per second.
func putRows(b *testing.B, batches [][]row) float64 {
	b.Helper()
	db, err := bolt.Open(filepath.Join(b.TempDir(), "rows.db"), 0o600, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType, InitialMmapSize: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	started := time.Now()
	for _, rows := range batches {
		if err := db.Update(func(tx *bolt.Tx) error {
			for _, r := range rows {
				bucket, err := tx.CreateBucketIfNotExists(r.table)
				if err != nil {
					return err
				}
				bucket.FillPercent = 0.85
				if r.value == nil {
					err = bucket.Delete(r.key)
				} else {
					err = bucket.Put(r.key, r.value)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return rebuildEvents / time.Since(started).Seconds()
}

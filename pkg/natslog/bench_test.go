package natslog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/eventlog/logtest"
	"github.com/rollcallhq/rollcall/pkg/natslog"
)

// benchmarkFrame returns a frame of n events with a payload of about 1 KB each.
func benchmarkFrame(at eventlog.Position, n int) []byte {
	var payload []byte
	for i := range 28 {
		payload = fmt.Appendf(payload, `"attribute%d":"value of user %d %d"`, i, at.Ordinal, i*7919)
	}
	f := frame.Frame{Header: at.Next(), Commits: make([]frame.Commit, n)}
	for i := range f.Commits {
		id := at.Ordinal + uint64(i) + 1
		f.Commits[i] = frame.Commit{Command: fmt.Sprintf("bench-%d", id), Events: []events.Event{{
			Type: "user.updated.v1", ID: id, At: time.UnixMicro(1_700_000_000_000_000 + int64(id)).UTC(),
			Actor: "scim:sec_1", Organization: "org_1", Directory: "dir_1", Resource: fmt.Sprintf("diruser_%d", id), Revision: 2, Payload: payload,
		}}}
	}
	return frame.Encode(f)
}

// BenchmarkAppend sends one frame at a time, each acked after its fsync: what
// one committer gets. "raw" leaves the expectation and the checks of the port
// out; the difference is their price.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 16, 64, 256, 1024} {
		for _, raw := range []bool{false, true} {
			name := map[bool]string{false: "conditional", true: "raw"}[raw]
			b.Run(fmt.Sprintf("events=%d/%s", size, name), func(b *testing.B) {
				js, _ := start(b, b.TempDir(), 64<<30)
				ensure(b, js, natslog.Config{})
				log := open(b, js, 0, natslog.Options{Sole: true})
				var at eventlog.Position
				var bytes int64
				for b.Loop() {
					// Encoding is not what is measured.
					b.StopTimer()
					encoded := benchmarkFrame(at, size)
					sum := frame.Sum(encoded)
					b.StartTimer()
					var seq uint64
					var err error
					if raw {
						seq, err = log.AppendRaw(b.Context(), encoded)
					} else {
						seq, err = log.Append(b.Context(), at, encoded)
					}
					if err != nil {
						b.Fatal(err)
					}
					at = at.After(seq, sum, size)
					bytes += int64(len(encoded))
				}
				b.SetBytes(bytes / int64(b.N))
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkRead reads a log of frames from the beginning, chain check and
// decoding included.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("events=%d", size), func(b *testing.B) {
			js, _ := start(b, b.TempDir(), 64<<30)
			ensure(b, js, natslog.Config{})
			log := open(b, js, 0, natslog.Options{Sole: true})
			frames := max(64, 2000/size)
			var at eventlog.Position
			for range frames {
				at = logtest.Append(b, log, at, benchmarkFrame(at, size))
			}
			for b.Loop() {
				r, err := log.Open(b.Context(), eventlog.Position{})
				if err != nil {
					b.Fatal(err)
				}
				for range frames {
					if _, err := r.Next(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*frames*size)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkFollow measures from the ack of a small frame until a waiting
// reader has it.
func BenchmarkFollow(b *testing.B) {
	js, _ := start(b, b.TempDir(), 8<<30)
	ensure(b, js, natslog.Config{})
	log := open(b, js, 0, natslog.Options{Sole: true})
	r, err := log.Open(b.Context(), eventlog.Position{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	read := make(chan time.Time)
	ctx, cancel := context.WithCancel(b.Context())
	go func() {
		defer close(read)
		for {
			if _, err := r.Next(ctx); err != nil {
				return
			}
			read <- time.Now()
		}
	}()
	var at eventlog.Position
	var sum, worst time.Duration
	for b.Loop() {
		at = logtest.Append(b, log, at, benchmarkFrame(at, 1))
		acked := time.Now()
		late := max(0, (<-read).Sub(acked))
		sum, worst = sum+late, max(worst, late)
	}
	cancel()
	for range read {
	}
	b.ReportMetric(float64(sum.Microseconds())/float64(b.N), "µs-late")
	b.ReportMetric(float64(worst.Microseconds()), "µs-latest")
}

// BenchmarkTail asks for the tail from many goroutines, which share questions.
func BenchmarkTail(b *testing.B) {
	js, _ := start(b, b.TempDir(), 1<<30)
	ensure(b, js, natslog.Config{})
	log := open(b, js, 0, natslog.Options{})
	logtest.Fill(b, log, eventlog.Position{}, 3)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := log.Tail(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package requestlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// lossy is a stream whose first answer to a batch is lost.
type lossy struct {
	stream
	lost bool
}

func (l *lossy) all(ctx context.Context, load []parcel) error {
	err := l.stream.all(ctx, load)
	if err == nil && !l.lost {
		l.lost = true
		return context.DeadlineExceeded
	}
	return err
}

// TestLostAnswer: a batch whose answer was lost is sent again and stored once.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if err := natslog.Ensure(ctx, js, natslog.Config{Sizes: natslog.Shares(256 << 20)}); err != nil {
		t.Fatal(err)
	}
	to := &lossy{stream: stream{js}}
	r := &Recorder{log: slog.New(slog.DiscardHandler), stream: to, collector: synclog.NewCollector(), name: "r"}
	var load []parcel
	for i := range 5 {
		p, ok := r.pack(synclog.Batch{Organization: "org_1", Directory: fmt.Sprint("dir_", i), Entries: []synclog.Entry{refusal(i)}})
		if !ok {
			t.Fatal("a batch is not packed")
		}
		load = append(load, p)
	}
	left, err := r.write(ctx, load)
	if !errors.Is(err, context.DeadlineExceeded) || len(left) != len(load) {
		t.Fatalf("%d are left: %v", len(left), err)
	}
	if left, err = r.write(ctx, left); err != nil || len(left) != 0 || r.alone {
		t.Errorf("sent again, %d are left, batches refused %t: %v", len(left), r.alone, err)
	}
	e, err := New(js).Extent(ctx)
	if err != nil || e.Last != 5 || r.Dropped() != 0 {
		t.Errorf("the stream has %+v, %v; %d dropped", e, err, r.Dropped())
	}
}

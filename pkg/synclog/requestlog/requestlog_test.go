package requestlog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/synclog"
	"github.com/rollcallhq/rollcall/pkg/synclog/requestlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB) jetstream.JetStream {
	t.Helper()
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
	return js
}

func refusal(dir int) synclog.Entry {
	return synclog.Entry{
		Organization: "org_1", Directory: fmt.Sprint("dir_", dir), Secret: "sec_1", Method: "PUT", Endpoint: "Users", Resource: "diruser_1",
		Status: 400, ScimType: "invalidValue", Cause: "invalid_value", Detail: "No.", Count: 1,
	}
}

var errEnough = errors.New("enough")

// read returns what the stream holds behind a sequence, up to its end.
func read(t *testing.T, l *requestlog.Log, after uint64) (all []synclog.Stored) {
	t.Helper()
	end, err := l.Extent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if end.Last <= after {
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = l.Follow(ctx, after, func(s synclog.Stored) error {
		all = append(all, s)
		if s.Seq >= end.Last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	return all
}

// TestRoundTrip records requests and reads them back, on their directories'
// subjects and without their passwords.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	js := open(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := requestlog.Start(t.Context(), js, requestlog.Options{Now: func() time.Time { return now }})
	for i := range 3 {
		r.Record(refusal(i).With([]byte(`{"userName":"mara","password":"t1ger"}`)))
	}
	fine := refusal(0)
	fine.Status, fine.Cause, fine.ScimType = 200, "", ""
	r.Record(fine)
	if err := r.Stop(); err != nil {
		t.Fatal(err)
	}
	l := requestlog.New(js)
	got := read(t, l, 0)
	if len(got) != 3 {
		t.Fatalf("%d messages, want one a directory: %+v", len(got), got)
	}
	for i, s := range got {
		if s.Err != nil || s.Seq != uint64(i)+1 || s.Batch.Directory != fmt.Sprint("dir_", i) {
			t.Errorf("message %d is %+v", i, s)
			continue
		}
		want := []synclog.Entry{refusal(i)}
		want[0].At, want[0].Body, want[0].BodySize = now, `{"userName":"mara"}`, 38
		if diff := cmp.Diff(want, s.Batch.Entries, cmp.AllowUnexported(synclog.Entry{})); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", i, diff)
		}
	}
	if u := got[0].Batch.Usage; u.Requests != 2 || u.Refused != 1 {
		t.Errorf("usage is %+v", u)
	}
	stream, err := js.Stream(t.Context(), natslog.RequestsStream)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), "requests.org_1.dir_2")
	if err != nil || m.Sequence != 3 {
		t.Errorf("the last message of dir_2 is %+v, %v", m, err)
	}
	e, err := l.Extent(t.Context())
	if err != nil || e.First != 1 || e.Last != 3 || e.Created.IsZero() {
		t.Errorf("the stream is %+v, %v", e, err)
	}
	if later := read(t, l, 2); len(later) != 1 || later[0].Seq != 3 {
		t.Errorf("behind the second message are %+v", later)
	}
}

// TestManyDirectories: what many directories tell at once is in the stream once,
// whether it takes batches or not, or refuses a message of one.
func TestManyDirectories(t *testing.T) {
	t.Parallel()
	const directories = 40
	for name, prepare := range map[string]func(*jetstream.StreamConfig){
		"in batches": func(*jetstream.StreamConfig) {},
		"one by one": func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false },
		"too large":  func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := open(t)
			stream, err := js.Stream(t.Context(), requestlog.Stream)
			if err != nil {
				t.Fatal(err)
			}
			cfg := stream.CachedInfo().Config
			prepare(&cfg)
			if _, err := js.UpdateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			r := requestlog.Start(t.Context(), js, requestlog.Options{})
			for i := range directories {
				e := refusal(i)
				if i == 7 && cfg.MaxMsgSize > 0 {
					e.Detail = strings.Repeat("x", 1000)
				}
				r.Record(e)
			}
			want := directories
			if cfg.MaxMsgSize > 0 {
				want--
			}
			l := requestlog.New(js)
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // between looks
				e, err := l.Extent(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if e.Last >= uint64(want) && r.Dropped() == uint64(directories-want) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the stream has %+v", e)
				}
			}
			_ = r.Stop()
			got := map[string]int{}
			for _, s := range read(t, l, 0) {
				got[s.Batch.Directory] += len(s.Batch.Entries)
			}
			if len(got) != want || r.Dropped() != uint64(directories-want) {
				t.Errorf("%d directories are told of, %d requests dropped; want %d", len(got), r.Dropped(), want)
			}
			for dir, n := range got {
				if n != 1 {
					t.Errorf("%d entries of %s", n, dir)
				}
			}
		})
	}
}

// TestForeign: a message that is no batch is handed on as what it is.
func TestForeign(t *testing.T) {
	t.Parallel()
	js := open(t)
	if _, err := js.Publish(t.Context(), "requests.org_1.dir_1", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "requests.org_1.dir_1", []byte(`{"v":1,"directory":"dir_1"}`)); err != nil {
		t.Fatal(err)
	}
	got := read(t, requestlog.New(js), 0)
	if len(got) != 2 || !errors.Is(got[0].Err, synclog.ErrMalformed) || got[1].Err != nil {
		t.Errorf("read %+v", got)
	}
}

// TestNoStream: a recorder works without its stream, and a reader says that it
// is not there.
func TestNoStream(t *testing.T) {
	t.Parallel()
	js := open(t)
	if err := js.DeleteStream(t.Context(), requestlog.Stream); err != nil {
		t.Fatal(err)
	}
	r := requestlog.Start(t.Context(), js, requestlog.Options{})
	r.Record(refusal(1))
	_ = r.Stop()
	if r.Dropped() != 1 {
		t.Errorf("%d dropped, want 1", r.Dropped())
	}
	// Nor does it write to a stream of somebody else that takes its subjects.
	foreign, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FOREIGN", Subjects: []string{"requests.>"}, AllowAtomicPublish: true})
	if err != nil {
		t.Fatal(err)
	}
	r = requestlog.Start(t.Context(), js, requestlog.Options{})
	for i := range 3 {
		r.Record(refusal(i))
	}
	_ = r.Stop()
	if info, err := foreign.Info(t.Context()); err != nil || info.State.Msgs != 0 || r.Dropped() != 3 {
		t.Errorf("a foreign stream has %+v, %v", info, err)
	}
	l := requestlog.New(js)
	if _, err := l.Extent(t.Context()); !errors.Is(err, requestlog.ErrUnavailable) {
		t.Errorf("Extent answers %v", err)
	}
	if err := l.Follow(t.Context(), 0, nil); !errors.Is(err, requestlog.ErrUnavailable) {
		t.Errorf("Follow answers %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	if err := requestlog.New(open(t)).Follow(ctx, 0, nil); err == nil {
		t.Error("Follow goes on after its context")
	}
}

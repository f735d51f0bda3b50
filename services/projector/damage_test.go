package projector_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	bolt "go.etcd.io/bbolt"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/services/projector"
)

// TestForeignLastMessage refuses to guess how far EVENTS is when its last
// message is not one of the projector's.
func TestForeignLastMessage(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*nats.Msg){
		"no header":          func(m *nats.Msg) { m.Header = nil },
		"no number":          func(m *nats.Msg) { m.Header.Del(public.HeaderNumber) },
		"a damaged number":   func(m *nats.Msg) { m.Header.Set(public.HeaderNumber, "17x") },
		"another's number":   func(m *nats.Msg) { m.Header.Set(public.HeaderNumber, "17") },
		"another event's id": func(m *nats.Msg) { m.Header.Set(public.HeaderEventID, "evt_000000000000000017") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.users(t, 2)
			want := w.want(t)
			w.resetEvents(t, want[:2])
			m := want[2].nats()
			spoil(m)
			if _, err := w.js.PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			p := w.open(t, "model")
			if err := p.RunToEnd(t.Context()); err == nil || !strings.Contains(err.Error(), "EVENTS") {
				t.Errorf("RunToEnd answers %v", err)
			}
			stop(t, p)

			said := &lines{}
			w.start(t, "model", func(c *projector.Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) })
			eventually(t, func() bool { return said.count("public events cannot be emitted") >= 2 }, "two tries")
			stream, err := w.js.Stream(t.Context(), natslog.EventsStream)
			if err != nil {
				t.Fatal(err)
			}
			if got := stream.CachedInfo().State.LastSeq; got != 3 {
				t.Errorf("EVENTS went on to %d behind a foreign message", got)
			}
		})
	}
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), s)
}

// TestPoison puts an event that cannot be folded into quarantine and goes on
// with the next, in the same frame and behind it.
func TestPoison(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	from := len(w.Log)
	w.Must(t, directory.CreateUser{Scope: w.scope, State: directorytest.User("before@acme.example")})
	poison := w.Log[from]
	poison = events.Event{
		Type: poison.Type, ID: poison.ID, At: poison.At, Actor: poison.Actor, Organization: poison.Organization, Directory: poison.Directory,
		Resource: "diruser_" + strconv.FormatUint(poison.ID, 10), Revision: 1, Payload: json.RawMessage(`{"active":`),
	}
	w.Must(t, directory.CreateUser{Scope: w.scope, State: directorytest.User("after@acme.example")})
	list := append([]events.Event{w.Log[from], poison}, w.Log[from+1:]...)
	ordinal := w.at.Ordinal + 2
	w.append(t, list)
	w.users(t, 2)

	said := &lines{}
	p := w.start(t, "model", func(c *projector.Config) { c.Logger = slog.New(slog.NewTextHandler(said, nil)) })
	w.settled(t, p)
	if err := p.Err(); err != nil {
		t.Errorf("one poison event stopped the projector: %v", err)
	}
	if n := said.count("in quarantine"); n != 1 {
		t.Errorf("the log tells of the quarantine %d times", n)
	}
	got := w.emitted(t)
	for _, name := range []string{"before@", "after@"} {
		n := 0
		for _, m := range got {
			n += strings.Count(m.Body, `"preferred_username":"`+name)
		}
		if n != 1 {
			t.Errorf("%d events show %s", n, name)
		}
	}
	stop(t, p)
	if got := quarantined(t, w.path("model")); len(got) != 1 || !strings.HasPrefix(got[0], fmt.Sprintf("%018d user.created.v1: ", ordinal)) {
		t.Errorf("in quarantine: %q", got)
	}
}

func quarantined(t *testing.T, path string) []string {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: limit})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var out []string
	if err := db.View(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("quarantine"))
		if b == nil {
			return nil
		}
		return b.ForEach(func(k, v []byte) error {
			out = append(out, string(k)+" "+string(v))
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDamagedLog halts a running projector: it says why, answers no reads, and
// emits nothing that stands behind the damage.
func TestDamagedLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start(t, "model", func(c *projector.Config) { c.Commands = nobody{} })
	w.users(t, 3)
	w.settled(t, p)
	want := w.want(t)
	if _, err := w.js.Publish(t.Context(), natslog.Subject(0), []byte("not a frame")); err != nil {
		t.Fatal(err)
	}
	w.at.Seq++ // an owner that does not look
	w.users(t, 3)
	eventually(t, func() bool { return p.Err() != nil }, "the projector to halt")
	if err := p.Err(); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("the projector halted because of %v", err)
	}
	if err := p.Read(t.Context(), func(directory.View) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a read answers %v, want Unavailable", err)
	}
	if got := p.At().Seq; got != w.at.Seq-2 {
		t.Errorf("the model is at %d, the damage at %d", got, w.at.Seq-1)
	}
	stop(t, p)
	compare(t, w.emitted(t), want)
}

// nobody owns the log.
type nobody struct{}

func (nobody) Submit(context.Context, directory.Request) (uint64, error) {
	return 0, fault.New(fault.Unavailable, "No server owns the log.")
}

// TestRead shows every write that was answered before the call, and gives up
// within the caller's bound.
func TestRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.open(t, "model")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := p.Read(ctx, func(directory.View) error { t.Error("the model was read before it was folded"); return nil })
	if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read of a model that does not move answers %v", err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		id := w.users(t, 1)[0]
		if err := p.Read(t.Context(), func(v directory.View) error {
			if r, err := v.Get(directory.Make(directory.TableUser, w.scope.Directory, id)); err != nil || r == nil {
				t.Errorf("the user just stored is %v, %v", r, err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	own := errors.New("the caller's own")
	if err := p.Read(t.Context(), func(directory.View) error { return own }); !errors.Is(err, own) {
		t.Errorf("the caller's error came back as %v", err)
	}
	stop(t, p)
	if err := p.Read(t.Context(), func(directory.View) error { return nil }); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a read after Stop answers %v", err)
	}
}

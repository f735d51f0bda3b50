package published_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/pkg/published"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newStream(t *testing.T) jetstream.JetStream {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	nc, err := server.Connect()
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	must(t, natslog.Ensure(t.Context(), js, natslog.Config{}))
	return js
}

var begin = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// put is one event as the projector writes it, the n-th, which occurred n
// seconds after begin.
func put(t *testing.T, js jetstream.JetStream, n int, typ public.Type, org, dir string, more ...any) published.Event {
	t.Helper()
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	number := public.NumberOf(uint64(n)+1, 0) //nolint:gosec // small
	body, err := public.New(typ, number, begin.Add(time.Duration(n)*time.Second), "env_1", org, map[string]any{"id": n, "more": more}).Body()
	must(t, err)
	ack, err := js.PublishMsg(t.Context(), &nats.Msg{
		Subject: "events." + dash(org) + "." + dash(dir) + "." + string(typ), Data: body,
		Header: nats.Header{
			public.HeaderEventID: {number.ID()}, public.HeaderEventType: {string(typ)}, public.HeaderOrganization: {org},
			public.HeaderNumber: {strconv.FormatUint(uint64(number), 10)},
		},
	})
	must(t, err)
	return published.Event{Seq: ack.Sequence, Number: number, ID: number.ID(), Type: typ, Organization: org, Directory: dir, Body: body}
}

// TestRead walks through random filters with random page sizes and compares
// with looking at every event.
func TestRead(t *testing.T) {
	t.Parallel()
	js := newStream(t)
	types := []public.Type{public.UserCreated, public.UserUpdated, public.GroupCreated, public.RoleCreated}
	var all []published.Event
	for n := range 120 {
		org, dir := fmt.Sprintf("org_%d", n%3), fmt.Sprintf("dir_%d", n%5)
		typ := types[n%len(types)]
		if typ == public.RoleCreated {
			org, dir = "", ""
		}
		all = append(all, put(t, js, n, typ, org, dir))
	}
	r := published.Open(js)
	rapid.Check(t, func(rt *rapid.T) {
		f := published.Filter{
			Types:        rapid.SliceOfN(rapid.SampledFrom(types), 0, 3).Draw(rt, "types"),
			Organization: rapid.SampledFrom([]string{"", "", "org_0", "org_2", "org_9"}).Draw(rt, "organization"),
			Directory:    rapid.SampledFrom([]string{"", "", "dir_1", "dir_4"}).Draw(rt, "directory"),
		}
		bound := func(what string) time.Time {
			n := rapid.IntRange(-3, 130).Draw(rt, what)
			if n == -3 {
				return time.Time{}
			}
			return begin.Add(time.Duration(n)*time.Second + time.Duration(rapid.IntRange(0, 1).Draw(rt, what+" half"))*time.Second/2)
		}
		f.From, f.Until = bound("from"), bound("until")
		var want, got []published.Event
		for n, e := range all {
			at := begin.Add(time.Duration(n) * time.Second)
			if (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (f.Organization == "" || f.Organization == e.Organization) &&
				(f.Directory == "" || f.Directory == e.Directory) && !at.Before(f.From) && (f.Until.IsZero() || at.Before(f.Until)) {
				want = append(want, e)
			}
		}
		size, after := rapid.IntRange(1, 50).Draw(rt, "size"), uint64(0)
		for {
			p, err := r.Read(t.Context(), f, after, size)
			if err != nil {
				rt.Fatal(err)
			}
			if len(p.Events) > size || p.More && len(p.Events) == 0 || p.Next < after || p.Missed {
				rt.Fatalf("a page of %d behind %d: %d events, next %d, more %t, missed %t", size, after, len(p.Events), p.Next, p.More, p.Missed)
			}
			got, after = append(got, p.Events...), p.Next
			if !p.More {
				break
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("%+v (-want +got):\n%s", f, d)
		}
		// What was passed over is not there again, and nothing new is.
		if p, err := r.Read(t.Context(), f, after, size); err != nil || len(p.Events) != 0 || p.More {
			rt.Fatalf("behind the end: %+v, %v", p, err)
		}
	})
	// Back again, from anywhere: the pages are those of all that is ahead.
	rapid.Check(t, func(rt *rapid.T) {
		f := published.Filter{
			Types:        rapid.SliceOfN(rapid.SampledFrom(types), 0, 2).Draw(rt, "types"),
			Organization: rapid.SampledFrom([]string{"", "org_0", "org_9"}).Draw(rt, "organization"),
		}
		if n := rapid.IntRange(-40, 80).Draw(rt, "from"); n >= 0 {
			f.From = begin.Add(time.Duration(n) * time.Second)
		}
		if n := rapid.IntRange(-40, 120).Draw(rt, "until"); n >= 0 {
			f.Until = begin.Add(time.Duration(n) * time.Second)
		}
		before, size := rapid.Uint64Range(0, 130).Draw(rt, "before"), rapid.IntRange(1, 20).Draw(rt, "size")
		var want, got []published.Event
		for n, e := range all {
			at := begin.Add(time.Duration(n) * time.Second)
			if e.Seq < before && (len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (f.Organization == "" || f.Organization == e.Organization) &&
				!at.Before(f.From) && (f.Until.IsZero() || at.Before(f.Until)) {
				want = append(want, e)
			}
		}
		for {
			p, err := r.ReadBack(t.Context(), f, before, size)
			if err != nil {
				rt.Fatal(err)
			}
			if len(p.Events) > size || p.More && len(p.Events) != size {
				rt.Fatalf("a page of %d ahead of %d: %d events, more %t", size, before, len(p.Events), p.More)
			}
			got = append(slices.Clone(p.Events), got...)
			if !p.More {
				break
			}
			before = p.Events[0].Seq
		}
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("%+v (-want +got):\n%s", f, d)
		}
	})
	var left []string
	for name := range lister(t, js).Name() {
		left = append(left, name)
	}
	if len(left) > 0 {
		t.Errorf("consumers are left: %q", left)
	}
}

func lister(t *testing.T, js jetstream.JetStream) jetstream.ConsumerNameLister {
	t.Helper()
	s, err := js.Stream(t.Context(), "EVENTS")
	must(t, err)
	return s.ConsumerNames(t.Context())
}

func TestRead_edges(t *testing.T) {
	t.Parallel()
	js := newStream(t)
	r := published.Open(js)
	if p, err := r.Read(t.Context(), published.Filter{From: begin, Until: begin.Add(time.Hour)}, 0, 10); err != nil || len(p.Events) != 0 || p.Next != 0 || p.More {
		t.Errorf("an empty stream: %+v, %v", p, err)
	}
	for n := range 10 {
		put(t, js, n, public.UserCreated, "org_1", "dir_1")
	}
	must(t, natslog.TrimEvents(t.Context(), js, time.Now().Add(time.Hour)))
	last := put(t, js, 10, public.UserCreated, "org_1", "dir_1")
	if p, err := r.Read(t.Context(), published.Filter{}, 3, 10); err != nil || !p.Missed || len(p.Events) == 0 || p.Next != last.Seq {
		t.Errorf("behind what was trimmed: %+v, %v", p, err)
	}
	if p, err := r.Read(t.Context(), published.Filter{From: begin}, 0, 10); err != nil || p.Missed || len(p.Events) == 0 {
		t.Errorf("from the beginning: %+v, %v", p, err)
	}
	for name, read := range map[string]func() error{
		"beyond the end": func() error { _, err := r.Read(t.Context(), published.Filter{}, last.Seq+1, 1); return err },
		"a wildcard":     func() error { _, err := r.Read(t.Context(), published.Filter{Organization: "*"}, 0, 1); return err },
		"two tokens":     func() error { _, err := r.Read(t.Context(), published.Filter{Directory: "a.b"}, 0, 1); return err },
		"a type": func() error {
			_, err := r.Read(t.Context(), published.Filter{Types: []public.Type{">"}}, 0, 1)
			return err
		},
	} {
		if err := read(); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(ctx, published.Filter{}, 0, 1); err == nil {
		t.Error("a caller that left is answered")
	}
}

// TestRead_bytes says that large events make pages short, and none is lost.
func TestRead_bytes(t *testing.T) {
	t.Parallel()
	js := newStream(t)
	large := strings.Repeat("x", 256<<10)
	const n = 100
	for i := range n {
		put(t, js, i, public.UserCreated, "org_1", "dir_1", large)
	}
	r := published.Open(js)
	seen, after, pages := 0, uint64(0), 0
	for more := true; more; pages++ {
		p, err := r.Read(t.Context(), published.Filter{}, after, published.MaxPage)
		must(t, err)
		seen, after, more = seen+len(p.Events), p.Next, p.More
	}
	if seen != n || pages < 2 {
		t.Errorf("%d of %d events came in %d pages", seen, n, pages)
	}
}

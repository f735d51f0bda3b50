package projector_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/events/public"
)

// notices collects what there is notice of.
type notices struct {
	mu  sync.Mutex
	got map[uint64][]message // by sequence
}

func (w *world) notices(t *testing.T) *notices {
	t.Helper()
	n := &notices{got: map[uint64][]message{}}
	sub, err := w.js.Conn().Subscribe(public.NoticeSubject, func(m *nats.Msg) {
		header := map[string]string{}
		for k := range m.Header {
			header[k] = m.Header.Get(k)
		}
		seq, err := strconv.ParseUint(header[public.HeaderSequence], 10, 64)
		if err != nil {
			t.Errorf("a notice has the sequence %q", header[public.HeaderSequence])
		}
		delete(header, public.HeaderSequence)
		n.mu.Lock()
		defer n.mu.Unlock()
		n.got[seq] = append(n.got[seq], message{Header: header, Body: string(m.Data)})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	return n
}

// of returns how many notices there were of the event at a sequence.
func (n *notices) of(seq uint64) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.got[seq])
}

// hold compares what there was notice of with what EVENTS holds, and returns of
// how many of its messages there was any.
func (n *notices) hold(t *testing.T, stored []message) int {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for seq, list := range n.got {
		if seq == 0 || seq > uint64(len(stored)) {
			t.Errorf("notice of sequence %d, EVENTS ends at %d", seq, len(stored))
			continue
		}
		want := stored[seq-1]
		want.Subject = ""
		for _, m := range list {
			compare(t, []message{m}, []message{want})
		}
	}
	return len(n.got)
}

// TestNotice gives notice of events once this life has appended one, each once and
// with what EVENTS then holds in that place.
func TestNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.notices(t)
	p := w.start(t, "a")
	w.settled(t, p)
	had := last(t, w.want(t))
	before := len(w.emitted(t))
	if had == 0 {
		t.Fatal("there is no event to begin with")
	}
	for i := range 20 {
		w.users(t, 1+i*3) // one by one, and as batches
		if i%2 == 0 {
			w.settled(t, p)
		}
	}
	w.settled(t, p)
	stored := w.emitted(t)
	eventually(t, func() bool { return n.of(uint64(len(stored))) > 0 }, "notice of the last event")
	n.hold(t, stored)
	given := 0
	for seq := before + 1; seq <= len(stored); seq++ {
		switch got := n.of(uint64(seq)); got { //nolint:gosec // a sequence
		case 0: // the server was slow to answer, and the emitter in doubt
		case 1:
			given++
		default:
			t.Errorf("%d notices of sequence %d", got, seq)
		}
	}
	if all := len(stored) - before; given < all/2 {
		t.Errorf("notice of %d events of %d", given, all)
	}
}

// TestNotice_rivals has two projectors at work, of which one stops and starts: all
// that they give notice of comes true.
func TestNotice_rivals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.notices(t)
	a, b := w.start(t, "a"), w.start(t, "b")
	for range 4 {
		for i := range 10 {
			w.users(t, 1+i)
		}
		stop(t, a)
		for range 5 {
			w.users(t, 2)
		}
		w.settled(t, b)
		a = w.start(t, "a")
	}
	w.users(t, 1)
	w.settled(t, a)
	w.settled(t, b)
	stored := w.emitted(t)
	if got := n.hold(t, stored); got == 0 {
		t.Error("there was no notice at all")
	} else {
		t.Logf("notice of %d events of %d", got, len(stored))
	}
}

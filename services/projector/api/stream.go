package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// streamWithin is how long a reader may take to make room for what is sent.
	streamWithin = 30 * time.Second
	// streamRetry is how long browsers wait before they connect again.
	streamRetry = 2 * time.Second
)

// stream writes server-sent events. It is for one goroutine.
type stream struct {
	w    http.ResponseWriter
	rc   *http.ResponseController
	form *jsonForm
	buf  bytes.Buffer
}

// openStream begins the answer. The limits of time that other answers have are
// lifted: this one ends when it is told to.
func openStream(w http.ResponseWriter) *stream {
	s := &stream{w: w, rc: http.NewResponseController(w), form: newJSON()}
	_ = s.rc.SetReadDeadline(time.Time{}) // a writer without deadlines keeps its own
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx would wait for more
	w.WriteHeader(http.StatusOK)
	return s
}

// close gives the connection back to requests with limits of their own.
func (s *stream) close() { _ = s.rc.SetWriteDeadline(time.Time{}) }

// flush sends what was written.
func (s *stream) flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	_ = s.rc.SetWriteDeadline(time.Now().Add(streamWithin))
	_, err := s.w.Write(s.buf.Bytes()) //nolint:gosec // event streams are no pages, and all of it is JSON
	if s.buf.Reset(); err == nil {
		err = s.rc.Flush()
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "The reader takes nothing any more.")
	}
	return nil
}

// begin says where reading begins. An id without data sets the reader's
// Last-Event-ID and is no event.
func (s *stream) begin(at tailPlace) error {
	fmt.Fprintf(&s.buf, "retry: %d\nid: %s\n\n", streamRetry.Milliseconds(), at)
	return s.flush()
}

// beat keeps the connection open, and the reader's place at where the search is.
func (s *stream) beat(at tailPlace) error {
	if fmt.Fprint(&s.buf, ": still here\n"); at.frame > 0 {
		fmt.Fprintf(&s.buf, "id: %s\n", at)
	}
	s.buf.WriteByte('\n')
	return s.flush()
}

// attempt adds an event, which flush sends.
func (s *stream) attempt(at tailPlace, m proto.Message) error {
	b, err := s.form.Marshal(m)
	if err != nil {
		return err
	}
	return s.event("attempt", at.String(), json.RawMessage(b))
}

// skipped tells that attempts are left out: so many, or 0 if nobody knows.
func (s *stream) skipped(attempts int) error {
	if err := s.event("skipped", "", map[string]int{"attempts": attempts}); err != nil {
		return err
	}
	return s.flush()
}

// end tells why nothing more comes, to a reader that is still there.
func (s *stream) end(f failure) {
	if s.event("end", "", map[string]string{"reason": f.name, "message": f.message}) == nil {
		_ = s.flush() // a reader that left has no one to tell
	}
}

func (s *stream) event(name, id string, data any) error {
	if id != "" {
		fmt.Fprintf(&s.buf, "id: %s\n", id)
	}
	fmt.Fprintf(&s.buf, "event: %s\ndata: ", name)
	if err := json.NewEncoder(&s.buf).Encode(data); err != nil { // one line: it is compact, and ends in one
		return err
	}
	s.buf.WriteByte('\n')
	return nil
}

// tails counts who reads, and holds what tests make shorter.
type tails struct {
	mu      sync.Mutex
	all     int
	clients map[string]int
	beat    time.Duration
	behind  uint64
}

func newTails() *tails { return &tails{clients: map[string]int{}, beat: tailBeat, behind: tailBehind} }

// enter takes a place, and returns how to give it back.
func (t *tails) enter(client string) (leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.clients[client] >= mostClientTails:
		return nil, fault.New(fault.TooManyRequests, "This API client reads %d live tails already, which is the limit. End one.", mostClientTails)
	case t.all >= mostTails:
		return nil, fault.New(fault.TooManyRequests, "%d live tails are read already, which is this server's limit. Try again later.", mostTails)
	}
	t.all++
	t.clients[client]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all--
		if t.clients[client]--; t.clients[client] == 0 {
			delete(t.clients, client)
		}
	}, nil
}

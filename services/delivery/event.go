package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
)

// eventsStream holds the public events, one message each; the projector writes
// it.
const eventsStream = "EVENTS"

const (
	askTimeout   = 5 * time.Second
	consumerIdle = time.Minute
	// readAhead and readEvents bound what one reader fetches ahead, in bytes and
	// events: for a bound in bytes alone the library sets 8 MB aside.
	readAhead  = 4 << 20
	readEvents = 2048
)

// event is a message of EVENTS.
type event struct {
	seq          uint64
	id, typ      string
	organization string
	// logSeq is the frame in LOG that caused it, ordinal the event in it.
	logSeq, ordinal uint64
	// only is the one endpoint that it is for, empty for all; replay is the
	// back-fill that asked for it.
	only, replay string
	body         []byte
	stored       time.Time
}

// resource returns what the event is about, empty if that cannot be told. The
// data of a public event begin with the id of its resource, and nothing before
// them is anybody's free text.
func (e *event) resource() string {
	lead := []byte(`"data":{"id":"`)
	i := bytes.Index(e.body, lead)
	if i < 0 {
		return ""
	}
	rest := e.body[i+len(lead):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || end > 128 {
		return ""
	}
	return string(rest[:end])
}

// occurred returns when the event happened: what its body says, else when it was
// stored. Nothing before that in the body is anybody's free text.
func (e *event) occurred() time.Time {
	lead := []byte(`"occurred_at":"`)
	if i := bytes.Index(e.body, lead); i >= 0 {
		rest := e.body[i+len(lead):]
		if end := bytes.IndexByte(rest, '"'); end > 0 && end < 64 {
			if at, err := time.Parse(time.RFC3339Nano, string(rest[:end])); err == nil {
				return at
			}
		}
	}
	return e.stored
}

// errForeign marks a message that is not a public event as we write them.
var errForeign = errors.New("not a public event")

func parseEvent(seq uint64, h nats.Header, body []byte) (*event, error) {
	e := &event{seq: seq, id: h.Get(public.HeaderEventID), typ: h.Get(public.HeaderEventType), organization: h.Get(public.HeaderOrganization), body: body}
	e.only, e.replay = h.Get(public.HeaderEndpoint), h.Get(public.HeaderReplay)
	var err, err2 error
	e.logSeq, err = strconv.ParseUint(h.Get(public.HeaderLogSeq), 10, 64)
	e.ordinal, err2 = strconv.ParseUint(h.Get(public.HeaderLogOrdinal), 10, 64)
	if err != nil || err2 != nil || e.id == "" || len(e.id) > 128 || e.typ == "" || len(e.typ) > 128 || len(e.replay) > 128 {
		return e, fmt.Errorf("%w: the message at sequence %d of %s", errForeign, seq, eventsStream)
	}
	return e, nil
}

// eventStream reads EVENTS. It is safe for concurrent use.
type eventStream struct {
	nc     *nats.Conn
	stream jetstream.Stream
}

func openEvents(ctx context.Context, js jetstream.JetStream) (*eventStream, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, eventsStream)
	if err != nil {
		return nil, fmt.Errorf("look up the stream %s: %w", eventsStream, err)
	}
	return &eventStream{nc: js.Conn(), stream: stream}, nil
}

// bounds returns the first sequence that is kept and the last that was given.
func (s *eventStream) bounds(ctx context.Context) (first, last uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	info, err := s.stream.Info(ctx)
	if err != nil {
		return 0, 0, err
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

// get returns one event, nil if it is not there.
func (s *eventStream) get(ctx context.Context, seq uint64) (*event, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	m, err := s.stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := parseEvent(m.Sequence, m.Header, m.Data)
	e.stored = m.Time
	if errors.Is(err, errForeign) {
		return nil, nil
	}
	return e, err
}

// read calls each for the events behind a sequence, in order, until it answers
// false. Messages that are not events are given without an id.
func (s *eventStream) read(ctx context.Context, after uint64, each func(*event) bool) error {
	consumer, err := s.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1, InactiveThreshold: consumerIdle,
	})
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessagesWithBytesLimit(readEvents, readAhead))
	if err != nil {
		return err
	}
	defer func() {
		messages.Stop()
		if !s.nc.IsConnected() {
			return
		}
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = s.stream.DeleteConsumer(bound, consumer.CachedInfo().Name)
	}()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		e, err := parseEvent(meta.Sequence.Stream, m.Headers(), m.Data())
		if err != nil {
			e = &event{seq: meta.Sequence.Stream}
		}
		e.stored = meta.Timestamp
		if !each(e) {
			return nil
		}
	}
}

// behind returns the sequence behind which all events were caused after the log
// event with the given ordinal: EVENTS rises in the ordinal, so halving finds it.
func (s *eventStream) behind(ctx context.Context, ordinal uint64) (uint64, error) {
	seq, err := s.first(ctx, func(e *event) bool { return e.ordinal > ordinal })
	if err != nil || seq == 0 {
		return 0, err
	}
	return seq - 1, nil
}

// first returns the sequence of the first event that is late enough, or the one
// behind the last if none is, by halving: once an event is late, all behind it
// are. An empty stream answers 1.
func (s *eventStream) first(ctx context.Context, late func(*event) bool) (uint64, error) {
	first, last, err := s.bounds(ctx)
	if err != nil {
		return 0, err
	}
	lo, hi := max(first, 1), last+1 // the first event that is later is in [lo, hi]
	for lo < hi {
		mid := lo + (hi-lo)/2
		// Step over what is not there or not an event.
		at := mid
		var e *event
		for e == nil && at < hi {
			if e, err = s.get(ctx, at); err != nil {
				return 0, err
			}
			at++
		}
		if e == nil || late(e) {
			hi = mid
		} else {
			lo = at
		}
	}
	return lo, nil
}

// Package published reads the public events that the stream EVENTS holds, a page
// at a time: by type, organization, directory and time.
//
//	r := published.Open(js)
//	p, err := r.Read(ctx, published.Filter{Organization: org}, 0, 100)
//	// and on: r.Read(ctx, filter, p.Next, 100)
//
// A page costs one look at the stream, one short-lived consumer whose subjects
// are the filter, so that the server passes over what is not asked for, and a
// search by halves for each bound in time. Nothing is read but the page.
//
// What must not live here: writing events (services/projector), following them
// to deliver them (services/delivery), tokens and protocols (services/projector/api).
package published

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	stream = "EVENTS"
	// every is what the subjects of all events have in common.
	every = "events.>"
	// MaxPage is how many events one page has at most.
	MaxPage = 1000
	// maxBytes is about how many bytes of bodies one page has at most; it holds one
	// event at least. They come in chunks.
	maxBytes = 8 << 20
	chunk    = 64
	// patience bounds one Read, whatever its context says.
	patience = 10 * time.Second
	// idle is after how long the server forgets a consumer that was not deleted.
	idle = 30 * time.Second
	// forget bounds how long a consumer's deletion is waited for.
	forget = 2 * time.Second
)

// Filter says which events are wanted. The zero value wants all.
type Filter struct {
	// Types are exact; none: all.
	Types []public.Type
	// Organization and Directory are ids; empty: of all and of none.
	Organization string
	Directory    string
	// From and Until bound occurred_at, from From on and before Until; zero: no
	// bound.
	From, Until time.Time
}

// Event is one public event as receivers get it.
type Event struct {
	// Seq is its place in EVENTS, Number its order and ID its name for ever.
	Seq          uint64
	Number       public.Number
	ID           string
	Type         public.Type
	Organization string // empty for none
	Directory    string // empty for none
	// Body is the event as JSON, byte for byte as it is signed and sent.
	Body []byte
}

// Page is a stretch of events, oldest first.
type Page struct {
	Events []Event
	// Next is what to go on behind. It rises also if the page is empty: what was
	// passed over is not looked at again.
	Next uint64
	// More says that there are further events now.
	More bool
	// Missed says that events behind the position that was asked for may be gone,
	// by age or for want of room.
	Missed bool
	// Oldest is the position behind which nothing has gone: 0, or that of the last
	// event that is no longer kept.
	Oldest uint64
}

// Reader is safe for concurrent use.
type Reader struct{ js jetstream.JetStream }

// Open makes a reader. The stream is looked up when it is read.
func Open(js jetstream.JetStream) *Reader { return &Reader{js: js} }

// Read returns at most limit events, 1 to MaxPage, that fit the filter and are
// behind a position: 0 for the beginning, else a page's Next or an event's Seq.
//
// Errors: Invalid if the position is beyond the end of the stream, which then
// is not the one that it came from, or if an id could not be one; Unavailable.
func (r *Reader) Read(ctx context.Context, f Filter, after uint64, limit int) (Page, error) {
	return r.bounded(ctx, f, func(ctx context.Context, subjects []string) (Page, error) {
		return r.read(ctx, f, subjects, after, max(1, min(limit, MaxPage)))
	})
}

// bounded has a read end in time, and fail with what callers can act on.
func (r *Reader) bounded(ctx context.Context, f Filter, read func(ctx context.Context, subjects []string) (Page, error)) (Page, error) {
	subjects, err := f.subjects()
	if err != nil {
		return Page{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, err := read(ctx, subjects)
	if _, told := errors.AsType[*fault.Error](err); err != nil && !told {
		err = fault.Wrap(fault.Unavailable, err, "The events cannot be read now. Try again.")
	}
	return p, err
}

func (r *Reader) read(ctx context.Context, f Filter, subjects []string, after uint64, limit int) (Page, error) {
	s, err := r.js.Stream(ctx, stream) // asks how far it is
	if err != nil {
		return Page{}, err
	}
	first, last := s.CachedInfo().State.FirstSeq, s.CachedInfo().State.LastSeq
	if after > last {
		return Page{}, fault.New(fault.Invalid, "There are no events up to this position; the events were restored or lost. Start again without it.")
	}
	p := Page{Next: max(after, last), Missed: after > 0 && after+1 < first, Oldest: max(first, 1) - 1}
	from, until := after+1, last+1
	if !f.From.IsZero() {
		at, err := search(ctx, s, first, last, f.From)
		if err != nil {
			return Page{}, err
		}
		from = max(from, at)
	}
	if !f.Until.IsZero() {
		if until, err = search(ctx, s, first, last, f.Until); err != nil {
			return Page{}, err
		}
	}
	if from >= until {
		p.Next = max(after, until-1)
		return p, nil
	}
	list, pending, err := r.fetch(ctx, from, subjects, limit)
	if err != nil {
		return Page{}, err
	}
	p.More = pending > len(list)
	for _, e := range list {
		if e.Seq >= until && !f.Until.IsZero() {
			p.More = false
			break
		}
		p.Events = append(p.Events, e)
	}
	switch n := len(p.Events); {
	case p.More:
		p.Next = p.Events[n-1].Seq
	case !f.Until.IsZero():
		p.Next = max(after, until-1)
	case n > 0:
		p.Next = max(p.Next, p.Events[n-1].Seq)
	}
	return p, nil
}

// fetch reads up to limit events from a sequence on, and says how many there
// were.
func (r *Reader) fetch(ctx context.Context, from uint64, subjects []string, limit int) (list []Event, pending int, err error) {
	err = r.at(ctx, from, subjects, func(c jetstream.Consumer, n int) error {
		pending = n
		for size := 0; len(list) < min(limit, pending) && size < maxBytes; {
			batch, err := c.Fetch(min(chunk, min(limit, pending)-len(list)), jetstream.FetchContext(ctx))
			if err != nil {
				return err
			}
			for m := range batch.Messages() {
				e, err := parse(m)
				if err != nil {
					return err
				}
				list, size = append(list, e), size+len(e.Body)
			}
			if err := errors.Join(batch.Error(), ctx.Err()); err != nil {
				return err
			}
		}
		return nil
	})
	return list, pending, err
}

// at calls use with a consumer that stands at a sequence, and with how many
// events it has before it. It does not outlive the call.
func (r *Reader) at(ctx context.Context, from uint64, subjects []string, use func(c jetstream.Consumer, pending int) error) error {
	c, err := r.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, FilterSubjects: subjects,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: idle,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forget)
		defer cancel()
		_ = r.js.DeleteConsumer(ctx, stream, c.CachedInfo().Name) // else the server does, a bit later
	}()
	return use(c, int(min(c.CachedInfo().NumPending, 1<<31))) //nolint:gosec // bounded
}

func parse(m jetstream.Msg) (Event, error) {
	meta, err := m.Metadata()
	if err != nil {
		return Event{}, err
	}
	return event(meta.Sequence.Stream, m.Subject(), m.Headers(), m.Data())
}

func event(seq uint64, subject string, h nats.Header, body []byte) (Event, error) {
	e := Event{Seq: seq, ID: h.Get(public.HeaderEventID), Type: public.Type(h.Get(public.HeaderEventType)), Organization: h.Get(public.HeaderOrganization), Body: body}
	n, err := strconv.ParseUint(h.Get(public.HeaderNumber), 10, 64)
	parts := strings.SplitN(subject, ".", 4)
	if err != nil || e.ID == "" || e.Type == "" || len(parts) != 4 {
		return Event{}, fault.New(fault.Internal, "The message at sequence %d of %s is not a public event.", seq, stream)
	}
	e.Number = public.Number(n)
	if parts[2] != "-" {
		e.Directory = parts[2]
	}
	return e, nil
}

// Subjects returns those of EVENTS that have the types, organization and directory
// that are wanted; bounds in time are not in subjects. For consumers that are
// made elsewhere.
//
// Errors: fault.Invalid for what is no id or no type.
func (f Filter) Subjects() ([]string, error) { return f.subjects() }

// subjects are those of the events that the filter wants, but for their time.
func (f Filter) subjects() ([]string, error) {
	one := func(what, id string) (string, error) {
		switch {
		case id == "":
			return "*", nil
		case len(id) > 64 || strings.ContainsAny(id, ".*> \t\r\n"):
			return "", fault.New(fault.Invalid, "%s is not an id.", what)
		}
		return id, nil
	}
	org, err := one("organization_id", f.Organization)
	if err != nil {
		return nil, err
	}
	dir, err := one("directory_id", f.Directory)
	if err != nil {
		return nil, err
	}
	head := "events." + org + "." + dir + "."
	if len(f.Types) == 0 {
		return []string{head + ">"}, nil
	}
	seen := map[public.Type]bool{}
	var list []string
	for _, t := range f.Types {
		if t.Object() == "" {
			return nil, fault.New(fault.Invalid, "There is no event type %q.", string(t))
		}
		if !seen[t] {
			seen[t] = true
			list = append(list, head+string(t))
		}
	}
	return list, nil
}

// search returns the first sequence from which on all events occurred at a time
// or later: last+1 if none did. Events are in the order of the log, whose time
// never goes backwards.
func search(ctx context.Context, s jetstream.Stream, first, last uint64, at time.Time) (uint64, error) {
	low, high := max(first, 1), last+1
	for low < high {
		mid := low + (high-low)/2
		m, err := s.GetMsg(ctx, mid, jetstream.WithGetMsgSubject(every)) // the next one, where it is gone
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			high = mid
			continue
		case err != nil:
			return 0, err
		}
		occurred, err := occurredAt(m.Data)
		if err != nil {
			return 0, fmt.Errorf("sequence %d of %s: %w", m.Sequence, stream, err)
		}
		if occurred.Before(at) {
			low = m.Sequence + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

func occurredAt(body []byte) (time.Time, error) {
	var head struct {
		OccurredAt time.Time `json:"occurred_at"`
	}
	err := json.Unmarshal(body, &head)
	return head.OccurredAt, err
}

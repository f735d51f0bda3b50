package requestlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

// message is a batch on its way. Its id makes repeats harmless.
type message struct {
	subject, id string
	data        []byte
}

// parcel is a message with what it is made of.
type parcel struct {
	message
	batch synclog.Batch
}

// pack makes a message of a batch; false if that cannot be written.
func (r *Recorder) pack(b synclog.Batch) (parcel, bool) {
	b.Redact()
	data, err := synclog.Encode(b)
	if err != nil {
		r.lose(b, err)
		return parcel{}, false
	}
	r.sent++
	return parcel{message{synclog.Subject(b.Organization, b.Directory), fmt.Sprintf("%s.%d", r.name, r.sent), data}, b}, true
}

// appender stores messages. Those that it has already are as good as stored.
type appender interface {
	// one stores a message.
	//
	// Errors: errRefused; any other means that it may be stored or not.
	one(ctx context.Context, m message) error
	// all stores all messages, or none, with one sync.
	//
	// Errors: errApart; any other means that they may be stored or not.
	all(ctx context.Context, load []parcel) error
}

var (
	// errRefused says that the server will never take these bytes.
	errRefused = errors.New("requestlog: the server refused the message")
	// errApart says that the server refused a batch: for one of its messages, or as it
	// takes none. errAlone is the latter.
	errApart = errors.New("requestlog: the server refused the batch")
	errAlone = fmt.Errorf("%w, and takes no others", errApart)
)

// write sends a load, and returns what is not known to be stored.
//
// Errors: the server cannot be reached, or refuses everything at present.
func (r *Recorder) write(ctx context.Context, load []parcel) ([]parcel, error) {
	if len(load) > 1 && !r.alone {
		err := r.stream.all(ctx, load)
		if !errors.Is(err, errApart) {
			return load, err
		}
		r.alone = errors.Is(err, errAlone)
	}
	for len(load) > 0 {
		err := r.stream.one(ctx, load[0].message)
		switch {
		case errors.Is(err, errRefused):
			r.lose(load[0].batch, err)
		case err != nil:
			return load, err
		}
		load = load[1:]
	}
	return nil, nil
}

// JetStream's answers that are told apart.
const (
	codeTooLarge      = 10054 // a message beyond a limit
	codeBatchDisabled = 10174
)

// stream is REQUESTS on a server.
type stream struct{ js jetstream.JetStream }

func (s stream) one(ctx context.Context, m message) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: m.subject, Data: m.data},
		jetstream.WithMsgID(m.id), jetstream.WithExpectStream(Stream), jetstream.WithRetryAttempts(0))
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == codeTooLarge || errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// all sends an atomic batch (ADR-50, server 2.12). A load whose answer was lost is
// refused when it comes again, as its ids are known; apart, each is acknowledged.
func (s stream) all(ctx context.Context, load []parcel) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	nc, id := s.js.Conn(), nuid.Next()
	var reply *nats.Msg
	for i, p := range load {
		m := &nats.Msg{Subject: p.subject, Data: p.data, Header: nats.Header{}}
		m.Header.Set(jetstream.MsgIDHeader, p.id)
		m.Header.Set(jetstream.ExpectedStreamHeader, Stream)
		m.Header.Set("Nats-Batch-Id", id)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		var err error
		if last := i == len(load)-1; last {
			m.Header.Set("Nats-Batch-Commit", "1")
			reply, err = nc.RequestMsgWithContext(ctx, m)
		} else {
			err = nc.PublishMsg(m)
		}
		switch {
		case errors.Is(err, nats.ErrMaxPayload):
			return fmt.Errorf("%w: %w", errApart, err)
		case err != nil:
			return err
		}
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return fmt.Errorf("read the answer to a batch: %w", err)
	}
	switch {
	case answer.Error == nil:
		return nil
	case answer.Error.ErrorCode == codeBatchDisabled:
		return fmt.Errorf("%w: %w", errAlone, answer.Error)
	}
	return fmt.Errorf("%w: %w", errApart, answer.Error)
}

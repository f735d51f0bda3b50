package natslog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

const (
	retryPause    = 50 * time.Millisecond
	retryPauseMax = 2 * time.Second
	probeEvery    = 10 // heartbeats
	// startTimeout bounds what makes a consumer ready. It may carry two of the
	// largest frames, in the server's JSON.
	startTimeout = 30 * time.Second
)

// reader yields a partition's frames through a consumer of its own. The
// consumer is thrown away and made anew at its position whenever anything is
// odd: a lost connection, a missed heartbeat, a message that does not follow.
// Only what is still wrong with a fresh consumer is damage.
type reader struct {
	log     *Log
	chain   eventlog.Chain
	pull    *pull
	status  chan nats.Status
	suspect bool // something was wrong before the present consumer was made
	idle    int  // heartbeats since the last frame
	pause   time.Duration
	final   error
	closed  bool
}

// Open starts a reader. See eventlog.Source.
func (l *Log) Open(ctx context.Context, after eventlog.Position) (eventlog.Reader, error) {
	r := &reader{log: l, chain: eventlog.Chain{At: after}, status: l.nc.StatusChanged(nats.CONNECTED), pause: retryPause}
	if err := r.start(ctx); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Next waits for the next frame. See eventlog.Reader.
func (r *reader) Next(ctx context.Context) (eventlog.Entry, error) {
	for {
		switch {
		case r.closed:
			return eventlog.Entry{}, eventlog.ErrClosed
		case r.final != nil:
			return eventlog.Entry{}, r.final
		case ctx.Err() != nil:
			return eventlog.Entry{}, ctx.Err()
		}
		if r.pull == nil {
			if err := r.start(ctx); err != nil {
				return eventlog.Entry{}, r.failed(ctx, err)
			}
		}
		seq, b, err := r.pull.next(ctx, r.status)
		switch {
		case errors.Is(err, errStale):
			r.drop()
			continue
		case errors.Is(err, errIdle):
			if err := r.probe(ctx); err != nil {
				r.drop()
				return eventlog.Entry{}, r.failed(ctx, err)
			}
			continue
		case err != nil:
			return eventlog.Entry{}, err
		}
		r.idle = 0
		e, err := r.chain.Admit(seq, b)
		if err == nil {
			r.suspect, r.pause = false, retryPause
			return e, nil
		}
		r.doubt(err)
	}
}

// doubt makes an error final if it comes from a fresh consumer.
func (r *reader) doubt(err error) {
	if r.suspect {
		r.final = err
	}
	r.suspect = true
	r.drop()
}

// probe is for a reader that gets nothing: with the first heartbeat and then
// every now and then it asks whether there is something to get. A server that
// cannot read a block says so in its own log only and sends heartbeats for
// ever.
func (r *reader) probe(ctx context.Context) error {
	r.idle++
	if r.idle > 1 && r.idle%probeEvery != 0 {
		return nil
	}
	ctx, release, err := r.log.attached(ctx, startTimeout)
	if err != nil {
		return err
	}
	defer release()
	at := r.chain.At
	tail, err := r.log.tail.wait(ctx)
	if err != nil {
		return unavailableUnlessDamaged(err)
	}
	if tail <= at.Seq {
		return nil
	}
	_, err = r.log.stream.GetMsg(ctx, at.Seq+1, jetstream.WithGetMsgSubject(r.log.subject))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		r.doubt(&eventlog.GapError{Seq: tail, Want: at.Index + 1})
		return fmt.Errorf("%w: the server cannot read the frame behind sequence %d", eventlog.ErrUnavailable, at.Seq)
	case err != nil:
		return unavailable(err)
	}
	return fmt.Errorf("%w: the server has frames behind sequence %d and does not send them", eventlog.ErrUnavailable, at.Seq)
}

// failed waits a moment, so that a caller may try again at once.
func (r *reader) failed(ctx context.Context, err error) error {
	if errors.Is(err, eventlog.ErrDamaged) {
		r.final = err
		return err
	}
	if _, ok := errors.AsType[*eventlog.MismatchError](err); ok {
		r.final = err
		return err
	}
	if !sleep(ctx, r.pause) {
		return ctx.Err()
	}
	r.pause = min(2*r.pause, retryPauseMax)
	return err
}

// start verifies the position against the log and makes a consumer behind it.
func (r *reader) start(ctx context.Context) error {
	ctx, release, err := r.log.attached(ctx, startTimeout)
	if err != nil {
		return err
	}
	defer release()
	at := r.chain.At
	if err := r.log.verify(ctx, at); err != nil {
		return err
	}
	config := jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverAllPolicy,
		FilterSubject:     r.log.subject,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: consumerIdle,
	}
	if at.Seq > 0 {
		config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, at.Seq+1
	}
	consumer, err := r.log.stream.CreateConsumer(ctx, config)
	if err != nil {
		return unavailable(err)
	}
	p, err := newPull(r.log, consumer.CachedInfo().Name)
	if err != nil {
		return unavailable(err)
	}
	r.pull = p
	return nil
}

// verify asks the leader whether the log still holds the frame at the position
// and whether its last frame can be read.
func (l *Log) verify(ctx context.Context, at eventlog.Position) error {
	tail, err := l.tail.wait(ctx)
	if err != nil {
		return unavailableUnlessDamaged(err)
	}
	if tail < at.Seq {
		return &eventlog.MismatchError{Want: at}
	}
	if at.Seq > 0 {
		m, err := l.stream.GetMsg(ctx, at.Seq)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return &eventlog.MismatchError{Want: at}
		case err != nil:
			return unavailable(err)
		}
		if h := frame.Sum(m.Data); h != at.Hash || m.Subject != l.subject {
			return &eventlog.MismatchError{Want: at, Found: h}
		}
	}
	if tail > at.Seq {
		_, err := l.stream.GetMsg(ctx, tail)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return &eventlog.GapError{Seq: tail, Want: at.Index + 1}
		case err != nil:
			return unavailable(err)
		}
	}
	return nil
}

func unavailableUnlessDamaged(err error) error {
	if errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrUnavailable) {
		return err
	}
	return unavailable(err)
}

func (r *reader) drop() {
	r.idle = 0
	if r.pull != nil {
		r.pull.close()
		r.pull = nil
	}
}

// Close frees the consumer. See eventlog.Reader.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	r.drop()
	r.log.nc.RemoveStatusListener(r.status)
	return nil
}

// Package natslog is the log port on NATS JetStream, and the definitions of
// every stream that Rollcall keeps there.
//
// One partition is one exact subject, log.<n>, of the stream LOG. Each frame is
// one message, published with the header Nats-Expected-Last-Subject-Sequence:
// that is the fence that lets exactly one of several writers win. The filter of
// the expectation is never a wildcard (slow, and unsafe on replicated streams),
// and no message carries an id for the server's duplicate window (a resend is
// answered differently by replicated and by single streams): what became of an
// append is found out by reading.
//
// What must not live here: decisions, retries of unknown outcomes (the caller's,
// who knows the frame), and the server; package embedded starts one.
package natslog

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// Options of a Log. The zero value is right for every log with more than one
// possible writer.
type Options struct {
	// Sole promises that nobody else appends to this partition while the Log
	// lives, which only the owner of an embedded server can know. Tail is then
	// answered from the last ack without asking the server.
	Sole bool
	// StoreLimit is the bound of all streams together in bytes, where it is
	// known: an embedded server's. Check then also says when the others have used
	// it up. 0 leaves that out.
	StoreLimit int64
	// AppendTimeout bounds the wait for an ack, 10 s if zero. An append that
	// takes longer is eventlog.ErrUnknown.
	AppendTimeout time.Duration
}

// Log is one partition on JetStream. Its methods may be called at the same
// time. It holds no goroutines and needs no closing.
type Log struct {
	js      jetstream.JetStream
	nc      *nats.Conn
	stream  jetstream.Stream
	subject string
	opts    Options
	tail    question

	// For Sole: acked is the last sequence, valid while settled.
	acked   atomic.Uint64
	settled atomic.Bool
}

var _ eventlog.Log = (*Log)(nil)

// Subject returns the exact subject of a partition.
func Subject(partition int) string { return "log." + strconv.Itoa(partition) }

// Open returns the partition's log. The stream must exist: see Ensure.
//
// Errors: eventlog.ErrUnavailable.
func Open(ctx context.Context, js jetstream.JetStream, partition int, opts Options) (*Log, error) {
	if partition < 0 {
		return nil, fmt.Errorf("partition %d does not exist; partitions are counted from 0", partition)
	}
	if opts.AppendTimeout <= 0 {
		opts.AppendTimeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, LogStream)
	if err != nil {
		return nil, unavailable(err)
	}
	l := &Log{js: js, nc: js.Conn(), stream: stream, subject: Subject(partition), opts: opts}
	l.tail.ask = l.askTail
	if opts.Sole {
		last, err := l.tail.wait(ctx)
		if err != nil {
			return nil, err
		}
		l.acked.Store(last)
		l.settled.Store(true)
	}
	return l, nil
}

// Tail returns the partition's last sequence. See eventlog.Source.
//
// The stream's leader is asked, with one question for all who wait: a call
// joins only a question that was asked after the call began. On a replicated
// stream the answer is as fresh as the leader is: a leader that was cut off
// from its peers a moment ago and does not know it yet can answer with what it
// last acknowledged itself.
func (l *Log) Tail(ctx context.Context) (uint64, error) {
	if l.opts.Sole && l.settled.Load() {
		return l.acked.Load(), nil
	}
	return l.tail.wait(ctx)
}

// Check reports whether the log is whole and can take an append. See
// eventlog.Log. It is answered by the stream's leader, so a replicated stream
// without one is eventlog.ErrUnavailable.
func (l *Log) Check(ctx context.Context) error {
	ctx, release, err := l.attached(ctx, askTimeout)
	if err != nil {
		return err
	}
	defer release()
	info, err := l.stream.Info(ctx)
	if err != nil {
		return unavailable(err)
	}
	if err := health(info); err != nil || l.opts.StoreLimit <= 0 {
		return err
	}
	account, err := l.js.AccountInfo(ctx)
	if err != nil {
		return unavailable(err)
	}
	if account.Store+reserve > uint64(l.opts.StoreLimit) {
		return fmt.Errorf("%w: %d of the store's %d bytes are used; raise the store limit or add disk", eventlog.ErrFull, account.Store, l.opts.StoreLimit)
	}
	return nil
}

// health judges what the server says about the stream.
func health(info *jetstream.StreamInfo) error {
	s := info.State
	if s.NumDeleted > 0 || s.FirstSeq > 1 {
		lost := uint64(s.NumDeleted) //nolint:gosec // a count
		if s.FirstSeq > 1 {
			lost += s.FirstSeq - 1
		}
		return &eventlog.LostError{Deleted: lost, FirstSeq: s.FirstSeq}
	}
	if info.Cluster != nil && info.Cluster.Leader == "" {
		return fmt.Errorf("%w: the stream %s has no leader", eventlog.ErrUnavailable, LogStream)
	}
	if m := info.Config.MaxBytes; m > 0 && s.Bytes+reserve > uint64(m) {
		return fmt.Errorf("%w: %d of %d bytes are used; raise the store limit or add disk", eventlog.ErrFull, s.Bytes, m)
	}
	return nil
}

package natslog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rollcallhq/rollcall/events/frame"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
)

// The streams.
const (
	// LogStream holds the frames, one subject per partition. Nothing in it is
	// ever deleted.
	LogStream = "LOG"
	// EventsStream holds the public events, one message each, on
	// events.<organization or "-">.<directory or "-">.<type>. It is bounded by
	// bytes (the oldest go first) and by age (see TrimEvents).
	EventsStream = "EVENTS"
	// AttemptsStream holds the delivery attempts in frames, one subject per
	// slot. Its writers purge what a checkpoint covers; when it is full, it
	// refuses, because dropping the oldest could drop a checkpoint.
	AttemptsStream = "ATTEMPTS"
	// RequestsStream holds the sync log: what providers were refused or
	// tolerated, and when they were here, on requests.<organization>.<directory>.
	// It is a record of best effort: bounded by bytes, by RequestsAge and, for
	// each directory, by RequestsPerDirectory messages; the oldest go first.
	RequestsStream = "REQUESTS"
)

const (
	// RequestsAge is how long the sync log is kept. It holds personal data.
	RequestsAge = 30 * 24 * time.Hour
	// RequestsPerDirectory is how many messages of one directory are kept, so that
	// one that never rests cannot take the others' room: two days of the most that
	// is told of a directory, two months of one that is used all the time and sends
	// nothing unusual.
	RequestsPerDirectory = 90_000
)

// Shares of a store limit, in percent. The slack is for key-value buckets and
// what the server keeps beside the messages.
const (
	logShare      = 60
	eventsShare   = 20
	attemptsShare = 10
	requestsShare = 5
)

// mostRequests is the largest share that the sync log is worth, in bytes.
const mostRequests = 2 << 30

const (
	// MinPayload is the message limit that a server must have, in bytes: room
	// for the largest frame and its headers.
	MinPayload = 8 << 20
	// reserve is how many bytes LOG must have left to count as able to take an
	// append: one group commit of the usual size.
	reserve = frame.TargetSize
)

// Sizes bound the streams, in bytes of messages as the server counts them,
// which is about what they take on disk. 0 is without bound.
type Sizes struct{ Log, Events, Attempts, Requests int64 }

// Shares divides a store limit among the streams, so that LOG's part cannot be
// taken by the others.
func Shares(limit int64) Sizes {
	part := func(percent int64) int64 { return limit / 100 * percent }
	return Sizes{Log: part(logShare), Events: part(eventsShare), Attempts: part(attemptsShare), Requests: min(part(requestsShare), mostRequests)}
}

// Config says how the streams are kept.
type Config struct {
	// Replicas is 1, or 3 or 5 on a cluster of at least as many servers; 0 is 1.
	Replicas int
	Sizes    Sizes
}

// streams defines every stream. A change here reaches existing installations
// at their next start, through Ensure.
//
// None is compressed: one flipped bit in a compressed block makes the whole
// block unreadable instead of one message, and when such a block is met while
// the server rebuilds its index, it gives up on the stream and deletes it (seen
// with 2.15.2). Compress in the file system where disk is short.
func streams(c Config) []jetstream.StreamConfig {
	bound := func(n int64) int64 {
		if n <= 0 {
			return -1
		}
		return n
	}
	return []jetstream.StreamConfig{{
		Name:        LogStream,
		Description: "Rollcall's log: hash-chained frames, never deleted",
		Subjects:    []string{"log.*"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    bound(c.Sizes.Log),
		Replicas:    max(1, c.Replicas),
		Compression: jetstream.NoCompression,
		DenyDelete:  true,
		DenyPurge:   true,
		// A direct get may be served by a replica that lags; no reader of LOG
		// may be tempted.
		AllowDirect: false,
	}, {
		Name:               EventsStream,
		Description:        "Rollcall's public events, one message each",
		Subjects:           []string{"events.>", "endpoint.>"},
		Storage:            jetstream.FileStorage,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardOld,
		MaxBytes:           bound(c.Sizes.Events),
		Replicas:           max(1, c.Replicas),
		Compression:        jetstream.NoCompression,
		DenyDelete:         true,
		AllowAtomicPublish: true,
		AllowDirect:        true,
	}, {
		Name:        AttemptsStream,
		Description: "Rollcall's delivery attempts in frames, trimmed behind their checkpoints",
		Subjects:    []string{"attempts.*"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    bound(c.Sizes.Attempts),
		Replicas:    max(1, c.Replicas),
		Compression: jetstream.NoCompression,
		DenyDelete:  true,
		AllowDirect: false,
	}, {
		Name:        RequestsStream,
		Description: "Rollcall's sync log: what identity providers were refused or tolerated",
		Subjects:    []string{"requests.>"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    bound(c.Sizes.Requests),
		MaxAge:      RequestsAge,
		Replicas:    max(1, c.Replicas),
		Compression: jetstream.NoCompression,
		// Nothing is denied: personal data may have to be removed by hand.
		MaxMsgsPerSubject: RequestsPerDirectory,
		AllowDirect:       true,
		// What several directories have to tell is one sync of the disk.
		AllowAtomicPublish: true,
	}}
}

// Ensure creates the streams or brings existing ones up to their definitions.
// Bounds may shrink below what is stored: LOG and ATTEMPTS then refuse new
// frames and keep the old, EVENTS and REQUESTS drop their oldest.
//
// A server that has no room for REQUESTS, or refuses it otherwise, is no error.
//
// It fails with eventlog.ErrUnavailable while there is no connection or the
// cluster cannot decide yet, and with a sentence if the server's message limit is below MinPayload,
// or if a stream of the same name is of another kind. A request that a cluster
// loses while it elects its leader fails after requestTimeout, whatever time ctx
// leaves; calling again is safe.
func Ensure(ctx context.Context, js jetstream.JetStream, c Config) error {
	if !js.Conn().IsConnected() {
		return fmt.Errorf("%w: not connected to NATS", eventlog.ErrUnavailable)
	}
	if got := js.Conn().MaxPayload(); got < MinPayload {
		return fmt.Errorf("the NATS server accepts messages of at most %d bytes, Rollcall needs %d; set max_payload: 8MB in the server's configuration", got, MinPayload)
	}
	type change struct {
		want  jetstream.StreamConfig
		found *jetstream.StreamConfig
	}
	var changes []change
	for _, want := range streams(c) {
		stream, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, want.Name) })
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			changes = append(changes, change{want: want})
		case err != nil:
			return fmt.Errorf("ask for the stream %s: %w", want.Name, err)
		default:
			found := stream.CachedInfo().Config
			if err := sameKind(found, want); err != nil {
				return err
			}
			changes = append(changes, change{adopt(found, want), &found})
		}
	}
	// A bound is a reservation. Those that shrink make room for those that grow.
	growth := func(c change) int64 {
		if c.found == nil {
			return c.want.MaxBytes
		}
		return c.want.MaxBytes - c.found.MaxBytes
	}
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(growth(a), growth(b)) })
	// REQUESTS comes last: nothing has to make room for it.
	slices.SortStableFunc(changes, func(a, b change) int { return cmp.Compare(dispensable(a.want), dispensable(b.want)) })
	for _, c := range changes {
		var err error
		switch {
		case c.found == nil:
			_, err = ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.CreateStream(ctx, c.want) })
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
				err = nil // another process was faster; its next start compares
			}
		case !equal(*c.found, c.want):
			_, err = ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.UpdateStream(ctx, c.want) })
		}
		if _, refused := errors.AsType[*jetstream.APIError](err); refused && dispensable(c.want) > 0 {
			continue // Rollcall works without its sync log; who writes it says that it cannot
		}
		if err != nil {
			return fmt.Errorf("define the stream %s: %w", c.want.Name, err)
		}
	}
	return nil
}

// dispensable is 1 for the stream that an installation can do without, 0 for the
// others.
func dispensable(c jetstream.StreamConfig) int {
	if c.Name == RequestsStream {
		return 1
	}
	return 0
}

// requestTimeout bounds one request about a stream. A server that hears it
// answers within milliseconds; placing replicas takes a second or two.
const requestTimeout = 10 * time.Second

// ask makes one request and gives it up after requestTimeout.
func ask(ctx context.Context, request func(context.Context) (jetstream.Stream, error)) (jetstream.Stream, error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	stream, err := request(limited)
	switch api, isAnswer := errors.AsType[*jetstream.APIError](err); {
	case err == nil || ctx.Err() != nil:
		return stream, err
	case isAnswer && (api.ErrorCode == codeNotLeader || api.ErrorCode == codeClusterUnavailable || api.ErrorCode == codeNoPeers || api.ErrorCode == codeStreamOffline),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrConnectionReconnecting), errors.Is(err, nats.ErrNoResponders):
		return nil, unavailable(err)
	}
	return nil, err
}

// sameKind refuses what an update cannot or must not change.
func sameKind(found, want jetstream.StreamConfig) error {
	switch {
	case found.Storage != want.Storage:
		return fmt.Errorf("the stream %s exists but is not stored in files; Rollcall will not write to it", want.Name)
	case found.Retention != want.Retention:
		return fmt.Errorf("the stream %s exists but has retention %s, not limits; Rollcall will not write to it", want.Name, found.Retention)
	case found.Mirror != nil || len(found.Sources) > 0:
		return fmt.Errorf("the stream %s exists but copies another stream; Rollcall will not write to it", want.Name)
	}
	return nil
}

// adopt takes our settings over and keeps everything else that an operator may
// have set (placement, metadata, republishing). More replicas than asked for
// are kept.
func adopt(found, want jetstream.StreamConfig) jetstream.StreamConfig {
	c := found
	c.Description, c.Subjects, c.Discard, c.MaxBytes = want.Description, want.Subjects, want.Discard, want.MaxBytes
	c.Compression, c.DenyDelete, c.DenyPurge = want.Compression, want.DenyDelete, want.DenyPurge
	c.AllowDirect, c.AllowAtomicPublish = want.AllowDirect, want.AllowAtomicPublish
	c.Replicas = max(found.Replicas, want.Replicas)
	// No limit but ours may delete from these streams.
	c.MaxMsgs, c.MaxMsgsPerSubject, c.MaxAge = -1, want.MaxMsgsPerSubject, want.MaxAge
	if c.MaxMsgsPerSubject == 0 {
		c.MaxMsgsPerSubject = -1
	}
	return c
}

// equal compares what adopt sets.
func equal(a, b jetstream.StreamConfig) bool {
	return a.Description == b.Description && slices.Equal(a.Subjects, b.Subjects) && a.Discard == b.Discard &&
		a.MaxBytes == b.MaxBytes && a.Compression == b.Compression && a.DenyDelete == b.DenyDelete && a.DenyPurge == b.DenyPurge &&
		a.AllowDirect == b.AllowDirect && a.AllowAtomicPublish == b.AllowAtomicPublish && a.Replicas == b.Replicas &&
		a.MaxMsgs == b.MaxMsgs && a.MaxMsgsPerSubject == b.MaxMsgsPerSubject && a.MaxAge == b.MaxAge
}

// EventsAge is how long public events are kept unless an operator says
// otherwise.
const EventsAge = 90 * 24 * time.Hour

// TrimEvents drops the public events stored before the given time, except the
// last one: the emitter compares it with what it is about to append, and the
// server's own age limit would delete it too. Call it now and then; it may run
// in several processes at once.
func TrimEvents(ctx context.Context, js jetstream.JetStream, before time.Time) error {
	stream, err := js.Stream(ctx, EventsStream)
	if err != nil {
		return fmt.Errorf("trim %s: %w", EventsStream, err)
	}
	state := stream.CachedInfo().State
	if state.Msgs <= 1 || !state.FirstTime.Before(before) {
		return nil
	}
	keep := state.LastSeq
	if !state.LastTime.Before(before) {
		// The first event to keep is the one where a reader that starts at this
		// time would begin.
		consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
			DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &before, AckPolicy: jetstream.AckNonePolicy,
			HeadersOnly: true, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute,
		})
		if err != nil {
			return fmt.Errorf("trim %s: %w", EventsStream, err)
		}
		defer func() { _ = stream.DeleteConsumer(ctx, consumer.CachedInfo().Name) }()
		m, err := consumer.Next(jetstream.FetchMaxWait(askTimeout))
		if err != nil {
			return fmt.Errorf("trim %s: %w", EventsStream, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("trim %s: %w", EventsStream, err)
		}
		keep = meta.Sequence.Stream
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return fmt.Errorf("trim %s: %w", EventsStream, err)
	}
	return nil
}

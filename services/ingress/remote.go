package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// CommandSubject is where the owner of partition 0 takes commands.
const CommandSubject = "cmd.0"

// maxInFlight bounds how many commands of other processes are under way here.
const maxInFlight = 4096

// reply is the answer to a command between processes.
type reply struct {
	Error   *replyError `json:"error,omitempty"`
	Seq     uint64      `json:"seq,omitempty"`
	Changed bool        `json:"changed,omitempty"`
	Key     string      `json:"key,omitempty"`
	Row     []byte      `json:"row,omitempty"`
}

type replyError struct {
	Kind   fault.Kind   `json:"kind"`
	Reason fault.Reason `json:"reason,omitempty"`
	Detail string       `json:"detail"`
}

// serveCommands answers other processes' commands until it is unsubscribed.
func (i *Ingress) serveCommands(ctx context.Context) (*nats.Subscription, error) {
	slots := make(chan struct{}, maxInFlight)
	return i.cfg.Conn.Subscribe(CommandSubject, func(m *nats.Msg) {
		if len(m.Data) == 0 { // a ping: is there an owner?
			_ = m.Respond([]byte("{}"))
			return
		}
		select {
		case slots <- struct{}{}:
		default:
			i.respond(m, commit.Result{}, fault.New(fault.Unavailable, "The server is busy; nothing was changed. Try again."))
			return
		}
		go func() {
			defer func() { <-slots }()
			var r directory.Request
			if err := json.Unmarshal(m.Data, &r); err != nil {
				i.respond(m, commit.Result{}, fault.Of(err))
				return
			}
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			res, err := i.committer.Submit(ctx, r)
			i.respond(m, res, err)
		}()
	})
}

func (i *Ingress) respond(m *nats.Msg, res commit.Result, err error) {
	out := reply{Seq: res.Seq, Changed: res.Changed, Key: string(res.Key)}
	if err == nil && res.Row != nil {
		out.Row, err = directory.EncodeRow(res.Row)
	}
	if err != nil {
		f := fault.Of(err)
		if f.Kind == fault.Internal {
			i.cfg.Logger.Error("a command failed", "error", err)
		}
		out = reply{Error: &replyError{Kind: f.Kind, Reason: f.Reason, Detail: f.Detail}}
	}
	body, err := json.Marshal(out)
	if err == nil {
		err = m.Respond(body)
	}
	if err != nil {
		i.cfg.Logger.Warn("a command's answer could not be sent", "error", err)
	}
}

// forward hands a request to the owner.
func (i *Ingress) forward(ctx context.Context, r directory.Request) (commit.Result, error) {
	res, err := Forward(ctx, i.cfg.Conn, r)
	if err != nil {
		return res, err
	}
	// Answers that follow come from this process's replica.
	if err := i.replica.Wait(ctx, res.Seq); err != nil {
		return res, fault.Wrap(fault.Unavailable, err, "The change is stored, but this server is still catching up. Try again.")
	}
	return res, nil
}

// Forward sends a request to the owner of the log, whoever that is. While there
// is none it waits for one, as long as ctx allows.
//
// Errors: the owner's refusal; Unavailable without an owner or an answer.
func Forward(ctx context.Context, nc *nats.Conn, r directory.Request) (commit.Result, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return commit.Result{}, fmt.Errorf("write command: %w", err)
	}
	for {
		m, err := nc.RequestWithContext(ctx, CommandSubject, body)
		if err == nil {
			return readReply(m.Data)
		}
		if !errors.Is(err, nats.ErrNoResponders) {
			return commit.Result{}, fault.Wrap(fault.Unavailable, err, "The owner of the log did not answer; the outcome is not known. Try again.")
		}
		select {
		case <-ctx.Done():
			return commit.Result{}, fault.Wrap(fault.Unavailable, err, "No server owns the log at the moment; nothing was changed. Try again.")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func readReply(b []byte) (commit.Result, error) {
	var in reply
	if err := json.Unmarshal(b, &in); err != nil {
		return commit.Result{}, fmt.Errorf("read the owner's answer: %w", err)
	}
	if e := in.Error; e != nil {
		return commit.Result{}, fault.New(e.Kind, "%s", e.Detail).Because(e.Reason)
	}
	res := commit.Result{Seq: in.Seq, Changed: in.Changed, Key: directory.Key(in.Key)}
	if len(in.Row) > 0 {
		var err error
		if res.Row, err = directory.DecodeRow(res.Key, in.Row); err != nil {
			return commit.Result{}, err
		}
	}
	return res, nil
}

// ping asks whether the log has an owner.
func (i *Ingress) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := i.cfg.Conn.RequestWithContext(ctx, CommandSubject, nil); err != nil {
		return fault.Wrap(fault.Unavailable, err, "No server owns the log at the moment.")
	}
	return nil
}

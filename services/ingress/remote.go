package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// CommandSubject is where the owner of partition 0 says on which subject it
// takes commands. That subject is new for every tenure: a command reaches one
// owner and never two, also while a former one has not noticed yet that it lost
// the log, and none waits at one that has vanished without a word.
const CommandSubject = "cmd.0"

const (
	// maxInFlight bounds how many commands of other processes are under way here.
	maxInFlight = 4096
	// askWithin bounds the wait for an owner to name its subject.
	askWithin = 500 * time.Millisecond
	// askAgain is the pause before that question is repeated.
	askAgain = 50 * time.Millisecond
	// drainWithin bounds how long a former owner answers what had reached it.
	drainWithin = time.Second
)

// reply is the answer to a command between processes.
type reply struct {
	// Moved says that the command was not decided, since the tenure has ended.
	Moved   bool        `json:"moved,omitempty"`
	Error   *replyError `json:"error,omitempty"`
	Seq     uint64      `json:"seq,omitempty"`
	Changed bool        `json:"changed,omitempty"`
	Key     string      `json:"key,omitempty"`
	Row     []byte      `json:"row,omitempty"`
	// Deviations and Notes are the result's.
	Deviations []lenience.Deviation `json:"deviations,omitempty"`
	Notes      directory.Notes      `json:"notes,omitzero"`
	// LeftOut and Refused say so of a part of a chain.
	LeftOut bool `json:"left_out,omitempty"`
	Refused bool `json:"refused,omitempty"`
}

type replyError struct {
	Kind   fault.Kind   `json:"kind"`
	Reason fault.Reason `json:"reason,omitempty"`
	Detail string       `json:"detail"`
	// Name and Subject are the fault's.
	Name    string `json:"name,omitempty"`
	Subject string `json:"subject,omitempty"`
}

// serveCommands answers other processes' commands until the returned function
// is called, which waits until all that arrived is answered.
func (i *Ingress) serveCommands(ctx context.Context) (stop func(), err error) {
	ctx = context.WithoutCancel(ctx) // the committer answers what it took
	own := CommandSubject + "." + nuid.Next()
	slots := make(chan struct{}, maxInFlight)
	commands, err := i.cfg.Conn.Subscribe(own, func(m *nats.Msg) {
		select {
		case slots <- struct{}{}:
		default:
			i.respond(m, commit.Result{}, fault.New(fault.Unavailable, "The server is busy; nothing was changed. Try again."))
			return
		}
		go func() {
			defer func() { <-slots }()
			if isChain(m.Data) {
				i.serveChain(ctx, m)
				return
			}
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
	if err != nil {
		return nil, err
	}
	questions, err := i.cfg.Conn.Subscribe(CommandSubject, func(m *nats.Msg) { _ = m.Respond([]byte(own)) })
	if err != nil {
		return nil, errors.Join(err, commands.Unsubscribe())
	}
	return func() {
		_ = questions.Unsubscribe()
		drained := make(chan struct{})
		commands.SetClosedHandler(func(string) { close(drained) })
		if commands.Drain() == nil {
			select {
			case <-drained:
			case <-time.After(drainWithin):
			}
		}
		for range maxInFlight { // those that are being answered
			slots <- struct{}{}
		}
	}, nil
}

func (i *Ingress) respond(m *nats.Msg, res commit.Result, err error) { i.send(m, i.replyTo(res, err)) }

// replyTo writes what became of a command for another process.
func (i *Ingress) replyTo(res commit.Result, err error) reply {
	out := reply{Seq: res.Seq, Changed: res.Changed, Key: string(res.Key), Deviations: res.Deviations, Notes: res.Notes}
	if err == nil && res.Row != nil {
		out.Row, err = directory.EncodeRow(res.Row)
	}
	switch {
	case errors.Is(err, commit.ErrStopped):
		out = reply{Moved: true}
	case errors.Is(err, commit.ErrLeftOut):
		out = reply{LeftOut: true}
	case errors.Is(err, commit.ErrRefused):
		out = reply{Refused: true}
	case err != nil:
		f := fault.Of(err)
		if f.Kind == fault.Internal {
			i.cfg.Logger.Error("a command failed", "error", err)
		}
		out = reply{Error: &replyError{Kind: f.Kind, Reason: f.Reason, Detail: f.Detail, Name: f.Name, Subject: f.Subject}}
	}
	return out
}

func (i *Ingress) send(m *nats.Msg, out any) {
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
	// Answers that follow come from this process's replica, which follows the log
	// until Stop.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(i.running, cancel)() //nolint:contextcheck // Stop ends it, too
	if err := i.replica.Wait(ctx, res.Seq); err != nil {
		return res, fault.Wrap(fault.Unavailable, err, "The change is stored, but this server is still catching up. Try again.")
	}
	return res, nil
}

// Forward sends a request to the owner of the log, whoever that is. While there
// is none it waits for one, for 10 seconds or as long as ctx allows. An owner
// decides it at most once.
//
// Errors: the owner's refusal; TooLarge for a command that the NATS server does
// not carry; Unavailable without an owner or an answer.
func Forward(ctx context.Context, nc *nats.Conn, r directory.Request) (commit.Result, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return commit.Result{}, fmt.Errorf("write command: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var res commit.Result
	err = exchange(ctx, nc, body, func(b []byte) (moved bool, err error) {
		var in reply
		if err := json.Unmarshal(b, &in); err != nil {
			return false, fmt.Errorf("read the owner's answer: %w", err)
		}
		res, moved, err = in.read()
		return moved, err
	})
	return res, err
}

// exchange hands a message to the owner of the log and reads the answer. It goes
// on as long as read says that the message has to go to another owner.
func exchange(ctx context.Context, nc *nats.Conn, body []byte, read func([]byte) (moved bool, err error)) error {
	for {
		to, err := owner(ctx, nc)
		if err == nil {
			var m *nats.Msg
			m, err = nc.RequestWithContext(ctx, to, body)
			switch {
			case err == nil:
				moved, err := read(m.Data)
				if !moved {
					return err
				}
			case errors.Is(err, nats.ErrNoResponders): // it has just stopped
			case errors.Is(err, nats.ErrMaxPayload):
				return fault.Wrap(fault.TooLarge, err, "This change is larger than one command can be; split it into several requests.")
			default:
				return fault.Wrap(fault.Unavailable, err, "The owner of the log did not answer; the outcome is not known. Try again.")
			}
		}
		if errors.Is(err, nats.ErrConnectionClosed) {
			return fault.Wrap(fault.Unavailable, err, "This server is not connected to the log any more; nothing was changed.")
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, errors.Join(err, context.Cause(ctx)), "No server owns the log at the moment; nothing was changed. Try again.")
		case <-time.After(askAgain):
		}
	}
}

// owner asks for the subject on which the owner of the log takes commands.
func owner(ctx context.Context, nc *nats.Conn) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	m, err := nc.RequestWithContext(ctx, CommandSubject, nil)
	if err != nil {
		return "", fault.Wrap(fault.Unavailable, err, "No server owns the log at the moment.")
	}
	return string(m.Data), nil
}

// read returns what became of a command.
func (in reply) read() (res commit.Result, moved bool, err error) {
	switch e := in.Error; {
	case in.Moved:
		return commit.Result{}, true, nil
	case in.LeftOut:
		return commit.Result{}, false, commit.ErrLeftOut
	case in.Refused:
		return commit.Result{}, false, commit.ErrRefused
	case e != nil:
		return commit.Result{}, false, fault.New(e.Kind, "%s", e.Detail).Because(e.Reason).Named(e.Name, e.Subject)
	}
	res = commit.Result{Seq: in.Seq, Changed: in.Changed, Key: directory.Key(in.Key), Deviations: in.Deviations, Notes: in.Notes}
	if len(in.Row) > 0 {
		if res.Row, err = directory.DecodeRow(res.Key, in.Row); err != nil {
			return commit.Result{}, false, err
		}
	}
	return res, false, nil
}

package ingress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// chainPatience is how long a chain may take: it holds up to a few thousand
	// commands.
	chainPatience = 30 * time.Second
	// maxChain is how large the commands are that go to the owner in one message,
	// in bytes. A single one may be larger.
	maxChain = 3 << 20
)

// SubmitChain has the links decided in their order, here or by the owner, as
// commit.Committer.SubmitChain does. Rows that come from another process are
// without attributes.
func (i *Ingress) SubmitChain(ctx context.Context, links []commit.Link, stopAfter int) []commit.Answer {
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	answers := make([]commit.Answer, len(links))
	if i.owner.Load() {
		answers = i.committer.SubmitChain(ctx, links, stopAfter)
		stopped := slices.IndexFunc(answers, func(a commit.Answer) bool { return errors.Is(a.Err, commit.ErrStopped) })
		if stopped < 0 || i.cfg.Conn == nil {
			return answers
		}
		links = decided(links, answers[:stopped])
	}
	var err error
	switch {
	case i.running.Err() != nil:
		err = fault.New(fault.Unavailable, "This server is stopping; nothing was changed. Try again.")
	case i.cfg.Conn == nil:
		err = fault.Wrap(fault.Unavailable, i.Err(), "This server cannot write to the log; nothing was changed. The operator's log has the cause.")
	default:
		i.forwardChain(ctx, links, stopAfter, answers)
		return answers
	}
	for n := range answers {
		if links[n].Done == nil {
			answers[n] = commit.Answer{Err: err}
		}
	}
	return answers
}

// decided returns the links with what became of the first of them.
func decided(links []commit.Link, answers []commit.Answer) []commit.Link {
	links = slices.Clone(links)
	for n, a := range answers {
		if links[n].Done == nil {
			done := a.Outcome()
			links[n].Done, links[n].Request = &done, directory.Request{}
		}
	}
	return links
}

// forwardChain hands the links that are not done to the owner, in as many
// messages as they need, one after the other.
func (i *Ingress) forwardChain(ctx context.Context, links []commit.Link, stopAfter int, answers []commit.Answer) {
	var seq uint64
	at := 0
	for at < len(links) {
		if links[at].Done != nil {
			at++
			continue
		}
		got, err := forwardLinks(ctx, i.cfg.Conn, links, at, stopAfter)
		for n, a := range got {
			answers[at+n] = a
			seq = max(seq, a.Result.Seq)
		}
		if err != nil {
			for n := at + len(got); n < len(links); n++ {
				answers[n] = commit.Answer{Err: err}
			}
			break
		}
		at += len(got)
		links = decided(links, answers[:at])
	}
	// Answers that follow come from this process's replica.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(i.running, cancel)() //nolint:contextcheck // Stop ends it, too
	if err := i.replica.Wait(ctx, seq); err != nil {
		err = fault.Wrap(fault.Unavailable, err, "The change is stored, but this server is still catching up. Try again.")
		for n := range answers {
			if answers[n].Err == nil && answers[n].Result.Seq > 0 {
				answers[n].Err = err
			}
		}
	}
}

// wireChain is a chain between processes. Its first field tells it from a
// single command.
type wireChain struct {
	Chain     []json.RawMessage `json:"chain"`
	StopAfter int               `json:"stop_after,omitempty"`
}

type wireAnswers struct {
	Answers []reply `json:"answers"`
}

func isChain(b []byte) bool { return bytes.HasPrefix(b, []byte(`{"chain":`)) }

// forwardLinks sends the links from at on, as many as one message holds, with
// what became of those before. It returns the answers to the first of them, at
// least one unless there is an error.
func forwardLinks(ctx context.Context, nc *nats.Conn, links []commit.Link, at, stopAfter int) ([]commit.Answer, error) {
	w := wireChain{StopAfter: stopAfter}
	size := 0
	for n, l := range links {
		b, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("write a command: %w", err)
		}
		if n > at && size+len(b) > maxChain {
			break
		}
		if n >= at {
			size += len(b)
		}
		w.Chain = append(w.Chain, b)
	}
	body, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("write a chain of commands: %w", err)
	}
	var answers []commit.Answer
	err = exchange(ctx, nc, body, func(b []byte) (bool, error) {
		var in wireAnswers
		if err := json.Unmarshal(b, &in); err != nil {
			return false, fmt.Errorf("read the owner's answers: %w", err)
		}
		for _, a := range in.Answers {
			res, moved, err := a.read()
			if moved {
				break
			}
			answers = append(answers, commit.Answer{Result: res, Err: err})
		}
		if len(in.Answers) != len(w.Chain)-at {
			return false, fault.New(fault.Unavailable, "The owner of the log did not take the change; nothing was changed. Upgrade it, or try again.")
		}
		return len(answers) == 0, nil
	})
	return answers, err
}

// serveChain answers another process's chain.
func (i *Ingress) serveChain(ctx context.Context, m *nats.Msg) {
	var in wireChain
	err := json.Unmarshal(m.Data, &in)
	links := make([]commit.Link, len(in.Chain))
	for n := range in.Chain {
		if err == nil {
			err = json.Unmarshal(in.Chain[n], &links[n])
		}
	}
	if err != nil {
		i.respond(m, commit.Result{}, fault.Of(err))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	var out wireAnswers
	for n, a := range i.committer.SubmitChain(ctx, links, in.StopAfter) {
		if links[n].Done == nil {
			a.Result.Row = outline(a.Result.Row)
			out.Answers = append(out.Answers, i.replyTo(a.Result, a.Err))
		}
	}
	i.send(m, out)
}

// outline returns a row without its attributes, which nobody who sends a chain
// needs, and which could fill a message.
func outline(row directory.Row) directory.Row {
	switch r := row.(type) {
	case *directory.User:
		u := *r
		u.Attributes = nil
		return &u
	case *directory.Group:
		g := *r
		g.Attributes = nil
		return &g
	}
	return row
}

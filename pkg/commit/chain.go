package commit

import (
	"context"
	"errors"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
)

// A chain is commands that are decided in their order, as if each was submitted
// after the one before was answered, but on their way together: a frame holds as
// many of them as fit. Later ones may refer to what earlier ones made.

// Link is one command of a chain.
type Link struct {
	Request directory.Request `json:"request,omitzero"`
	// Role, Of, Defines and Needs are those of the step (bulk.Plan); Of is an
	// index in the chain.
	Role    bulk.Role `json:"role,omitempty"`
	Of      int       `json:"of,omitempty"`
	Defines string    `json:"defines,omitempty"`
	Needs   []string  `json:"needs,omitempty"`
	// Refused says that the sender found a reason not to have it decided. It
	// counts as a failure.
	Refused bool `json:"refused,omitempty"`
	// Done is what became of a link that was decided before the chain came here.
	Done *Done `json:"done,omitempty"`
}

// Done is what later links need to know of one.
type Done struct {
	OK bool `json:"ok,omitempty"`
	// Failed says that it counts as a failure; a link that was left out is
	// neither.
	Failed bool `json:"failed,omitempty"`
	// ID is what the link made.
	ID string `json:"id,omitempty"`
}

// Answer is the answer to one link.
type Answer struct {
	Result Result
	Err    error
}

var (
	// ErrLeftOut says that a link was not decided: the chain had ended, or what it
	// belongs to failed.
	ErrLeftOut = errors.New("commit: this part of a chain was left out")
	// ErrRefused is the answer to a refused link that the chain came to.
	ErrRefused = errors.New("commit: refused by its sender")
)

// Outcome returns what later links need to know of an answered one.
func (a Answer) Outcome() Done {
	d := Done{OK: a.Err == nil, Failed: a.Err != nil && !errors.Is(a.Err, ErrLeftOut)}
	if d.OK {
		d.ID = a.Result.Key.Last()
	}
	return d
}

// SubmitChain decides the links and returns once what they caused is durable.
// After stopAfter failures the rest is left out; 0 is no bound. Links that are
// done have no answer.
//
// The errors are those of Submit, and ErrLeftOut and ErrRefused. Once a link
// could not be decided, which is Unavailable, those behind it are not either.
func (c *Committer) SubmitChain(ctx context.Context, links []Link, stopAfter int) []Answer {
	ch := newChain(links, stopAfter)
	answers := make([]Answer, len(links))
	stopped := c.running()
	var sent []*pending
	for i, l := range links {
		if l.Done != nil {
			continue
		}
		p := &pending{ctx: ctx, request: l.Request, done: make(chan answer, 1), chain: ch, index: i}
		if err := c.send(p, stopped); err != nil {
			for ; i < len(links); i++ {
				answers[i].Err = err
			}
			break
		}
		sent = append(sent, p)
	}
	for _, p := range sent {
		answers[p.index].Result, answers[p.index].Err = c.await(p, stopped)
	}
	return answers
}

// chain is a chain under way. Only Run looks at it.
type chain struct {
	links  []Link
	stop   int
	done   []Done
	ids    map[string]string // by the name that a link defines
	broken error             // why nothing further is decided
}

func newChain(links []Link, stop int) *chain {
	c := &chain{links: links, stop: stop, done: make([]Done, len(links)), ids: map[string]string{}}
	for i, l := range links {
		if l.Done != nil {
			c.settle(i, *l.Done)
		}
	}
	return c
}

// next returns the request of a link with its references filled in, or why it is
// not decided.
func (c *chain) next(i int) (directory.Request, error) {
	l := c.links[i]
	switch {
	case c.broken != nil:
		return l.Request, c.broken
	case l.Role == bulk.Undo && (c.done[l.Of].OK || !c.done[c.links[l.Of].Of].OK),
		l.Role == bulk.Completion && !c.done[l.Of].OK,
		l.Role != bulk.Undo && c.stop > 0 && c.failures(i) >= c.stop:
		return l.Request, ErrLeftOut
	case l.Refused:
		return l.Request, ErrRefused
	}
	for _, name := range l.Needs {
		if _, ok := c.ids[name]; !ok {
			return l.Request, fault.New(fault.Conflict, "%s%s refers to an operation that failed.", bulk.Prefix, name)
		}
	}
	r := l.Request
	if len(l.Needs) == 0 {
		return r, nil
	}
	var err error
	r.Command, err = directory.Resolve(r.Command, func(name string) (string, bool) {
		id, ok := c.ids[name]
		return id, ok
	})
	return r, err
}

// failures counts those before a link.
func (c *chain) failures(i int) (n int) {
	for j := range i {
		if c.done[j].Failed && c.links[j].Role != bulk.Undo {
			n++
		}
	}
	return n
}

// settle notes what became of a link. A link that is decided again, because the
// log moved on, is settled again.
func (c *chain) settle(i int, d Done) {
	l := c.links[i]
	c.done[i] = d
	name := l.Defines
	if l.Role == bulk.Undo && d.OK { // what it undid cannot be referred to any more
		name, d.OK = c.links[c.links[l.Of].Of].Defines, false
	}
	if name == "" {
		return
	}
	if delete(c.ids, name); d.OK {
		c.ids[name] = d.ID
	}
}

// link fills in what the command refers to. It reports true if the command is
// answered by that.
func (p *pending) link() bool {
	p.request, p.err = p.chain.next(p.index)
	return p.err != nil
}

// settle tells the command's chain what became of it.
func (p *pending) settle() {
	if p.chain != nil {
		p.chain.settle(p.index, Answer{Result: Result{Key: p.key}, Err: p.err}.Outcome())
	}
}

// give answers a command that is not decided.
func (p *pending) give(err error) {
	if p.chain != nil {
		p.chain.broken = err
	}
	p.done <- answer{err: err}
}

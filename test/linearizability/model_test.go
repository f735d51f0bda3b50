package linearizability_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// input is an operation as it was sent.
type input struct {
	op    string // create, get, find, put, patch, patch-if, delete, join, leave, group, groups
	id    string // of a user; the member's value of join and leave
	name  string // create, find, put
	title string // create, put, patch, patch-if: no two are equal
	seen  string // patch-if: the title of the version that is expected
	group int    // join, leave, group
}

// output is what was answered; nil is no answer.
type output struct {
	status      int
	id          string // create, find; empty if nobody was found
	name, title string
	groups      []int    // of a user, sorted; get, find, groups
	members     []string // of a group, sorted
}

// model is one directory that does one thing at a time.
var model = porcupine.Model{
	Init: func() any { return empty() },
	Step: func(state, in, out any) (bool, any) {
		o, _ := out.(*output)
		ok, next := step(state.(directory), in.(input), o)
		return ok, next
	},
	Equal:             func(a, b any) bool { return a.(directory).key == b.(directory).key },
	Hash:              func(s any) uint64 { return s.(directory).hash() },
	DescribeState:     func(s any) string { return s.(directory).key },
	DescribeOperation: describe,
}

// step says whether an operation could have been answered like that, and what
// the directory is behind it. One without an answer takes effect if it can: that
// it never did is the same as taking effect after everything else.
func step(d directory, in input, out *output) (bool, directory) {
	switch in.op {
	case "create":
		return create(d, in, out)
	case "find":
		return find(d, in, out)
	case "groups": // of somebody who may be gone by now
		return slices.Equal(out.groups, d.in(in.id)), d
	case "group":
		return readGroup(d, in, out)
	case "join", "leave":
		if out != nil && out.status != http.StatusNoContent {
			return false, d
		}
		return true, d.with(func(d *directory) {
			if in.op == "join" {
				d.join(in.group, in.id)
			} else {
				d.leave(in.group, in.id)
			}
		})
	}
	p, there := d.users[in.id]
	if !there {
		return out == nil || out.status == http.StatusNotFound, d
	}
	switch in.op {
	case "get":
		return out.status == http.StatusOK && out.name == p.name && out.title == p.title && slices.Equal(out.groups, d.in(in.id)), d
	case "delete":
		return out == nil || out.status == http.StatusNoContent, d.with(func(d *directory) { d.remove(in.id) })
	case "put":
		if h := d.holder(in.name); h != "" && h != in.id {
			return out == nil || out.status == http.StatusConflict, d
		}
		p.name = in.name
	case "patch-if":
		if out != nil && out.status == http.StatusPreconditionFailed {
			return true, d // the version tells apart more than the title does
		}
		if p.title != in.seen {
			return out == nil, d
		}
	}
	p.title = in.title
	if out != nil && (out.status != http.StatusOK || out.name != p.name || out.title != p.title) {
		return false, d
	}
	return true, d.with(func(d *directory) { d.users[in.id] = p })
}

func create(d directory, in input, out *output) (bool, directory) {
	if d.holder(in.name) != "" {
		return out == nil || out.status == http.StatusConflict, d
	}
	id := "?" + in.title
	if out != nil {
		if id = out.id; out.status != http.StatusCreated {
			return false, d
		}
	}
	return true, d.with(func(d *directory) { d.create(id, in.name, in.title) })
}

func find(d directory, in input, out *output) (bool, directory) {
	id := d.holder(in.name)
	if unseen(id) && out.id != "" { // now it is
		d = d.with(func(d *directory) { d.rename(id, out.id) })
		id = out.id
	}
	return out.id == id && (id == "" || out.title == d.users[id].title && slices.Equal(out.groups, d.in(id))), d
}

func readGroup(d directory, in input, out *output) (bool, directory) {
	var strangers, shy []string
	for _, id := range out.members {
		if !d.groups[in.group].members[id] {
			strangers = append(strangers, id)
		}
	}
	for id := range d.groups[in.group].members {
		if unseen(id) {
			shy = append(shy, id)
		} else if !slices.Contains(out.members, id) {
			return false, d
		}
	}
	if len(shy) == 1 && len(strangers) == 1 {
		d = d.with(func(d *directory) { d.rename(shy[0], strangers[0]) })
	}
	return len(shy) == len(strangers), d
}

func describe(in, out any) string {
	i := in.(input)
	s := strings.Join(strings.Fields(i.op+" "+i.id+" "+i.name+" "+i.title), " ")
	if i.op == "join" || i.op == "leave" || i.op == "group" {
		s += fmt.Sprintf(" g%d", i.group)
	}
	if i.seen != "" {
		s += " if " + i.seen
	}
	o, _ := out.(*output)
	if o == nil {
		return s + " -> no answer"
	}
	return fmt.Sprintf("%s -> %d %s %s %s %v %v", s, o.status, o.id, o.name, o.title, o.groups, o.members)
}

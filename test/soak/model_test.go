package soak_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// token names one write, so that it can be found again in the log, in the read
// model and at the receiver. A write puts its token into two attributes (a
// group's into the name), so that half a write would show.
type token struct{ writer, n int }

func (k token) String() string { return fmt.Sprintf("tok-%d-%d-", k.writer, k.n) }

// tokensIn calls f with every token that stands in a text.
func tokensIn(b []byte, f func(token)) {
	mark := []byte("tok-")
	for {
		i := bytes.Index(b, mark)
		if i < 0 {
			return
		}
		b = b[i+len(mark):]
		writer, rest, ok := number(b)
		if !ok {
			continue
		}
		if n, _, ok := number(rest); ok {
			f(token{writer, n})
		}
	}
}

// number reads digits that end in a hyphen.
func number(b []byte) (n int, rest []byte, ok bool) {
	i := bytes.IndexByte(b[:min(len(b), 20)], '-')
	if i <= 0 {
		return 0, nil, false
	}
	n, err := strconv.Atoi(string(b[:i]))
	return n, b[i+1:], err == nil
}

// resource is what a user or group has to look like; the zero value is one that
// is not there.
type resource struct {
	there bool
	token token
	// name is the userName of a user, which stays.
	name string
	// members of a group, sorted.
	members string
}

func membersOf(ids []string) string { return strings.Join(slices.Sorted(slices.Values(ids)), " ") }

// book is what one writer knows of what it wrote. Only the writer touches it
// while it runs.
type book struct {
	writer int
	// users and groups are as answered, by id.
	users, groups map[string]resource
	// doubts are resources with a write that was not answered: what they were,
	// and what the write would have made of them. They are not written to again.
	doubts []doubt
	// answered are the tokens of writes that were answered 2xx.
	answered []token
	// gone are the ids whose deletion was answered.
	gone   []string
	writes int
}

type doubt struct {
	kind          string // Users or Groups
	id            string // empty for a create
	token         token  // zero for a deletion
	before, after resource
}

func newBook(writer int) *book {
	return &book{writer: writer, users: map[string]resource{}, groups: map[string]resource{}}
}

// of returns the book's page of a kind.
func (b *book) of(kind string) map[string]resource {
	if kind == "Users" {
		return b.users
	}
	return b.groups
}

// settle notes the outcome of a write.
func (b *book) settle(d doubt, outcome outcome, id string) {
	if d.id != "" {
		id = d.id
	}
	page := b.of(d.kind)
	switch outcome {
	case answered:
		b.writes++
		if d.after.there {
			page[id] = d.after
			b.answered = append(b.answered, d.token)
		} else {
			delete(page, id)
			b.gone = append(b.gone, id)
		}
	case unknown:
		if d.id != "" {
			delete(page, id)
		}
		b.doubts = append(b.doubts, d)
	case nothing:
	}
}

// outcome is what a writer knows of a write.
type outcome int

const (
	answered outcome = iota // 2xx
	unknown                 // no answer, or one that does not say
	nothing                 // it cannot have happened
)

// expectation resolves the doubts by what the log holds, and returns every user
// and group that has to be there, by id; creates in doubt are by their name.
func (b *book) expectation(inLog func(token) bool, deletedInLog func(id string) bool) (users, groups, byName map[string]resource) {
	users, groups, byName = maps.Clone(b.users), maps.Clone(b.groups), map[string]resource{}
	for _, d := range b.doubts {
		happened := inLog(d.token)
		if !d.after.there {
			happened = deletedInLog(d.id)
		}
		state := d.before
		if happened {
			state = d.after
		}
		page := users
		if d.kind == "Groups" {
			page = groups
		}
		switch {
		case d.id != "" && state.there:
			page[d.id] = state
		case d.id == "" && state.there:
			byName[state.name] = state
		}
	}
	return users, groups, byName
}

package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Answer is what a service answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends one request of a case. A header that is present with an empty value
// must not be sent. body is nil if there is none.
type Do func(ctx context.Context, method, path string, header http.Header, body []byte) (Answer, error)

// patchURN is the message that a list of operations is sent in.
const patchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// Play sends the case's requests in order and returns everything that is wrong.
// It stops at the first answer with an unexpected status, as nothing behind it
// would mean anything. names gets what the answers save.
func (c *Case) Play(ctx context.Context, do Do, names Names) error {
	var all []error
	for i := range c.Steps {
		st := &c.Steps[i]
		failed, err := st.play(ctx, do, c.Setting.Header, names)
		if err != nil {
			all = append(all, fmt.Errorf("%s:%d: %s %s: %w", c.File, st.Line, st.Method, names.Fill(st.Path), err))
		}
		if failed {
			break
		}
	}
	return errors.Join(all...)
}

func (st *Step) play(ctx context.Context, do Do, header []Field, names Names) (failed bool, err error) {
	h := http.Header{}
	for _, f := range append(slices.Clone(header), st.Header...) {
		h[http.CanonicalHeaderKey(f.Name)] = []string{names.Fill(f.Value)}
	}
	path := encode(names.Fill(st.Path))
	a, err := do(ctx, st.Method, path, h, st.message(names))
	if err != nil {
		return true, err
	}
	if !slices.Contains(st.Status, strconv.Itoa(a.Status)) {
		return true, fmt.Errorf("is answered %d, want %s: %.2000s", a.Status, strings.Join(st.Status, " or "), a.Body)
	}
	wrong := laws(st.Method, path, a)
	var body any
	_ = json.Unmarshal(a.Body, &body) // the laws say whether it is JSON
	if got, _ := lookup(body, []string{"scimType"}); a.Status >= http.StatusBadRequest && len(st.Types) > 0 && !slices.Contains(st.Types, fmt.Sprint(got)) {
		wrong = append(wrong, fmt.Errorf("the scimType is %v, want %s: %.2000s", got, strings.Join(st.Types, " or "), a.Body))
	}
	if st.Save != "" {
		id, _ := lookup(body, []string{"id"})
		names[st.Save], _ = id.(string)
		names[st.Save+".version"] = a.Header.Get("ETag")
	}
	for _, check := range st.Checks {
		v, found := check.subject(body, string(a.Body), a.Header, names)
		if s := check.test(v, found, names); s != "" {
			wrong = append(wrong, fmt.Errorf("line %d: %s %s", check.Line, check.Subject, s))
		}
	}
	return false, errors.Join(wrong...)
}

// message is the body as it is sent.
func (st *Step) message(names Names) []byte {
	body := names.FillJSON(st.Body)
	switch {
	case st.Raw:
		body = names.Fill(st.Body)
	case body == "":
		return nil
	case st.Method == http.MethodPatch && body[0] == '[':
		body = `{"schemas":["` + patchURN + `"],"Operations":` + body + `}`
	}
	return []byte(body)
}

// Told is a public event as a receiver got it.
type Told struct {
	Type string // the whole public type
	// Resource is the id of what it is about.
	Resource string
	// Data is the event's decoded data.
	Data any
}

// Causes returns all events that the case causes, with the resources by id.
func (c *Case) Causes(names Names) []Event {
	var all []Event
	for _, st := range c.Steps {
		for _, e := range st.Events {
			e.Resource = names[e.Resource]
			all = append(all, e)
		}
	}
	return all
}

// Compare returns how the events told differ from those caused, each resource
// for itself: one order of all resources is not promised.
func Compare(caused []Event, told []Told, names Names) error {
	var all []error
	left := map[string][]Told{}
	for _, t := range told {
		left[t.Resource] = append(left[t.Resource], t)
	}
	for _, e := range caused {
		queue := left[e.Resource]
		if len(queue) == 0 {
			all = append(all, fmt.Errorf("line %d: nothing was told of %s, want %s", e.Line, e.Resource, e.Type))
			continue
		}
		next := queue[0]
		left[e.Resource] = queue[1:]
		if !strings.HasSuffix(next.Type, "."+e.Type) {
			all = append(all, fmt.Errorf("line %d: %s was told of %s, want %s: %s", e.Line, next.Type, e.Resource, e.Type, show(next.Data)))
			continue
		}
		for _, check := range e.Checks {
			v, found := check.subject(next.Data, show(next.Data), nil, names)
			if s := check.test(v, found, names); s != "" {
				all = append(all, fmt.Errorf("line %d: %s of %s: %s %s", check.Line, e.Type, e.Resource, check.Subject, s))
			}
		}
	}
	for _, queue := range left {
		for _, t := range queue {
			all = append(all, fmt.Errorf("%s was told of %s and nothing causes it: %s", t.Type, t.Resource, show(t.Data)))
		}
	}
	return errors.Join(all...)
}

// CompareNotes returns how the sync log differs from what the case says of it.
// The log joins requests that are alike, so what is compared is which causes
// there are, and where.
func (c *Case) CompareNotes(logged []Note, names Names) error {
	var all []error
	var want []Note
	for _, st := range c.Steps {
		for _, n := range st.Notes {
			n.Path = names.Fill(n.Path)
			want = append(want, n)
		}
	}
	matches := func(w, l Note) bool {
		return w.Refused == l.Refused && w.Cause == l.Cause && (w.Path == "" || strings.EqualFold(w.Path, l.Path))
	}
	for _, w := range want {
		if !slices.ContainsFunc(logged, func(l Note) bool { return matches(w, l) }) {
			all = append(all, fmt.Errorf("line %d: the sync log does not say %s", w.Line, w))
		}
	}
	for _, l := range logged {
		if !slices.ContainsFunc(want, func(w Note) bool { return matches(w, l) }) {
			all = append(all, fmt.Errorf("the sync log says %s", l))
		}
	}
	return errors.Join(all...)
}

// String is the note as a script has it.
func (n Note) String() string {
	kind := "tolerated"
	if n.Refused {
		kind = "refused"
	}
	return strings.TrimSpace("? " + kind + " " + n.Cause + " " + n.Path)
}

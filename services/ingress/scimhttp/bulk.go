package scimhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// job is a Bulk under way (RFC 7644 section 3.7). Its operations go to the owner
// of the log together, as a chain, so that they cost as many appends as they
// fill frames, and are decided one after the other all the same.
type job struct {
	*request
	operations []bulk.Operation
	steps      []bulk.Step
	// parts are the operations as requests of their own: what is tolerated and
	// refused is the operation's.
	parts   []*request
	errs    []error // by step: why it is not even sent
	results []result
	ids     map[string]string // what was made, by bulkId
}

// result is what became of an operation.
type result struct {
	processed bool
	err       error
	row       directory.Row
	id        string
}

func (r *request) bulk(string) error {
	body, err := r.read()
	if err != nil {
		return err
	}
	kinds := map[string]*schema.Resource{}
	for endpoint, t := range resources {
		kinds[endpoint] = t.kind(r)
	}
	in, err := bulk.Parse(r.reading, kinds, body)
	if err != nil {
		return err
	}
	r.h.limits.charge(r.scope.Directory, len(in.Operations)-1, r.h.cfg.Clock())
	j := &job{
		request: r, operations: in.Operations, steps: bulk.Plan(in.Operations, kinds),
		results: make([]result, len(in.Operations)), ids: map[string]string{},
	}
	for range in.Operations {
		part := *r
		part.reading = &lenience.Reading{Strict: r.reading.IsStrict()}
		part.received = nil
		j.parts = append(j.parts, &part)
	}
	j.take(r.h.ingress.SubmitChain(r.Request().Context(), j.links(), in.FailOnErrors))
	j.recordOperations()
	out, err := j.answer()
	if err != nil {
		return err
	}
	return r.body(http.StatusOK, out)
}

// links makes commands of the steps.
func (j *job) links() []commit.Link {
	links := make([]commit.Link, len(j.steps))
	j.errs = make([]error, len(j.steps))
	for i, s := range j.steps {
		l := commit.Link{Role: s.Role, Of: s.Of, Defines: s.Defines, Needs: s.Needs}
		c, err := j.command(s)
		if err != nil {
			l.Refused, j.errs[i] = true, err
		} else {
			l.Request = directory.Request{ID: commandID(), Actor: j.actor, Command: c}
		}
		links[i] = l
	}
	return links
}

// command makes the command of a step.
func (j *job) command(s bulk.Step) (directory.Command, error) {
	if s.Err != nil {
		return nil, s.Err
	}
	part := j.parts[s.Op]
	var expect conditions
	if s.Version != "" {
		var err error
		if expect.match, err = scim.ParseCondition(part.reading, "version", s.Version); err != nil {
			return nil, err
		}
	}
	var body []byte
	if s.Data != nil {
		var err error
		if body, err = json.Marshal(s.Data); err != nil {
			return nil, err
		}
	}
	switch s.Role {
	case bulk.Main:
		part.received = body
	case bulk.Completion, bulk.Undo: // the server wrote it, and knows that it may
		lenient := *part
		lenient.reading = nil
		part = &lenient
	}
	return resources[s.Endpoint].command(part, s.Method, s.ID, body, expect.precondition())
}

// take notes what became of the steps.
func (j *job) take(answers []commit.Answer) {
	for i, s := range j.steps {
		res, err := &j.results[s.Op], answers[i].Err
		if errors.Is(err, commit.ErrRefused) {
			err = j.errs[i]
		}
		leftOut := errors.Is(err, commit.ErrLeftOut)
		if err == nil {
			j.parts[s.Op].reading.Merge(answers[i].Result.Deviations)
		}
		switch {
		case s.Role == bulk.Main && leftOut: // the job ended before
		case s.Role == bulk.Main:
			*res = result{processed: true, err: err, row: answers[i].Result.Row}
			if err == nil && s.Method == bulk.Post {
				res.id = answers[i].Result.Key.Last()
				j.ids[s.Defines] = res.id
			} else if id := bulk.SubstituteID(s.ID, j.made); !strings.HasPrefix(id, bulk.Prefix) {
				res.id = id
			}
		case s.Role == bulk.Undo && err == nil:
			res.row, res.id = nil, ""
			delete(j.ids, j.steps[j.steps[s.Of].Of].Defines)
		case s.Role == bulk.Undo, res.err != nil: // nothing to undo; it was never made
		case err == nil:
			res.row = answers[i].Result.Row
		case leftOut:
			res.err = fault.New(fault.Conflict, "What the operation refers to was not made, since the job ended before.")
		default:
			res.err = err
		}
	}
	for i, s := range j.steps {
		// What was made and should not have been stays known to who asked for it.
		res := &j.results[s.Op]
		if s.Role == bulk.Undo && res.id != "" && answers[i].Err != nil && !errors.Is(answers[i].Err, commit.ErrLeftOut) {
			j.h.cfg.Logger.Error("an operation of a bulk could not be undone", "directory", j.scope.Directory, "resource", res.id, "error", answers[i].Err)
		}
	}
}

func (j *job) made(name string) (string, bool) {
	id, ok := j.ids[name]
	return id, ok
}

// answered is an operation of a BulkResponse.
type answered struct {
	Method   string          `json:"method,omitempty"`
	BulkID   string          `json:"bulkId,omitempty"`
	Version  string          `json:"version,omitempty"`
	Location string          `json:"location,omitempty"`
	Status   string          `json:"status"`
	Response json.RawMessage `json:"response,omitempty"`
}

// answer writes the response: of all operations that were processed, in their
// order. Those that succeeded are without a body, as RFC 7644 section 3.7.3
// allows: whoever wants it knows where it is.
func (j *job) answer() ([]byte, error) {
	out := struct {
		Schemas    []string   `json:"schemas"`
		Operations []answered `json:"Operations"`
	}{[]string{bulk.ResponseURN}, []answered{}}
	snap, err := j.h.ingress.Snapshot(j.Request().Context())
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	for i, op := range j.operations {
		if res := j.results[i]; res.processed {
			a, err := j.operation(snap, op, res)
			if err != nil {
				return nil, err
			}
			out.Operations = append(out.Operations, a)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err = enc.Encode(out)
	return b.Bytes(), err
}

func (j *job) operation(v directory.View, op bulk.Operation, res result) (answered, error) {
	a := answered{Method: op.Method, BulkID: op.BulkID}
	if res.id != "" {
		a.Location = j.base + "/" + op.Endpoint + "/" + res.id
	}
	if res.err != nil {
		f := failureOf(res.err)
		a.Status, a.Response = text(f.status), f.body()
		if f.status == http.StatusInternalServerError {
			j.h.cfg.Logger.Error("an operation of a bulk failed", "method", op.Method, "error", res.err)
		}
		return a, nil
	}
	switch op.Method {
	case bulk.Post:
		a.Status = text(http.StatusCreated)
	case bulk.Delete:
		a.Status = text(http.StatusNoContent)
		return a, nil
	default:
		a.Status = text(http.StatusOK)
	}
	h, err := resources[op.Endpoint].head(j.request, v, res.row)
	a.Version = h.Version()
	return a, err
}

// Package patch applies SCIM PATCH requests (RFC 7644 section 3.5.2), with the
// leniency that real providers need (interop facts, sections 4 and 7).
//
// It is pure: a resource and operations in, a resource out, or a refusal that
// changed nothing. Members of groups are taken out of a request by
// SplitMembers and never applied here, so that changing one member of a large
// group costs what one member costs.
package patch

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MaxOperations is how many operations one request may hold. Providers send
// one per member, hundreds at a time.
const MaxOperations = 5000

// Verb is what an operation does.
type Verb string

// The verbs, in lower case.
const (
	Add     Verb = "add"
	Replace Verb = "replace"
	Remove  Verb = "remove"
)

// Op is one operation.
type Op struct {
	Verb Verb
	// Path is empty for a path-less operation, whose Value is an object of
	// paths.
	Path Path
	// Value is decoded JSON, nil if absent or null.
	Value any
}

// Request is a parsed PatchOp message.
type Request struct {
	Operations []Op

	kind *schema.Resource
	body json.RawMessage // as it came, to be sent on
}

// Kinds of resources that can be patched.
var (
	User  = schema.User
	Group = schema.Group
)

// Parse reads a PatchOp message about a resource of the kind.
//
// Errors: Invalid with the reason invalidSyntax, invalidValue, invalidPath or
// noTarget; TooLarge above MaxOperations.
func Parse(rd *lenience.Reading, kind *schema.Resource, body []byte) (Request, error) {
	m, err := scim.Object(rd, body)
	if err != nil {
		return Request{}, err
	}
	raw, ok := member(m, "Operations").([]any)
	if !ok {
		return Request{}, fault.New(fault.Invalid, "A PATCH must have a list of Operations.").Because(fault.InvalidSyntax)
	}
	if len(raw) > MaxOperations {
		return Request{}, fault.New(fault.TooLarge, "The PATCH has %d operations; at most %d are allowed in one request.", len(raw), MaxOperations)
	}
	if len(raw) == 0 {
		return Request{}, fault.New(fault.Invalid, "A PATCH must have at least one operation.").Because(fault.InvalidSyntax)
	}
	if body, err = withoutPasswords(body, m); err != nil {
		return Request{}, err
	}
	r := Request{Operations: make([]Op, 0, len(raw)), kind: kind, body: body}
	for i, o := range raw {
		op, err := parseOp(rd, kind, o)
		if err != nil {
			f := fault.Of(err)
			return Request{}, fault.New(f.Kind, "Operation %d: %s", i+1, f.Detail).Because(f.Reason)
		}
		r.Operations = append(r.Operations, op)
	}
	return r, nil
}

// For returns the operations as they are read for a kind of resource, which may
// be another version of the kind that the request was parsed for: a directory's
// extensions can change while a request is under way, and do not travel with it.
//
// Errors: as Parse.
func (r Request) For(rd *lenience.Reading, kind *schema.Resource) ([]Op, error) {
	if r.kind == kind {
		return r.Operations, nil
	}
	again, err := Parse(rd, kind, r.body)
	return again.Operations, err
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Request) UnmarshalJSON(b []byte) error {
	var w struct {
		Kind string          `json:"kind"`
		Body json.RawMessage `json:"body"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	kind := User
	if w.Kind == Group.Name {
		kind = Group
	}
	parsed, err := Parse(nil, kind, w.Body)
	*r = parsed
	return err
}

// MarshalJSON writes the request for another process: the body as it came.
func (r Request) MarshalJSON() ([]byte, error) {
	kind := User
	if r.kind != nil {
		kind = r.kind
	}
	return json.Marshal(map[string]any{"kind": kind.Name, "body": r.body})
}

// withoutPasswords returns the body as it may be sent on. Bodies that do not
// mention a password, which is nearly all, stay as they are.
func withoutPasswords(body []byte, m map[string]any) ([]byte, error) {
	if !bytes.Contains(bytes.ToLower(body), []byte("password")) && !bytes.Contains(body, []byte(`\u`)) {
		return body, nil
	}
	raw, _ := member(m, "Operations").([]any)
	for _, o := range raw {
		op, ok := o.(map[string]any)
		if !ok {
			continue
		}
		path, _ := member(op, "path").(string)
		if path = strings.ToLower(strings.TrimSpace(path)); path == "password" || strings.HasSuffix(path, ":password") {
			op[schema.Spelled(op, "value")] = ""
		}
		redact(op)
	}
	b, err := json.Marshal(map[string]any{"Operations": raw})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "The PATCH could not be written for another process.")
	}
	return b, nil
}

// redact empties whatever is called a password. A path-less key may be qualified
// by a URN.
func redact(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			redact(e)
		}
	case map[string]any:
		for name, e := range v {
			if n := strings.ToLower(name); n == "password" || strings.HasSuffix(n, ":password") {
				v[name] = ""
			} else {
				redact(e)
			}
		}
	}
}

func parseOp(rd *lenience.Reading, kind *schema.Resource, o any) (Op, error) {
	m, ok := o.(map[string]any)
	if !ok {
		return Op{}, fault.New(fault.Invalid, "it is not an object.").Because(fault.InvalidSyntax)
	}
	verb, _ := member(m, "op").(string)
	op := Op{Verb: Verb(strings.ToLower(verb)), Value: member(m, "value")}
	switch op.Verb {
	case Add, Replace, Remove:
	default:
		return Op{}, fault.New(fault.Invalid, "op must be add, replace or remove.").Because(fault.InvalidSyntax)
	}
	switch p := member(m, "path").(type) {
	case nil:
	case string:
		var err error
		if op.Path, err = ParsePath(rd, kind, p); err != nil {
			return Op{}, err
		}
	default:
		return Op{}, fault.New(fault.Invalid, "path must be a string.").Because(fault.InvalidPath)
	}
	if op.Path.whole() {
		if op.Verb == Remove {
			return Op{}, fault.New(fault.Invalid, "a remove needs a path.").Because(fault.NoTarget)
		}
		if _, ok := op.Value.(map[string]any); !ok {
			return Op{}, fault.New(fault.Invalid, "without a path, value must be an object of attributes.").Because(fault.InvalidValue)
		}
	}
	return op, nil
}

// member finds a member whatever the case of its name.
func member(m map[string]any, name string) any {
	return m[schema.Spelled(m, name)]
}

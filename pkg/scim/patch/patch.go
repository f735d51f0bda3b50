// Package patch applies SCIM PATCH requests (RFC 7644 section 3.5.2), with the
// leniency that real providers need (interop facts, sections 4 and 7).
//
// It is pure: a resource and operations in, a resource out, or a refusal that
// changed nothing. Members of groups are taken out of a request by
// SplitMembers and never applied here, so that changing one member of a large
// group costs what one member costs.
package patch

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MaxOperations is how many operations one request may hold, and how many
// attributes its path-less operations may name. Providers send one operation per
// member, hundreds at a time.
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
	// Operations are those of the kind that the request was parsed for; For
	// returns them for another. They are empty in a request from another process.
	Operations []Op

	kind   *schema.Resource
	strict bool
	raw    []any // the operations as decoded
}

// Kinds of resources that can be patched.
var (
	User  = schema.User
	Group = schema.Group
)

// Parse reads a PatchOp message about a resource of the kind.
//
// Errors: Invalid with the reason invalidSyntax, invalidValue, invalidPath or
// noTarget, or what rd refuses; TooLarge above MaxOperations, or if the values
// of attributes are larger than a resource may be.
func Parse(rd *lenience.Reading, kind *schema.Resource, body []byte) (Request, error) {
	m, err := scim.Object(rd, body)
	if err != nil {
		return Request{}, err
	}
	if err := isPatchOp(rd, m); err != nil {
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
	withoutPasswords(raw)
	r := Request{kind: kind, strict: rd.IsStrict(), raw: raw}
	if r.Operations, err = operations(rd, kind, raw); err != nil {
		return Request{}, err
	}
	return r, nil
}

// isPatchOp checks the schemas of a message.
func isPatchOp(rd *lenience.Reading, m map[string]any) error {
	listed, given, err := scim.ListedSchemas(rd, m)
	if err != nil || !given {
		return err
	}
	switch {
	case !listed[strings.ToLower(scim.PatchOpURN)]:
		return rd.Tolerate(lenience.WrongSchemas, "schemas")
	case len(listed) > 1:
		return rd.Tolerate(lenience.UnknownSchema, "schemas")
	}
	return nil
}

// For returns the operations as they are read for a kind of resource, which may
// be another version of the kind that the request was parsed for: a directory's
// extensions can change while a request is under way, and do not travel with it.
//
// Errors: as Parse.
func (r Request) For(rd *lenience.Reading, kind *schema.Resource) ([]Op, error) {
	if r.kind == kind && r.strict == rd.IsStrict() {
		return r.Operations, nil
	}
	return operations(rd, kind, r.raw)
}

func operations(rd *lenience.Reading, kind *schema.Resource, raw []any) ([]Op, error) {
	ops := make([]Op, 0, len(raw))
	s := size{group: kind.Is(Group)}
	for i, o := range raw {
		op, err := parseOp(rd, kind, o)
		if err == nil {
			err = s.add(op)
		}
		if err != nil {
			f := fault.Of(err)
			return nil, fault.New(f.Kind, "Operation %d: %s", i+1, f.Detail).Because(f.Reason).Named(f.Name, f.Subject)
		}
		ops = append(ops, op)
	}
	return ops, nil
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
	if string(op.Verb) != verb {
		if err := rd.Tolerate(lenience.OperationCase, "op"); err != nil {
			return Op{}, err
		}
	}
	if err := parsePath(rd, kind, m, &op); err != nil {
		return Op{}, err
	}
	if op.Path.whole() {
		if op.Verb == Remove {
			return Op{}, fault.New(fault.Invalid, "a remove needs a path.").Because(fault.NoTarget)
		}
		if _, ok := op.Value.(map[string]any); !ok {
			return Op{}, fault.New(fault.Invalid, "without a path, value must be an object of attributes.").Because(fault.InvalidValue)
		}
	}
	if _, there := m[schema.Spelled(m, "value")]; !there && op.Verb != Remove {
		return op, rd.Tolerate(lenience.MissingValue, op.Path.String())
	}
	return op, nil
}

func parsePath(rd *lenience.Reading, kind *schema.Resource, m map[string]any, op *Op) (err error) {
	switch p := member(m, "path").(type) {
	case nil:
		return nil
	case string:
		if strings.TrimSpace(p) == "" {
			return rd.Tolerate(lenience.EmptyPath, "path")
		}
		op.Path, err = ParsePath(rd, kind, p)
		return err
	}
	return fault.New(fault.Invalid, "path must be a string.").Because(fault.InvalidPath)
}

// member finds a member whatever the case of its name.
func member(m map[string]any, name string) any {
	return m[schema.Spelled(m, name)]
}

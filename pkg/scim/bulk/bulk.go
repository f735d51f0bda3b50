// Package bulk reads Bulk requests (RFC 7644 section 3.7) and orders what they
// ask for.
//
//	Parse -> operations -> Plan -> steps, in the order in which they are decided
//
// Operations may refer to resources that the same request makes, by bulkId, also
// to ones made later and in circles. What an operation refers to backwards is
// filled in when it is its turn; what a creation refers to forwards is left out
// of it first and added by a step of its own. Everything here is a function of
// the request; who decides the steps, and resolves the references on the way,
// is pkg/commit.
//
// What must not live here: HTTP, what an operation means, answers.
package bulk

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const (
	// RequestURN marks a request.
	RequestURN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	// ResponseURN marks the response.
	ResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

	// MaxOperations is how many operations a request may hold.
	MaxOperations = 1000
	// MaxBulkID is how long a bulkId may be, in bytes.
	MaxBulkID = 256
	// MaxID is how long the last part of a path may be, in bytes. No resource has
	// an id as long.
	MaxID = 512
)

// The methods of operations, as HTTP has them.
const (
	Post   = "POST"
	Put    = "PUT"
	Patch  = "PATCH"
	Delete = "DELETE"
)

// Request is a Bulk request.
type Request struct {
	// FailOnErrors is how many errors end the job; 0 is no bound.
	FailOnErrors int
	Operations   []Operation
}

// Operation is one operation.
type Operation struct {
	Method string
	// BulkID is the client's name for the operation, empty for none.
	BulkID string
	// Version is the version that a PUT, PATCH or DELETE expects, empty for any.
	Version string
	// Endpoint and ID are the parts of the path; ID is empty for POST, and may be
	// a reference.
	Endpoint, ID string
	// Data is what the single request would have as its body; nil for DELETE. The
	// bare list of a PATCH's operations is put into its message.
	Data map[string]any
	// Err is why the operation is refused without looking at what it means.
	Err error
}

// Parse reads a Bulk request for the kinds of resources, by endpoint. What is
// wrong with one operation is that operation's error.
//
// Errors: Invalid with the reason invalidSyntax or invalidValue; TooLarge above
// MaxOperations.
func Parse(rd *lenience.Reading, kinds map[string]*schema.Resource, body []byte) (Request, error) {
	m, err := scim.Object(rd, body)
	if err != nil {
		return Request{}, err
	}
	urns, given, err := scim.ListedSchemas(rd, m)
	if err == nil && given && !urns[strings.ToLower(RequestURN)] {
		err = rd.Tolerate(lenience.WrongSchemas, "schemas")
	}
	if err != nil {
		return Request{}, err
	}
	var r Request
	if r.FailOnErrors, err = failOnErrors(rd, member(m, "failOnErrors")); err != nil {
		return Request{}, err
	}
	list, ok := member(m, "Operations").([]any)
	switch {
	case !ok:
		return Request{}, fault.New(fault.Invalid, "A Bulk must have a list of Operations.").Because(fault.InvalidSyntax)
	case len(list) > MaxOperations:
		return Request{}, fault.New(fault.TooLarge, "The Bulk has %d operations; at most %d are allowed in one request (maxOperations).", len(list), MaxOperations)
	}
	ids := map[string]int{}
	for i, e := range list {
		op := parseOperation(rd, kinds, e, "Operations["+strconv.Itoa(i)+"]")
		if op.BulkID != "" && op.Method == Post {
			if first, again := ids[op.BulkID]; again {
				return Request{}, fault.New(fault.Invalid, "The operations %d and %d have the same bulkId; each needs one of its own.", first+1, i+1).
					Because(fault.InvalidValue)
			}
			ids[op.BulkID] = i
		}
		r.Operations = append(r.Operations, op)
	}
	return r, nil
}

func failOnErrors(rd *lenience.Reading, v any) (int, error) {
	switch s := v.(type) {
	case nil:
		return 0, nil
	case string:
		if err := rd.Tolerate(lenience.StringNumber, "failOnErrors"); err != nil {
			return 0, err
		}
		v = json.Number(s)
	}
	n, _ := v.(json.Number)
	most, err := strconv.Atoi(n.String())
	if err != nil || most < 0 {
		return 0, fault.New(fault.Invalid, "failOnErrors must be a whole number above 0.").Because(fault.InvalidValue)
	}
	return most, nil
}

func parseOperation(rd *lenience.Reading, kinds map[string]*schema.Resource, e any, at string) Operation {
	m, ok := e.(map[string]any)
	if !ok {
		return Operation{Err: syntax("The operation is not an object.")}
	}
	op := Operation{}
	op.Method, _ = member(m, "method").(string)
	if upper := strings.ToUpper(op.Method); upper != op.Method {
		op.Method, op.Err = upper, rd.Tolerate(lenience.MethodCase, at+".method")
	}
	bulkID, ok := member(m, "bulkId").(string)
	if !ok && member(m, "bulkId") != nil || len(bulkID) > MaxBulkID || strings.Contains(bulkID, "\x00") {
		op.refuse(fault.New(fault.Invalid, "bulkId must be a text of at most %d bytes.", MaxBulkID).Because(fault.InvalidValue))
	} else {
		op.BulkID = bulkID
	}
	op.refuse(op.path(rd, kinds, member(m, "path"), at))
	if op.Method == Post && op.BulkID == "" && op.Err == nil {
		op.Err = rd.Tolerate(lenience.MissingBulkID, at)
	}
	if v := member(m, "version"); v != nil && op.Method != Post {
		if op.Version, ok = v.(string); !ok {
			op.refuse(syntax("version must be a text, as the ETag header has it."))
		}
	}
	if op.Method != Delete {
		data := member(m, "data")
		if operations, ok := data.([]any); ok && op.Method == Patch {
			// The example of RFC 7644 section 3.7.3 has the operations alone.
			data = map[string]any{"schemas": []any{scim.PatchOpURN}, "Operations": operations}
		}
		if op.Data, ok = data.(map[string]any); !ok {
			op.refuse(syntax("A %s needs data: the object that the single request would have as its body.", op.Method))
		}
	}
	return op
}

// refuse notes why the operation is refused, unless that is known.
func (op *Operation) refuse(err error) {
	if op.Err == nil {
		op.Err = err
	}
}

// path reads the path, which must lead where the method needs it to (RFC 7644
// section 3.7).
func (op *Operation) path(rd *lenience.Reading, kinds map[string]*schema.Resource, v any, at string) error {
	switch op.Method {
	case Post, Put, Patch, Delete:
	default:
		op.Method = strings.ToValidUTF8(op.Method[:min(len(op.Method), 20)], "")
		return syntax("method must be POST, PUT, PATCH or DELETE.")
	}
	path, ok := v.(string)
	if !ok || path == "" {
		return syntax("The operation needs a path, such as /Users.")
	}
	rest, slash := strings.CutPrefix(path, "/")
	if !slash {
		if err := rd.Tolerate(lenience.MissingSlash, at+".path"); err != nil {
			return err
		}
	}
	endpoint, id, _ := strings.Cut(strings.TrimSuffix(rest, "/"), "/")
	if plain, err := url.PathUnescape(id); err == nil && !strings.HasPrefix(id, Prefix) {
		id = plain
	}
	op.Endpoint, op.ID = endpoint, id
	if kinds[endpoint] == nil {
		op.Endpoint, op.ID = "", ""
		switch endpoint {
		case "Bulk":
			return fault.New(fault.Invalid, "A Bulk cannot hold another one.").Because(fault.InvalidValue)
		case "Me":
			return fault.New(fault.Unimplemented, "This server does not offer /Me.")
		}
		return fault.New(fault.NotFound, "The path of the operation leads to nothing that can be written.")
	}
	if len(id) > MaxID {
		op.ID = ""
		return fault.New(fault.NotFound, "The path of the operation leads to nothing that can be written.")
	}
	if (op.Method == Post) != (id == "") {
		op.ID = ""
		if id == "" {
			return fault.New(fault.Invalid, "A %s needs the path of one resource, such as /%s/id.", op.Method, endpoint).Because(fault.InvalidValue)
		}
		return fault.New(fault.Invalid, "A POST needs the path of an endpoint, such as /%s.", endpoint).Because(fault.InvalidValue)
	}
	return nil
}

func syntax(format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).Because(fault.InvalidSyntax)
}

func member(m map[string]any, name string) any { return m[schema.Spelled(m, name)] }

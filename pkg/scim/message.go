package scim

import (
	"encoding/json"
	"strconv"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MediaType is the type of every SCIM body (RFC 7644 section 3.1).
const MediaType = "application/scim+json"

// The message URNs.
const (
	ErrorURN        = "urn:ietf:params:scim:api:messages:2.0:Error"
	ListResponseURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	PatchOpURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// Status returns the HTTP status of a fault at the SCIM edge. A scimType names
// its own status where RFC 7644 section 3.12 defines one.
func Status(f *fault.Error) int {
	switch f.Kind {
	case fault.Invalid:
		return 400
	case fault.Unauthenticated:
		return 401
	case fault.Forbidden:
		return 403
	case fault.NotFound:
		return 404
	case fault.Conflict:
		return 409
	case fault.FailedPrecondition:
		return 412
	case fault.TooLarge:
		return 413
	case fault.TooManyRequests:
		return 429
	case fault.Unavailable:
		return 503
	case fault.Unimplemented:
		return 501
	default:
		return 500
	}
}

// Error returns the body of an error answer (RFC 7644 section 3.12).
func Error(status int, reason fault.Reason, detail string) []byte {
	b, err := json.Marshal(struct {
		Schemas  []string     `json:"schemas"`
		Status   string       `json:"status"`
		SCIMType fault.Reason `json:"scimType,omitempty"`
		Detail   string       `json:"detail,omitempty"`
	}{[]string{ErrorURN}, strconv.Itoa(status), reason, detail})
	if err != nil {
		return []byte(`{"schemas":["` + ErrorURN + `"],"status":"500"}`)
	}
	return b
}

// List writes a ListResponse (RFC 7644 section 3.4.2) around resources that
// are JSON already.
type List struct {
	// Total counts all matches. Start is 1-based, and 0 on a page by cursor.
	Total, Start int
	// Next and Previous are cursors (RFC 9865 section 2), empty if there are none.
	Next, Previous string
	resources      []byte
	n              int
}

// Add appends one resource through write, which appends its JSON to dst.
func (l *List) Add(write func(dst []byte) []byte) {
	if l.n > 0 {
		l.resources = append(l.resources, ',')
	}
	l.resources = write(l.resources)
	l.n++
}

// Len returns how many resources were added.
func (l *List) Len() int { return l.n }

// Size returns how many bytes the resources have.
func (l *List) Size() int { return len(l.resources) }

// Body returns the whole message.
func (l *List) Body() []byte {
	b := make([]byte, 0, len(l.resources)+len(l.Next)+len(l.Previous)+256)
	b = append(b, `{"schemas":["`+ListResponseURN+`"],"totalResults":`...)
	b = strconv.AppendInt(b, int64(l.Total), 10)
	if l.Start > 0 {
		b = append(b, `,"startIndex":`...)
		b = strconv.AppendInt(b, int64(l.Start), 10)
	}
	b = append(b, `,"itemsPerPage":`...)
	b = strconv.AppendInt(b, int64(l.n), 10)
	if l.Previous != "" {
		b = quote(append(b, `,"previousCursor":`...), l.Previous)
	}
	if l.Next != "" {
		b = quote(append(b, `,"nextCursor":`...), l.Next)
	}
	b = append(b, `,"Resources":[`...)
	b = append(b, l.resources...)
	return append(b, "]}"...)
}

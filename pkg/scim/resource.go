// Package scim holds SCIM 2.0 resources and messages as values (RFC 7643 and
// RFC 7644): reading what a provider sent into canonical form, and writing
// answers.
//
// Sub-packages: schema (what attributes there are), filter, patch. What must
// not live here: HTTP, storage, and what a directory allows (pkg/directory).
package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// Resource is a SCIM resource in canonical form: attribute names in the
// schema's case, values as string, bool, json.Number, []any and
// map[string]any, nothing null or empty, extensions under their URN. It holds
// neither schemas, id, meta, groups and members, which the server knows, nor
// a password, which it must not.
type Resource map[string]any

const (
	// MaxDepth is how deep a body may nest.
	MaxDepth = 32
	// MaxResource is how many bytes the attributes of a resource may have in
	// canonical form. Operations that only ever add cannot pass it.
	MaxResource = 1 << 20
)

// Canonical returns the one way to write the resource as JSON, so that equal
// resources have equal bytes.
//
// Errors: TooLarge above MaxResource.
func Canonical(r Resource) (json.RawMessage, error) {
	const usual = 1 << 10
	b, err := jsonvalue.Append(make([]byte, 0, usual), map[string]any(r))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxResource {
		return nil, fault.New(fault.TooLarge, "The resource has %d bytes; at most %d are allowed.", len(b), MaxResource)
	}
	return bytes.Clone(b), nil // no longer than it is: rows keep it
}

// Decode reads what Canonical wrote.
func Decode(b []byte) (Resource, error) {
	const depth = 100 * MaxDepth // patches put bodies into each other
	v, err := jsonvalue.Read(b, depth)
	if err != nil {
		return nil, err
	}
	r, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the attributes are not one JSON object")
	}
	return r, nil
}

// Object reads a body that must be one JSON object of bounded depth.
//
// Errors: Invalid with the reason invalidSyntax.
func Object(rd *lenience.Reading, b []byte) (map[string]any, error) {
	if rest, marked := bytes.CutPrefix(b, []byte("\xEF\xBB\xBF")); marked { // some clients begin with a byte order mark
		if err := rd.Tolerate(lenience.ByteOrderMark, ""); err != nil {
			return nil, err
		}
		b = rest
	}
	v, err := jsonvalue.Read(b, MaxDepth)
	m, ok := v.(map[string]any)
	switch {
	case errors.Is(err, jsonvalue.ErrDepth):
		return nil, fault.New(fault.Invalid, "The body nests deeper than %d levels.", MaxDepth).Because(fault.InvalidSyntax)
	case !ok:
		return nil, fault.New(fault.Invalid, "The body is not a JSON object: %s.", reason(v, err)).Because(fault.InvalidSyntax)
	case err != nil:
		return nil, fault.New(fault.Invalid, "The body has more behind its JSON object.").Because(fault.InvalidSyntax)
	}
	return m, nil
}

// reason says what is wrong with a body without quoting it, since bodies hold
// personal data and passwords.
func reason(v any, err error) string {
	switch {
	case errors.Is(err, jsonvalue.ErrTruncated):
		return "it ends too early"
	case errors.Is(err, jsonvalue.ErrSyntax):
		return "it breaks JSON's syntax"
	}
	switch v.(type) {
	case nil:
		return "it is null"
	case []any:
		return "it is an array"
	case json.Number:
		return "it is a number"
	case bool:
		return "it is a bool"
	}
	return "it is a string"
}

// Names are the values by which a resource is found.
type Names struct {
	UserName, ExternalID, DisplayName string
	Active                            bool
	Emails                            []string
	// Address is the primary e-mail, else the first of type work, else the
	// first, else userName if it is an address.
	Address string
}

// Keys returns the values by which the resource is found. Active is true if
// the resource does not say.
func Keys(r Resource) Names {
	n := Names{UserName: text(r["userName"]), ExternalID: text(r["externalId"]), DisplayName: text(r["displayName"]), Active: r["active"] != false}
	emails, _ := r["emails"].([]any)
	var primary, work, first string
	for _, e := range emails {
		m, _ := e.(map[string]any)
		v := text(m["value"])
		if v == "" {
			continue
		}
		n.Emails = append(n.Emails, v)
		if first == "" {
			first = v
		}
		if work == "" && strings.EqualFold(text(m["type"]), "work") {
			work = v
		}
		if m["primary"] == true {
			primary = v
		}
	}
	switch {
	case primary != "":
		n.Address = primary
	case work != "":
		n.Address = work
	case first != "":
		n.Address = first
	case isAddress(n.UserName):
		n.Address = n.UserName
	}
	return n
}

func text(v any) string { s, _ := v.(string); return s }

// isAddress reports whether s has the form of an e-mail address: one @ with
// something on both sides, and a dot behind it.
func isAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at == strings.LastIndexByte(s, '@') && strings.Contains(s[at+1:], ".") && !strings.ContainsAny(s, " \t\r\n<>")
}

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
	"io"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
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
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any(r)); err != nil {
		return nil, err
	}
	if b.Len() > MaxResource {
		return nil, fault.New(fault.TooLarge, "The resource has %d bytes; at most %d are allowed.", b.Len(), MaxResource)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Decode reads what Canonical wrote.
func Decode(b []byte) (Resource, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var r map[string]any
	if err := dec.Decode(&r); err != nil {
		return nil, err
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
	if depth(b) > MaxDepth {
		return nil, fault.New(fault.Invalid, "The body nests deeper than %d levels.", MaxDepth).Because(fault.InvalidSyntax)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, fault.New(fault.Invalid, "The body is not a JSON object: %s.", reason(err)).Because(fault.InvalidSyntax)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "The body has more behind its JSON object.").Because(fault.InvalidSyntax)
	}
	return m, nil
}

// reason says what is wrong with a body without quoting it, since bodies hold
// personal data and passwords.
func reason(err error) string {
	switch e := err.(type) { //nolint:errorlint // encoding/json returns them bare
	case nil:
		return "it is null"
	case *json.SyntaxError:
		return "it breaks JSON's syntax"
	case *json.UnmarshalTypeError:
		return "it is a " + e.Value
	}
	return "it ends too early"
}

// depth returns how deep the text nests, without parsing it.
func depth(b []byte) int {
	level, most := 0, 0
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			level++
			most = max(most, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return most
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

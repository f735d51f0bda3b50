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
	"unicode"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Resource is a SCIM resource in canonical form: attribute names in the
// schema's case, values as string, bool, json.Number, []any and
// map[string]any, nothing null or empty, extensions under their URN. It holds
// neither schemas, id, meta, groups and members, which the server knows, nor
// a password, which it must not.
type Resource map[string]any

// MaxDepth is how deep a body may nest.
const MaxDepth = 32

// Canonical returns the one way to write the resource as JSON, so that equal
// resources have equal bytes.
func Canonical(r Resource) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any(r)); err != nil {
		return nil, err
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
func Object(b []byte) (map[string]any, error) {
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
			if c == '\\' {
				i++
			} else if c == '"' {
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

// Fold returns the form in which text without case is compared and indexed:
// simple Unicode case folding, stable for ever because it is part of stored
// keys.
func Fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || ('A' <= c && c <= 'Z') {
			return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, s)
		}
	}
	return s
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

// owned are the names that the server keeps itself, or never keeps.
var owned = map[string]bool{"schemas": true, "id": true, "meta": true, "password": true}

// Canonicalize brings a decoded body into canonical form. Attributes and
// extensions that the schema does not know are kept as they are: they are the
// customer's data, and reach receivers as raw attributes.
//
// Errors: Invalid with the reason invalidValue.
func Canonicalize(kind *schema.Resource, body map[string]any) (Resource, error) {
	out := make(Resource, len(body))
	for name, value := range body {
		if value == nil || owned[strings.ToLower(name)] {
			continue
		}
		urn, rest := kind.Split(name)
		if rest == "" { // a block of attributes under its URN
			if err := block(kind, out, urn, value); err != nil {
				return nil, err
			}
			continue
		}
		if urn != "" { // an unregistered extension, or a name qualified in full
			if s := kind.Schema(urn); s == nil {
				out[name] = value
				continue
			} else if err := put(s, extension(out, urn), rest, value); err != nil {
				return nil, err
			}
			prune(out, urn)
			continue
		}
		if err := put(kind.Core, out, rest, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// block puts the attributes of a schema's block where they belong.
func block(kind *schema.Resource, out Resource, urn string, value any) error {
	m, ok := value.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, "%s must be an object.", urn).Because(fault.InvalidValue)
	}
	to := map[string]any(out)
	if urn != kind.Core.ID {
		to = extension(out, urn)
	}
	for name, v := range m {
		if v == nil {
			continue
		}
		if err := put(kind.Schema(urn), to, name, v); err != nil {
			return err
		}
	}
	prune(out, urn)
	return nil
}

func extension(r Resource, urn string) map[string]any {
	m, ok := r[urn].(map[string]any)
	if !ok {
		m = map[string]any{}
		r[urn] = m
	}
	return m
}

func prune(r Resource, urn string) {
	if m, ok := r[urn].(map[string]any); ok && len(m) == 0 {
		delete(r, urn)
	}
}

// put sets one attribute in canonical form.
func put(s *schema.Schema, to map[string]any, name string, value any) error {
	a := s.Attribute(name)
	if a == nil {
		if !owned[strings.ToLower(name)] {
			to[name] = value
		}
		return nil
	}
	if a.Mutability == schema.ReadOnly || a.Name == "members" {
		return nil
	}
	v, err := a.Coerce(value)
	if err != nil {
		return err
	}
	if v != nil {
		to[a.Name] = v
	}
	return nil
}

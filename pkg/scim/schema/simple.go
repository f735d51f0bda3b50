package schema

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// maxDigits is how many characters a decimal may have.
const maxDigits = 64

// simple coerces a value of a simple type (RFC 7643 section 2.3) that is neither
// null nor an empty text.
func (a *Attribute) simple(rd *lenience.Reading, v any) (any, error) {
	switch a.Type {
	case Boolean:
		return a.boolean(rd, v)
	case Integer, Decimal:
		return a.number(rd, v)
	default: // is text
	}
	s, ok := v.(string)
	if !ok {
		switch a.Type {
		case DateTime:
			return nil, a.wrong("a date and time such as 2026-01-31T10:00:00Z")
		case Binary:
			return nil, a.wrong("a base64 string")
		default:
			return nil, a.wrong("a string")
		}
	}
	switch a.Type {
	case DateTime:
		return a.dateTime(rd, s)
	case Binary:
		return a.binary(rd, s)
	case Reference:
		if !isURI(s) {
			return s, rd.Tolerate(lenience.MalformedReference, a.path)
		}
	default: // any text will do
	}
	return s, nil
}

func (a *Attribute) boolean(rd *lenience.Reading, v any) (any, error) {
	switch b := v.(type) {
	case bool:
		return b, nil
	case string:
		if yes := strings.EqualFold(b, "true"); yes || strings.EqualFold(b, "false") {
			return yes, rd.Tolerate(lenience.StringBoolean, a.path)
		}
	}
	return nil, a.wrong("true or false")
}

// number coerces an integer, which has 64 bits and no fraction (RFC 7643 section
// 2.3.4), or a decimal, which is a finite number of at most 64 characters
// (section 2.3.3).
func (a *Attribute) number(rd *lenience.Reading, v any) (any, error) {
	n, ok := v.(json.Number)
	if s, isText := v.(string); isText {
		if s = strings.TrimSpace(s); !isNumber(s) {
			return nil, a.wrong("a number")
		}
		if err := rd.Tolerate(lenience.StringNumber, a.path); err != nil {
			return nil, err
		}
		n, ok = json.Number(s), true
	}
	switch {
	case !ok:
		return nil, a.wrong("a number")
	case a.Type == Integer:
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil {
			return nil, a.wrong("a whole number of at most 64 bits")
		}
		return json.Number(strconv.FormatInt(i, 10)), nil
	}
	if _, err := strconv.ParseFloat(n.String(), 64); err != nil || len(n) > maxDigits {
		return nil, a.wrong("a number of at most 64 characters and not beyond 1e308")
	}
	return n, nil
}

// isNumber reports whether s is a JSON number.
func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || digit(s[0])) && json.Valid([]byte(s))
}

// binary coerces base64 in the alphabet of RFC 4648 section 4, of which padding
// may be left out (RFC 7643 section 2.3.6). Line breaks and the alphabet for URLs
// are tolerated and put right.
func (a *Attribute) binary(rd *lenience.Reading, s string) (any, error) {
	if isBase64(s) {
		return s, nil
	}
	s = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, s)
	if s == "" || !isBase64(s) {
		return nil, a.wrong("a base64 string")
	}
	return s, rd.Tolerate(lenience.BinaryForm, a.path)
}

func isBase64(s string) bool {
	if strings.ContainsAny(s, "\r\n") { // which the decoder passes over
		return false
	}
	if _, err := base64.StdEncoding.DecodeString(s); err == nil {
		return true
	}
	_, err := base64.RawStdEncoding.DecodeString(s)
	return err == nil
}

// isURI reports whether s is a URI or a relative reference (RFC 3986 section
// 4.1).
func isURI(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	_, err := url.Parse(s)
	return err == nil
}

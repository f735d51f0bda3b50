package jsonvalue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Append appends a value as compact JSON, the members of objects in the order of
// their names, so that equal values have equal bytes.
//
// Errors: the value holds a number that is none, or what JSON has no form for.
func Append(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		if v {
			return append(dst, "true"...), nil
		}
		return append(dst, "false"...), nil
	case string:
		return appendText(dst, v), nil
	case json.Number:
		if n := jsontext.Value(v); n.Kind() != jsontext.KindNumber || !n.IsValid() || n[0] <= ' ' || n[len(n)-1] <= ' ' {
			return nil, fmt.Errorf("%d bytes of a number are none", len(v))
		}
		return append(dst, v...), nil
	case []any:
		return appendList(dst, v)
	case map[string]any:
		return appendObject(dst, v)
	}
	b, err := encoded(v) // what code made and no body holds
	return append(dst, b...), err
}

func appendList(dst []byte, list []any) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = Append(dst, v); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, m map[string]any) (_ []byte, err error) {
	const usual = 16
	var room [usual]string
	names := appendNames(room[:0], m)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, name), ':')
		if dst, err = Append(dst, m[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// Names returns the names of an object's members in their order.
func Names[V any](m map[string]V) []string {
	return appendNames(make([]string, 0, len(m)), m)
}

func appendNames[V any](names []string, m map[string]V) []string {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// appendText appends a string as JSON. Bytes that are no UTF-8 become U+FFFD.
func appendText(dst []byte, s string) []byte {
	if plain(s) {
		dst = append(dst, '"')
		dst = append(dst, s...)
		return append(dst, '"')
	}
	b, err := encoded(s)
	if err != nil { // no string is
		return append(dst, `""`...)
	}
	return append(dst, b...)
}

// plain reports whether a string stands between quotes as it is.
func plain(s string) bool {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(s) && !strings.ContainsAny(s, "\u2028\u2029")
}

// encoded is how encoding/json writes a value.
func encoded(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Package jsonvalue reads and writes JSON as the values that SCIM resources are
// made of: map[string]any, []any, string, json.Number, bool and nil.
//
//	v, err := jsonvalue.Read(body, 32)
//	body, err = jsonvalue.Append(nil, v)
//
// It means by JSON exactly what encoding/json does, with UseNumber and without
// HTML escaping, to which its tests hold it. It is here because every change of a
// user is read and written several times on its way, and one pass without
// reflection takes half of the time.
//
// What must not live here: what an attribute is (pkg/scim/schema).
package jsonvalue

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// What keeps a text from being read. None says more, since bodies hold personal
// data and passwords.
var (
	ErrSyntax    = errors.New("the text breaks JSON's syntax")
	ErrTruncated = errors.New("the text ends too early")
	ErrDepth     = errors.New("the text nests too deep")
	// ErrTrailing comes with the value that something else than space follows.
	ErrTrailing = errors.New("the text goes on behind the value")
)

// Read returns the value that the text stands for, whose objects and lists nest
// no deeper than depth. Of a name that an object has twice, the last value counts.
// The value shares nothing with the text.
//
// Errors: ErrSyntax, ErrTruncated, ErrDepth, ErrTrailing.
func Read(text []byte, depth int) (any, error) {
	r := reader{text: text, depth: depth}
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	if r.space(); r.at < len(text) {
		return v, ErrTrailing
	}
	return v, nil
}

type reader struct {
	text  []byte
	at    int
	depth int // that is left
}

func (r *reader) space() { r.at = skipSpace(r.text, r.at) }

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// next returns the next character that is no space, without taking it.
func (r *reader) next() (byte, error) {
	if r.space(); r.at >= len(r.text) {
		return 0, ErrTruncated
	}
	return r.text[r.at], nil
}

func (r *reader) value() (any, error) {
	c, err := r.next()
	if err != nil {
		return nil, err
	}
	switch c {
	case '"':
		return r.string()
	case '{':
		return r.object()
	case '[':
		return r.list()
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	}
	end, err := numberEnd(r.text, r.at)
	if err != nil {
		return nil, err
	}
	n := json.Number(r.text[r.at:end])
	r.at = end
	return n, nil
}

func (r *reader) word(w string) error {
	rest := r.text[r.at:]
	n := min(len(w), len(rest))
	switch {
	case string(rest[:n]) != w[:n]:
		return ErrSyntax
	case n < len(w):
		return ErrTruncated
	}
	r.at += n
	return nil
}

// enter takes the character that opens an object or a list, and reports whether
// the one that closes it follows at once.
func (r *reader) enter(closing byte) (empty bool, err error) {
	if r.depth == 0 {
		return false, ErrDepth
	}
	r.depth--
	r.at++
	c, err := r.next()
	if err != nil || c != closing {
		return false, err
	}
	r.leave()
	return true, nil
}

func (r *reader) leave() {
	r.depth++
	r.at++
}

// more takes the comma before another element, or the character that ends it all.
func (r *reader) more(closing byte) (bool, error) {
	switch c, err := r.next(); {
	case err != nil:
		return false, err
	case c == ',':
		r.at++
		return true, nil
	case c == closing:
		r.leave()
		return false, nil
	}
	return false, ErrSyntax
}

func (r *reader) object() (map[string]any, error) {
	m := map[string]any{}
	empty, err := r.enter('}')
	for more := !empty; more && err == nil; more, err = r.more('}') {
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		if m[name], err = r.value(); err != nil {
			return nil, err
		}
	}
	return m, err
}

// name reads a member's name and the colon behind it.
func (r *reader) name() (string, error) {
	c, err := r.next()
	if err == nil && c != '"' {
		err = ErrSyntax
	}
	if err != nil {
		return "", err
	}
	name, err := r.string()
	if err != nil {
		return "", err
	}
	if c, err = r.next(); err == nil && c != ':' {
		err = ErrSyntax
	}
	r.at++
	return name, err
}

func (r *reader) list() ([]any, error) {
	list := []any{}
	empty, err := r.enter(']')
	for more := !empty; more && err == nil; more, err = r.more(']') {
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, err
}

func (r *reader) string() (string, error) {
	end := stringEnd(r.text, r.at)
	if end < 0 {
		return "", ErrTruncated
	}
	s, ok := Text(r.text[r.at:end])
	if !ok {
		return "", ErrSyntax
	}
	r.at = end
	return s, nil
}

// stringEnd returns the index behind the string that begins at i, -1 if it does
// not end.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// Text returns the string that a text stands for; ok is false if it stands for
// none.
func Text(text []byte) (s string, ok bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	inside := text[1 : len(text)-1]
	ascii := true
	for _, c := range inside {
		if c < ' ' || c == '"' || c == '\\' {
			err := json.Unmarshal(text, &s)
			return s, err == nil
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.Valid(inside) {
		err := json.Unmarshal(text, &s)
		return s, err == nil
	}
	return string(inside), true
}

// numberEnd returns the index behind the number that begins at i.
func numberEnd[T ~string | ~[]byte](b T, i int) (int, error) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > from
	}
	from := i
	ok := digits()
	if ok && b[from] == '0' {
		i = from + 1 // nothing belongs to a leading 0
	}
	if ok && i < len(b) && b[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		ok = digits()
	}
	switch {
	case ok:
		return i, nil
	case i == len(b):
		return 0, ErrTruncated
	}
	return 0, ErrSyntax
}

// Package jsonvalue reads and writes JSON as the values that SCIM resources are
// made of: map[string]any, []any, string, json.Number, bool and nil.
//
//	v, err := jsonvalue.Read(body, 32)
//	body, err = jsonvalue.Append(nil, v)
//
// It means by JSON exactly what encoding/json does, with UseNumber and without
// HTML escaping, to which its tests hold it; the tokens are those of jsontext, on
// which the next encoding/json stands. It is here because every change of a user
// is read and written several times on its way, and one pass without reflection
// takes half of the time.
//
// What must not live here: what an attribute is (pkg/scim/schema).
package jsonvalue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
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

// reader is a decoder that is used again and again.
type reader struct {
	jsontext.Decoder
	text bytes.Buffer
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// Read returns the value that the text stands for, whose objects and lists nest
// no deeper than depth, at most 10,000 levels. Of a name that an object has twice,
// the last value counts. The value shares nothing with the text.
//
// Errors: ErrSyntax, ErrTruncated, ErrDepth, ErrTrailing.
func Read(text []byte, depth int) (any, error) {
	r := readers.Get().(*reader) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	defer func() {
		// The decoder reads the text in place, and the pool is not to keep a body.
		r.text = bytes.Buffer{}
		r.Reset(&r.text)
		readers.Put(r)
	}()
	r.text = *bytes.NewBuffer(text)
	r.Reset(&r.text, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	v, err := r.value(depth)
	if err != nil {
		return nil, reason(err)
	}
	if _, err := r.ReadToken(); !errors.Is(err, io.EOF) {
		return v, ErrTrailing
	}
	return v, nil
}

func reason(err error) error {
	switch {
	case errors.Is(err, ErrDepth):
		return ErrDepth
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return ErrTruncated
	}
	return ErrSyntax
}

func (r *reader) value(depth int) (any, error) {
	switch r.PeekKind() { //nolint:exhaustive // the rest is one token
	case jsontext.KindBeginObject:
		return r.object(depth)
	case jsontext.KindBeginArray:
		return r.list(depth)
	}
	t, err := r.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() { //nolint:exhaustive // the rest is refused
	case jsontext.KindNull:
		return nil, nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return t.Bool(), nil
	case jsontext.KindString:
		return t.String(), nil
	case jsontext.KindNumber:
		return json.Number(t.String()), nil
	}
	return nil, fmt.Errorf("an unexpected %v", t.Kind()) // the end of what did not begin
}

// enter takes the token that opens an object or a list.
func (r *reader) enter(depth int) error {
	if depth == 0 {
		return ErrDepth
	}
	_, err := r.ReadToken()
	return err
}

func (r *reader) object(depth int) (map[string]any, error) {
	if err := r.enter(depth); err != nil {
		return nil, err
	}
	m := map[string]any{}
	for r.PeekKind() != jsontext.KindEndObject {
		name, err := r.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String() // the token is gone with the next
		if m[key], err = r.value(depth - 1); err != nil {
			return nil, err
		}
	}
	_, err := r.ReadToken()
	return m, err
}

func (r *reader) list(depth int) ([]any, error) {
	if err := r.enter(depth); err != nil {
		return nil, err
	}
	list := []any{}
	for r.PeekKind() != jsontext.KindEndArray {
		v, err := r.value(depth - 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := r.ReadToken()
	return list, err
}

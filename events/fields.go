package events

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errFields says that a payload is not one JSON object.
var errFields = errors.New("not a JSON object")

// quick is a payload that reads itself field by field. Users are most of a log,
// and a rebuild would spend half its time scanning their attributes several
// times over; one pass that leaves the attributes as they are is enough.
type quick interface {
	field(name string, value []byte) error
}

// readFields calls p.field for every member of a JSON object, with the bytes
// of its value. It finds where values end and does not check what is in them:
// payloads are read from frames whose hash was checked, and were written by New.
func readFields(b []byte, p quick) error {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return errFields
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return nil
	}
	for i < len(b) {
		end := stringEnd(b, i)
		if end < 0 {
			return errFields
		}
		name, err := text(b[i:end])
		if err != nil {
			return err
		}
		if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
			return errFields
		}
		i = skipSpace(b, i+1)
		if end = valueEnd(b, i); end < 0 {
			return errFields
		}
		if err := p.field(name, b[i:end]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i = skipSpace(b, end); i >= len(b) {
			return errFields
		}
		switch b[i] {
		case '}':
			return nil
		case ',':
			i = skipSpace(b, i+1)
		default:
			return errFields
		}
	}
	return errFields
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index behind the string that begins at i, -1 if there
// is none.
func stringEnd(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
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

// valueEnd returns the index behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				if i = stringEnd(b, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	return i
}

// text reads a JSON string.
func text(b []byte) (string, error) {
	for _, c := range b {
		if c == '\\' || c >= 0x80 {
			var s string
			err := json.Unmarshal(b, &s)
			return s, err
		}
	}
	if len(b) < 2 || b[0] != '"' {
		var s string
		err := json.Unmarshal(b, &s)
		return s, err
	}
	return string(b[1 : len(b)-1]), nil
}

package patch

import (
	"encoding/json"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// maxWork is how much work one request may ask for, in steps of some 50 to 100 ns:
// the owner of a log decides one command after the other, and none may hold the
// others up. A step is one look at one value of an attribute; 5,000 operations
// that each choose from 45 values are within it, and so are 250 on 1,000 values.
const maxWork = 300_000

// work counts the steps of a request.
type work int

// spend counts n steps.
//
// Errors: TooLarge above maxWork.
func (w *work) spend(n int) error {
	if *w += work(n); *w > maxWork {
		return fault.New(fault.TooLarge, "The PATCH asks for too many comparisons: its operations times the values that they choose from. Split it into several requests.")
	}
	return nil
}

// weight is how many steps it takes to look at a whole value.
func weight(v any) int {
	switch v := v.(type) {
	case map[string]any:
		n := 1
		for name, e := range v {
			n += 1 + len(name)/16 + weight(e)
		}
		return n
	case []any:
		n := 1
		for _, e := range v {
			n += weight(e)
		}
		return n
	case string:
		return 1 + len(v)/16
	case json.Number:
		return 1 + len(v)/16
	}
	return 1
}

// size adds up what the operations of a request bring.
type size struct {
	group        bool
	names, bytes int
}

// add counts one operation. Members are not counted: they are no part of the
// resource.
//
// Errors: TooLarge.
func (s *size) add(op Op) error {
	if op.Path.members() {
		return nil
	}
	m, ok := op.Value.(map[string]any)
	if ok && (op.Path.whole() || op.Path.Name == "") {
		s.object(m, true)
	} else {
		s.bytes += length(op.Value)
	}
	switch {
	case s.names > MaxOperations:
		return fault.New(fault.TooLarge, "the path-less operations name more than %d attributes.", MaxOperations)
	case s.bytes > scim.MaxResource:
		return fault.New(fault.TooLarge, "the values have more than %d bytes, which is more than a resource may have.", scim.MaxResource)
	}
	return nil
}

// object counts an object of paths, and the blocks of attributes in it.
func (s *size) object(m map[string]any, outer bool) {
	s.names += len(m)
	for name, v := range m {
		s.bytes += len(name)
		n := strings.ToLower(name)
		block, ok := v.(map[string]any)
		switch {
		case s.group && (n == "members" || strings.HasSuffix(n, ":members")):
		case ok && outer:
			s.object(block, false)
		default:
			s.bytes += length(v)
		}
	}
}

// length is about how many bytes a value has as JSON.
func length(v any) int {
	switch v := v.(type) {
	case map[string]any:
		n := 2
		for name, e := range v {
			n += 4 + len(name) + length(e)
		}
		return n
	case []any:
		n := 2
		for _, e := range v {
			n += 1 + length(e)
		}
		return n
	case string:
		return 2 + len(v)
	case json.Number:
		return len(v)
	}
	return 4
}

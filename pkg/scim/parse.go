package scim

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// ParseUser reads the body of a POST or PUT of a user.
//
// Errors: Invalid with the reason invalidSyntax or invalidValue.
func ParseUser(rd *lenience.Reading, kind *schema.Resource, body []byte) (Resource, error) {
	m, err := Object(body)
	if err != nil {
		return nil, err
	}
	r, err := Canonicalize(rd, kind, m)
	if err != nil {
		return nil, err
	}
	return r, require(r, "userName")
}

// ParseGroup reads the body of a POST or PUT of a group, and the ids of its
// members, each once, in the order sent.
//
// Errors: as ParseUser.
func ParseGroup(rd *lenience.Reading, kind *schema.Resource, body []byte) (Resource, []string, error) {
	m, err := Object(body)
	if err != nil {
		return nil, nil, err
	}
	r, err := Canonicalize(rd, kind, m)
	if err != nil {
		return nil, nil, err
	}
	if err := require(r, "displayName"); err != nil {
		return nil, nil, err
	}
	for name, v := range m {
		if _, rest := kind.Split(name); strings.EqualFold(rest, "members") {
			members, err := MemberIDs(rd, v)
			return r, members, err
		}
	}
	return r, nil, nil
}

func require(r Resource, name string) error {
	if s, _ := r[name].(string); strings.TrimSpace(s) == "" {
		return fault.New(fault.Invalid, "%s is required.", name).Because(fault.InvalidValue)
	}
	return nil
}

// MemberIDs reads a value of members: a list of objects with a value, or of
// bare ids, or one of either. Elements without a value are left out (facts:
// an empty member object is sent in the wild).
//
// Errors: Invalid with the reason invalidValue.
func MemberIDs(rd *lenience.Reading, v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil, nil
		}
		list = []any{v}
	}
	ids := make([]string, 0, len(list))
	for _, e := range list {
		id := ""
		switch e := e.(type) {
		case nil:
		case string:
			id = e
		case map[string]any:
			for name, value := range e {
				if !strings.EqualFold(name, "value") || value == nil {
					continue
				}
				s, ok := value.(string)
				if !ok {
					return nil, fault.New(fault.Invalid, "members.value must be a string.").Because(fault.InvalidValue)
				}
				id = s
			}
		default:
			return nil, fault.New(fault.Invalid, "members must be a list of objects with a value.").Because(fault.InvalidValue)
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) > 1 {
		seen := make(map[string]bool, len(ids))
		ids = slices.DeleteFunc(ids, func(id string) bool {
			dup := seen[id]
			seen[id] = true
			return dup
		})
	}
	return ids, nil
}

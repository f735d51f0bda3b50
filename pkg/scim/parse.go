package scim

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// ParseUser reads the body of a POST or PUT of a user of the kind.
//
// Errors: Invalid with the reason invalidSyntax or invalidValue, or what rd
// refuses.
func ParseUser(rd *lenience.Reading, kind *schema.Resource, body []byte) (Resource, error) {
	c, err := parse(rd, kind, body)
	return c.out, err
}

// ParseGroup reads the body of a POST or PUT of a group of the kind, and the ids
// of its members, each once, in the order sent.
//
// Errors: as ParseUser.
func ParseGroup(rd *lenience.Reading, kind *schema.Resource, body []byte) (Resource, []string, error) {
	c, err := parse(rd, kind, body)
	if err != nil {
		return nil, nil, err
	}
	members, err := MemberIDs(rd, c.members)
	return c.out, members, err
}

func parse(rd *lenience.Reading, kind *schema.Resource, body []byte) (canonical, error) {
	m, err := Object(rd, body)
	if err != nil {
		return canonical{}, err
	}
	c := canonical{rd: rd, kind: kind, out: make(Resource, len(m)+1)}
	if err := c.resource(m); err != nil {
		return canonical{}, err
	}
	if err := c.schemas(m); err != nil {
		return canonical{}, err
	}
	for _, path := range kind.Missing(c.out) {
		return canonical{}, fault.New(fault.Invalid, "%s is required.", path).Because(fault.InvalidValue)
	}
	return c, nil
}

// schemas compares the URNs that a body lists with what it holds (RFC 7643
// section 3). The answer lists what the resource has, whatever the body says.
func (c *canonical) schemas(body map[string]any) error {
	listed, given, err := ListedSchemas(c.rd, body)
	if err != nil || !given {
		return err
	}
	if !listed[strings.ToLower(c.kind.Core.ID)] {
		if err := c.rd.Tolerate(lenience.WrongSchemas, "schemas"); err != nil {
			return err
		}
	}
	for _, urn := range jsonvalue.Names(listed) {
		known := strings.EqualFold(urn, c.kind.Core.ID) || c.kind.Extension(urn) != nil || c.out[schema.Spelled(c.out, urn)] != nil
		if !known {
			if err := c.rd.Tolerate(lenience.UnknownSchema, "schemas"); err != nil {
				return err
			}
		}
	}
	for _, name := range jsonvalue.Names(c.out) {
		if len(name) > 4 && strings.EqualFold(name[:4], "urn:") && !listed[strings.ToLower(name)] {
			if err := c.rd.Tolerate(lenience.UnlistedExtension, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// ListedSchemas reads the schemas of a message: the URNs in lower case. given is false
// if there are none, or none that can be read, and rd lets that pass.
func ListedSchemas(rd *lenience.Reading, body map[string]any) (urns map[string]bool, given bool, err error) {
	v := body[schema.Spelled(body, "schemas")]
	list, isList := v.([]any)
	switch {
	case v == nil || isList && len(list) == 0:
		return nil, false, rd.Tolerate(lenience.MissingSchemas, "")
	case !isList:
		return nil, false, rd.Tolerate(lenience.WrongSchemas, "schemas")
	}
	urns = make(map[string]bool, len(list))
	for _, e := range list {
		urn, ok := e.(string)
		cause := lenience.WrongSchemas
		if urn = strings.ToLower(urn); urns[urn] {
			cause, ok = lenience.RepeatedSchema, false
		}
		if !ok {
			if err := rd.Tolerate(cause, "schemas"); err != nil {
				return nil, false, err
			}
			continue
		}
		urns[urn] = true
	}
	return urns, true, nil
}

// MemberIDs reads a value of members: a list of objects with a value, and if rd
// lets it bare ids, or one of either. Elements without a value are left out
// (facts: an empty member object is sent in the wild).
//
// Errors: Invalid with the reason invalidValue, or what rd refuses.
func MemberIDs(rd *lenience.Reading, v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		if v == nil {
			return nil, nil
		}
		if err := rd.Tolerate(lenience.SingleForList, "members"); err != nil {
			return nil, err
		}
		list = []any{v}
	}
	ids := make([]string, 0, len(list))
	for _, e := range list {
		id, err := memberID(rd, e)
		if err == nil && id == "" {
			err = rd.Tolerate(lenience.HollowValue, "members")
		}
		if err != nil {
			return nil, err
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

func memberID(rd *lenience.Reading, e any) (id string, err error) {
	switch e := e.(type) {
	case nil:
		return "", nil
	case string:
		if e != "" {
			err = rd.Tolerate(lenience.StringComplex, "members")
		}
		return e, err
	case map[string]any:
		if id, ok := e["value"].(string); ok && plainMember(e) {
			return id, nil
		}
		for _, name := range jsonvalue.Names(e) {
			sub := schema.Group.Core.Attribute("members").Sub(name)
			if sub == nil {
				if err := rd.Tolerate(lenience.UnknownAttribute, "members."+name); err != nil {
					return "", err
				}
			}
			if sub == nil || sub.Name != "value" || e[name] == nil {
				continue
			}
			s, ok := e[name].(string)
			if !ok {
				return "", fault.New(fault.Invalid, "members.value must be a string.").Because(fault.InvalidValue)
			}
			if id != "" && s != id {
				if err := rd.Tolerate(lenience.RepeatedName, "members.value"); err != nil {
					return "", err
				}
			}
			id = s
		}
		return id, nil
	}
	return "", fault.New(fault.Invalid, "members must be a list of objects with a value.").Because(fault.InvalidValue)
}

// plainMember reports whether a member has only the names that one should have,
// in the schema's spelling. Nearly all have, and a request may hold a hundred
// thousand.
func plainMember(m map[string]any) bool {
	for name := range m {
		switch name {
		case "value", "$ref", "type", "display":
		default:
			return false
		}
	}
	return true
}

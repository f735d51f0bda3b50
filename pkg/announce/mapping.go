package announce

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MaxMappedValue is how many bytes a mapped value has at most as JSON. A longer
// one counts as not found: a hundred of them must still fit into one event.
const MaxMappedValue = 4096

// Mapped is what a directory's attribute mapping makes of one user. The zero
// value changes nothing.
type Mapped struct {
	values []mappedValue // by key
	// plain is the payload without the mapping, nil if that was not needed. It is
	// shared: whoever changes it copies it first.
	plain *public.User
}

// mappedValue is one attribute: of the payload itself, or a custom one.
type mappedValue struct {
	key   string
	field func(*public.User) *string // nil for a custom attribute
	value any
	json  []byte
}

// fields are the attributes of the payload that a mapping may read and set, by
// the names that package directory knows them by.
var fields = map[string]func(*public.User) *string{
	"dp_id":              func(p *public.User) *string { return &p.DirectoryProviderID },
	"email":              func(p *public.User) *string { return &p.Email },
	"preferred_username": func(p *public.User) *string { return &p.PreferredUsername },
	"name":               func(p *public.User) *string { return &p.Name },
	"given_name":         func(p *public.User) *string { return &p.GivenName },
	"family_name":        func(p *public.User) *string { return &p.FamilyName },
	"nickname":           func(p *public.User) *string { return &p.Nickname },
	"title":              func(p *public.User) *string { return &p.Title },
	"user_type":          func(p *public.User) *string { return &p.UserType },
	"department":         func(p *public.User) *string { return &p.Department },
	"division":           func(p *public.User) *string { return &p.Division },
	"cost_center":        func(p *public.User) *string { return &p.CostCenter },
	"employee_id":        func(p *public.User) *string { return &p.EmployeeID },
	"organization":       func(p *public.User) *string { return &p.Organization },
	"phone_number":       func(p *public.User) *string { return &p.PhoneNumber },
	"picture":            func(p *public.User) *string { return &p.Picture },
	"profile":            func(p *public.User) *string { return &p.Profile },
	"language":           func(p *public.User) *string { return &p.Language },
	"locale":             func(p *public.User) *string { return &p.Locale },
	"zoneinfo":           func(p *public.User) *string { return &p.Zoneinfo },
}

// Map applies a directory's attribute mapping to a user. Of each attribute the
// first source counts that leads to a value, then its default. An attribute of
// the payload to which neither leads stays as it is without a mapping.
//
// Errors mean that the user's row is damaged. Whatever a user's attributes hold,
// a source that does not fit them leads to nothing.
func Map(dir *directory.Directory, u *directory.User) (Mapped, error) {
	mapping := dir.Mapping()
	if len(mapping) == 0 {
		return Mapped{}, nil
	}
	attributes, err := scim.Decode(u.Attributes)
	if err != nil {
		return Mapped{}, err
	}
	var m Mapped
	if slices.ContainsFunc(mapping, needsPlain) {
		plain, err := standard(u)
		if err != nil {
			return Mapped{}, err
		}
		m.plain = &plain
	}
	for _, a := range mapping {
		field := fields[a.Key]
		if !a.Standard {
			field = nil
		}
		v, text := find(a, field != nil, attributes, m.plain)
		if v == nil || field != nil && v == *field(m.plain) {
			continue // what is the same as without the mapping is no change
		}
		m.values = append(m.values, mappedValue{a.Key, field, v, text})
	}
	return m, nil
}

// needsPlain reports whether a mapping has to do with the payload as it is without
// one.
func needsPlain(a directory.Mapped) bool {
	return a.Standard || slices.ContainsFunc(a.Sources, func(s directory.Source) bool { return s.Standard != "" })
}

// find returns a mapped attribute's value and how it is written, nil if there is
// none.
func find(a directory.Mapped, asText bool, attributes scim.Resource, plain *public.User) (any, []byte) {
	for _, s := range a.Sources {
		var v any
		if field, ok := fields[s.Standard]; ok {
			v = *field(plain)
		} else {
			v = lookUp(s.Path, attributes)
		}
		if asText {
			v = asString(v)
		}
		if v == nil || v == "" {
			continue
		}
		if b := written(v); len(b) > 0 && len(b) <= MaxMappedValue {
			return v, b
		}
	}
	if a.Default == "" {
		return nil, nil
	}
	return a.Default, written(a.Default)
}

// apply sets the mapped attributes of a payload.
func (m Mapped) apply(p *public.User) {
	for _, v := range m.values {
		if v.field == nil {
			p.CustomAttributes[v.key] = v.value
		} else if s, ok := v.value.(string); ok {
			*v.field(p) = s
		}
	}
}

// digest adds all that the mapping changes.
func (m Mapped) digest(d *digest) {
	if len(m.values) == 0 {
		return
	}
	d.add("\x00mapped") // no group has this id
	for _, v := range m.values {
		d.add(v.key)
		d.add(string(v.json))
	}
}

// written returns a value as compact JSON, which is the same for equal values.
func written(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// lookUp returns what a path leads to in a user's attributes, nil for nothing. A
// path into a multi-valued attribute leads to all of its elements that fulfil
// the filter, but a sub-attribute to that of the preferred one: of the primary
// element, else of the first that has it.
func lookUp(p patch.Path, attributes map[string]any) any {
	from := attributes
	if p.URN != "" {
		block, _ := member(attributes, p.URN).(map[string]any)
		if p.Name == "" {
			if block == nil {
				return nil
			}
			return block
		}
		if block == nil { // an unregistered extension is spelled as it came
			if v := member(attributes, p.URN+":"+p.Name); v != nil && p.Filter == nil && p.Sub == "" {
				return v
			}
			return nil
		}
		from = block
	}
	v := member(from, p.Name)
	list, isList := v.([]any)
	if !isList {
		if v == nil || p.Filter != nil && !filter.MatchElement(p.Attribute, p.Filter, v) {
			return nil
		}
		return part(v, p.Sub)
	}
	if p.Filter != nil {
		list = slices.DeleteFunc(slices.Clone(list), func(e any) bool { return !filter.MatchElement(p.Attribute, p.Filter, e) })
	}
	if p.Sub != "" {
		return fromPreferred(list, p.Sub)
	}
	if len(list) == 0 {
		return nil
	}
	return list
}

// fromPreferred returns a sub-attribute of the primary element, else of the
// first that has it.
func fromPreferred(list []any, sub string) any {
	var first any
	for _, e := range list {
		v := part(e, sub)
		if v == nil {
			continue
		}
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			return v
		}
		if first == nil {
			first = v
		}
	}
	return first
}

// part returns a sub-attribute, or the value itself if none is named. An element
// that is no object is its own value.
func part(v any, sub string) any {
	if sub == "" {
		return v
	}
	m, ok := v.(map[string]any)
	if !ok {
		if sub == "value" {
			return v
		}
		return nil
	}
	return member(m, sub)
}

// asString returns a value as the text of an attribute of the payload, nil if it
// is none: a list stands for its preferred element, an object for its value.
func asString(v any) any {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	case json.Number:
		return v.String()
	case []any:
		if len(v) == 0 {
			return nil
		}
		if _, isObject := v[0].(map[string]any); !isObject {
			return asString(v[0])
		}
		return asString(fromPreferred(v, "value"))
	case map[string]any:
		if _, nested := v["value"].(map[string]any); !nested {
			return asString(v["value"])
		}
	}
	return nil
}

func member(m map[string]any, name string) any { return m[schema.Spelled(m, name)] }

package directory

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// shared is an attribute that directories and the API both write. Of such an
// attribute the newest write counts, whoever it is from:
//
//   - What the API writes is written into the directory user as well, so that
//     SCIM, webhooks and the API all show it.
//   - What the directory last said itself is remembered (UserState.Superseded). A
//     PUT names every attribute, so only what it says otherwise than before is a
//     write; what it repeats leaves the API's value as it is. A PATCH names what
//     it means to change, and what it changes is a write.
//
// The userName is not among them: the provider finds its users by it.
type shared struct {
	name string // as the API calls it
	path string // of SCIM
	// element is the type of the element of a list that counts, as in webhooks:
	// the primary one, else the first of this type, else the first.
	element string
	field   func(*events.PersonProfile) *string
}

// sharedAttributes are all of them.
var sharedAttributes = []shared{
	{"given_name", "name.givenName", "", func(p *events.PersonProfile) *string { return &p.GivenName }},
	{"family_name", "name.familyName", "", func(p *events.PersonProfile) *string { return &p.FamilyName }},
	{"name", "displayName", "", func(p *events.PersonProfile) *string { return &p.Name }},
	{"locale", "locale", "", func(p *events.PersonProfile) *string { return &p.Locale }},
	{"phone_number", "phoneNumbers", "work", func(p *events.PersonProfile) *string { return &p.PhoneNumber }},
	{"picture", "photos", "photo", func(p *events.PersonProfile) *string { return &p.Picture }},
}

// raw returns the attribute as SCIM has it, nil if it is not there.
func (a shared) raw(r scim.Resource) any {
	over, sub, nested := strings.Cut(a.path, ".")
	if !nested {
		return r[over]
	}
	m, _ := r[over].(map[string]any)
	return m[sub]
}

// setRaw sets the attribute as SCIM has it; nil removes it.
func (a shared) setRaw(r scim.Resource, v any) {
	over, sub, nested := strings.Cut(a.path, ".")
	if nested {
		was, _ := r[over].(map[string]any)
		m := maps.Clone(was)
		if m == nil {
			m = map[string]any{}
		}
		if m[sub] = v; v == nil {
			delete(m, sub)
		}
		if v = m; len(m) == 0 {
			v = nil
		}
	}
	if r[over] = v; v == nil {
		delete(r, over)
	}
}

// text returns the one value that the API and receivers see.
func (a shared) text(r scim.Resource) string {
	switch {
	case a.element != "":
		if list, i := a.counted(r); i >= 0 {
			return member(list[i], "value")
		}
		return ""
	case a.path == "displayName" && r["displayName"] == nil:
		return member(r["name"], "formatted")
	}
	s, _ := a.raw(r).(string)
	if a.path == "locale" {
		s = strings.ReplaceAll(s, "_", "-")
	}
	return s
}

// setText sets the one value; empty takes it away.
func (a shared) setText(r scim.Resource, s string) {
	if a.element == "" {
		if s == "" {
			a.setRaw(r, nil)
		} else {
			a.setRaw(r, s)
		}
		return
	}
	old, i := a.counted(r)
	list := append([]any(nil), old...)
	switch {
	case i < 0 && s == "":
		return
	case i < 0:
		list = append(list, map[string]any{"value": s, "type": a.element})
	case s == "":
		list = append(list[:i], list[i+1:]...)
	default:
		m, _ := list[i].(map[string]any)
		m = maps.Clone(m)
		m["value"] = s
		list[i] = m
	}
	if len(list) == 0 {
		a.setRaw(r, nil)
		return
	}
	a.setRaw(r, list)
}

// counted returns a list and which of its elements counts, -1 if none does.
func (a shared) counted(r scim.Resource) (list []any, at int) {
	list, _ = a.raw(r).([]any)
	first, ofType := -1, -1
	for i, e := range list {
		m, _ := e.(map[string]any)
		switch {
		case member(m, "value") == "":
			continue
		case m["primary"] == true:
			return list, i
		case ofType < 0 && strings.EqualFold(member(m, "type"), a.element):
			ofType = i
		}
		if first < 0 {
			first = i
		}
	}
	if ofType >= 0 {
		return list, ofType
	}
	return list, first
}

func member(v any, name string) string {
	var m map[string]any
	switch v := v.(type) {
	case map[string]any:
		m = v
	case scim.Resource:
		m = v
	}
	s, _ := m[name].(string)
	return s
}

// profileOf returns what a directory user says of the person.
func profileOf(u *User) (p events.PersonProfile, err error) {
	r, err := scim.Decode(u.Attributes)
	if err != nil {
		return p, err
	}
	p.PreferredUsername = u.UserName
	for _, a := range sharedAttributes {
		*a.field(&p) = a.text(r)
	}
	return p, nil
}

// asJSON writes a value in the one way in which it is compared.
func asJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), err
}

// supersede returns the state of a directory user once the API's values are
// written into it. The values of superseded attributes that it does not hold yet
// are remembered.
func supersede(s events.UserState, values map[string]string) (events.UserState, error) {
	r, err := scim.Decode(s.Attributes)
	if err != nil {
		return s, err
	}
	own := maps.Clone(s.Superseded)
	changed := false
	for _, a := range sharedAttributes {
		text, named := values[a.name]
		if !named || a.text(r) == text {
			continue
		}
		if _, ok := own[a.path]; !ok {
			was, err := asJSON(a.raw(r))
			if err != nil {
				return s, err
			}
			if own == nil {
				own = map[string]json.RawMessage{}
			}
			own[a.path] = was
		}
		a.setText(r, text)
		changed = true
	}
	if !changed {
		return s, nil
	}
	if s, err = UserStateOf(r); err == nil {
		s.Superseded = own
	}
	return s, err
}

// keepNewer returns the state that a PUT asks for, with what the API wrote and
// the directory says no otherwise than before.
func keepNewer(u *User, s events.UserState) (events.UserState, error) {
	if len(u.Superseded) == 0 {
		return s, nil
	}
	was, err := scim.Decode(u.Attributes)
	if err != nil {
		return s, err
	}
	r, err := scim.Decode(s.Attributes)
	if err != nil {
		return s, err
	}
	kept := map[string]json.RawMessage{}
	for _, a := range sharedAttributes {
		own, ok := u.Superseded[a.path]
		if !ok {
			continue
		}
		said, err := asJSON(a.raw(r))
		if err != nil {
			return s, err
		}
		if bytes.Equal(said, own) {
			a.setRaw(r, a.raw(was))
			kept[a.path] = own
		}
	}
	if s, err = UserStateOf(r); err == nil && len(kept) > 0 {
		s.Superseded = kept
	}
	return s, err
}

// stillSuperseded returns what is left of the remembered values once a PATCH
// made after of before.
func stillSuperseded(u *User, after scim.Resource) (map[string]json.RawMessage, error) {
	if len(u.Superseded) == 0 {
		return nil, nil
	}
	before, err := scim.Decode(u.Attributes)
	if err != nil {
		return nil, err
	}
	var kept map[string]json.RawMessage
	for _, a := range sharedAttributes {
		own, ok := u.Superseded[a.path]
		if !ok {
			continue
		}
		was, err := asJSON(a.raw(before))
		if err != nil {
			return nil, err
		}
		is, err := asJSON(a.raw(after))
		if err != nil {
			return nil, err
		}
		if bytes.Equal(was, is) {
			if kept == nil {
				kept = map[string]json.RawMessage{}
			}
			kept[a.path] = own
		}
	}
	return kept, nil
}

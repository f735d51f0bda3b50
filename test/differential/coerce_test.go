package differential_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// coerce returns what a client's value is kept as, nil for nothing: null, an
// empty text and an empty list say that there is no value (RFC 7643 section 2.5,
// and what providers send).
func (a attribute) coerce(v any) any {
	if !a.many {
		return a.lone(v)
	}
	var out []any
	for _, e := range flat(v) {
		if e = a.single(e); e != nil && !hollow(e) {
			out = append(out, e)
		}
	}
	out = a.distinct(out)
	primaries := 0
	for _, e := range out {
		if m, ok := e.(map[string]any); ok && m["primary"] == true {
			primaries++
		}
	}
	if primaries > 1 {
		refuse("invalidValue", "two values of "+a.name+" are primary")
	}
	return some(out)
}

// lone is coerce where one value belongs. It may stand in a list.
func (a attribute) lone(v any) any {
	list, ok := v.([]any)
	switch {
	case !ok || a.typ == "opaque":
		return a.single(v)
	case len(list) == 0:
		return nil
	case len(list) > 1:
		refuse("invalidValue", a.name+" takes one value here")
	}
	return a.single(list[0])
}

// single is coerce for one value.
func (a attribute) single(v any) any {
	if m, ok := v.(map[string]any); ok && a.many && a.typ != "complex" && len(m) == 1 && get(m, "value") != nil {
		v = get(m, "value") // {"value": 7} for 7
	}
	if v == nil || v == "" {
		return nil
	}
	ok := false
	switch a.typ {
	case "opaque":
		return bareOf(v)
	case "complex":
		return a.object(v)
	case "boolean":
		text := strings.ToLower(fmt.Sprint(v))
		_, isBool := v.(bool)
		_, isText := v.(string)
		if (isBool || isText) && (text == "true" || text == "false") {
			return text == "true"
		}
	case "integer":
		n, err := strconv.ParseInt(digits(v), 10, 64)
		v, ok = json.Number(strconv.FormatInt(n, 10)), err == nil
	case "decimal":
		n := digits(v)
		v, ok = json.Number(n), n != "" && len(n) <= 64
	case "dateTime":
		_, ok = instant(v)
	case "binary":
		s, _ := v.(string)
		s = strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "", "-", "+", "_", "/").Replace(s)
		_, padded := base64.StdEncoding.DecodeString(s)
		_, bare := base64.RawStdEncoding.DecodeString(s)
		v, ok = s, s != "" && (padded == nil || bare == nil)
	default:
		_, ok = v.(string)
	}
	if !ok {
		refuse("invalidValue", fmt.Sprint(a.name, " is not ", v))
	}
	return v
}

// digits is a number as it is written, also in quotes; empty if it is none.
func digits(v any) string {
	if n, ok := v.(json.Number); ok {
		return n.String()
	}
	s, _ := v.(string)
	if s = strings.TrimSpace(s); !numeral.MatchString(s) {
		return ""
	}
	return s
}

// object coerces a complex value. A text means its value.
func (a attribute) object(v any) any {
	m, ok := v.(map[string]any)
	if s, isText := v.(string); isText && a.sub("value") != nil {
		m, ok = map[string]any{"value": s}, true
	}
	if !ok {
		refuse("invalidValue", a.name+" is an object")
	}
	out := map[string]any{}
	for _, name := range sorted(m) {
		s := a.sub(name)
		if s == nil && a.name == "manager" && strings.EqualFold(name, "managerId") {
			s = a.sub("value")
		}
		if s == nil {
			s = &attribute{name: name, typ: "opaque"}
		}
		if c := s.coerce(m[name]); c != nil && !strings.EqualFold(name, "password") {
			out[s.name] = c
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// bareOf is a value that no schema describes, without what is empty and what is
// called a password. It is nil if nothing is left.
func bareOf(v any) any {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
	case []any:
		var out []any
		for _, e := range v {
			if e = bareOf(e); e != nil {
				out = append(out, e)
			}
		}
		if out == nil {
			return nil
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, e := range v {
			if !strings.EqualFold(name, "password") {
				put(out, name, bareOf(e))
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

// empty says that a value stands for none. An empty object does not: it names
// nothing that would change.
func empty(v any) bool {
	_, isObject := v.(map[string]any)
	return !isObject && bareOf(v) == nil
}

// cloned is a deep copy.
func cloned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for name, e := range v {
			m[name] = cloned(e)
		}
		return m
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			list = append(list, cloned(e))
		}
		return list
	}
	return v
}

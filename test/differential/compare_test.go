package differential_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// resource is a place: the names of a whole resource.
type resource struct {
	kind
	values map[string]any
}

func (r resource) find(path string) found {
	for _, x := range append([]extension{{r.urn, r.core}}, r.extensions...) {
		switch rest, ok := behind(path, x.urn); {
		case !ok:
		case x.urn == r.urn:
			return look(r.values, append(append([]attribute{}, r.core...), common...), rest)
		default:
			block, _ := get(r.values, x.urn).(map[string]any)
			return look(block, x.attributes, rest)
		}
	}
	if i := strings.LastIndexByte(path, ':'); i > 0 { // an extension that nobody registered
		if block, ok := get(r.values, path[:i]).(map[string]any); ok {
			return look(block, nil, path[i+1:])
		}
		return whole(r.values, path)
	}
	for _, x := range r.extensions { // as some write it: without the URN
		first, _, _ := strings.Cut(path, ".")
		if named(r.core, first) == nil && named(common, first) == nil && named(x.attributes, first) != nil {
			block, _ := get(r.values, x.urn).(map[string]any)
			return look(block, x.attributes, path)
		}
	}
	return look(r.values, append(append([]attribute{}, r.core...), common...), path)
}

// behind returns what follows the URN and a colon.
func behind(path, urn string) (string, bool) {
	if len(path) > len(urn) && strings.EqualFold(path[:len(urn)], urn) && path[len(urn)] == ':' {
		return path[len(urn)+1:], true
	}
	return "", false
}

// whole finds an extension as one object.
func whole(m map[string]any, urn string) found {
	v := flat(get(m, urn))
	return found{values: v, known: v != nil}
}

// look finds name or name.sub among the attributes of one schema.
func look(m map[string]any, schema []attribute, path string) found {
	name, sub, nested := strings.Cut(path, ".")
	f := found{values: flat(get(m, name)), a: named(schema, name)}
	f.known = f.a != nil || len(f.values) > 0
	if !nested {
		return f
	}
	if f.a != nil {
		f.a = f.a.sub(sub)
	}
	f.values = below(f.values, sub)
	f.known = f.a != nil || len(f.values) > 0
	return f
}

// inside is a place: the names of one element of an attribute.
type inside struct {
	a       *attribute
	element any
}

func (p inside) find(path string) found {
	m, isObject := p.element.(map[string]any)
	var f found
	switch {
	case !isObject && strings.EqualFold(path, "value") && (p.element != nil || p.a != nil && p.a.typ != "complex"): // its own value
		return found{values: flat(p.element), a: p.a, known: true}
	case p.a != nil:
		f.a = p.a.sub(path)
	}
	f.values = flat(get(m, path))
	f.known = f.a != nil || len(f.values) > 0
	return f
}

// flat takes a list apart; null is nothing.
func flat(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// below returns the values of a sub-attribute of all that have it.
func below(values []any, sub string) (out []any) {
	for _, v := range values {
		if m, ok := v.(map[string]any); ok {
			out = append(out, flat(get(m, sub))...)
		}
	}
	return out
}

// bare is below for what no schema describes: an object means its value, and
// anything else itself.
func bare(values []any) (out []any) {
	for _, v := range values {
		if m, ok := v.(map[string]any); ok {
			if m["value"] != nil {
				out = append(out, m["value"])
			}
		} else {
			out = append(out, v)
		}
	}
	return out
}

func order(op string) bool { return op == "gt" || op == "ge" || op == "lt" || op == "le" }

// checkNull refuses operators that the attribute does not have at all.
func checkNull(a *attribute, op string) {
	if a != nil && (a.typ == "binary" && order(op) || a.typ == "boolean" && op != "eq" && op != "ne") {
		refuse("invalidFilter", op+" does not apply to a "+a.typ)
	}
}

// fitting checks operator and value against the attribute's type (RFC 7644
// section 3.4.2.2, table 3), and returns the value as one of that type where
// providers write it as another.
func fitting(a *attribute, op string, want any) any {
	text := fmt.Sprint(want)
	switch a.typ {
	case "boolean":
		isBool := strings.EqualFold(text, "true") || strings.EqualFold(text, "false")
		if op != "eq" && op != "ne" || !isBool {
			refuse("invalidFilter", op+" "+text+" does not apply to a boolean")
		}
		return strings.EqualFold(text, "true")
	case "integer", "decimal":
		if !numeral.MatchString(text) {
			refuse("invalidFilter", text+" is no number")
		}
		return json.Number(text)
	case "binary":
		if order(op) {
			refuse("invalidFilter", "a binary has no order")
		}
	case "dateTime":
		if _, isDate := instant(want); !isDate && (order(op) || op == "eq" || op == "ne") {
			refuse("invalidFilter", text+" is no date")
		}
	}
	return text
}

// dateTime is xsd:dateTime as far as anybody sends it (RFC 7643 section 2.3.5).
var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)

// instant reads a date; without a zone it is in UTC.
func instant(v any) (time.Time, bool) {
	s, _ := v.(string)
	m := dateTime.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	if m[2] == "" {
		s += "Z"
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}

// holds compares one value.
func holds(a *attribute, have any, op string, want any) bool {
	switch have := have.(type) {
	case bool:
		return op == "eq" && strings.EqualFold(fmt.Sprint(want), strconv.FormatBool(have))
	case json.Number:
		n, ok := want.(json.Number)
		x, ok1 := new(big.Rat).SetString(have.String())
		y, ok2 := new(big.Rat).SetString(n.String())
		return ok && ok1 && ok2 && ordered(op, x.Cmp(y))
	case string:
		text := fmt.Sprint(want)
		if a != nil && a.typ == "dateTime" && op != "co" && op != "sw" && op != "ew" {
			x, ok1 := instant(have)
			y, ok2 := instant(want)
			return ok1 && ok2 && ordered(op, x.Compare(y))
		}
		if a == nil || !a.caseExact() {
			have, text = folded(have), folded(text)
		}
		switch op {
		case "co":
			return strings.Contains(have, text)
		case "sw":
			return strings.HasPrefix(have, text)
		case "ew":
			return strings.HasSuffix(have, text)
		}
		return ordered(op, strings.Compare(have, text))
	}
	return false
}

func ordered(op string, c int) bool {
	switch op {
	case "eq":
		return c == 0
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	case "le":
		return c <= 0
	}
	return false // co, sw and ew are for texts
}

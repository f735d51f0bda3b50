package differential_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
)

// operation is one operation of a PATCH as it is read.
type operation struct {
	verb  string // in lower case
	at    target // the zero target is the whole resource
	value any
}

// target is what a path means.
type target struct {
	urn       string // of an extension, empty for the core
	name, sub string // name is empty for a whole extension
	filter    string
	filtered  bool
	a         *attribute // nil if no schema describes name
}

// readOperations reads the body of a PATCH (RFC 7644 section 3.5.2). All of it
// is read before anything is done.
func (k kind) readOperations(body []byte) (list []operation) {
	raw, ok := get(object(body), "operations").([]any)
	if !ok || len(raw) == 0 {
		refuse("invalidSyntax", "there are no operations")
	}
	for _, o := range raw {
		m, ok := o.(map[string]any)
		if !ok {
			refuse("invalidSyntax", "an operation is no object")
		}
		verb, _ := get(m, "op").(string)
		op := operation{verb: strings.ToLower(verb), value: get(m, "value")}
		if op.verb != "add" && op.verb != "replace" && op.verb != "remove" {
			refuse("invalidSyntax", "op is none of the three")
		}
		path, isText := get(m, "path").(string)
		if !isText && get(m, "path") != nil {
			refuse("invalidPath", "path is no text")
		}
		if path = strings.TrimSpace(path); path != "" {
			op.at = k.target(path)
		} else if op.verb == "remove" {
			refuse("noTarget", "what is to be removed?")
		} else if _, isObject := op.value.(map[string]any); !isObject {
			refuse("invalidValue", "there is neither a path nor an object of attributes")
		}
		list = append(list, op)
	}
	return list
}

func object(body []byte) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || m == nil {
		refuse("invalidSyntax", "the body is no object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		refuse("invalidSyntax", "there is more behind the body")
	}
	return m
}

var (
	pathForm = regexp.MustCompile(`^([^\[\]"]+)(\[((?:[^"\]]|"(?:[^"\\]|\\.)*")*)\](?:\.([^\[\]"]+))?)?$`)
	nameForm = regexp.MustCompile(`^[A-Za-z$][A-Za-z0-9_$-]*$`)
)

// target reads a path: [urn:]name, name.sub, name[filter], name[filter].sub.
func (k kind) target(path string) (t target) {
	m := pathForm.FindStringSubmatch(path)
	if m == nil {
		refuse("invalidPath", path+" is no path")
	}
	name := m[1]
	t.filtered, t.filter, t.sub = m[2] != "", m[3], m[4]
	schema := append(append([]attribute{}, k.core...), common...)
	known := strings.EqualFold(name, k.urn)
	if known { // the core's block is the resource
		name = ""
	} else if rest, ok := behind(name, k.urn); ok {
		known, name = true, rest
	}
	for _, x := range k.extensions {
		if strings.EqualFold(name, x.urn) {
			known, t.urn, name, schema = true, x.urn, "", x.attributes
		} else if rest, ok := behind(name, x.urn); ok {
			known, t.urn, name, schema = true, x.urn, rest, x.attributes
		}
	}
	if i := strings.LastIndexByte(name, ':'); !known && len(name) > 4 && strings.EqualFold(name[:4], "urn:") && i > 4 && i+1 < len(name) {
		known, t.urn, name, schema = true, name[:i], name[i+1:], nil
	}
	if name == "" {
		if t.filtered {
			refuse("invalidPath", "an extension has no elements")
		}
		return t
	}
	if !t.filtered {
		name, t.sub, _ = strings.Cut(name, ".")
	}
	if !nameForm.MatchString(name) || t.sub != "" && !nameForm.MatchString(t.sub) || strings.HasSuffix(m[1], ".") {
		refuse("invalidPath", path+" is no path")
	}
	t.name, t.a = name, named(schema, name)
	for _, x := range k.extensions { // as some write it: without the URN
		if t.a == nil && !known && named(x.attributes, name) != nil {
			t.urn, t.a = x.urn, named(x.attributes, name)
		}
	}
	if t.a != nil {
		t.name = t.a.name
		if s := t.a.sub(t.sub); s != nil {
			t.sub = s.name
		}
		if t.sub != "" && t.a.typ != "complex" {
			refuse("invalidPath", t.name+" has no parts")
		}
	}
	if t.filtered { // what is wrong with it is wrong on any element
		evaluate(t.filter, inside{t.a, nil})
	}
	return t
}

// described returns the element that a filter of nothing but name eq value,
// joined by and, describes.
func (t target) described() any {
	var list []string
	for _, w := range tokens(t.filter) {
		if w != "(" && w != ")" {
			list = append(list, w)
		}
	}
	for i := 0; i < len(list); i += 4 {
		more := i+3 < len(list)
		if i+2 >= len(list) || !strings.EqualFold(list[i+1], "eq") || more && !strings.EqualFold(list[i+3], "and") || strings.Contains(list[i], ".") {
			refuse("noTarget", "the filter chooses nothing and describes nothing")
		}
	}
	element := map[string]any{}
	for i := 0; i < len(list); i += 4 {
		s, v := t.a.part(list[i]), literal(list[i+2])
		if t.a.typ != "complex" { // an element is its own value
			s = *t.a
			s.name = "value"
		}
		if s.typ != "opaque" && v != nil {
			v = fitting(&s, "eq", v)
		}
		put(element, s.name, s.single(v))
	}
	if t.a.typ != "complex" {
		return element["value"]
	}
	return element
}

func put(m map[string]any, name string, v any) {
	delete(m, name)
	if v != nil {
		m[name] = v
	}
}

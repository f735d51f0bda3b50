package differential_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// refusal is what an evaluator panics with when the request has to be refused.
type refusal struct{ scimType, why string }

func refuse(scimType, why string) { panic(refusal{scimType, why}) }

// refused calls f and returns the scimType that it refuses with, empty if it
// does not.
func refused(f func()) (scimType string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			scimType = r.scimType
		default:
			panic(r)
		}
	}()
	f()
	return ""
}

// place is where the names of a filter are looked up.
type place interface {
	find(path string) found
}

// found is what a name leads to: the values, without null and with lists taken
// apart.
type found struct {
	values []any
	a      *attribute // nil if no schema describes it
	// known says that a schema or the resource itself has the name. RFC 7644
	// section 3.4.2.2 lets nothing match by a name that is not.
	known bool
}

// evaluation reads a filter once from left to right and computes its value on
// the way (RFC 7644 section 3.4.2.2, figure 1). There is no tree.
type evaluation struct {
	tokens []string
	at     int
	here   place
}

// evaluate returns whether the filter matches.
func evaluate(filter string, here place) bool {
	e := evaluation{tokens: tokens(filter), here: here}
	match := e.or()
	if e.at < len(e.tokens) {
		refuse("invalidFilter", "there is more behind the filter")
	}
	return match
}

// lexeme is a bracket, a text in quotes, or a word. Square brackets belong to
// the word in front of them and to the dot behind.
var lexeme = regexp.MustCompile(`^([()]|\]\.?|"(?:[^"\\]|\\.)*"|[^\s()\[\]"]+\[?)`)

func tokens(s string) (list []string) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		m := lexeme.FindStringSubmatch(s)
		if m == nil {
			refuse("invalidFilter", "this is no filter: "+s)
		}
		list, s = append(list, m[1]), s[len(m[0]):]
	}
	return list
}

// take consumes the next token if it is the word.
func (e *evaluation) take(word string) bool {
	if e.at < len(e.tokens) && strings.EqualFold(e.tokens[e.at], word) {
		e.at++
		return true
	}
	return false
}

func (e *evaluation) next() string {
	if e.at == len(e.tokens) {
		refuse("invalidFilter", "the filter ends too early")
	}
	e.at++
	return e.tokens[e.at-1]
}

func (e *evaluation) or() bool {
	match := e.and()
	for e.take("or") {
		right := e.and() // always: what is wrong there is refused in any case
		match = match || right
	}
	return match
}

func (e *evaluation) and() bool {
	match := e.factor()
	for e.take("and") {
		right := e.factor()
		match = match && right
	}
	return match
}

func (e *evaluation) factor() bool {
	if e.take("(") {
		return e.until(")")
	}
	if e.at+1 < len(e.tokens) && e.tokens[e.at+1] == "(" && e.take("not") {
		e.next()
		return !e.until(")")
	}
	path, bracket := strings.CutSuffix(e.next(), "[")
	if bracket {
		return e.within(checked(path))
	}
	return e.comparison(checked(path))
}

func (e *evaluation) until(bracket string) bool {
	match := e.or()
	if !e.take(bracket) {
		refuse("invalidFilter", bracket+" is missing")
	}
	return match
}

var names = regexp.MustCompile(`^[A-Za-z$][A-Za-z0-9_$.:/-]*$`)

func checked(name string) string {
	if !names.MatchString(name) {
		refuse("invalidFilter", name+" is no attribute")
	}
	return name
}

// within evaluates attr[filter], and the attr[filter].sub op value that is sent
// in the wild, once for each element. A single element has to fulfil it all.
func (e *evaluation) within(path string) (match bool) {
	f := e.here.find(path)
	outside, begin := e.here, e.at
	for _, element := range append(slices.Clone(f.values), nil) { // nothing at last: for what is wrong, and where it ends
		e.here, e.at = inside{f.a, element}, begin
		holds := e.or()
		switch e.next() {
		case "]":
		case "].":
			rest := e.comparison(checked(e.next()))
			holds = holds && rest
		default:
			refuse("invalidFilter", "] is missing")
		}
		match = match || element != nil && holds
	}
	e.here = outside
	return match
}

// comparison evaluates attr op value.
func (e *evaluation) comparison(path string) bool {
	f := e.here.find(path)
	op := strings.ToLower(e.next())
	if op == "pr" {
		return len(f.values) > 0
	}
	if !slices.Contains([]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"}, op) {
		refuse("invalidFilter", op+" is no operator")
	}
	want := literal(e.next())
	if want == nil { // null and absent are one state (RFC 7643 section 2.5)
		checkNull(f.a, op)
		return f.known && (op == "eq" && len(f.values) == 0 || op == "ne" && len(f.values) > 0)
	}
	if f.a != nil && f.a.typ == "complex" { // means its value
		if f.a.sub("value") == nil {
			refuse("invalidFilter", path+" has no value")
		}
		f.a = f.a.sub("value")
		f.values = below(f.values, "value")
	} else if f.a == nil {
		f.values = bare(f.values)
	}
	if f.a != nil {
		want = fitting(f.a, op, want)
	}
	if !f.known {
		return false
	}
	if len(f.values) == 0 {
		return op == "ne"
	}
	return slices.ContainsFunc(f.values, func(have any) bool {
		if op == "ne" {
			return !holds(f.a, have, "eq", want)
		}
		return holds(f.a, have, op, want)
	})
}

var numeral = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// literal reads a value: JSON, or a text that lacks its quotes.
func literal(token string) any {
	if token[0] == '"' {
		var s string
		if json.Unmarshal([]byte(token), &s) != nil {
			refuse("invalidFilter", token+" is no text")
		}
		return s
	}
	switch {
	case strings.ContainsAny(token, "()[]"):
		refuse("invalidFilter", "a value is missing")
	case strings.EqualFold(token, "true"):
		return true
	case strings.EqualFold(token, "false"):
		return false
	case strings.EqualFold(token, "null"):
		return nil
	case numeral.MatchString(token):
		return json.Number(token)
	}
	return token
}

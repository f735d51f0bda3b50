// Package filter parses and evaluates SCIM filters (RFC 7644 section 3.4.2.2).
//
// The grammar is read in full, operators and names without regard to case.
// Beside the RFC, a literal without quotes that is no number, boolean or null
// is taken as a string, since providers send such. What must not live here:
// choosing an index for a filter (pkg/scim/search).
package filter

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

const (
	// MaxLength is how long a filter may be, in bytes.
	MaxLength = 10_000
	// MaxDepth is how deep a filter may nest.
	MaxDepth = 32
)

// Expr is a parsed filter.
type Expr interface {
	// String prints the filter so that it parses to an equal one.
	String() string
	expr()
}

type (
	// And is true if both sides are.
	And struct{ Left, Right Expr }
	// Or is true if one side is.
	Or struct{ Left, Right Expr }
	// Not is true if Of is false.
	Not struct{ Of Expr }
	// Compare compares an attribute with a value. For Present, Value is nil.
	Compare struct {
		Path  string
		Op    Op
		Value any // string, bool, json.Number, nil
	}
	// Within is true if one element of the attribute fulfils Of by itself.
	Within struct {
		Path string
		Of   Expr
	}
)

// Op is an operator, in lower case.
type Op string

// The operators.
const (
	Equal          Op = "eq"
	NotEqual       Op = "ne"
	Contains       Op = "co"
	StartsWith     Op = "sw"
	EndsWith       Op = "ew"
	Present        Op = "pr"
	Greater        Op = "gt"
	GreaterOrEqual Op = "ge"
	Less           Op = "lt"
	LessOrEqual    Op = "le"
)

var operators = map[Op]bool{
	Equal: true, NotEqual: true, Contains: true, StartsWith: true, EndsWith: true, Present: true,
	Greater: true, GreaterOrEqual: true, Less: true, LessOrEqual: true,
}

func (And) expr()     {}
func (Or) expr()      {}
func (Not) expr()     {}
func (Compare) expr() {}
func (Within) expr()  {}

// Parse reads a filter.
//
// Errors: Invalid with the reason invalidFilter, also for what rd refuses.
func Parse(rd *lenience.Reading, s string) (Expr, error) {
	if len(s) > MaxLength {
		return nil, invalid("it has %d bytes; at most %d are allowed", len(s), MaxLength)
	}
	if !utf8.ValidString(s) {
		return nil, invalid("it is not UTF-8")
	}
	p := &parser{in: s, rd: rd}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.at < len(p.in) {
		return nil, invalid("there is more behind position %d", p.at)
	}
	return e, nil
}

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "The filter is not understood: "+format+".", args...).Because(fault.InvalidFilter)
}

// parser reads by recursive descent: or, and, factor.
type parser struct {
	rd    *lenience.Reading
	in    string
	at    int
	depth int
}

func (p *parser) or() (Expr, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, invalid("it nests deeper than %d levels", MaxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.and()
	for err == nil && p.word("or") {
		var right Expr
		if right, err = p.and(); err == nil {
			left = Or{left, right}
		}
	}
	return left, err
}

func (p *parser) and() (Expr, error) {
	left, err := p.factor()
	for err == nil && p.word("and") {
		var right Expr
		if right, err = p.factor(); err == nil {
			left = And{left, right}
		}
	}
	return left, err
}

func (p *parser) factor() (Expr, error) {
	if p.open('(') {
		return p.closed(')')
	}
	mark := p.at
	if p.word("not") {
		if p.open('(') {
			e, err := p.closed(')')
			return Not{e}, err
		}
		p.at = mark
	}
	path := p.path()
	if err := p.isPath(path); err != nil {
		return nil, err
	}
	if p.at < len(p.in) && p.in[p.at] == '[' {
		p.at++
		of, err := p.closed(']')
		if err != nil {
			return nil, err
		}
		// attr[…].sub op value is not in the RFC's grammar but widely sent: one
		// element must fulfil both.
		if p.at < len(p.in) && p.in[p.at] == '.' {
			if err := p.rd.Tolerate(lenience.ComparisonBehindFilter, path); err != nil {
				return nil, err
			}
			p.at++
			rest, err := p.compare(p.path())
			if err != nil {
				return nil, err
			}
			of = And{of, rest}
		}
		return Within{path, of}, nil
	}
	return p.compare(path)
}

func (p *parser) compare(path string) (Expr, error) {
	if err := p.isPath(path); err != nil {
		return nil, err
	}
	op := Op(strings.ToLower(p.token()))
	if !operators[op] {
		return nil, invalid("%q is no operator; use eq, ne, co, sw, ew, pr, gt, ge, lt or le", clip(string(op)))
	}
	if op == Present {
		return Compare{Path: path, Op: op}, nil
	}
	v, err := p.value(path)
	return Compare{Path: path, Op: op, Value: v}, err
}

// closed reads an expression and the bracket behind it.
func (p *parser) closed(bracket byte) (Expr, error) {
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.open(bracket) {
		return nil, invalid("%q is missing at position %d", bracket, p.at)
	}
	return e, nil
}

func (p *parser) skip() {
	for p.at < len(p.in) && isSpace(p.in[p.at]) {
		p.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (p *parser) open(c byte) bool {
	if p.skip(); p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

// word takes a keyword that stands by itself.
func (p *parser) word(w string) bool {
	p.skip()
	end := p.at + len(w)
	if end > len(p.in) || !strings.EqualFold(p.in[p.at:end], w) || (end < len(p.in) && !isSpace(p.in[end]) && p.in[end] != '(') {
		return false
	}
	p.at = end
	return true
}

func (p *parser) token() string {
	p.skip()
	start := p.at
	for p.at < len(p.in) && !isSpace(p.in[p.at]) && strings.IndexByte(`()[]"`, p.in[p.at]) < 0 {
		p.at++
	}
	return p.in[start:p.at]
}

// path takes an attribute name, which may be qualified by a URN.
func (p *parser) path() string {
	p.skip()
	start := p.at
	for p.at < len(p.in) {
		c := p.in[p.at]
		name := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:$/", c) >= 0
		if !name {
			break
		}
		p.at++
	}
	return p.in[start:p.at]
}

// isPath refuses what cannot name an attribute.
func (p *parser) isPath(path string) error {
	switch {
	case path == "":
		return invalid("an attribute is missing at position %d", p.at)
	case path[0] != '$' && (path[0]|0x20 < 'a' || path[0]|0x20 > 'z') || strings.HasSuffix(path, ".") || strings.Contains(path, ".."):
		return invalid("%q is no attribute", clip(path))
	}
	return nil
}

// value reads what the attribute at a path is compared with.
func (p *parser) value(path string) (any, error) {
	if p.skip(); p.at >= len(p.in) {
		return nil, invalid("a value is missing at the end")
	}
	if p.in[p.at] == '"' {
		end := p.at + 1
		for end < len(p.in) && p.in[end] != '"' {
			if p.in[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(p.in) {
			return nil, invalid("a text is not closed")
		}
		var s string
		if json.Unmarshal([]byte(p.in[p.at:end+1]), &s) != nil {
			return nil, invalid("a text has a wrong escape")
		}
		p.at = end + 1
		return s, nil
	}
	t := p.token()
	switch t {
	case "":
		return nil, invalid("a value is missing at position %d", p.at)
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if isNumber(t) {
		return json.Number(t), nil
	}
	if err := p.rd.Tolerate(lenience.UnquotedLiteral, path); err != nil {
		return nil, err
	}
	switch {
	case strings.EqualFold(t, "true"):
		return true, nil
	case strings.EqualFold(t, "false"):
		return false, nil
	case strings.EqualFold(t, "null"):
		return nil, nil
	}
	return t, nil
}

// isNumber reports whether s is a JSON number.
func isNumber(s string) bool {
	if c := s[0]; c != '-' && (c < '0' || c > '9') {
		return false
	}
	return json.Valid([]byte(s))
}

// clip shortens text that goes into an error.
func clip(s string) string {
	if len(s) > 32 {
		return strings.ToValidUTF8(s[:32], "") + "…"
	}
	return s
}

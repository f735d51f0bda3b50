package filter

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Bind fits a filter to a kind of resource: names in the schema's spelling and
// notation, literals as values of the attribute's type, a complex attribute
// without a sub-attribute as its value. What it returns matches exactly what e
// matches.
//
// Errors: Invalid with the reason invalidFilter where the type of an attribute
// does not allow the operator or the value (RFC 7644 section 3.4.2.2): booleans
// and binary values have no order, dates are compared with dates; for an
// attribute that is never returned, since its value could be guessed by asking;
// and for what rd refuses.
func Bind(rd *lenience.Reading, kind *schema.Resource, e Expr) (Expr, error) {
	b := binder{rd, func(path string) (string, *schema.Attribute, error) { return canonical(rd, kind, path) }}
	return b.bind(e)
}

// BindElement fits the filter of a value path to the elements of an attribute,
// as Bind does for a resource.
//
// Errors: as Bind.
func BindElement(rd *lenience.Reading, a *schema.Attribute, e Expr) (Expr, error) {
	b := binder{rd, func(path string) (string, *schema.Attribute, error) { return element(rd, a, path) }}
	return b.bind(e)
}

type binder struct {
	rd *lenience.Reading
	// name returns a path as the schema spells it, and the attribute that it ends
	// in, nil if nothing defines that.
	name func(path string) (string, *schema.Attribute, error)
}

func (b binder) bind(e Expr) (Expr, error) {
	switch e := e.(type) {
	case And:
		l, r, err := b.both(e.Left, e.Right)
		return And{l, r}, err
	case Or:
		l, r, err := b.both(e.Left, e.Right)
		return Or{l, r}, err
	case Not:
		of, err := b.bind(e.Of)
		return Not{of}, err
	case Within:
		path, a, err := b.name(e.Path)
		if err != nil {
			return nil, err
		}
		of, err := BindElement(b.rd, a, e.Of)
		return Within{path, of}, err
	case Compare:
		return b.compare(e)
	}
	return e, nil
}

func (b binder) both(left, right Expr) (l, r Expr, err error) {
	if l, err = b.bind(left); err != nil {
		return nil, nil, err
	}
	r, err = b.bind(right)
	return l, r, err
}

func (b binder) compare(e Compare) (Expr, error) {
	path, a, err := b.name(e.Path)
	if err != nil {
		return nil, err
	}
	if a != nil && a.Returned == schema.Never {
		return nil, invalid("%s is never returned, so it cannot be asked for", path)
	}
	if a != nil && a.Type == schema.Complex && e.Op != Present && e.Value != nil {
		sub := a.Sub("value")
		if sub == nil {
			return nil, invalid("%s has no value of its own to compare; name one of its parts, such as %s.%s", path, path, a.SubAttributes[0].Name)
		}
		path, a = path+".value", sub
	}
	v, err := literal(b.rd, a, e)
	return Compare{path, e.Op, v}, err
}

// canonical returns a path as the schema spells it, and the attribute that it
// ends in.
func canonical(rd *lenience.Reading, kind *schema.Resource, path string) (string, *schema.Attribute, error) {
	urn, rest := kind.Split(path)
	if kind.Malformed(path) {
		if err := rd.Tolerate(lenience.MalformedFilterURN, kind.Schema(urn).ID); err != nil {
			return "", nil, err
		}
	}
	if rest == "" {
		return path, nil, nil
	}
	name, sub, nested := strings.Cut(rest, ".")
	a, in := kind.Find(urn, name)
	if a == nil {
		return path, nil, rd.Tolerate(lenience.UnknownFilterAttribute, path)
	}
	if in != urn {
		if err := rd.Tolerate(lenience.UnqualifiedFilterAttribute, a.Path()); err != nil {
			return "", nil, err
		}
	}
	name = a.Name
	if nested {
		s := a.Sub(sub)
		if s == nil {
			if err := rd.Tolerate(lenience.UnknownFilterAttribute, path); err != nil {
				return "", nil, err
			}
		} else {
			sub = s.Name
		}
		a, name = s, name+"."+sub
	}
	if in != "" {
		name = in + ":" + name
	}
	return name, a, nil
}

// element returns a name inside the brackets of a value path as the schema
// spells it, and the sub-attribute that it means. The values of an attribute
// without parts are called value.
func element(rd *lenience.Reading, a *schema.Attribute, path string) (string, *schema.Attribute, error) {
	if a == nil {
		return path, nil, nil // the name in front is unknown and was reported
	}
	if sub := a.Sub(path); sub != nil {
		return sub.Name, sub, nil
	}
	if a.Type != schema.Complex && strings.EqualFold(path, "value") {
		return "value", a, nil
	}
	return path, nil, rd.Tolerate(lenience.UnknownFilterAttribute, a.Path()+"."+path)
}

// literal checks a value against the attribute's type and returns it as that.
func literal(rd *lenience.Reading, a *schema.Attribute, e Compare) (any, error) {
	v := e.Value
	if a == nil || e.Op == Present {
		return v, nil
	}
	order := e.Op == Greater || e.Op == GreaterOrEqual || e.Op == Less || e.Op == LessOrEqual
	switch a.Type {
	case schema.Boolean:
		if e.Op != Equal && e.Op != NotEqual {
			return nil, invalid("%s is true or false and takes eq, ne and pr only, not %s", a.Path(), e.Op)
		}
	case schema.Binary:
		if order {
			return nil, invalid("%s is binary and has no order, so %s does not apply", a.Path(), e.Op)
		}
	default: // takes every operator
	}
	if v == nil {
		return v, nil
	}
	switch a.Type {
	case schema.Boolean:
		return truth(rd, a, v)
	case schema.Integer, schema.Decimal:
		return number(rd, a, v)
	case schema.DateTime:
		return date(rd, a, e)
	default:
		return text(rd, a, v)
	}
}

func truth(rd *lenience.Reading, a *schema.Attribute, v any) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	s, _ := v.(string)
	if yes := strings.EqualFold(s, "true"); yes || strings.EqualFold(s, "false") {
		return yes, rd.Tolerate(lenience.LiteralType, a.Path())
	}
	return nil, invalid("%s can be compared with true and false only", a.Path())
}

func number(rd *lenience.Reading, a *schema.Attribute, v any) (any, error) {
	if n, ok := v.(json.Number); ok {
		return n, nil
	}
	if s, ok := v.(string); ok && s != "" && isNumber(s) {
		return json.Number(s), rd.Tolerate(lenience.LiteralType, a.Path())
	}
	return nil, invalid("%s can be compared with numbers only", a.Path())
}

// date leaves texts for co, sw and ew alone: they are about how a date is
// written.
func date(rd *lenience.Reading, a *schema.Attribute, e Compare) (any, error) {
	if e.Op == Contains || e.Op == StartsWith || e.Op == EndsWith {
		return text(rd, a, e.Value)
	}
	s, ok := e.Value.(string)
	if _, isDate := schema.Instant(s); !ok || !isDate {
		return nil, invalid("%s can be compared with a date and time such as \"2026-01-31T10:00:00Z\" only", a.Path())
	}
	return s, nil
}

// text returns a text also for what reads as something else without its quotes.
func text(rd *lenience.Reading, a *schema.Attribute, v any) (any, error) {
	switch w := v.(type) {
	case json.Number:
		return w.String(), rd.Tolerate(lenience.LiteralType, a.Path())
	case bool:
		return strconv.FormatBool(w), rd.Tolerate(lenience.LiteralType, a.Path())
	}
	return v, nil
}

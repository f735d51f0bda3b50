package filter

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Bind fits a filter to a kind of resource: names in the schema's spelling and
// notation, texts that stand for booleans as booleans and the other way round, a
// complex attribute without a sub-attribute as its value. What it returns matches exactly what e
// matches.
//
// Errors: Invalid with the reason invalidFilter where the type of an attribute
// does not allow the operator or the value (RFC 7644 section 3.4.2.2): booleans
// and binary values have no order, dates are compared with dates.
func Bind(rd *lenience.Reading, kind *schema.Resource, e Expr) (Expr, error) {
	return bind(e, func(path string) (string, *schema.Attribute) { return canonical(kind, path) })
}

type naming func(path string) (string, *schema.Attribute)

func bind(e Expr, name naming) (Expr, error) {
	switch e := e.(type) {
	case And:
		l, r, err := bindBoth(e.Left, e.Right, name)
		return And{l, r}, err
	case Or:
		l, r, err := bindBoth(e.Left, e.Right, name)
		return Or{l, r}, err
	case Not:
		of, err := bind(e.Of, name)
		return Not{of}, err
	case Within:
		path, a := name(e.Path)
		of, err := bind(e.Of, func(path string) (string, *schema.Attribute) {
			if a != nil {
				if sub := a.Sub(path); sub != nil {
					return sub.Name, sub
				}
			}
			return path, nil
		})
		return Within{path, of}, err
	case Compare:
		path, a := name(e.Path)
		if a != nil && a.Type == schema.Complex && e.Op != Present && e.Value != nil {
			sub := a.Sub("value")
			if sub == nil {
				return nil, invalid("%s has no value of its own to compare; name one of its parts, such as %s.%s", path, path, a.SubAttributes[0].Name)
			}
			path, a = path+".value", sub
		}
		v, err := literal(path, a, e.Op, e.Value)
		return Compare{path, e.Op, v}, err
	}
	return e, nil
}

func bindBoth(left, right Expr, name naming) (l, r Expr, err error) {
	if l, err = bind(left, name); err != nil {
		return nil, nil, err
	}
	r, err = bind(right, name)
	return l, r, err
}

// canonical returns a path as the schema spells it, and the attribute that it
// ends in.
func canonical(kind *schema.Resource, path string) (string, *schema.Attribute) {
	urn, rest := kind.Split(path)
	if rest == "" {
		return path, nil
	}
	name, sub, nested := strings.Cut(rest, ".")
	a, urn := kind.Find(urn, name)
	if a == nil {
		return path, nil
	}
	name = a.Name
	if nested {
		if s := a.Sub(sub); s != nil {
			sub, a = s.Name, s
		} else {
			a = nil
		}
		name += "." + sub
	}
	if urn != "" {
		name = urn + ":" + name
	}
	return name, a
}

// literal checks a value against the attribute's type and returns it as that.
func literal(path string, a *schema.Attribute, op Op, v any) (any, error) {
	if a == nil || op == Present {
		return v, nil
	}
	order := op == Greater || op == GreaterOrEqual || op == Less || op == LessOrEqual
	switch a.Type {
	case schema.Boolean:
		if op != Equal && op != NotEqual {
			return nil, invalid("%s is true or false and takes eq, ne and pr only, not %s", path, op)
		}
		switch s, isText := v.(string); {
		case isText && strings.EqualFold(s, "true"):
			return true, nil
		case isText && strings.EqualFold(s, "false"):
			return false, nil
		}
		if _, ok := v.(bool); !ok && v != nil {
			return nil, invalid("%s can be compared with true and false only", path)
		}
		return v, nil
	case schema.Binary:
		if order {
			return nil, invalid("%s is binary and has no order, so %s does not apply", path, op)
		}
	case schema.DateTime:
		s, ok := v.(string)
		if !order && op != Equal && op != NotEqual || v == nil {
			return v, nil
		}
		if _, err := time.Parse(time.RFC3339, s); !ok || err != nil {
			return nil, invalid("%s can be compared with a date and time such as \"2026-01-31T10:00:00Z\" only", path)
		}
		return v, nil
	case schema.Integer, schema.Decimal:
		return v, nil
	case schema.String, schema.Reference, schema.Complex:
	}
	switch w := v.(type) { // a text without quotes that reads as something else
	case json.Number:
		return w.String(), nil
	case bool:
		return strconv.FormatBool(w), nil
	}
	return v, nil
}

package patch

import (
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// MaxPath is how long a path may be, in bytes: a filter and a name around it.
const MaxPath = filter.MaxLength + 512

// Path is where an operation works: [urn:]attr[filter].sub.
type Path struct {
	// URN is the extension's, empty for the core schema.
	URN string
	// Name is the attribute in the schema's spelling, as sent if the schema
	// does not know it. Empty with a URN it means the whole extension.
	Name string
	// Filter chooses elements of a multi-valued attribute; nil for all.
	Filter filter.Expr
	// Sub is the sub-attribute, empty for none.
	Sub string
	// Attribute describes Name, nil if the schema does not know it.
	Attribute *schema.Attribute
}

func (p Path) whole() bool { return p.URN == "" && p.Name == "" }

// String returns the path without its filter, which may hold personal data.
func (p Path) String() string {
	s := p.Name
	if p.Sub != "" {
		s += "." + p.Sub
	}
	switch {
	case p.URN == "":
		return s
	case s == "":
		return p.URN
	}
	return p.URN + ":" + s
}

// ParsePath reads a path for resources of the kind. The empty path means the
// whole resource.
//
// Errors: Invalid with the reason invalidPath, or what rd refuses.
func ParsePath(rd *lenience.Reading, kind *schema.Resource, s string) (Path, error) {
	s = strings.TrimSpace(s)
	if len(s) > MaxPath {
		return Path{}, badPath("it has %d bytes; at most %d are allowed", len(s), MaxPath)
	}
	if s == "" {
		return Path{}, nil
	}
	head, rest := s, ""
	var p Path
	if i := strings.IndexByte(s, '['); i >= 0 {
		end := closing(s, i)
		if end < 0 {
			return Path{}, badPath("a bracket is not closed")
		}
		f, err := filter.Parse(rd, s[i+1:end])
		if err != nil {
			return Path{}, badFilter(err)
		}
		p.Filter, head, rest = f, s[:i], s[end+1:]
		if rest != "" {
			if rest[0] != '.' || len(rest) == 1 {
				return Path{}, badPath("%q is not expected behind the bracket", rest)
			}
			rest = rest[1:]
		}
	}
	p.URN, p.Name = kind.Split(head)
	if kind.Malformed(head) {
		if err := rd.Tolerate(lenience.MalformedPathURN, p.URN); err != nil {
			return Path{}, err
		}
	}
	if p.URN != "" && p.Name == "" {
		if p.Filter != nil || rest != "" {
			return Path{}, badPath("an extension takes no filter")
		}
		if p.URN == kind.Core.ID {
			p.URN = ""
		}
		return p, nil
	}
	if p.Filter == nil {
		p.Name, rest, _ = strings.Cut(p.Name, ".")
	}
	if !isName(p.Name) || (rest != "" && !isName(rest)) {
		return Path{}, badPath("%q is no attribute", head)
	}
	p.Sub = rest
	return p.find(rd, kind)
}

// find finds the attribute that the names of a path mean.
func (p Path) find(rd *lenience.Reading, kind *schema.Resource) (Path, error) {
	a, urn := kind.Find(p.URN, p.Name)
	if a == nil {
		return p, rd.Tolerate(lenience.UnknownPath, p.String())
	}
	if urn != p.URN {
		if err := rd.Tolerate(lenience.UnqualifiedPath, a.Path()); err != nil {
			return Path{}, err
		}
	}
	p.Attribute, p.Name, p.URN = a, a.Name, urn
	if p.Sub != "" {
		sub := a.Sub(p.Sub)
		switch {
		case a.Type != schema.Complex:
			return Path{}, badPath("%s has no sub-attributes", a.Name)
		case sub != nil:
			p.Sub = sub.Name
		default:
			if err := rd.Tolerate(lenience.UnknownPath, p.String()); err != nil {
				return Path{}, err
			}
		}
	}
	if p.Filter != nil {
		f, err := filter.BindElement(rd, a, p.Filter)
		if err != nil {
			return Path{}, badFilter(err)
		}
		p.Filter = f
	}
	return p, nil
}

func badPath(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "The path is not understood: "+format+".", args...).Because(fault.InvalidPath)
}

// badFilter says of a path what is wrong with its filter.
func badFilter(err error) error {
	f := fault.Of(err)
	return badPath("%s", strings.TrimSuffix(f.Detail, ".")).Named(f.Name, f.Subject)
}

// closing returns where the bracket at i is closed, -1 if it is not. Brackets in
// texts do not count.
func closing(s string, i int) int {
	inText := false
	for j := i + 1; j < len(s); j++ {
		switch c := s[j]; {
		case inText && c == '\\':
			j++
		case c == '"':
			inText = !inText
		case c == ']' && !inText:
			return j
		}
	}
	return -1
}

// isName reports whether s can be an attribute name (RFC 7643 section 2.1).
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '$'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '_') {
			return false
		}
	}
	return s != ""
}

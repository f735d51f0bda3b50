package scim

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// MaxTags is how many entity tags one condition may list.
const MaxTags = 100

// Version is the version of a resource as its meta and the ETag header show it
// (RFC 7643 section 3.1, RFC 7644 section 3.14): W/"revision", or
// W/"revision-variant" where the resource shows something that changes without
// it. It is weak, since the same version is answered in parts and in several
// spellings of JSON.
func Version(revision uint64, variant string) string {
	v := `W/"` + strconv.FormatUint(revision, 10)
	if variant != "" {
		v += "-" + variant
	}
	return v + `"`
}

// Variant is what distinguishes versions of a resource that differ only in what
// other resources say of it: the groups of a user. It is empty for none.
func Variant(refs []Ref) string {
	if len(refs) == 0 {
		return ""
	}
	h := fnv.New64a()
	for _, r := range refs {
		for _, s := range []string{r.ID, r.Display, r.Kind, strconv.FormatBool(r.Indirect)} {
			_, _ = h.Write([]byte(s))
			_, _ = h.Write([]byte{0})
		}
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// Condition is a list of versions that a client names, as in If-Match and
// If-None-Match (RFC 9110 sections 13.1.1 and 13.1.2) and in the version of a
// bulk operation. The zero value is no condition.
type Condition struct {
	// Any is true for "*".
	Any bool
	// Tags are the opaque parts of the entity tags, without quotes.
	Tags []string
}

// ParseCondition reads a condition, whose name is for errors. A tag without
// quotes is a deviation.
//
// Errors: Invalid with the reason invalidSyntax, or invalidValue above MaxTags.
func ParseCondition(rd *lenience.Reading, name, s string) (Condition, error) {
	var c Condition
	if s = strings.TrimSpace(s); s == "*" {
		return Condition{Any: true}, nil
	}
	for s != "" {
		tag, rest, quoted, ok := cutTag(s)
		if !ok {
			return c, fault.New(fault.Invalid, `%s is not a list of entity tags such as W/"3".`, name).Because(fault.InvalidSyntax)
		}
		if !quoted {
			if err := rd.Tolerate(lenience.UnquotedVersion, name); err != nil {
				return c, err
			}
		}
		if len(c.Tags) == MaxTags {
			return c, fault.New(fault.Invalid, "%s lists more than %d entity tags.", name, MaxTags).Because(fault.InvalidValue)
		}
		c.Tags = append(c.Tags, tag)
		s = strings.TrimLeft(rest, " \t,")
	}
	return c, nil
}

// cutTag takes the first entity tag off a list. Weak and strong are not told
// apart: every version of ours is weak, and RFC 7644 section 3.14 has clients
// send those in If-Match.
func cutTag(s string) (tag, rest string, quoted, ok bool) {
	if strings.HasPrefix(s, "W/") || strings.HasPrefix(s, "w/") {
		s = s[2:]
	}
	if s != "" && s[0] == '"' {
		tag, rest, ok = strings.Cut(s[1:], `"`)
		quoted = true
	} else {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		tag, rest, ok = s[:end], s[end:], end > 0
	}
	if after := strings.TrimLeft(rest, " \t"); after != "" && after[0] != ',' {
		ok = false
	}
	for i := range len(tag) { // etagc of RFC 9110 section 8.8.3
		if tag[i] <= ' ' || tag[i] == '"' || tag[i] == 0x7f {
			ok = false
		}
	}
	return tag, rest, quoted, ok
}

// Given reports whether there is a condition at all.
func (c Condition) Given() bool { return c.Any || len(c.Tags) > 0 }

// Matches reports whether a version that Version wrote is among those named, by
// the weak comparison of RFC 9110 section 8.8.3.2.
func (c Condition) Matches(version string) bool {
	opaque, _ := strings.CutPrefix(version, "W/")
	opaque = strings.Trim(opaque, `"`)
	for _, t := range c.Tags {
		if t == opaque {
			return true
		}
	}
	return c.Any
}

// Revisions returns the revisions of the versions named. What others say of a
// resource is not written through it, so a write depends on its revision only.
// Tags that Version never wrote stand for revision 0, which no resource has.
func (c Condition) Revisions() []uint64 {
	var list []uint64
	for _, t := range c.Tags {
		digits, _, _ := strings.Cut(t, "-")
		n, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || strconv.FormatUint(n, 10) != digits {
			n = 0
		}
		list = append(list, n)
	}
	return list
}

package scim

import (
	"encoding/json"
	"time"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// Head is what the server knows of a resource besides its attributes.
type Head struct {
	Kind         *schema.Resource
	ID           string
	Revision     uint64
	Created      time.Time
	LastModified time.Time
	// Location is the resource's absolute address.
	Location string
	// Base is the directory's SCIM base URL, for references.
	Base string
	// Groups are those that a user is in; Members are a group's. Both may be
	// left out of an answer.
	Groups  []Ref
	Members []Ref
	// Variant is the part of the version that Version describes.
	Variant string
}

// Version is the resource's version.
func (h Head) Version() string { return Version(h.Revision, h.Variant) }

// Ref is a reference from one resource to another.
type Ref struct {
	ID      string
	Display string
	// Kind is "User" or "Group".
	Kind string
	// Indirect says of a group that the user is in it by way of another.
	Indirect bool
}

// Append appends the resource as JSON: the server's part in front of the
// attributes, which are spliced in as they are stored.
func Append(dst []byte, attributes []byte, h Head) []byte {
	dst = append(dst, `{"schemas":[`...)
	dst = quote(dst, h.Kind.Core.ID)
	for urn := range extensions(attributes) {
		dst = append(dst, ',', '"')
		dst = append(append(dst, urn...), '"')
	}
	dst = append(dst, `],"id":`...)
	dst = quote(dst, h.ID)
	dst = append(dst, `,"meta":{"resourceType":`...)
	dst = quote(dst, h.Kind.Name)
	dst = append(dst, `,"created":`...)
	dst = stamp(dst, h.Created)
	dst = append(dst, `,"lastModified":`...)
	dst = stamp(dst, h.LastModified)
	dst = append(dst, `,"location":`...)
	dst = quote(dst, h.Location)
	dst = append(dst, `,"version":`...)
	dst = quote(dst, h.Version())
	dst = append(dst, '}')
	dst = refs(dst, "groups", h.Groups, h.Base)
	dst = refs(dst, "members", h.Members, h.Base)
	if len(attributes) > 2 {
		dst = append(dst, ',')
		return append(dst, attributes[1:]...)
	}
	return append(dst, '}')
}

func refs(dst []byte, name string, list []Ref, base string) []byte {
	if len(list) == 0 {
		return dst
	}
	dst = append(dst, ',')
	dst = quote(dst, name)
	dst = append(dst, ":["...)
	for i, r := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"value":`...)
		dst = quote(dst, r.ID)
		dst = append(dst, `,"$ref":`...)
		dst = quote(dst, base+"/"+r.Kind+"s/"+r.ID)
		if r.Display != "" {
			dst = append(dst, `,"display":`...)
			dst = quote(dst, r.Display)
		}
		kind := r.Kind
		switch {
		case name == "groups" && r.Indirect:
			kind = "indirect"
		case name == "groups":
			kind = "direct"
		}
		dst = append(dst, `,"type":`...)
		dst = quote(dst, kind)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// quote appends a JSON string.
func quote(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			b, err := json.Marshal(s)
			if err != nil {
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func stamp(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	return append(dst, '"')
}

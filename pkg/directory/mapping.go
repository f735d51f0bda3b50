package directory

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// The bounds of a directory's attribute mapping.
const (
	// MaxMappings is how many attributes a directory maps at most, MaxSources how
	// many sources each of them has.
	MaxMappings = 100
	MaxSources  = 5
	// MaxMappingKey is how many characters a key has at most (wire reference
	// section 10), MaxSource how many a source or a default value.
	MaxMappingKey = 32
	MaxSource     = 512
	// MaxMappingSize is how many bytes all keys, sources and defaults of a
	// directory have together at most.
	MaxMappingSize = 64 << 10
)

// MapDirectoryAttributes sets the whole attribute mapping of a directory. It is
// applied to the users that are there by a fan-out, and to others as they are
// written.
//
// A source is the name of an attribute of the payload that is one text
// (phone_number), or a SCIM path (RFC 7644 section 3.10), qualified by a URN or
// not: title, name.givenName, emails[type eq "work"].value,
// urn:acme:2.0:User:badge.
type MapDirectoryAttributes struct {
	Organization string                    `json:"organization"`
	Directory    string                    `json:"directory"`
	Mappings     []events.AttributeMapping `json:"mappings"`
	// KeepFallbacks is for callers that see of a mapping no more than its first
	// source: where that is unchanged, so is what follows it, and the default.
	KeepFallbacks bool `json:"keep_fallbacks,omitempty"`
}

func (MapDirectoryAttributes) name() string { return "MapDirectoryAttributes" }

// Mapped is one attribute mapping in the form in which it is applied.
type Mapped struct {
	Key string
	// Standard says that it sets an attribute of the payload itself; otherwise it
	// sets one of the custom attributes.
	Standard bool
	Sources  []Source
	Default  string
}

// Source is where a mapped attribute may come from.
type Source struct {
	// Standard names an attribute of the payload as it is without a mapping. If
	// it is empty, Path leads to a SCIM attribute.
	Standard string
	Path     patch.Path
}

// standard are the attributes of the payload that are one text (wire reference
// section 11.3), and whether a mapping may set them. What identifies a user is
// held to the directory's policies and cannot be mapped away.
var standard = map[string]bool{
	"dp_id": false, "email": false, "preferred_username": false,
	"name": true, "given_name": true, "family_name": true, "nickname": true, "title": true, "user_type": true, "department": true,
	"division": true, "cost_center": true, "employee_id": true, "organization": true, "phone_number": true, "picture": true,
	"profile": true, "language": true, "locale": true, "zoneinfo": true,
}

// reserved are the other names of the payload. A custom attribute of such a name
// would be taken for what it is not.
var reserved = []string{
	"id", "previous_id", "organization_id", "directory_id", "version", "active", "address", "manager", "groups", "roles", "custom_attributes", "raw_attributes", "reason",
}

// unmapped are the SCIM attributes that no source may name: the server's own,
// and passwords, which are not kept.
var unmapped = []string{"id", "schemas", "meta", "groups", "password"}

func (c MapDirectoryAttributes) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	kind, _ := dir.Kinds()
	wanted := c.Mappings
	if c.KeepFallbacks {
		wanted = withFallbacks(wanted, dir.Mappings)
	}
	list, err := normalMapping(kind, wanted)
	if err != nil {
		return err
	}
	if slices.EqualFunc(list, dir.Mappings, sameMapping) {
		return nil
	}
	return d.emit(dir.event(), events.DirectoryAttributesMapped{Mappings: list})
}

// withFallbacks returns the wanted mappings, each as it is where the first source
// of its key is the same.
func withFallbacks(wanted, have []events.AttributeMapping) []events.AttributeMapping {
	out := slices.Clone(wanted)
	for i, w := range out {
		for _, h := range have {
			if h.Key == w.Key && len(w.Sources) <= 1 && slices.Equal(w.Sources, h.Sources[:min(1, len(h.Sources))]) {
				out[i] = h
			}
		}
	}
	return out
}

func sameMapping(a, b events.AttributeMapping) bool {
	return a.Key == b.Key && a.Default == b.Default && slices.Equal(a.Sources, b.Sources)
}

// normalMapping returns a mapping as it is stored.
//
// Errors: Invalid, with the number of the mapping that is wrong.
func normalMapping(kind *schema.Resource, in []events.AttributeMapping) ([]events.AttributeMapping, error) {
	if len(in) > MaxMappings {
		return nil, fault.New(fault.Invalid, "%d attributes are mapped; at most %d are allowed.", len(in), MaxMappings)
	}
	out, seen, size := make([]events.AttributeMapping, 0, len(in)), map[string]bool{}, 0
	for i, m := range in {
		m.Sources = append([]string{}, m.Sources...)
		for j, s := range m.Sources {
			m.Sources[j] = strings.TrimSpace(s)
			size += len(m.Sources[j])
		}
		size += len(m.Key) + len(m.Default)
		if err := checkMapping(kind, m); err != nil {
			return nil, fault.New(fault.Invalid, "Attribute mapping %d: %s", i+1, fault.Of(err).Detail)
		}
		if seen[m.Key] {
			return nil, fault.New(fault.Invalid, "Attribute mapping %d: the key %q is mapped twice; list its sources in one mapping.", i+1, m.Key)
		}
		seen[m.Key] = true
		out = append(out, m)
	}
	if size > MaxMappingSize {
		return nil, fault.New(fault.Invalid, "The attribute mapping has %d bytes; at most %d are allowed.", size, MaxMappingSize)
	}
	return out, nil
}

func checkMapping(kind *schema.Resource, m events.AttributeMapping) error {
	if !isMappingKey(m.Key) {
		return fault.New(fault.Invalid, "key must be a letter and up to %d letters, digits, - and _ behind it.", MaxMappingKey-1)
	}
	if may, ok := standard[m.Key]; ok && !may || slices.Contains(reserved, m.Key) {
		return fault.New(fault.Invalid, "%s cannot be mapped; choose another key.", m.Key)
	}
	if len(m.Sources) > MaxSources {
		return fault.New(fault.Invalid, "%s has %d sources; at most %d are allowed.", m.Key, len(m.Sources), MaxSources)
	}
	if len(m.Sources) == 0 && m.Default == "" {
		return fault.New(fault.Invalid, "%s has neither a source nor a default value.", m.Key)
	}
	if err := length("the default value of "+m.Key, m.Default, 0, MaxSource); err != nil {
		return err
	}
	for _, s := range m.Sources {
		if err := length("a source of "+m.Key, s, 1, MaxSource); err != nil {
			return err
		}
		if _, err := parseSource(kind, s); err != nil {
			return fault.New(fault.Invalid, "the source %q of %s: %s", s, m.Key, fault.Of(err).Detail)
		}
	}
	return nil
}

func isMappingKey(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '_' && c != '-') {
			return false
		}
	}
	return s != "" && len(s) <= MaxMappingKey
}

// parseSource reads a source for users of a kind.
func parseSource(kind *schema.Resource, s string) (Source, error) {
	if _, ok := standard[s]; ok {
		return Source{Standard: s}, nil
	}
	p, err := patch.ParsePath(nil, kind, s)
	if err != nil {
		return Source{}, err
	}
	if p.URN == "" && slices.ContainsFunc(unmapped, func(n string) bool { return strings.EqualFold(n, p.Name) }) || strings.EqualFold(p.Name, "password") {
		return Source{}, fault.New(fault.Invalid, "%s is not an attribute that can be mapped.", p.Name)
	}
	if p.URN == "" && p.Name == "" {
		return Source{}, fault.New(fault.Invalid, "it names no attribute.")
	}
	return Source{Path: p}, nil
}

// compileMapping returns a stored mapping in the form in which it is applied,
// by key. A source that this version cannot read leads to nothing.
func compileMapping(kind *schema.Resource, stored []events.AttributeMapping) []Mapped {
	out := make([]Mapped, 0, len(stored))
	for _, m := range stored {
		c := Mapped{Key: m.Key, Standard: standard[m.Key], Default: m.Default}
		for _, s := range m.Sources {
			if source, err := parseSource(kind, s); err == nil {
				c.Sources = append(c.Sources, source)
			}
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Mapped) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func foldAttributesMapped(f *folding, p events.DirectoryAttributesMapped) error {
	if err := f.directory(func(r *Directory) { r.Mappings, r.derived = p.Mappings, &settings{} }); err != nil {
		return err
	}
	return f.applyMapping()
}

// applyMapping starts the fan-out that applies a mapping to the users of the
// event's directory. One that is under way is over: this one covers all that it
// had to, and in both the mapping is the one of the place in the log.
func (f *folding) applyMapping() error {
	if err := f.endMapping(); err != nil {
		return err
	}
	return f.startFanout(FanoutAttributesMapped)
}

// endMapping ends the fan-outs of the event's directory that apply a mapping.
func (f *folding) endMapping() error {
	return f.view.Scan(Make(TableFanout), "", func(k Key, r Row) bool {
		if j, ok := r.(*Fanout); ok && j.Kind == FanoutAttributesMapped && j.Directory == f.e.Directory {
			f.drop(k)
		}
		return true
	})
}

package search

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// reader makes documents of rows: as much of a resource as a query looks at.
// Decoding only that is most of what a scan saves.
type reader struct {
	view directory.View
	kind *schema.Resource
	// base is the directory's SCIM base URL.
	base string
	// members are the parts of a stored resource to decode.
	members           []wanted
	id, meta, schemas bool
	// version says that the version is looked at, which takes more than the row.
	version bool
}

// wanted is an attribute on the top level of a stored resource, or an extension's
// block of which only some attributes are looked at.
type wanted struct {
	name  string
	parts []string // nil: all of it
}

// want adds what a path leads to.
func (r *reader) want(a attribute) {
	switch name := a.member(); name {
	case "id":
		r.id = true
	case "meta":
		r.meta = true
		r.version = r.version || a.sub == "" || a.sub == "version"
	case "schemas":
		r.schemas = true
	default:
		i := slices.IndexFunc(r.members, func(w wanted) bool { return w.name == name })
		switch {
		case i < 0 && a.urn != "" && a.name != "":
			r.members = append(r.members, wanted{name, []string{a.name}})
		case i < 0:
			r.members = append(r.members, wanted{name: name})
		case a.name == "":
			r.members[i].parts = nil
		case r.members[i].parts != nil && !slices.Contains(r.members[i].parts, a.name):
			r.members[i].parts = append(r.members[i].parts, a.name)
		}
	}
}

// head is what the server keeps of a resource beside its attributes.
type head struct {
	id               string
	revision         uint64
	created, updated time.Time
	attributes       []byte
}

func headOf(row directory.Row) (h head, ok bool) {
	switch row := row.(type) {
	case *directory.User:
		return head{row.ID, row.Revision, row.Created, row.Updated, row.Attributes}, true
	case *directory.Group:
		return head{row.ID, row.Revision, row.Created, row.Updated, row.Attributes}, true
	}
	return head{}, false
}

// document returns the row's resource as it would be answered, without the groups
// of a user and the members of a group, and without what nobody wants.
func (r *reader) document(row directory.Row) (map[string]any, error) {
	h, ok := headOf(row)
	if !ok {
		return nil, nil
	}
	doc := make(map[string]any, len(r.members)+1)
	if r.id {
		doc["id"] = h.id
	}
	if r.meta {
		meta := map[string]any{
			"resourceType": r.kind.Name, "location": r.base + "/" + r.kind.Name + "s/" + h.id,
			"created": stamp(h.created), "lastModified": stamp(h.updated),
		}
		if r.version {
			v, err := r.versionOf(row, h.revision)
			if err != nil {
				return nil, err
			}
			meta["version"] = v
		}
		doc["meta"] = meta
	}
	var urns []any
	if r.schemas {
		urns = append(urns, r.kind.Core.ID)
	}
	for name, value := range members(h.attributes) {
		if r.schemas && len(name) > 4 && bytes.EqualFold(name[:4], []byte("urn:")) {
			urns = append(urns, string(name))
		}
		for i := range r.members {
			m := &r.members[i]
			if !same(name, m.name) {
				continue
			}
			v, err := m.decode(value)
			if err != nil {
				return nil, err
			}
			doc[m.name] = v
		}
	}
	if r.schemas {
		doc["schemas"] = urns
	}
	return doc, nil
}

// versionOf returns the version of a resource as answers show it.
func (r *reader) versionOf(row directory.Row, revision uint64) (string, error) {
	switch row := row.(type) {
	case *directory.User:
		refs, err := groupsOf(r.view, row)
		return scim.Version(revision, scim.Variant(refs)), err
	case *directory.Group:
		return scim.Version(revision, strconv.FormatUint(row.Members, 10)), nil
	}
	return "", nil
}

// groupsOf returns the groups of a user as answers show them.
func groupsOf(v directory.View, u *directory.User) ([]scim.Ref, error) {
	direct, indirect, err := directory.GroupsOf(v, u.Directory, u.ID)
	refs := make([]scim.Ref, 0, len(direct)+len(indirect))
	for i, g := range slices.Concat(direct, indirect) {
		refs = append(refs, scim.Ref{ID: g.ID, Display: g.DisplayName, Kind: schema.Group.Name, Indirect: i >= len(direct)})
	}
	return refs, err
}

// stamp writes a time as answers show it, so that a client that asks for what
// is newer than the newest it has seen does not get that again.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// members yields the names and values on the top level of canonical attributes
// as they stand there. It allocates nothing.
func members(attributes []byte) func(yield func(name, value []byte) bool) {
	return func(yield func(name, value []byte) bool) {
		b := attributes
		for i := 1; i < len(b) && b[i] == '"'; i++ {
			end := closing(b, i)
			if end < 0 || end+1 >= len(b) {
				return
			}
			start := end + 2 // behind the colon
			stop := after(b, start)
			if !yield(b[i+1:end], b[start:stop]) {
				return
			}
			i = stop // at the comma, or at the last brace
		}
	}
}

// closing returns where the string that opens at i ends, -1 if it does not.
func closing(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// after returns where the value that begins at i is over.
func after(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			if i = closing(b, i); i < 0 {
				return len(b)
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}

// same reports whether a name is the other one, whatever the case. Nearly all are
// of another length.
func same(name []byte, other string) bool {
	return len(name) == len(other) && (string(name) == other || bytes.EqualFold(name, []byte(other)))
}

// decode returns as much of the value as is wanted.
func (w *wanted) decode(value []byte) (any, error) {
	if w.parts == nil || len(value) == 0 || value[0] != '{' {
		return decode(value)
	}
	out := make(map[string]any, len(w.parts))
	for name, v := range members(value) {
		for _, p := range w.parts {
			if !same(name, p) {
				continue
			}
			x, err := decode(v)
			if err != nil {
				return nil, err
			}
			out[p] = x
		}
	}
	return out, nil
}

// decode returns a value as scim.Decode would.
func decode(value []byte) (any, error) {
	if n := len(value); n >= 2 && value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : n-1]), nil
	}
	switch string(value) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err
}

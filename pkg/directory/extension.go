package directory

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// The bounds of a directory's extensions; package schema bounds each of them.
const (
	// MaxExtensions is how many extensions a directory has at most, for users and
	// groups together.
	MaxExtensions = schema.MaxExtensions
	// MaxExtensionsSize is how many bytes their definitions have together at most.
	MaxExtensionsSize = 64 << 10
)

// RegisterDirectorySchemas sets all extensions of a directory's resources: one
// that is not among them is not registered any more.
//
// Stored resources stay as they are, whatever is registered. What an extension
// held that is gone is data that no schema describes, as if it had never been
// registered: it is still shown and still reaches receivers. Where an attribute
// got another type, a stored value keeps the old one until the provider writes
// it again; until then it is shown as it is, and filters compare by the new type.
type RegisterDirectorySchemas struct {
	Organization string                      `json:"organization"`
	Directory    string                      `json:"directory"`
	Extensions   []events.DirectoryExtension `json:"extensions"`
}

func (RegisterDirectorySchemas) name() string { return "RegisterDirectorySchemas" }

func (c RegisterDirectorySchemas) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	list, err := normalExtensions(c.Extensions)
	if err != nil {
		return err
	}
	if slices.EqualFunc(list, dir.Extensions, func(a, b events.DirectoryExtension) bool {
		return a.Resource == b.Resource && bytes.Equal(a.Definition, b.Definition)
	}) {
		return nil
	}
	return d.emit(dir.event(), events.DirectorySchemasChanged{Extensions: list})
}

// normalExtensions returns extensions as they are stored: each definition in
// the one form in which the server writes it.
//
// Errors: Invalid, with the number of the extension that is wrong; TooLarge.
func normalExtensions(in []events.DirectoryExtension) ([]events.DirectoryExtension, error) {
	if len(in) > MaxExtensions {
		return nil, fault.New(fault.Invalid, "%d extensions are registered; at most %d are allowed.", len(in), MaxExtensions)
	}
	out, ids, size := make([]events.DirectoryExtension, 0, len(in)), make([]string, 0, len(in)), 0
	for i, e := range in {
		wrong := func(format string, args ...any) error {
			return fault.New(fault.Invalid, "Extension %d: "+format, append([]any{i + 1}, args...)...)
		}
		if e.Resource != schema.User.Name && e.Resource != schema.Group.Name {
			return nil, wrong("it must be for %s or %s.", schema.User.Name, schema.Group.Name)
		}
		s, err := schema.Parse(e.Definition)
		if err != nil {
			f := fault.Of(err)
			return nil, fault.New(f.Kind, "Extension %d: %s", i+1, f.Detail)
		}
		if e.Definition, err = definition(s); err != nil {
			return nil, err
		}
		for j, other := range out { // the same schema may extend both kinds
			if strings.EqualFold(ids[j], s.ID) && (other.Resource == e.Resource || !bytes.Equal(other.Definition, e.Definition)) {
				return nil, wrong("%s is registered twice.", s.ID)
			}
		}
		if size += len(e.Definition); size > MaxExtensionsSize {
			return nil, fault.New(fault.TooLarge, "The extensions have %d bytes or more; at most %d are allowed.", size, MaxExtensionsSize)
		}
		out, ids = append(out, e), append(ids, s.ID)
	}
	_, _, err := kinds(out)
	return out, err
}

func definition(s *schema.Schema) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// kinds returns the kinds of resource with a directory's extensions. A
// definition that this version refuses, because an earlier one was less strict,
// counts as not registered.
//
// Errors: Invalid for URNs that clash. The kinds are then the standard ones.
func kinds(extensions []events.DirectoryExtension) (user, group *schema.Resource, err error) {
	var users, groups []*schema.Schema
	for _, e := range extensions {
		s, err := schema.Parse(e.Definition)
		switch {
		case err != nil:
		case e.Resource == schema.Group.Name:
			groups = append(groups, s)
		default:
			users = append(users, s)
		}
	}
	if user, err = schema.User.With(users...); err == nil {
		if group, err = schema.Group.With(groups...); err == nil {
			return user, group, nil
		}
	}
	return schema.User, schema.Group, err
}

// foldSchemasChanged applies the mapping anew, if there is one: its sources are
// read by the schemas.
func foldSchemasChanged(f *folding, p events.DirectorySchemasChanged) error {
	if err := f.directory(func(r *Directory) { r.Extensions, r.derived = p.Extensions, &settings{} }); err != nil {
		return err
	}
	if mapped, err := isMapped(f.view, f.e.Directory); err != nil || !mapped {
		return err
	}
	return f.applyMapping()
}

func isMapped(v View, dir string) (bool, error) {
	r, ok, err := get[*Directory](v, Make(TableDirectory, dir))
	return ok && len(r.Mappings) > 0, err
}

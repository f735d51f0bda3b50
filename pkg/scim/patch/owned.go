package patch

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// serverOwned handles what a client may repeat but not change (RFC 7644 section
// 3.5.2): an echo is passed over if rd lets it, anything else is refused. What is
// only ever written is accepted and dropped. keyed says that the name was a key
// of a path-less operation, as in a resource that is sent back whole.
func (p *patching) serverOwned(op Op, keyed bool) (done bool, err error) {
	path, a := op.Path, op.Path.Attribute
	name := strings.ToLower(path.Name)
	if name == "password" || a != nil && a.Mutability == schema.WriteOnly { // never kept, wherever it hides
		return true, nil
	}
	if path.URN == "" && name == "members" && p.kind.Is(Group) {
		return true, fault.New(fault.Invalid, "members cannot be changed together with this path.").Because(fault.InvalidPath)
	}
	if a == nil || a.Mutability != schema.ReadOnly {
		return false, nil
	}
	echo := op.Verb != Remove && path.Filter == nil
	if echo {
		if echo, err = p.echoed(op, name, keyed); err != nil {
			return true, err
		}
	}
	if !echo {
		return true, fault.New(fault.Invalid, "%s is the server's own and cannot be changed.", path).Because(fault.Mutability)
	}
	return true, p.rd.Tolerate(lenience.ReadOnlyEcho, path.String())
}

// echoed reports whether a value repeats what the server has.
func (p *patching) echoed(op Op, name string, keyed bool) (bool, error) {
	none := keyed && empty(op.Value) // a template with nothing filled in
	if op.Path.URN != "" {
		return none, nil
	}
	switch name {
	case "id":
		return none || op.Value == p.target.ID, nil
	case "schemas": // the server lists what the resource has, so saying more or less is no change
		list, isList := op.Value.([]any)
		return none || isList && len(list) > 0, nil
	case "meta":
		if op.Path.Sub != "" {
			return p.echoedMeta(op.Path.Sub, op.Value, keyed), nil
		}
		m, isObject := op.Value.(map[string]any)
		for name, v := range m {
			if !p.echoedMeta(name, v, keyed) {
				return false, nil
			}
		}
		return none || isObject, nil
	case "groups":
		if none || op.Path.Sub != "" {
			return none, nil
		}
		return p.echoedGroups(op.Value)
	}
	return none, nil
}

// echoedMeta compares one part of meta. A whole resource that is sent back has
// the version and the time of when it was read, which others may have moved on
// since; that is no wish to change them.
func (p *patching) echoedMeta(name string, v any, keyed bool) bool {
	s, _ := v.(string)
	switch strings.ToLower(name) {
	case "resourcetype":
		return s == p.kind.Name
	case "location":
		return strings.HasSuffix(s, "/"+p.target.ID)
	case "created":
		at, ok := schema.Instant(s)
		return ok && (p.target.Created.IsZero() || at.UnixMilli() == p.target.Created.UnixMilli())
	case "version", "lastmodified":
		return keyed
	}
	return false
}

// echoedGroups reports whether a value lists the groups that the user is in: all
// that it is in directly, and none that it is not in at all.
func (p *patching) echoedGroups(v any) (bool, error) {
	list, ok := v.([]any)
	if !ok || p.target.Groups == nil {
		return ok, nil
	}
	direct, indirect, err := p.target.Groups()
	if err != nil {
		return false, err
	}
	in := make(map[string]bool, len(direct)+len(indirect))
	for _, id := range slices.Concat(direct, indirect) {
		in[id] = true
	}
	said := map[string]bool{}
	for _, e := range list {
		id, isText := e.(string)
		if m, ok := e.(map[string]any); ok {
			id, isText = member(m, "value").(string)
		}
		if !isText || !in[id] {
			return false, nil
		}
		said[id] = true
	}
	return !slices.ContainsFunc(direct, func(id string) bool { return !said[id] }), nil
}

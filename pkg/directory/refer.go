package directory

import (
	"fmt"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
)

// Resolve returns a command of a Bulk with its references (bulk.Prefix)
// replaced by the ids that resolve knows. Commands that hold none of a
// provider's data are returned as they are.
//
// Errors: those of reading what a provider sent, since an id may not be allowed
// where the reference stood.
func Resolve(c Command, resolve func(bulkID string) (id string, ok bool)) (Command, error) {
	var err error
	id := func(s string) string { return bulk.SubstituteID(s, resolve) }
	switch c := c.(type) {
	case CreateUser:
		c.State, err = resolveUser(c.State, resolve)
		return c, err
	case ReplaceUser:
		c.ID = id(c.ID)
		c.State, err = resolveUser(c.State, resolve)
		return c, err
	case PatchUser:
		c.ID = id(c.ID)
		c.Patch = c.Patch.Resolve(resolve)
		return c, nil
	case DeleteUser:
		c.ID = id(c.ID)
		return c, nil
	case CreateGroup:
		c.Members = resolveAll(c.Members, id)
		c.State, err = resolveGroup(c.State, resolve)
		return c, err
	case ReplaceGroup:
		c.ID, c.Members = id(c.ID), resolveAll(c.Members, id)
		c.State, err = resolveGroup(c.State, resolve)
		return c, err
	case PatchGroup:
		c.ID = id(c.ID)
		c.Patch = c.Patch.Resolve(resolve)
		return c, nil
	case DeleteGroup:
		c.ID = id(c.ID)
		return c, nil
	}
	return c, nil
}

func resolveUser(s events.UserState, resolve func(string) (string, bool)) (events.UserState, error) {
	r, err := resolveAttributes(s.Attributes, resolve)
	if err != nil {
		return s, err
	}
	return UserStateOf(r)
}

func resolveGroup(s events.GroupState, resolve func(string) (string, bool)) (events.GroupState, error) {
	r, err := resolveAttributes(s.Attributes, resolve)
	if err != nil {
		return s, err
	}
	return GroupStateOf(r)
}

func resolveAttributes(attributes []byte, resolve func(string) (string, bool)) (scim.Resource, error) {
	r, err := scim.Decode(rawJSON(attributes))
	if err != nil {
		return nil, fmt.Errorf("read the attributes of a command: %w", err)
	}
	m, _ := bulk.Substitute(map[string]any(r), resolve).(map[string]any)
	return m, nil
}

func resolveAll(list []string, id func(string) string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = id(s)
	}
	return out
}

package scimhttp

import (
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

var groups = &resource{
	endpoint: "Groups", noun: "group", table: directory.TableGroup, long: true,
	patched: func(a provider.Answers) provider.Answer { return a.GroupPatch },
	kind:    func(r *request) *schema.Resource { return r.group },
	create: func(r *request, body []byte) (directory.Command, error) {
		state, members, err := r.parseGroup(body)
		return directory.CreateGroup{Scope: r.scope, State: state, Members: members}, err
	},
	replace: func(r *request, id string, body []byte, expect directory.Precondition) (directory.Command, error) {
		state, members, err := r.parseGroup(body)
		return directory.ReplaceGroup{Scope: r.scope, ID: id, State: state, Members: members, IfMatch: expect}, err
	},
	patch: func(r *request, id string, body []byte, expect directory.Precondition) (directory.Command, error) {
		p, err := patch.Parse(r.reading, r.group, body)
		return directory.PatchGroup{Scope: r.scope, ID: id, Patch: p, IfMatch: expect}, err
	},
	remove: func(r *request, id string, expect directory.Precondition) directory.Command {
		return directory.DeleteGroup{Scope: r.scope, ID: id, IfMatch: expect}
	},
	head: func(r *request, _ directory.View, row directory.Row) (scim.Head, error) {
		g, err := as[*directory.Group](row)
		if err != nil {
			return scim.Head{}, err
		}
		return r.groupHead(g), nil
	},
	body: func(r *request, v directory.View, _ scim.Head, row directory.Row, p scim.Projection) ([]byte, error) {
		g, err := as[*directory.Group](row)
		if err != nil {
			return nil, err
		}
		body, err := r.appendGroup(nil, v, g, p.Wants("members"))
		if err != nil {
			return nil, err
		}
		return shaped(p, body)
	},
}

func (r *request) parseGroup(body []byte) (state events.GroupState, members []string, err error) {
	res, members, err := scim.ParseGroup(r.reading, r.group, body)
	if err != nil {
		return state, nil, err
	}
	state, err = directory.GroupStateOf(res)
	return state, members, err
}

// groupHead returns what the server knows of a group. Members that are deleted
// leave it without an event of its own, so the version counts members too:
// whatever adds one is a new revision.
func (r *request) groupHead(g *directory.Group) scim.Head {
	return scim.Head{
		Kind: r.group, ID: g.ID, Revision: g.Revision, Created: g.Created, LastModified: g.Updated,
		Location: r.base + "/Groups/" + g.ID, Base: r.base, Variant: strconv.FormatUint(g.Members, 10),
	}
}

// appendGroup appends a group, with its members if they are wanted.
func (r *request) appendGroup(dst []byte, v directory.View, g *directory.Group, members bool) ([]byte, error) {
	h := r.groupHead(g)
	var err error
	if members {
		h.Members = make([]scim.Ref, 0, g.Members)
		err = v.Scan(directory.Make(directory.TableMember, g.ID), "", func(k directory.Key, _ directory.Row) bool {
			ref := scim.Ref{ID: k.Last(), Kind: schema.User.Name}
			if strings.HasPrefix(ref.ID, directory.PrefixGroup) {
				ref.Kind = schema.Group.Name
			}
			h.Members = append(h.Members, ref)
			return true
		})
	}
	return scim.Append(dst, g.Attributes, h), err
}

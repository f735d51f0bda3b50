package scimhttp

import (
	"slices"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/provider"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

var users = &resource{
	endpoint: "Users", noun: "user", table: directory.TableUser,
	patched: func(a provider.Answers) provider.Answer { return a.UserPatch },
	kind:    func(r *request) *schema.Resource { return r.user },
	create: func(r *request, body []byte) (directory.Command, error) {
		res, err := scim.ParseUser(r.reading, r.user, body)
		if err != nil {
			return nil, err
		}
		if _, says := res["active"]; !says {
			res["active"] = true
		}
		state, err := directory.UserStateOf(res)
		return directory.CreateUser{Scope: r.scope, State: state}, err
	},
	replace: func(r *request, id string, body []byte, expect directory.Precondition) (directory.Command, error) {
		res, err := scim.ParseUser(r.reading, r.user, body)
		if err != nil {
			return nil, err
		}
		_, says := res["active"]
		state, err := directory.UserStateOf(res)
		return directory.ReplaceUser{Scope: r.scope, ID: id, State: state, KeepActive: !says, IfMatch: expect}, err
	},
	patch: func(r *request, id string, body []byte, expect directory.Precondition) (directory.Command, error) {
		p, err := patch.Parse(r.reading, r.user, body)
		return directory.PatchUser{Scope: r.scope, ID: id, Patch: p, IfMatch: expect}, err
	},
	remove: func(r *request, id string, expect directory.Precondition) directory.Command {
		return directory.DeleteUser{Scope: r.scope, ID: id, IfMatch: expect}
	},
	head: func(r *request, v directory.View, row directory.Row) (scim.Head, error) {
		u, err := as[*directory.User](row)
		if err != nil {
			return scim.Head{}, err
		}
		return r.userHead(v, u)
	},
	body: func(_ *request, _ directory.View, h scim.Head, row directory.Row, p scim.Projection) ([]byte, error) {
		u, err := as[*directory.User](row)
		if err != nil {
			return nil, err
		}
		return shaped(p, scim.Append(nil, u.Attributes, h))
	},
}

// userHead returns what the server knows of a user, with the groups that it is
// in.
func (r *request) userHead(v directory.View, u *directory.User) (scim.Head, error) {
	h := scim.Head{
		Kind: r.user, ID: u.ID, Revision: u.Revision, Created: u.Created, LastModified: u.Updated,
		Location: r.base + "/Users/" + u.ID, Base: r.base,
	}
	direct, indirect, err := directory.GroupsOf(v, u.Directory, u.ID)
	for i, g := range slices.Concat(direct, indirect) {
		h.Groups = append(h.Groups, scim.Ref{ID: g.ID, Display: g.DisplayName, Kind: schema.Group.Name, Indirect: i >= len(direct)})
	}
	h.Variant = scim.Variant(h.Groups)
	return h, err
}

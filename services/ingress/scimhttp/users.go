package scimhttp

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func (r *request) createUser(string) error {
	b, err := r.read()
	if err != nil {
		return err
	}
	res, err := scim.ParseUser(r.reading, r.user, b)
	if err != nil {
		return err
	}
	if _, says := res["active"]; !says {
		res["active"] = true
	}
	state, err := directory.UserStateOf(res)
	if err != nil {
		return err
	}
	done, err := r.submit(directory.CreateUser{Scope: r.scope, State: state})
	return r.answerUser(http.StatusCreated, done, err)
}

func (r *request) replaceUser(id string) error {
	b, err := r.read()
	if err != nil {
		return err
	}
	res, err := scim.ParseUser(r.reading, r.user, b)
	if err != nil {
		return err
	}
	_, says := res["active"]
	state, err := directory.UserStateOf(res)
	if err != nil {
		return err
	}
	done, err := r.submit(directory.ReplaceUser{Scope: r.scope, ID: id, State: state, KeepActive: !says})
	return r.answerUser(http.StatusOK, done, err)
}

func (r *request) patchUser(id string) error {
	b, err := r.read()
	if err != nil {
		return err
	}
	p, err := patch.Parse(r.reading, r.user, b)
	if err != nil {
		return err
	}
	done, err := r.submit(directory.PatchUser{Scope: r.scope, ID: id, Patch: p})
	return r.answerUser(http.StatusOK, done, err)
}

func (r *request) deleteUser(id string) error {
	if _, err := r.submit(directory.DeleteUser{Scope: r.scope, ID: id}); err != nil {
		return err
	}
	return r.NoContent(http.StatusNoContent)
}

func (r *request) getUser(id string) error {
	proj, err := r.projection(schema.User)
	if err != nil {
		return err
	}
	var body []byte
	err = r.h.ingress.Read(r.Request().Context(), func(v directory.View) error {
		u, ok, err := directory.Get[*directory.User](v, directory.Make(directory.TableUser, r.scope.Directory, id))
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.NotFound, "There is no user %q in this directory.", id)
		}
		body, err = r.appendUser(nil, v, u)
		return err
	})
	if err == nil {
		body, err = shaped(proj, body)
	}
	if err != nil {
		return err
	}
	return r.body(http.StatusOK, body)
}

// answerUser answers a write with the user as it was committed.
func (r *request) answerUser(status int, done commit.Result, err error) error {
	if err != nil {
		return err
	}
	proj, err := r.projection(schema.User)
	if err != nil {
		return err
	}
	u, ok := done.Row.(*directory.User)
	if !ok {
		return fault.New(fault.Internal, "The server failed to read back what it stored.")
	}
	var body []byte
	if status == http.StatusCreated { // it is in no group yet
		body = scim.Append(nil, u.Attributes, r.userHead(u))
	} else if err := r.h.ingress.Read(r.Request().Context(), func(v directory.View) (err error) {
		body, err = r.appendUser(nil, v, u)
		return err
	}); err != nil {
		return err
	}
	if body, err = shaped(proj, body); err != nil {
		return err
	}
	head := r.Response().Header()
	head.Set("ETag", scim.ETag(u.Revision))
	if status == http.StatusCreated {
		head.Set(echo.HeaderLocation, r.base+"/Users/"+u.ID)
	}
	return r.body(status, body)
}

func (r *request) userHead(u *directory.User) scim.Head {
	return scim.Head{
		Kind: schema.User, ID: u.ID, Revision: u.Revision, Created: u.Created, LastModified: u.Updated,
		Location: r.base + "/Users/" + u.ID, Base: r.base,
	}
}

// appendUser appends a user with the groups that it is in.
func (r *request) appendUser(dst []byte, v directory.View, u *directory.User) ([]byte, error) {
	h := r.userHead(u)
	direct, indirect, err := directory.GroupsOf(v, u.Directory, u.ID)
	for i, g := range slices.Concat(direct, indirect) {
		h.Groups = append(h.Groups, scim.Ref{ID: g.ID, Display: g.DisplayName, Kind: schema.Group.Name, Indirect: i >= len(direct)})
	}
	return scim.Append(dst, u.Attributes, h), err
}

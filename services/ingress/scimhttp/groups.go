package scimhttp

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/commit"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func (r *request) createGroup(string) error {
	state, members, err := r.readGroup()
	if err != nil {
		return err
	}
	done, err := r.submit(directory.CreateGroup{Scope: r.scope, State: state, Members: members})
	return r.answerGroup(http.StatusCreated, done, err)
}

func (r *request) replaceGroup(id string) error {
	state, members, err := r.readGroup()
	if err != nil {
		return err
	}
	done, err := r.submit(directory.ReplaceGroup{Scope: r.scope, ID: id, State: state, Members: members})
	return r.answerGroup(http.StatusOK, done, err)
}

// patchGroup answers 204 unless the client asks for attributes: the answer of a
// change to a large group must not cost what the group does.
func (r *request) patchGroup(id string) error {
	b, err := r.read()
	if err != nil {
		return err
	}
	p, err := patch.Parse(r.reading, r.group, b)
	if err != nil {
		return err
	}
	done, err := r.submit(directory.PatchGroup{Scope: r.scope, ID: id, Patch: p})
	if err != nil || r.QueryParam("attributes") != "" {
		return r.answerGroup(http.StatusOK, done, err)
	}
	if g, ok := done.Row.(*directory.Group); ok {
		r.Response().Header().Set("ETag", scim.ETag(g.Revision))
	}
	return r.NoContent(http.StatusNoContent)
}

func (r *request) deleteGroup(id string) error {
	if _, err := r.submit(directory.DeleteGroup{Scope: r.scope, ID: id}); err != nil {
		return err
	}
	return r.NoContent(http.StatusNoContent)
}

func (r *request) getGroup(id string) error {
	proj, err := r.projection(schema.Group)
	if err != nil {
		return err
	}
	snap, err := r.h.ingress.Snapshot(r.Request().Context())
	if err != nil {
		return err
	}
	defer snap.Close()
	g, ok, err := directory.Get[*directory.Group](snap, directory.Make(directory.TableGroup, r.scope.Directory, id))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.NotFound, "There is no group %q in this directory.", id)
	}
	body, err := r.appendGroup(nil, snap, g, proj.Wants("members"))
	if err == nil {
		body, err = shaped(proj, body)
	}
	if err != nil {
		return err
	}
	return r.body(http.StatusOK, body)
}

func (r *request) readGroup() (state groupState, members []string, err error) {
	b, err := r.read()
	if err != nil {
		return state, nil, err
	}
	res, members, err := scim.ParseGroup(r.reading, r.group, b)
	if err != nil {
		return state, nil, err
	}
	state, err = directory.GroupStateOf(res)
	return state, members, err
}

// answerGroup answers a write with the group as it was committed.
func (r *request) answerGroup(status int, done commit.Result, err error) error {
	if err != nil {
		return err
	}
	proj, err := r.projection(schema.Group)
	if err != nil {
		return err
	}
	g, ok := done.Row.(*directory.Group)
	if !ok {
		return fault.New(fault.Internal, "The server failed to read back what it stored.")
	}
	snap, err := r.h.ingress.Snapshot(r.Request().Context())
	if err != nil {
		return err
	}
	defer snap.Close()
	body, err := r.appendGroup(nil, snap, g, proj.Wants("members"))
	if err == nil {
		body, err = shaped(proj, body)
	}
	if err != nil {
		return err
	}
	head := r.Response().Header()
	head.Set("ETag", scim.ETag(g.Revision))
	if status == http.StatusCreated {
		head.Set(echo.HeaderLocation, r.base+"/Groups/"+g.ID)
	}
	return r.body(status, body)
}

// appendGroup appends a group, with its members if they are wanted.
func (r *request) appendGroup(dst []byte, v directory.View, g *directory.Group, members bool) ([]byte, error) {
	h := scim.Head{
		Kind: schema.Group, ID: g.ID, Revision: g.Revision, Created: g.Created, LastModified: g.Updated,
		Location: r.base + "/Groups/" + g.ID, Base: r.base,
	}
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

package scimhttp

import (
	"net/http"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

// kinds are the resources of the request's directory, with its extensions.
func (r *request) kinds() []*schema.Resource { return []*schema.Resource{r.user, r.group} }

// service is what discovery tells of the request's directory.
func (r *request) service() scim.Service {
	return scim.Service{
		Base: r.base, Kinds: r.kinds(), Created: r.dir.Created, Updated: r.dir.Updated,
		Limits: scim.Limits{
			Page: r.profile.Answers.PageSize, MaxPage: search.MaxCount, Cursor: search.CursorTimeout,
			Operations: bulk.MaxOperations, Body: MaxBody,
		},
	}
}

func (r *request) providerConfig(string) error {
	if err := r.unfiltered(); err != nil {
		return err
	}
	d, err := r.service().Config()
	if err != nil {
		return err
	}
	return r.document(d)
}

func (r *request) resourceTypes(id string) error {
	docs, err := r.service().ResourceTypes()
	if err != nil {
		return err
	}
	return r.documents(id, docs)
}

func (r *request) schemas(id string) error {
	docs, err := r.service().Schemas()
	if err == nil && id != "" {
		var own []scim.Document
		own, err = r.service().OwnSchemas()
		docs = append(docs, own...)
	}
	if err != nil {
		return err
	}
	return r.documents(id, docs)
}

// documents answers with a list, or with the one document that id names. Every
// other parameter of a query is passed over (RFC 7644 section 4).
func (r *request) documents(id string, docs []scim.Document) error {
	if err := r.unfiltered(); err != nil {
		return err
	}
	if id == "" {
		return r.body(http.StatusOK, scim.Documents(docs))
	}
	for _, d := range docs {
		if strings.EqualFold(d.ID, id) {
			return r.document(d)
		}
	}
	return fault.New(fault.NotFound, "There is no such document.")
}

// unfiltered refuses a filter, as RFC 7644 section 4 advises: passed over, it
// would let a client believe that everything fits it.
func (r *request) unfiltered() error {
	if r.query.Has("filter") {
		return fault.New(fault.Forbidden, "Discovery takes no filter.")
	}
	return nil
}

func (r *request) document(d scim.Document) error {
	c, err := r.conditions()
	if err != nil {
		return err
	}
	known, err := c.hold(d.Version)
	if err != nil {
		return err
	}
	head := r.Response().Header()
	head.Set(headerETag, d.Version)
	if known {
		return r.NoContent(http.StatusNotModified)
	}
	head.Set(headerContentLocation, d.Location)
	return r.body(http.StatusOK, d.JSON)
}

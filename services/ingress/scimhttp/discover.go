package scimhttp

import (
	"net/http"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

func (r *request) providerConfig(string) error {
	return r.document(scim.ServiceProviderConfig(r.base, scim.Limits{MaxResults: search.MaxCount, MaxBody: MaxBody}))
}

// kinds are the resources of the request's directory, with its extensions.
func (r *request) kinds() []*schema.Resource { return []*schema.Resource{r.user, r.group} }

func (r *request) resourceTypes(id string) error {
	var docs []map[string]any
	for _, k := range r.kinds() {
		if id == "" || strings.EqualFold(id, k.Name) {
			docs = append(docs, scim.ResourceType(r.base, k))
		}
	}
	return r.documents(id, docs)
}

func (r *request) schemas(id string) error {
	var docs []map[string]any
	for _, s := range scim.Schemas(r.kinds()...) {
		if id == "" || strings.EqualFold(id, s.ID) {
			docs = append(docs, scim.SchemaDocument(r.base, s))
		}
	}
	return r.documents(id, docs)
}

// documents answers with a list, or with the one document that id names. A
// filter is refused, as RFC 7644 section 4 advises.
func (r *request) documents(id string, docs []map[string]any) error {
	if r.QueryParam("filter") != "" {
		return fault.New(fault.Forbidden, "Discovery takes no filter.")
	}
	if id == "" {
		b, err := scim.Documents(docs...)
		if err != nil {
			return err
		}
		return r.body(http.StatusOK, b)
	}
	if len(docs) == 0 {
		return fault.New(fault.NotFound, "There is no such document.")
	}
	return r.document(docs[0])
}

func (r *request) document(d map[string]any) error {
	b, err := scim.Document(d)
	if err != nil {
		return err
	}
	return r.body(http.StatusOK, b)
}

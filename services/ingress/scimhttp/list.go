package scimhttp

import (
	"net/http"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
	"github.com/rollcallhq/rollcall/pkg/scim/search"
)

// maxSearch is how long a query may take: clients wait for half a minute.
// Filters and orders that an index knows take milliseconds whatever the size of
// the directory.
const maxSearch = 20 * time.Second

func (r *request) listUsers(string) error  { return r.list(users) }
func (r *request) listGroups(string) error { return r.list(groups) }

// listAll answers a query against the root (RFC 7644 section 3.4.2.1).
func (r *request) listAll(string) error { return r.list(users, groups) }

func (r *request) searchUsers(string) error  { return r.search(users) }
func (r *request) searchGroups(string) error { return r.search(groups) }
func (r *request) searchAll(string) error    { return r.search(users, groups) }

// list answers a GET of one or several kinds of resource.
func (r *request) list(of ...*resource) error {
	q, err := search.FromQuery(r.query)
	if err != nil {
		return err
	}
	return r.page(q, of)
}

// search answers a SearchRequest (RFC 7644 section 3.4.3).
func (r *request) search(of ...*resource) error {
	body, err := r.read()
	if err != nil {
		return err
	}
	q, err := search.FromBody(r.reading, body)
	if err != nil {
		return err
	}
	return r.page(q, of)
}

// page answers the part of a list that was asked for.
func (r *request) page(ask search.Request, of []*resource) error {
	kinds := make([]*schema.Resource, len(of))
	served := make(map[*schema.Resource]*resource, len(of))
	projections := make(map[*schema.Resource]scim.Projection, len(of))
	for i, t := range of {
		kinds[i] = t.kind(r)
		served[kinds[i]] = t
		p, err := r.projected(kinds[i], ask.Attributes, ask.Excluded)
		if err != nil {
			return err
		}
		projections[kinds[i]] = p
	}
	if ask.Count == nil {
		size := r.profile.Answers.PageSize
		ask.Count = &size
	}
	q, err := search.Parse(r.reading, ask.Parameters, kinds...)
	if err != nil {
		return err
	}
	snap, err := r.h.ingress.Snapshot(r.Request().Context())
	if err != nil {
		return err
	}
	defer snap.Close()
	var out scim.List
	found, err := q.Run(search.Source{View: snap, Scope: r.scope, Base: r.base, Now: r.started, Stop: r.enough}, func(h search.Hit) (bool, error) {
		body, err := served[h.Kind].listed(r, snap, h.Row, projections[h.Kind])
		if err != nil {
			return false, err
		}
		if out.Len() > 0 && out.Size()+len(body) > search.PageBytes {
			return false, nil
		}
		out.Add(func(dst []byte) []byte { return append(dst, body...) })
		return true, nil
	})
	if err != nil {
		return err
	}
	out.Total, out.Start, out.Next, out.Previous = found.Total, found.Start, found.Next, found.Previous
	return r.body(http.StatusOK, out.Body())
}

// enough ends a query whose client is gone, and one that takes too long.
func (r *request) enough() error {
	if err := r.Request().Context().Err(); err != nil {
		return err
	}
	if r.h.cfg.Clock().Sub(r.started) > maxSearch {
		return fault.New(fault.Invalid, "The query takes longer than %d seconds. Narrow the filter by userName, externalId, emails, displayName, id or membership.",
			int(maxSearch.Seconds())).Because(fault.TooMany)
	}
	return nil
}

// listed writes a resource as part of a list.
func (t *resource) listed(r *request, v directory.View, row directory.Row, p scim.Projection) ([]byte, error) {
	h, err := t.head(r, v, row)
	if err != nil {
		return nil, err
	}
	return t.body(r, v, h, row, p)
}

// projection reads what attributes and excludedAttributes ask for.
func (r *request) projection(kind *schema.Resource) (scim.Projection, error) {
	return r.projected(kind, strings.Split(r.QueryParam("attributes"), ","), strings.Split(r.QueryParam("excludedAttributes"), ","))
}

func (r *request) projected(kind *schema.Resource, attributes, excluded []string) (scim.Projection, error) {
	for _, names := range [][]string{attributes, excluded} {
		for _, name := range names {
			if name, _, filtered := strings.Cut(name, "["); filtered {
				if err := r.reading.Tolerate(lenience.FilteredProjection, strings.TrimSpace(name)); err != nil {
					return scim.Projection{}, err
				}
			}
		}
	}
	return scim.NewProjection(kind, attributes, excluded)
}

// shaped returns what the projection leaves of a resource.
func shaped(p scim.Projection, body []byte) ([]byte, error) {
	if p.Whole("members") { // left out when it was written
		return body, nil
	}
	return p.Append(nil, body)
}

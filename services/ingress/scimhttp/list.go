package scimhttp

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/filter"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const (
	// defaultCount and maxCount are the sizes of a page.
	defaultCount = 100
	maxCount     = 500
)

// page is what a list request asks for.
type page struct {
	start, count int
	filter       filter.Expr // nil for all
}

func (r *request) page(kind *schema.Resource) (page, error) {
	p := page{start: 1, count: defaultCount}
	for name, to := range map[string]*int{"startIndex": &p.start, "count": &p.count} {
		s := r.QueryParam(name)
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil {
			return p, fault.New(fault.Invalid, "%s must be a whole number.", name).Because(fault.InvalidValue)
		}
		*to = n
	}
	// RFC 7644 section 3.4.2.4: below 1 is 1, below 0 is 0.
	p.start, p.count = max(p.start, 1), min(max(p.count, 0), maxCount)
	if f := r.QueryParam("filter"); f != "" {
		var err error
		if p.filter, err = filter.Parse(r.reading, f); err != nil {
			return p, err
		}
		if p.filter, err = filter.Bind(r.reading, kind, p.filter); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (r *request) listUsers(string) error {
	return r.list(schema.User, func(snap directory.View, proj scim.Projection, row directory.Row) ([]byte, error) {
		return r.appendUser(nil, snap, row.(*directory.User))
	})
}

func (r *request) listGroups(string) error {
	return r.list(schema.Group, func(snap directory.View, proj scim.Projection, row directory.Row) ([]byte, error) {
		return r.appendGroup(nil, snap, row.(*directory.Group), proj.Wants("members"))
	})
}

// list answers a page of the rows that the filter chooses, oldest first, so
// that pages do not shift under a client that walks them.
func (r *request) list(kind *schema.Resource, write func(directory.View, scim.Projection, directory.Row) ([]byte, error)) error {
	p, err := r.page(kind)
	if err != nil {
		return err
	}
	proj, err := r.projection(kind)
	if err != nil {
		return err
	}
	snap, err := r.h.ingress.Snapshot(r.Request().Context())
	if err != nil {
		return err
	}
	defer snap.Close()
	out := scim.List{Start: p.start}
	var failed error
	out.Total, err = query(snap, r.scope.Directory, kind, p, func(row directory.Row) bool {
		var body []byte
		if body, failed = write(snap, proj, row); failed == nil {
			body, failed = shaped(proj, body)
		}
		if failed != nil {
			return false
		}
		out.Add(func(dst []byte) []byte { return append(dst, body...) })
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return r.body(http.StatusOK, out.Body())
}

// projection reads what attributes and excludedAttributes ask for.
func (r *request) projection(kind *schema.Resource) (scim.Projection, error) {
	return scim.NewProjection(kind, strings.Split(r.QueryParam("attributes"), ","), strings.Split(r.QueryParam("excludedAttributes"), ","))
}

// shaped returns what the projection leaves of a resource.
func shaped(p scim.Projection, body []byte) ([]byte, error) {
	if p.Whole("members") { // left out when it was written
		return body, nil
	}
	return p.Append(nil, body)
}

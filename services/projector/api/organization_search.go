package api

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/organizations"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualFound = 10
	mostFound  = 30
	// leastQuery and mostQuery bound a search text, in characters.
	leastQuery = 3
	mostQuery  = 100
)

// SearchOrganization pages through the organizations whose name, external id,
// slug or id holds the query in any case, the oldest first. It looks at every
// organization, since the answer says how many match.
func (s *organizationService) SearchOrganization(ctx context.Context, r *organizations.SearchOrganizationsRequest) (*organizations.SearchOrganizationsResponse, error) {
	size, sizeErr := pageSize(r.GetPageSize(), usualFound, mostFound)
	at, tokenErr := parseCursor(listFoundOrganizations, r.GetPageToken())
	if err := first(checkQuery(r.GetQuery()), sizeErr, tokenErr); err != nil {
		return nil, err
	}
	query := strings.ToLower(r.GetQuery())
	res := &organizations.SearchOrganizationsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		p, err := list{
			prefix: directory.Make(directory.TableOrganization), kind: listFoundOrganizations,
			key: func(id string) directory.Key { return directory.Make(directory.TableOrganization, id) },
			keep: func(_ directory.Key, row directory.Row) (bool, error) {
				o, ok := row.(*directory.Organization)
				return ok && holds(query, o.DisplayName, o.ExternalID, o.Slug, o.ID), nil
			},
		}.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		res.Organizations, err = organizationMessages(v, p.ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// checkQuery holds the declared limits of a search text.
func checkQuery(query string) error {
	if n := utf8.RuneCountInString(query); n < leastQuery || n > mostQuery {
		return fault.New(fault.Invalid, "query must have %d to %d characters.", leastQuery, mostQuery)
	}
	return nil
}

// holds reports whether one of the texts holds the query, which is in lower
// case.
func holds(query string, texts ...string) bool {
	for _, t := range texts {
		if strings.Contains(strings.ToLower(t), query) {
			return true
		}
	}
	return false
}

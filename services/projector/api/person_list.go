package api

import (
	"context"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

const (
	usualPersons = 10
	mostPersons  = 100
	// personReach is how many rows one search looks through.
	personReach = 20_000
)

// ListUsers pages through the users of the environment.
func (s *userService) ListUsers(ctx context.Context, r *users.ListUsersRequest) (*users.ListUsersResponse, error) {
	page, err := s.page(ctx, personQuery{kind: listPersons, token: r.GetPageToken(), size: r.GetPageSize(), most: mostPersons})
	return answer(&users.ListUsersResponse{Users: page.users, TotalSize: page.total, NextPageToken: page.next, PrevPageToken: page.prev}, err)
}

// ListOrganizationUsers pages through the users of an organization.
func (s *userService) ListOrganizationUsers(ctx context.Context, r *users.ListOrganizationUsersRequest) (*users.ListOrganizationUsersResponse, error) {
	if err := checkID("organization_id", r.GetOrganizationId(), directory.PrefixOrganization, maxID); err != nil {
		return nil, err
	}
	page, err := s.page(ctx, personQuery{kind: listMembers, organization: r.GetOrganizationId(), token: r.GetPageToken(), size: r.GetPageSize(), most: mostPersons})
	return answer(&users.ListOrganizationUsersResponse{Users: page.users, TotalSize: page.total, NextPageToken: page.next, PrevPageToken: page.prev}, err)
}

// SearchUsers pages through the users of the environment whose e-mail address,
// names, external id or id holds the query in any case.
func (s *userService) SearchUsers(ctx context.Context, r *users.SearchUsersRequest) (*users.SearchUsersResponse, error) {
	if err := checkQuery(r.GetQuery()); err != nil {
		return nil, err
	}
	page, err := s.page(ctx, personQuery{kind: listFoundPersons, text: strings.ToLower(r.GetQuery()), token: r.GetPageToken(), size: r.GetPageSize(), most: mostFound})
	return answer(&users.SearchUsersResponse{Users: page.users, TotalSize: page.total, NextPageToken: page.next, PrevPageToken: page.prev}, err)
}

// SearchOrganizationUsers is SearchUsers within one organization.
func (s *userService) SearchOrganizationUsers(ctx context.Context, r *users.SearchOrganizationUsersRequest) (*users.SearchOrganizationUsersResponse, error) {
	if err := first(checkID("organization_id", r.GetOrganizationId(), directory.PrefixOrganization, maxID), checkQuery(r.GetQuery())); err != nil {
		return nil, err
	}
	page, err := s.page(ctx, personQuery{
		kind: listFoundMembers, organization: r.GetOrganizationId(), text: strings.ToLower(r.GetQuery()), token: r.GetPageToken(), size: r.GetPageSize(), most: mostFound,
	})
	return answer(&users.SearchOrganizationUsersResponse{Users: page.users, TotalSize: page.total, NextPageToken: page.next, PrevPageToken: page.prev}, err)
}

// personQuery asks for a page of users: of an organization or of all, of those
// that hold a text or of all.
type personQuery struct {
	kind               listKind
	organization, text string
	token              string
	size               uint32
	most               int
}

type personPage struct {
	users      []*users.User
	total      uint32
	next, prev string
}

func (s *userService) page(ctx context.Context, q personQuery) (out personPage, err error) {
	size, sizeErr := pageSize(q.size, usualPersons, q.most)
	at, tokenErr := parseCursor(q.kind, q.token)
	if err := first(sizeErr, tokenErr); err != nil {
		return out, err
	}
	p, err := principalOf(ctx)
	if err != nil {
		return out, err
	}
	err = s.core.read(ctx, func(v directory.View) error {
		if q.organization != "" {
			if _, err := organizationOf(v, q.organization, ""); err != nil {
				return err
			}
		}
		w := walk{view: v, q: q, size: size, left: personReach}
		total, err := w.begin()
		if err != nil {
			return err
		}
		if err := w.run(at); err != nil {
			return err
		}
		if q.text != "" {
			total = uint64(len(w.found))
		}
		out.total = uint32(min(total, 1<<32-1))
		out.next, out.prev = w.tokens(at)
		for _, f := range w.found {
			m, err := s.core.userMessage(v, f.person, p.organization)
			if err != nil {
				return err
			}
			out.users = append(out.users, m)
		}
		return nil
	})
	return out, err
}

// walk goes over the rows that stand for users, in the order of their keys: the
// rows of those whom no directory has, then the users of each directory. A user
// keeps its place when the API writes it for the first time.
type walk struct {
	view  directory.View
	q     personQuery
	size  int
	left  int // rows that may still be looked at
	from  []directory.Key
	found []found
	// more says that something is behind the page, stopped where a search gave up.
	more    bool
	stopped directory.Key
}

type found struct {
	key    directory.Key
	person *directory.Person
}

// begin finds the prefixes to go over, and how many users there are.
func (w *walk) begin() (total uint64, err error) {
	dirs, users, err := directoriesOf(w.view, w.q.organization)
	if err != nil {
		return 0, err
	}
	w.from = append(w.from, directory.Make(directory.TablePerson))
	if org := w.q.organization; org != "" {
		w.from[0] = directory.Make(directory.TableOrgMember, org)
	}
	for _, dir := range dirs {
		w.from = append(w.from, directory.Make(directory.TableUser, dir))
	}
	c, ok, err := directory.Get[*directory.PersonCounts](w.view, directory.Make(directory.TablePersonCounts, w.q.organization))
	n := int64(users) //nolint:gosec // a count of rows
	if ok {
		n += c.Alone - c.Further
	}
	return uint64(max(n, 0)), err
}

// directoriesOf returns the directories of an organization, or all, in the order
// of their ids, and how many users they have.
func directoriesOf(v directory.View, org string) (ids []string, users uint64, err error) {
	if org == "" {
		err = v.Scan(directory.Make(directory.TableCounts), "", func(k directory.Key, r directory.Row) bool {
			if c, ok := r.(*directory.Counts); ok {
				ids, users = append(ids, k.Last()), users+c.Users
			}
			return true
		})
		return ids, users, err
	}
	if err := v.Scan(directory.Make(directory.TableOrgDirectory, org), "", func(k directory.Key, _ directory.Row) bool {
		ids = append(ids, k.Last())
		return true
	}); err != nil {
		return nil, 0, err
	}
	for _, id := range ids {
		c, err := countsOf(v, id)
		if err != nil {
			return nil, 0, err
		}
		users += c.Users
	}
	return ids, users, nil
}

// run collects the page at the cursor.
func (w *walk) run(at cursor) error {
	pivot := directory.Key(at.at)
	prefixes := slices.Clone(w.from)
	if at.before {
		slices.Reverse(prefixes)
	}
	for _, prefix := range prefixes {
		if w.more {
			break
		}
		scan, edge := w.view.Scan, directory.Key("")
		if at.before {
			scan = w.view.ScanBack
		}
		switch inside := strings.HasPrefix(string(pivot), string(prefix)); {
		case pivot == "":
		case inside:
			edge = pivot
		case at.before && prefix > pivot, !at.before && prefix < pivot:
			continue
		}
		var failed error
		if err := first(scan(prefix, edge, func(k directory.Key, r directory.Row) bool {
			var ok bool
			ok, failed = w.take(k, r)
			return ok
		}), failed); err != nil {
			return err
		}
	}
	if at.before {
		slices.Reverse(w.found)
	}
	return nil
}

// take looks at one row; it returns false when the page is full.
func (w *walk) take(k directory.Key, r directory.Row) (bool, error) {
	if w.q.text != "" {
		if w.left--; w.left < 0 {
			w.more, w.stopped = true, k
			return false, nil
		}
	}
	p, err := w.person(r)
	if err != nil || p == nil {
		return err == nil, err
	}
	if f := p.Profile; w.q.text != "" && !holds(w.q.text, p.Email, f.GivenName, f.FamilyName, announce.WholeName(f), f.PreferredUsername, p.ExternalID, p.ID) {
		return true, nil
	}
	if len(w.found) == w.size {
		w.more = true
		return false, nil
	}
	w.found = append(w.found, found{k, p})
	return true, nil
}

// person returns the user that a row stands for, nil if another row does.
func (w *walk) person(r directory.Row) (*directory.Person, error) {
	switch r := r.(type) {
	case *directory.Person:
		if len(r.Parts) == 0 {
			return r, nil
		}
	case *directory.OrgMember:
		p, ok, err := directory.Get[*directory.Person](w.view, directory.Make(directory.TablePerson, r.Person))
		if err != nil || !ok {
			return nil, err
		}
		if _, is := p.Part(r.Organization); !is {
			return p, nil
		}
	case *directory.User:
		p, err := directory.PersonOf(w.view, r)
		if err != nil || w.q.organization == "" && p.Parts[0].User != r.ID {
			return nil, err
		}
		return p, nil
	}
	return nil, nil //nolint:nilnil // there is none
}

// tokens returns those of the pages behind and before this one.
func (w *walk) tokens(at cursor) (next, prev string) {
	first, last := directory.Key(at.at), directory.Key(at.at)
	if n := len(w.found); n > 0 {
		first, last = w.found[0].key, w.found[n-1].key
	}
	behind, ahead := w.more, at.at != ""
	if at.before {
		behind, ahead = true, w.more
		if w.stopped != "" {
			first = w.stopped
		}
	} else if w.stopped != "" {
		last = w.stopped
	}
	if behind {
		next = cursor{at: string(last)}.token(w.q.kind)
	}
	if ahead {
		prev = cursor{at: string(first), before: true}.token(w.q.kind)
	}
	return next, prev
}

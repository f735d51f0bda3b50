package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	usualResources = 10
	mostResources  = 30
	// maxResourceID is the declared limit of a group id, in characters.
	maxResourceID = 37
)

// ListDirectoryUsers pages through a directory's users, or a group's direct
// members, the oldest first.
func (s *directoryService) ListDirectoryUsers(ctx context.Context, r *directories.ListDirectoryUsersRequest) (*directories.ListDirectoryUsersResponse, error) {
	dir, group := r.GetDirectoryId(), r.GetDirectoryGroupId()
	size, sizeErr := pageSize(r.GetPageSize(), usualResources, mostResources)
	at, tokenErr := parseCursor(listUsers, r.GetPageToken())
	since, sinceErr := updatedAfter(r.GetUpdatedAfter())
	if err := first(checkDirectory(r.GetOrganizationId(), "directory_id", dir), sizeErr, tokenErr, sinceErr); err != nil {
		return nil, err
	}
	if r.DirectoryGroupId != nil {
		if err := checkID("directory_group_id", group, directory.PrefixGroup, maxResourceID); err != nil {
			return nil, err
		}
	}
	res := &directories.ListDirectoryUsersResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		if _, err := directoryOf(v, r.GetOrganizationId(), dir); err != nil {
			return err
		}
		l, err := usersToList(v, dir, group, since)
		if err != nil {
			return err
		}
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, id := range p.ids {
			u, ok, err := directory.Get[*directory.User](v, directory.Make(directory.TableUser, dir, id))
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			m, err := s.user(v, u, r.GetIncludeDetail())
			if err != nil {
				return fmt.Errorf("show user %s: %w", id, err)
			}
			res.Users = append(res.Users, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// usersToList chooses what to page through: without a filter nothing but the
// page has to be read, because the directory keeps its total.
func usersToList(v directory.View, dir, group string, since time.Time) (list, error) {
	users := func(id string) directory.Key { return directory.Make(directory.TableUser, dir, id) }
	l := list{prefix: directory.Make(directory.TableUser, dir), key: users, kind: listUsers}
	if group != "" {
		g, ok, err := directory.Get[*directory.Group](v, directory.Make(directory.TableGroup, dir, group))
		if err != nil || !ok {
			if err == nil {
				err = fault.New(fault.NotFound, "There is no group %q in this directory.", group)
			}
			return l, err
		}
		l.prefix, l.only = directory.Make(directory.TableMember, group), directory.PrefixUser
		l.key = func(id string) directory.Key { return directory.Make(directory.TableMember, group, id) }
		if since.IsZero() {
			n, err := usersIn(v, g)
			if err != nil {
				return l, err
			}
			l.total = &n
		}
	}
	if !since.IsZero() {
		l.keep = func(k directory.Key, r directory.Row) (bool, error) {
			u, ok := r.(*directory.User)
			if !ok {
				var err error
				if u, ok, err = directory.Get[*directory.User](v, users(k.Last())); err != nil || !ok {
					return false, err
				}
			}
			return u.Updated.After(since), nil
		}
	}
	if group == "" && since.IsZero() {
		n, err := countsOf(v, dir)
		if err != nil {
			return l, err
		}
		l.total = &n.Users
	}
	return l, nil
}

// usersIn counts the users among a group's direct members. Only its nested groups
// are looked at, which come first: a page of a large group must not cost what
// the group holds.
func usersIn(v directory.View, g *directory.Group) (n uint64, err error) {
	n = g.Members
	err = v.Scan(directory.Make(directory.TableMember, g.ID), "", func(k directory.Key, _ directory.Row) bool {
		if !strings.HasPrefix(k.Last(), directory.PrefixGroup) {
			return false
		}
		n -= min(n, 1)
		return true
	})
	return n, err
}

// updatedAfter reads the filter. One SDK always sends it: the zero Timestamp
// means none.
func updatedAfter(t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil || t.GetSeconds() == 0 && t.GetNanos() == 0 {
		return time.Time{}, nil
	}
	if err := t.CheckValid(); err != nil {
		return time.Time{}, fault.New(fault.Invalid, "updated_after is not a valid time.")
	}
	return t.AsTime(), nil
}

func (s *directoryService) user(v directory.View, u *directory.User, detail bool) (*directories.DirectoryUser, error) {
	given, family, err := s.core.cfg.UserNames(v, u) // as receivers see them: a name may be mapped
	if err != nil {
		return nil, err
	}
	m := &directories.DirectoryUser{
		Id: u.ID, Email: u.Address, PreferredUsername: u.UserName, GivenName: given, FamilyName: family,
		UpdatedAt: stamp(u.Updated), Emails: u.Emails,
	}
	var groups []string
	if err := v.Scan(directory.Make(directory.TableMemberOf, u.ID), "", func(k directory.Key, _ directory.Row) bool {
		groups = append(groups, k.Last())
		return true
	}); err != nil {
		return nil, err
	}
	for _, id := range groups {
		g, ok, err := directory.Get[*directory.Group](v, directory.Make(directory.TableGroup, u.Directory, id))
		if err != nil {
			return nil, err
		}
		if ok { // a deleted group's memberships are taken apart step by step
			m.Groups = append(m.Groups, groupMessage(g))
		}
	}
	if detail {
		d, err := s.core.cfg.UserDetail(v, u)
		if err != nil {
			return nil, err
		}
		if m.UserDetail, err = structOf(d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// structOf turns whatever encoding/json can write into a Struct, which by
// itself takes a few types only. Its numbers are of 64 bits; one that does not
// fit, such as 1e999, becomes its text.
func structOf(fields map[string]any) (*structpb.Struct, error) {
	b, err := json.Marshal(fitting(fields))
	if err != nil {
		return nil, err
	}
	s := &structpb.Struct{}
	return s, s.UnmarshalJSON(b)
}

// fitting returns a copy of a value in which numbers that are too large for 64
// bits are texts.
func fitting(v any) any {
	switch v := v.(type) {
	case json.Number:
		if _, err := v.Float64(); err != nil {
			return v.String()
		}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = fitting(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = fitting(e)
		}
		return out
	}
	return v
}

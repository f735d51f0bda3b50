package api

import (
	"context"
	"fmt"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/directories"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// maxSummary bounds a groups summary, which has no pages.
const maxSummary = 1000

// ListDirectoryGroups pages through a directory's groups, the oldest first.
func (s *directoryService) ListDirectoryGroups(ctx context.Context, r *directories.ListDirectoryGroupsRequest) (*directories.ListDirectoryGroupsResponse, error) {
	dir := r.GetDirectoryId()
	size, sizeErr := pageSize(r.GetPageSize(), usualResources, mostResources)
	at, tokenErr := parseCursor(listGroups, r.GetPageToken())
	since, sinceErr := updatedAfter(r.GetUpdatedAfter())
	if err := first(checkDirectory(r.GetOrganizationId(), "directory_id", dir), sizeErr, tokenErr, sinceErr); err != nil {
		return nil, err
	}
	var keep func(directory.Key, directory.Row) (bool, error)
	if !since.IsZero() {
		keep = func(_ directory.Key, r directory.Row) (bool, error) {
			g, ok := r.(*directory.Group)
			return ok && g.Updated.After(since), nil
		}
	}
	return s.groups(ctx, r.GetOrganizationId(), dir, at, size, keep, r.GetIncludeDetail())
}

// ListDirectoryGroupsSummary shows the first groups without a page size.
func (s *directoryService) ListDirectoryGroupsSummary(ctx context.Context, r *directories.ListDirectoryGroupsSummaryRequest) (*directories.ListDirectoryGroupsResponse, error) {
	if err := checkDirectory(r.GetOrganizationId(), "directory_id", r.GetDirectoryId()); err != nil {
		return nil, err
	}
	return s.groups(ctx, r.GetOrganizationId(), r.GetDirectoryId(), cursor{}, maxSummary, nil, false)
}

func (s *directoryService) groups(ctx context.Context, org, dir string, at cursor, size int, keep func(directory.Key, directory.Row) (bool, error), detail bool) (*directories.ListDirectoryGroupsResponse, error) {
	res := &directories.ListDirectoryGroupsResponse{}
	err := s.core.read(ctx, func(v directory.View) error {
		if _, err := directoryOf(v, org, dir); err != nil {
			return err
		}
		key := func(id string) directory.Key { return directory.Make(directory.TableGroup, dir, id) }
		l := list{prefix: directory.Make(directory.TableGroup, dir), key: key, keep: keep, kind: listGroups}
		if keep == nil {
			n, err := countsOf(v, dir)
			if err != nil {
				return err
			}
			l.total = &n.Groups
		}
		p, err := l.read(v, at, size)
		if err != nil {
			return err
		}
		res.TotalSize, res.NextPageToken, res.PrevPageToken = p.total, p.next, p.prev
		for _, id := range p.ids {
			g, _, err := directory.Get[*directory.Group](v, key(id))
			if err != nil {
				return err
			}
			m := groupMessage(g)
			if detail {
				d, err := s.core.cfg.GroupDetail(v, g)
				if err == nil {
					m.GroupDetail, err = structOf(d)
				}
				if err != nil {
					return fmt.Errorf("show group %s: %w", id, err)
				}
			}
			res.Groups = append(res.Groups, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

func groupMessage(g *directory.Group) *directories.DirectoryGroup {
	return &directories.DirectoryGroup{Id: g.ID, DisplayName: g.DisplayName, TotalUsers: clamp(g.Members), UpdatedAt: stamp(g.Updated)}
}

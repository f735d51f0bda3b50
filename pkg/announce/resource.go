package announce

import (
	"sort"
	"strconv"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// group tells of a group. Who is in it is told with the users.
func (t *telling) group(before, after *directory.Group) error {
	g := after
	if g == nil {
		g = before
	}
	if g == nil {
		return nil
	}
	was, err := t.told(g.ID)
	if err != nil {
		return err
	}
	var external *string
	if g.ExternalID != "" {
		external = &g.ExternalID
	}
	if after == nil {
		if was.Live {
			t.say(subject{g.ID, g.Organization, g.Directory}, was, told{}, public.GroupDeleted, func(v uint64) (any, error) {
				return public.DeletedGroup{
					Head: head(g.ID, g.Organization, g.Directory, v), DisplayName: g.DisplayName, DirectoryProviderID: external, RawAttributes: g.Attributes,
				}, nil
			})
		}
		t.forget(g.ID)
		return nil
	}
	show := func(v uint64) (any, error) {
		p := Group(g)
		p.Version = v
		return p, nil
	}
	if t.only != "" {
		if was.Live {
			t.repeat(subject{g.ID, g.Organization, g.Directory}, was, public.GroupCreated, show)
		}
		return nil
	}
	var d digest
	d.add(string(g.Attributes))
	seen := d.sum()
	typ := public.GroupUpdated
	switch {
	case !was.Live:
		typ = public.GroupCreated
	case was.Digest == seen:
		return nil
	}
	t.say(subject{g.ID, g.Organization, g.Directory}, was, told{live: true, digest: seen}, typ, show)
	return nil
}

// Group returns what receivers see of a group, except for its version.
func Group(g *directory.Group) public.Group {
	p := public.Group{Head: head(g.ID, g.Organization, g.Directory, 0), PreviousID: g.Previous, DisplayName: g.DisplayName, RawAttributes: g.Attributes}
	if g.ExternalID != "" {
		p.ExternalID = &g.ExternalID
	}
	return p
}

// Version returns the version of the last public event of a resource, 0 if there
// was none. The view is a projector's.
func Version(v directory.View, id string) (uint64, error) {
	a, ok, err := directory.Get[*directory.Announced](v, directory.Make(directory.TableAnnounced, id))
	if err != nil || !ok {
		return 0, err
	}
	return a.Version, nil
}

// directory tells that a directory was enabled or disabled. That it is gone is
// told by its users and groups.
func (t *telling) directory(before, r *directory.Directory) error {
	if r == nil {
		if before != nil {
			t.forget(before.ID)
		}
		return nil
	}
	was, err := t.told(r.ID)
	if err != nil || was.Live == r.Enabled {
		return err
	}
	typ := public.DirectoryDisabled
	if r.Enabled {
		typ = public.DirectoryEnabled
	}
	t.say(subject{r.ID, r.Organization, r.ID}, was, told{live: r.Enabled}, typ, func(v uint64) (any, error) {
		return public.Directory{
			Head: head(r.ID, r.Organization, r.ID, v), DirectoryType: r.Kind, Provider: r.Provider, Enabled: r.Enabled, UpdatedAt: r.Updated,
		}, nil
	})
	return nil
}

// organization tells of a customer.
func (t *telling) organization(before, after *directory.Organization) error {
	o := after
	if o == nil {
		o = before
	}
	if o == nil {
		return nil
	}
	was, err := t.told(o.ID)
	if err != nil {
		return err
	}
	payload := func(deleted *time.Time) func(uint64) (any, error) {
		return func(v uint64) (any, error) {
			return public.Organization{
				ID: o.ID, Version: v, DisplayName: o.DisplayName, ExternalID: o.ExternalID, RegionCode: o.RegionCode,
				CreateTime: o.Created, UpdateTime: o.Updated, DeletedAt: deleted, Metadata: o.Metadata, Settings: settingsOf(o),
			}, nil
		}
	}
	if after == nil {
		at := t.e.At
		t.say(subject{o.ID, o.ID, ""}, was, told{}, public.OrganizationDeleted, payload(&at))
		t.forget(o.ID)
		return nil
	}
	var d digest
	for _, s := range []string{o.DisplayName, o.ExternalID, o.RegionCode, o.Slug, o.LogoURL} {
		d.add(s)
	}
	keys := make([]string, 0, len(o.Metadata))
	for k := range o.Metadata {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		d.add(k)
		d.add(o.Metadata[k])
	}
	for _, f := range o.Settings.Features { // none while they are the default's
		d.add("feature " + f.Name)
		d.add(strconv.FormatBool(f.Enabled))
	}
	seen := d.sum()
	typ := public.OrganizationUpdated
	switch {
	case !was.Live:
		typ = public.OrganizationCreated
	case was.Digest == seen:
		return nil
	}
	t.say(subject{o.ID, o.ID, ""}, was, told{live: true, digest: seen}, typ, payload(nil))
	return nil
}

// settingsOf is what receivers see of an organization's settings.
func settingsOf(o *directory.Organization) public.Settings {
	s := public.Settings{Features: []public.Feature{}}
	for _, f := range o.Features() {
		s.Features = append(s.Features, public.Feature{Name: f.Name, Enabled: f.Enabled})
	}
	return s
}

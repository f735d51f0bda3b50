package directory

import (
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The features of an organization, from the wire reference section 10.
const (
	// FeatureSSO is kept for the application; this server offers no single
	// sign-on.
	FeatureSSO = "sso"
	// FeatureDirectorySync allows directories. Without it none is created or
	// enabled; one that is enabled goes on until it is disabled.
	FeatureDirectorySync = "dir_sync"
)

// MaxAllowedUsers is the greatest limit of users that an organization can be
// given.
const MaxAllowedUsers = 1<<31 - 1

// ChangeOrganizationSettings changes the features that are named and the limit
// if it is set; the others stay as they are.
type ChangeOrganizationSettings struct {
	Organization string                       `json:"organization"`
	Features     []events.OrganizationFeature `json:"features,omitempty"`
	MaxUsers     *int                         `json:"max_users,omitempty"` // 0: no limit
}

func (ChangeOrganizationSettings) name() string { return "ChangeOrganizationSettings" }

func (c ChangeOrganizationSettings) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	d.resource = Make(TableOrganization, o.ID)
	s := events.OrganizationSettings{Features: o.Features(), MaxUsers: o.Settings.MaxUsers}
	named := map[string]bool{}
	for _, f := range c.Features {
		i := slices.IndexFunc(s.Features, func(is events.OrganizationFeature) bool { return is.Name == f.Name })
		switch {
		case i < 0:
			return fault.New(fault.Invalid, "features: %q is unknown; an organization has %s and %s.", f.Name, FeatureSSO, FeatureDirectorySync)
		case named[f.Name]:
			return fault.New(fault.Invalid, "features: %s is named twice.", f.Name)
		}
		named[f.Name], s.Features[i] = true, f
	}
	if c.MaxUsers != nil {
		if *c.MaxUsers < 0 || *c.MaxUsers > MaxAllowedUsers {
			return fault.New(fault.Invalid, "max_allowed_users must be 0, which is no limit, or up to %d.", MaxAllowedUsers)
		}
		s.MaxUsers = *c.MaxUsers
	}
	if slices.Equal(s.Features, o.Features()) && s.MaxUsers == o.Settings.MaxUsers {
		return nil
	}
	if slices.Equal(s.Features, usualFeatures()) {
		s.Features = nil // whoever compares settings finds them as they were
	}
	return d.emit(events.Event{Organization: o.ID, Resource: o.ID, Revision: o.Revision + 1}, events.OrganizationSettingsChanged{OrganizationSettings: s})
}

func foldOrganizationSettingsChanged(f *folding, p events.OrganizationSettingsChanged) error {
	return edit(f, Make(TableOrganization, f.e.Resource), func(o *Organization) {
		o.Revision, o.Updated, o.Settings = f.e.Revision, f.e.At, p.OrganizationSettings
	})
}

// Features returns all features of the organization, always in the same order.
// The caller may change the list.
func (r *Organization) Features() []events.OrganizationFeature {
	if len(r.Settings.Features) > 0 {
		return slices.Clone(r.Settings.Features)
	}
	return usualFeatures()
}

// usualFeatures are those of a new organization.
func usualFeatures() []events.OrganizationFeature {
	return []events.OrganizationFeature{{Name: FeatureSSO}, {Name: FeatureDirectorySync, Enabled: true}}
}

// May reports whether the organization has the feature.
func (r *Organization) May(feature string) bool {
	return slices.Contains(r.Features(), events.OrganizationFeature{Name: feature, Enabled: true})
}

// maySync refuses directories of an organization that is not to have any.
func (r *Organization) maySync() error {
	if r.May(FeatureDirectorySync) {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "Directory sync is off for this organization; enable its feature %s first.", FeatureDirectorySync)
}

// roomForUser refuses one more user of an organization that has as many as it
// may have.
func roomForUser(v View, org string) error {
	o, ok, err := get[*Organization](v, Make(TableOrganization, org))
	if err != nil || !ok || o.Settings.MaxUsers == 0 {
		return err
	}
	n, err := countUsers(v, org)
	if err != nil {
		return err
	}
	if n >= uint64(o.Settings.MaxUsers) { //nolint:gosec // never negative
		return fault.New(fault.Forbidden, "The organization has %d users and may have %d. Raise its max_allowed_users, then provision the user again.", n, o.Settings.MaxUsers)
	}
	return nil
}

// countUsers counts the users of all directories of an organization and the
// members whom none of them has, by their totals.
func countUsers(v View, org string) (n uint64, err error) {
	var dirs []string
	if err := v.Scan(Make(TableOrgDirectory, org), "", func(k Key, _ Row) bool {
		dirs = append(dirs, k.Last())
		return true
	}); err != nil {
		return 0, err
	}
	for _, dir := range dirs {
		c, ok, err := get[*Counts](v, Make(TableCounts, dir))
		if err != nil {
			return 0, err
		}
		if ok {
			n += c.Users
		}
	}
	alone, ok, err := get[*PersonCounts](v, Make(TablePersonCounts, org))
	if ok {
		n += uint64(max(alone.Alone, 0))
	}
	return n, err
}

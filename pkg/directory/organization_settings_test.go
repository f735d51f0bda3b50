package directory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func TestOrganizationSettings(t *testing.T) {
	t.Parallel()
	changed := []events.Type{events.TypeOrganizationSettingsChanged}
	features := func(list ...events.OrganizationFeature) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.ChangeOrganizationSettings{Organization: s.org, Features: list}
		}
	}
	limit := func(n int) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.ChangeOrganizationSettings{Organization: s.org, MaxUsers: &n}
		}
	}
	given := func(c func(*stage) directory.Command) func(*stage) { return func(s *stage) { s.Must(s.t, c(s)) } }
	off := events.OrganizationFeature{Name: directory.FeatureDirectorySync}
	on := events.OrganizationFeature{Name: directory.FeatureDirectorySync, Enabled: true}
	sso := events.OrganizationFeature{Name: directory.FeatureSSO, Enabled: true}
	run(t, map[string]example{
		"nothing":            {when: features()},
		"as they are":        {when: features(on, events.OrganizationFeature{Name: directory.FeatureSSO})},
		"one":                {when: features(sso), then: changed},
		"and back":           {given: given(features(sso)), when: features(events.OrganizationFeature{Name: directory.FeatureSSO}), then: changed},
		"an unknown feature": {when: features(events.OrganizationFeature{Name: "magic"}), no: &refused{kind: fault.Invalid, says: []string{"magic", "dir_sync"}}},
		"twice":              {when: features(on, off), no: &refused{kind: fault.Invalid, says: []string{"twice"}}},
		"no organization":    {when: of(directory.ChangeOrganizationSettings{Organization: "org_0"}), no: notFound},
		"no directory while it is off": {
			given: given(features(off)), when: func(s *stage) directory.Command { return directory.CreateDirectory{Organization: s.org, Kind: "SCIM"} },
			no: &refused{kind: fault.FailedPrecondition, says: []string{"dir_sync"}},
		},
		"none is enabled either": {
			given: func(s *stage) {
				s.Must(s.t, features(off)(s))
				s.Must(s.t, directory.DisableDirectory{Organization: s.org, Directory: s.scope.Directory})
			},
			when: func(s *stage) directory.Command {
				return directory.EnableDirectory{Organization: s.org, Directory: s.scope.Directory}
			},
			no: &refused{kind: fault.FailedPrecondition, says: []string{"dir_sync"}},
		},
		"what is enabled goes on": {
			given: given(features(off)), when: func(s *stage) directory.Command { return s.create("bob@acme.example") }, then: []events.Type{events.TypeUserCreated},
		},
		"a limit":            {when: limit(5), then: changed},
		"no limit, as it is": {when: limit(0)},
		"a negative limit":   {when: limit(-1), no: &refused{kind: fault.Invalid, says: []string{"max_allowed_users"}}},
		"room for one more":  {given: given(limit(2)), when: func(s *stage) directory.Command { return s.create("bob@acme.example") }, then: []events.Type{events.TypeUserCreated}},
		"full":               {given: given(limit(1)), when: func(s *stage) directory.Command { return s.create("bob@acme.example") }, no: &refused{kind: fault.Forbidden, says: []string{"max_allowed_users", "1 users"}}},
		"full with another directory's": {
			given: func(s *stage) {
				s.Must(s.t, limit(2)(s))
				s.Must(s.t, directory.CreateUser{Scope: s.Directory(s.t, s.org), State: directorytest.User("bob@acme.example")})
			},
			when: func(s *stage) directory.Command { return s.create("cleo@acme.example") },
			no:   &refused{kind: fault.Forbidden},
		},
		"a change when full": {given: given(limit(1)), when: func(s *stage) directory.Command { return s.replace(ada, attrs{"title": "Editor"}) }, then: []events.Type{events.TypeUserUpdated}},
	})
}

// TestOrganizationSettings_stay says that a change of the profile leaves the
// settings, and the other way round.
func TestOrganizationSettings_stay(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Must(t, directory.ChangeOrganizationSettings{
		Organization: s.org, MaxUsers: ptr(7), Features: []events.OrganizationFeature{{Name: directory.FeatureSSO, Enabled: true}},
	})
	s.Must(t, directory.UpdateOrganization{Organization: s.org, DisplayName: ptr("ACME")})
	s.Must(t, directory.ChangeOrganizationSettings{Organization: s.org, Features: []events.OrganizationFeature{{Name: directory.FeatureDirectorySync}}})
	o, ok, err := directory.Get[*directory.Organization](s.Rows, directory.Make(directory.TableOrganization, s.org))
	if err != nil || !ok {
		t.Fatalf("the organization is not there (%v)", err)
	}
	want := events.OrganizationSettings{
		MaxUsers: 7, Features: []events.OrganizationFeature{{Name: directory.FeatureSSO, Enabled: true}, {Name: directory.FeatureDirectorySync}},
	}
	if d := cmp.Diff(want, o.Settings); d != "" || o.DisplayName != "ACME" || o.ExternalID == "" {
		t.Errorf("the organization is %+v (-want +got):\n%s", o, d)
	}
}

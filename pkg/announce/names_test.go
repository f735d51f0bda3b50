package announce_test

import (
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

// TestNames says that a user's names are those of the whole payload, whatever the
// user's attributes are like and wherever a mapping takes names from.
func TestNames(t *testing.T) {
	t.Parallel()
	named := map[string]any{"givenName": "Ada", "familyName": "King"}
	for name, tt := range map[string]struct {
		attributes    map[string]any
		mappings      []events.AttributeMapping
		given, family string
	}{
		"plain":   {attributes: map[string]any{"name": named}, given: "Ada", family: "King"},
		"no name": {},
		"another shape beside it": {
			attributes: map[string]any{"name": named, "urn:acme:1.0:User": map[string]any{"name": "x"}}, given: "Ada", family: "King",
		},
		"mapped from elsewhere": {
			attributes: map[string]any{"name": named, "nickName": "Countess"},
			mappings:   []events.AttributeMapping{{Key: "given_name", Sources: []string{"nickName"}}}, given: "Countess", family: "King",
		},
		"mapped, and nothing there": {
			attributes: map[string]any{"name": named},
			mappings:   []events.AttributeMapping{{Key: "family_name", Sources: []string{"nickName"}}}, given: "Ada", family: "King",
		},
		"a default": {
			mappings: []events.AttributeMapping{{Key: "family_name", Sources: []string{"nickName"}, Default: "Unknown"}}, family: "Unknown",
		},
		"something else is mapped": {
			attributes: map[string]any{"name": named, "nickName": "Countess"},
			mappings:   []events.AttributeMapping{{Key: "title", Sources: []string{"nickName"}}}, given: "Ada", family: "King",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, directory.DeactivationDeletes)
			if tt.mappings != nil {
				s.Must(t, directory.MapDirectoryAttributes{Organization: s.scope.Organization, Directory: s.scope.Directory, Mappings: tt.mappings})
			}
			id := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("ada@acme.example", tt.attributes)}))
			s.fold(t, s.World)
			u, ok, err := directory.Get[*directory.User](s.rows, directory.Make(directory.TableUser, s.scope.Directory, id))
			if err != nil || !ok {
				t.Fatalf("the user: %v, %v", ok, err)
			}
			given, family, err := announce.Names(s.rows, u)
			if err != nil || given != tt.given || family != tt.family {
				t.Errorf("the names are %q and %q (%v), want %q and %q", given, family, err, tt.given, tt.family)
			}
			if p, err := announce.Shown(s.rows, u); err != nil || p.GivenName != given || p.FamilyName != family {
				t.Errorf("receivers see %q and %q (%v), the list %q and %q", p.GivenName, p.FamilyName, err, given, family)
			}
		})
	}
}

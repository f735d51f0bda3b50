package directory_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// conformance changes how strict the stage's directory is.
func (s *stage) conformance(to string) directory.Command {
	return directory.ChangeDirectoryPolicy{Organization: s.org, Directory: s.scope.Directory, Conformance: &to}
}

func (s *stage) directory() *directory.Directory {
	s.t.Helper()
	d, ok, err := directory.Get[*directory.Directory](s.Rows, directory.Make(directory.TableDirectory, s.scope.Directory))
	if err != nil || !ok {
		s.t.Fatalf("the directory is not there (%v)", err)
	}
	return d
}

func TestConformance(t *testing.T) {
	t.Parallel()
	strict := directory.ConformanceStrict
	run(t, map[string]example{
		"strict": {when: func(s *stage) directory.Command { return s.conformance(strict) }, then: []events.Type{events.TypeDirectoryPolicyChanged}},
		"lenient, as it is": {when: func(s *stage) directory.Command {
			return s.conformance(directory.ConformanceLenient)
		}},
		"lenient again": {
			given: func(s *stage) { s.Must(s.t, s.conformance(strict)) },
			when:  func(s *stage) directory.Command { return s.conformance(directory.ConformanceLenient) },
			then:  []events.Type{events.TypeDirectoryPolicyChanged},
		},
		"a word": {
			when: func(s *stage) directory.Command { return s.conformance("strict") },
			no:   &refused{kind: fault.Invalid, says: []string{"conformance", "LENIENT", "STRICT"}},
		},
	})
	s := newStage(t)
	if s.directory().Strict() {
		t.Error("a new directory is strict")
	}
	s.Must(t, s.conformance(strict))
	if !s.directory().Strict() {
		t.Error("the directory is not strict")
	}
}

// TestConformance_old says that what was written before there was a choice is
// lenient: an event without the field, and a stored row without it.
func TestConformance_old(t *testing.T) {
	t.Parallel()
	row := []byte(`{"id":"dir_1","policy":{"domain_policy":"OFF","email_policy":"IMMUTABLE","deactivation_event":"USER_UPDATED"},"name":"Okta","kind":"SCIM"}`)
	got, err := directory.DecodeRow(directory.Make(directory.TableDirectory, "dir_1"), row)
	if err != nil {
		t.Fatal(err)
	}
	read, ok := got.(*directory.Directory)
	if !ok {
		t.Fatalf("the row is a %T", got)
	}
	want := events.DirectoryPolicy{DomainPolicy: "OFF", EmailPolicy: "IMMUTABLE", DeactivationEvent: "USER_UPDATED", Conformance: "LENIENT"}
	if diff := cmp.Diff(want, read.Policy); diff != "" {
		t.Errorf("the row's policy (-want +got):\n%s", diff)
	}

	s := newStage(t)
	for _, e := range []events.Event{
		{Type: events.TypeDirectoryCreated, Payload: []byte(`{"name":"Okta","kind":"SCIM","policy":` +
			`{"domain_policy":"OFF","email_policy":"IMMUTABLE","deactivation_event":"USER_UPDATED"}}`)},
		{Type: events.TypeDirectoryPolicyChanged, Payload: []byte(`{"domain_policy":"OFF","email_policy":"IMMUTABLE","deactivation_event":"USER_UPDATED"}`)},
	} {
		s.Must(t, s.conformance(directory.ConformanceStrict))
		e.ID, e.Organization, e.Directory, e.Resource = 1, s.org, s.scope.Directory, s.scope.Directory
		changes, err := directory.Evolve(s.Rows, e)
		if err != nil {
			t.Fatal(err)
		}
		s.Rows.Apply(changes)
		if diff := cmp.Diff(want, s.directory().Policy); diff != "" {
			t.Errorf("after %s the policy is (-want +got):\n%s", e.Type, diff)
		}
	}
}

package events_test

import (
	"testing"

	"github.com/rollcallhq/rollcall/events"
)

// TestDirectoryPolicy_conformance says how the field that joined the policy
// later is written, and that it is not written where it is not set.
func TestDirectoryPolicy_conformance(t *testing.T) {
	t.Parallel()
	for conformance, want := range map[string]string{
		"":       `{"domain_policy":"OFF","email_policy":"IMMUTABLE","deactivation_event":"USER_DELETED"}`,
		"STRICT": `{"domain_policy":"OFF","email_policy":"IMMUTABLE","deactivation_event":"USER_DELETED","conformance":"STRICT"}`,
	} {
		p := events.DirectoryPolicyChanged{DirectoryPolicy: events.DirectoryPolicy{
			DomainPolicy: "OFF", EmailPolicy: "IMMUTABLE", DeactivationEvent: "USER_DELETED", Conformance: conformance,
		}}
		e, err := events.New(events.Event{}, p)
		if err != nil {
			t.Fatal(err)
		}
		if string(e.Payload) != want {
			t.Errorf("it is written as %s, not as %s", e.Payload, want)
		}
		got, err := events.Decode[events.DirectoryPolicyChanged](events.Event{Type: e.Type, Payload: e.Payload})
		if err != nil || got != p {
			t.Errorf("%s is read as %+v (%v)", e.Payload, got, err)
		}
	}
}

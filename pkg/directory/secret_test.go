package directory_test

import (
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func TestSecretRotation(t *testing.T) {
	t.Parallel()
	rotate := func(overlap time.Duration) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.RotateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: s.Secret(), Suffix: "wxyz", Overlap: overlap}
		}
	}
	later := func(d time.Duration) func(*stage) { return func(s *stage) { s.At = s.At.Add(d) } }
	made, expiring, revoked := events.TypeDirectorySecretCreated, events.TypeDirectorySecretExpiring, events.TypeDirectorySecretRevoked
	run(t, map[string]example{
		"with an overlap": {when: rotate(time.Hour), then: []events.Type{expiring, made}},
		"at once":         {when: rotate(0), then: []events.Type{revoked, made}},
		"again, shorter":  {given: func(s *stage) { s.Must(s.t, rotate(time.Hour)(s)) }, when: rotate(time.Minute), then: []events.Type{expiring, expiring, made}},
		"again, longer":   {given: func(s *stage) { s.Must(s.t, rotate(time.Minute)(s)) }, when: rotate(time.Hour), then: []events.Type{expiring, made}},
		"what is over goes": {
			given: func(s *stage) { s.Must(s.t, rotate(time.Minute)(s)); later(time.Hour)(s) },
			when:  rotate(time.Hour), then: []events.Type{revoked, expiring, made},
		},
		"the oldest make room": {
			given: func(s *stage) {
				for range directory.MaxSecrets - 1 {
					s.Must(s.t, rotate(time.Hour)(s))
				}
			},
			when: rotate(directory.MaxOverlap), then: []events.Type{revoked, expiring, made},
		},
		"too long":     {when: rotate(directory.MaxOverlap + 1), no: &refused{kind: fault.Invalid, says: []string{"168 hours"}}},
		"negative":     {when: rotate(-1), no: invalid},
		"no directory": {when: of(directory.RotateDirectorySecret{Organization: "org_0", Directory: "dir_0", Hash: make([]byte, 32)}), no: notFound},
		"another organization's": {when: func(s *stage) directory.Command {
			return directory.RotateDirectorySecret{Organization: s.org, Directory: s.other.Directory, Hash: s.Secret()}
		}, no: notFound},
		"the same again": {when: func(s *stage) directory.Command {
			return directory.RotateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: s.scope.SecretHash}
		}},
		"another's": {when: func(s *stage) directory.Command {
			return directory.RotateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: s.other.SecretHash}
		}, no: conflict},
		"a write in the overlap": {
			given: func(s *stage) { s.Must(s.t, rotate(time.Hour)(s)); later(time.Hour - 2*time.Second)(s) },
			when:  func(s *stage) directory.Command { return s.create("bob@acme.example") }, then: []events.Type{events.TypeUserCreated},
		},
		"a write behind it": {
			given: func(s *stage) { s.Must(s.t, rotate(time.Hour)(s)); later(time.Hour)(s) },
			when:  func(s *stage) directory.Command { return s.create("bob@acme.example") }, no: unauthenticated,
		},
	})
}

// TestSecretOverlap says that both secrets open the directory until the overlap
// is over, to the moment, and then only the new one.
func TestSecretOverlap(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fresh := s.Secret()
	s.Must(t, directory.RotateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: fresh, Overlap: time.Hour})
	rotated := s.At
	for _, c := range []struct {
		hash  []byte
		after time.Duration
		open  bool
	}{
		{s.scope.SecretHash, 0, true},
		{s.scope.SecretHash, time.Hour - 1, true},
		{s.scope.SecretHash, time.Hour, false},
		{s.scope.SecretHash, 1000 * time.Hour, false},
		{fresh, 0, true},
		{fresh, 1000 * time.Hour, true},
	} {
		_, err := directory.Authenticate(s.Rows, s.scope.Directory, c.hash, rotated.Add(c.after))
		if c.open != (err == nil) || err != nil && fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("after %v the secret %.2x answers %v; open should be %t", c.after, c.hash, err, c.open)
		}
	}
}

func TestUpdateDirectory(t *testing.T) {
	t.Parallel()
	update := func(c directory.UpdateDirectory) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			c.Organization, c.Directory = s.org, s.scope.Directory
			return c
		}
	}
	updated, disabledNow := events.TypeDirectoryUpdated, events.TypeDirectoryDisabled
	run(t, map[string]example{
		"nothing":             {when: update(directory.UpdateDirectory{})},
		"as it is":            {when: update(directory.UpdateDirectory{Name: ptr("Okta"), Provider: ptr("OKTA"), Enabled: ptr(true)})},
		"name":                {when: update(directory.UpdateDirectory{Name: ptr("Staff")}), then: []events.Type{updated}},
		"provider":            {when: update(directory.UpdateDirectory{Provider: ptr("JUMPCLOUD")}), then: []events.Type{updated}},
		"all at once":         {when: update(directory.UpdateDirectory{Name: ptr("Staff"), Enabled: ptr(false)}), then: []events.Type{updated, disabledNow}},
		"no name":             {when: update(directory.UpdateDirectory{Name: ptr("")}), no: invalidValue("name")},
		"an unknown provider": {when: update(directory.UpdateDirectory{Provider: ptr("X")}), no: &refused{kind: fault.Invalid, says: []string{"directory_provider"}}},
		"another's": {when: func(s *stage) directory.Command {
			return directory.UpdateDirectory{Organization: s.org, Directory: s.other.Directory, Name: ptr("x")}
		}, no: notFound},
	})
}

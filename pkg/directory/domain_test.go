package directory_test

import (
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const domainToken = "0123456789abcdef0123456789abcdef"

func TestDomainVerification(t *testing.T) {
	t.Parallel()
	const secret = "rollcall-verification=" + domainToken
	pending := func(s *stage) string {
		return directorytest.ID(s.Must(s.t, directory.CreateDomain{Organization: s.org, Domain: "initech.example", Token: domainToken}))
	}
	var id string
	given := func(more ...func(*stage)) func(*stage) {
		return func(s *stage) {
			made := pending(s)
			if made != id {
				s.t.Errorf("the domain of every stage is %s, not %s", id, made)
			}
			for _, f := range more {
				f(s)
			}
		}
	}
	id = pending(newStage(t))
	confirm := func(text string) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			return directory.ConfirmDomain{Organization: s.org, ID: id, Secret: text}
		}
	}
	fail := func(s *stage) directory.Command { return directory.FailDomain{Organization: s.org, ID: id} }
	late := func(s *stage) { s.At = s.At.Add(directory.DomainWindow) }
	confirmed := func(s *stage) { s.Must(s.t, confirm(secret)(s)) }
	failed := func(s *stage) { late(s); s.Must(s.t, fail(s)) }
	user := func(s *stage) directory.Command { return s.create("bob@initech.example") }
	run(t, map[string]example{
		"create": {when: func(s *stage) directory.Command {
			return directory.CreateDomain{Organization: s.org, Domain: "x.example", Token: domainToken}
		}, then: []events.Type{events.TypeDomainCreated}},
		"of another kind": {when: func(s *stage) directory.Command {
			return directory.CreateDomain{Organization: s.org, Domain: "x.example", Token: domainToken, Kind: directory.DomainAllowedEmail}
		}, no: &refused{kind: fault.Invalid, says: []string{"ORGANIZATION_DOMAIN"}}},
		"a short token": {when: func(s *stage) directory.Command {
			return directory.CreateDomain{Organization: s.org, Domain: "x.example", Token: "abc"}
		}, no: invalidValue("token")},
		"confirm":                  {given: given(), when: confirm(secret), then: []events.Type{events.TypeDomainVerified}},
		"confirm, late":            {given: given(late), when: confirm(secret), then: []events.Type{events.TypeDomainVerified}},
		"confirm again":            {given: given(confirmed), when: confirm(secret)},
		"confirm with other texts": {given: given(), when: confirm(secret + "0"), no: &refused{kind: fault.FailedPrecondition, says: []string{"_rollcall-challenge.initech.example"}}},
		"confirm what failed":      {given: given(failed), when: confirm(secret), no: &refused{kind: fault.FailedPrecondition, says: []string{"register it again"}}},
		"confirm another's": {given: given(), when: func(s *stage) directory.Command {
			return directory.ConfirmDomain{Organization: s.other.Organization, ID: id, Secret: secret}
		}, no: notFound},
		"confirm what needs no record": {when: func(s *stage) directory.Command { return directory.ConfirmDomain{Organization: s.org, ID: s.domain} }},
		"fail early":                   {given: given(), when: fail},
		"fail":                         {given: given(late), when: fail, then: []events.Type{events.TypeDomainVerificationFailed}},
		"fail what is verified":        {given: given(confirmed, late), when: fail},
		"fail what is gone":            {when: fail, no: notFound},
		"a user while it waits":        {given: given(), when: user, no: &refused{kind: fault.Invalid, reason: fault.InvalidValue, says: []string{"not verified yet"}}},
		"a user once it is verified":   {given: given(confirmed), when: user, then: []events.Type{events.TypeUserCreated}},
		"a user once it failed":        {given: given(failed), when: user, no: invalidValue("not registered")},
		"taken while it waits": {given: given(), when: func(s *stage) directory.Command {
			return directory.CreateDomain{Organization: s.other.Organization, Domain: "initech.example"}
		}, no: conflict},
		"free once it failed": {given: given(failed), when: func(s *stage) directory.Command {
			return directory.CreateDomain{Organization: s.other.Organization, Domain: "initech.example"}
		}, then: []events.Type{events.TypeDomainCreated}},
	})
}

// TestDomainFailed_deleted says that deleting a domain whose verification failed
// leaves its name to who has it since.
func TestDomainFailed_deleted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	lost := directorytest.ID(s.Must(t, directory.CreateDomain{Organization: s.org, Domain: "initech.example", Token: domainToken}))
	s.At = s.At.Add(directory.DomainWindow + time.Second)
	s.Must(t, directory.FailDomain{Organization: s.org, ID: lost})
	s.Must(t, directory.CreateDomain{Organization: s.other.Organization, Domain: "initech.example"})
	s.Must(t, directory.DeleteDomain{Organization: s.org, ID: lost})
	if _, err := s.Try(directory.CreateDomain{Organization: s.org, Domain: "initech.example"}); fault.KindOf(err) != fault.Conflict || err == nil {
		t.Errorf("the name is free (%v)", err)
	}
	s.Must(t, directory.CreateUser{Scope: s.other, State: directorytest.User("bob@initech.example")})
	scan(t, s.Rows, directory.TableDomainPending, func(k directory.Key, _ directory.Row) { t.Errorf("%q waits still", k) })
}

package directory_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func TestDomainPolicy(t *testing.T) {
	t.Parallel()
	created := []events.Type{events.TypeUserCreated}
	off := func(s *stage) { s.policy(directory.DomainPolicyOff, "") }
	kind := func(kind, domain string) func(*stage) {
		return func(s *stage) {
			s.Must(s.t, directory.CreateDomain{Organization: s.org, Domain: domain, Kind: kind})
		}
	}
	add := func(userName string, a ...attrs) func(*stage) directory.Command {
		return func(s *stage) directory.Command { return s.create(userName, a...) }
	}
	run(t, map[string]example{
		"a registered domain":    {when: add("bob@acme.example"), then: created},
		"in another case":        {when: add("bob@ACME.Example"), then: created},
		"a userName as address":  {when: add("bob@acme.example", attrs{"emails": nil}), then: created},
		"a subdomain":            {when: add("bob@mail.acme.example"), no: invalidValue("Register the domain mail.acme.example", "domain_policy", "OFF")},
		"a longer name":          {when: add("bob@notacme.example"), no: invalidValue("Register the domain notacme.example")},
		"another organization's": {when: add("bob@globex.example"), no: invalidValue("Register the domain globex.example")},
		"nobody's":               {when: add("bob@nobody.example"), no: invalidValue("Register the domain nobody.example")},
		"no address":             {when: add("bob", attrs{"emails": nil}), no: invalidValue("no e-mail address")},
		"the primary one counts": {when: add("bob@acme.example", attrs{"emails": []any{attrs{"value": "bob@globex.example", "primary": true}, attrs{"value": "bob@acme.example"}}}), no: invalidValue("globex.example")},
		"an allowed e-mail one":  {given: kind(directory.DomainAllowedEmail, "mail.acme.example"), when: add("bob@mail.acme.example"), no: invalidValue("Register")},
		"a registered subdomain": {given: kind(directory.DomainOfOrganization, "Mail.Acme.Example."), when: add("bob@mail.acme.example"), then: created},
		"off":                    {given: off, when: add("bob@nobody.example"), then: created},
		"off and no address":     {given: off, when: add("bob", attrs{"emails": nil}), then: created},
		"the domain was deleted": {given: func(s *stage) { s.Must(s.t, directory.DeleteDomain{Organization: s.org, ID: s.domain}) }, when: add("bob@acme.example"), no: invalidValue("acme.example")},
		"whoever is in may change": {
			given: func(s *stage) { s.Must(s.t, directory.DeleteDomain{Organization: s.org, ID: s.domain}) },
			when:  func(s *stage) directory.Command { return s.replace(ada, attrs{"title": "Editor"}) },
			then:  []events.Type{events.TypeUserUpdated},
		},
		"nobody moves out of it": {
			given: func(s *stage) { s.policy("", directory.EmailPolicyFollow) },
			when:  func(s *stage) directory.Command { return s.replace("ada@globex.example") },
			no:    invalidValue("globex.example"),
		},
	})
}

func TestEmailPolicy(t *testing.T) {
	t.Parallel()
	updated := []events.Type{events.TypeUserUpdated}
	follow := func(s *stage) { s.policy("", directory.EmailPolicyFollow) }
	put := func(userName string, a ...attrs) func(*stage) directory.Command {
		return func(s *stage) directory.Command { return s.replace(userName, a...) }
	}
	mail := func(address string) attrs {
		return attrs{"emails": []any{attrs{"value": address, "primary": true}}}
	}
	without := func(s *stage) {
		s.policy(directory.DomainPolicyOff, "")
		s.ada = directorytest.ID(s.Must(s.t, s.create("lovelace", attrs{"emails": nil})))
		s.policy(directory.DomainPolicyEnforce, "")
	}
	run(t, map[string]example{
		"a changed address":         {when: put(ada, mail("lovelace@acme.example")), no: mutability},
		"a removed address":         {when: put("ada", attrs{"emails": nil}), no: mutability},
		"another case is no change": {when: put(ada, mail("ADA@acme.example")), then: updated},
		"another userName":          {when: put("lovelace", mail(ada)), then: updated},
		"a second address":          {when: put(ada, attrs{"emails": []any{attrs{"value": ada, "primary": true}, attrs{"value": "a@home.example"}}}), then: updated},
		"a patched address": {when: func(s *stage) directory.Command {
			return s.patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x@acme.example"},{"op":"replace","path":"emails","value":[{"value":"x@acme.example","primary":true}]}`)
		}, no: mutability},
		"the first address":            {given: without, when: put("lovelace", mail("lovelace@acme.example")), then: updated},
		"the first, of another domain": {given: without, when: put("lovelace", mail("lovelace@globex.example")), no: invalidValue("Register the domain globex.example")},
		"followed":                     {given: follow, when: put(ada, mail("lovelace@acme.example")), then: updated},
		"followed to nothing":          {given: follow, when: put("ada", attrs{"emails": nil}), no: invalidValue("no e-mail address")},
	})
}

func TestUserNames(t *testing.T) {
	t.Parallel()
	taken := &refused{kind: fault.Conflict, reason: fault.Uniqueness}
	long := strings.Repeat("x", directory.MaxName+1)
	bob := func(s *stage) { s.Must(s.t, s.create("bob@acme.example")) }
	run(t, map[string]example{
		"taken": {when: func(s *stage) directory.Command { return s.create("ada", attrs{"userName": ada}) }, no: &refused{kind: taken.kind, reason: taken.reason, not: []string{"diruser_"}}},
		"free in another one": {when: func(s *stage) directory.Command {
			return directory.CreateUser{Scope: s.other, State: directorytest.User(ada, attrs{"emails": []any{attrs{"value": "ada@globex.example"}}})}
		}, then: []events.Type{events.TypeUserCreated}},
		"free after a deletion":   {given: func(s *stage) { s.Must(s.t, directory.DeleteUser{Scope: s.scope, ID: s.ada}) }, when: func(s *stage) directory.Command { return s.create(ada) }, then: []events.Type{events.TypeUserCreated}},
		"free after a change":     {given: func(s *stage) { s.Must(s.t, s.replace("lovelace", attrs{"emails": []any{attrs{"value": ada}}})) }, when: func(s *stage) directory.Command { return s.create(ada) }, then: []events.Type{events.TypeUserCreated}},
		"its own in another case": {when: func(s *stage) directory.Command { return s.replace("Ada@Acme.example") }, then: []events.Type{events.TypeUserUpdated}},
		"empty":                   {when: func(s *stage) directory.Command { return directory.CreateUser{Scope: s.scope} }, no: invalidValue("userName is required")},
		"too long":                {when: func(s *stage) directory.Command { return s.create(long + "@acme.example") }, no: invalidValue("userName", "512")},
		"externalId too long":     {when: func(s *stage) directory.Command { return s.create("bob@acme.example", attrs{"externalId": long}) }, no: invalidValue("externalId", "512")},
		"displayName too long":    {when: func(s *stage) directory.Command { return s.replace(ada, attrs{"displayName": long}) }, no: invalidValue("displayName", "512")},
		"an address too long": {when: func(s *stage) directory.Command {
			return s.create("bob", attrs{"emails": []any{attrs{"value": "bob@acme.example", "primary": true}, attrs{"value": long}}})
		}, no: invalidValue("emails", "512")},
		"not UTF-8": {when: func(s *stage) directory.Command {
			return s.create("b\xffb@acme.example", attrs{"emails": []any{attrs{"value": "bob@acme.example"}}})
		}, no: invalidValue("UTF-8")},
		"the same externalId": {given: func(s *stage) { s.Must(s.t, s.create("bob@acme.example", attrs{"externalId": "1"})) }, when: func(s *stage) directory.Command { return s.create("cleo@acme.example", attrs{"externalId": "1"}) }, then: []events.Type{events.TypeUserCreated}},
		"renamed to a taken one": {given: bob, when: func(s *stage) directory.Command {
			return s.replace("BOB@acme.example", attrs{"emails": []any{attrs{"value": ada, "primary": true}}})
		}, no: &refused{kind: taken.kind, reason: taken.reason, not: []string{"diruser_"}}},
	})
}

func TestUserChanges(t *testing.T) {
	t.Parallel()
	updated := []events.Type{events.TypeUserUpdated}
	inactive := func(s *stage) { s.Must(s.t, s.patch(`{"op":"Replace","path":"active","value":"False"}`)) }
	run(t, map[string]example{
		"PUT of the same": {when: func(s *stage) directory.Command { return s.replace(ada) }},
		"PUT without active": {given: inactive, when: func(s *stage) directory.Command {
			return directory.ReplaceUser{Scope: s.scope, ID: s.ada, State: directorytest.User(ada, attrs{"active": nil}), KeepActive: true}
		}},
		"PUT with active":   {given: inactive, when: func(s *stage) directory.Command { return s.replace(ada) }, then: updated},
		"PATCH of the same": {when: func(s *stage) directory.Command { return s.patch(`{"op":"replace","value":{"active":true}}`) }},
		"PATCH":             {when: func(s *stage) directory.Command { return s.patch(`{"op":"add","path":"title","value":"Editor"}`) }, then: updated},
		"DELETE":            {when: func(s *stage) directory.Command { return directory.DeleteUser{Scope: s.scope, ID: s.ada} }, then: []events.Type{events.TypeUserDeleted}},
		"DELETE again":      {given: func(s *stage) { s.Must(s.t, directory.DeleteUser{Scope: s.scope, ID: s.ada}) }, when: func(s *stage) directory.Command { return directory.DeleteUser{Scope: s.scope, ID: s.ada} }, no: notFound},
		"PUT of another directory's": {when: func(s *stage) directory.Command {
			return directory.ReplaceUser{Scope: s.other, ID: s.ada, State: directorytest.User(ada)}
		}, no: notFound},
		"PATCH of another's":  {when: func(s *stage) directory.Command { return directory.PatchUser{Scope: s.other, ID: s.ada} }, no: notFound},
		"DELETE of another's": {when: func(s *stage) directory.Command { return directory.DeleteUser{Scope: s.other, ID: s.ada} }, no: notFound},
		"an id that is a part of one": {when: func(s *stage) directory.Command {
			return directory.DeleteUser{Scope: s.scope, ID: s.ada[:len(s.ada)-1]}
		}, no: notFound},
		"an id with a separator": {when: func(s *stage) directory.Command { return directory.DeleteUser{Scope: s.scope, ID: s.ada + "\x00"} }, no: notFound},
	})
}

// TestScope says that a provider's command is refused if, when it is decided,
// its secret no longer opens the directory or the directory takes no writes.
func TestScope(t *testing.T) {
	t.Parallel()
	revoke := func(s *stage) {
		s.Must(s.t, directory.RevokeDirectorySecret{Organization: s.org, Directory: s.scope.Directory, ID: s.scope.Secret})
	}
	disable := func(s *stage) {
		s.Must(s.t, directory.DisableDirectory{Organization: s.org, Directory: s.scope.Directory})
	}
	remove := func(s *stage) {
		disable(s)
		s.Must(s.t, directory.DeleteDirectory{Organization: s.org, Directory: s.scope.Directory})
	}
	foreign := func(s *stage) { s.scope.SecretHash = s.other.SecretHash }
	unknown := func(s *stage) { s.scope.SecretHash = make([]byte, 32) }
	for name, when := range map[string]func(*stage) directory.Command{
		"CreateUser":  func(s *stage) directory.Command { return s.create("bob@acme.example") },
		"ReplaceUser": func(s *stage) directory.Command { return s.replace(ada) },
		"PatchUser":   func(s *stage) directory.Command { return s.patch(`{"op":"add","path":"title","value":"Editor"}`) },
		"DeleteUser":  func(s *stage) directory.Command { return directory.DeleteUser{Scope: s.scope, ID: s.ada} },
		"CreateGroup": func(s *stage) directory.Command {
			return directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Readers")}
		},
		"ReplaceGroup": func(s *stage) directory.Command {
			return directory.ReplaceGroup{Scope: s.scope, ID: s.group, State: directorytest.Group("Readers")}
		},
		"PatchGroup": func(s *stage) directory.Command {
			return directory.PatchGroup{Scope: s.scope, ID: s.group, Patch: rename("Readers")}
		},
		"DeleteGroup": func(s *stage) directory.Command { return directory.DeleteGroup{Scope: s.scope, ID: s.group} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, map[string]example{
				"a revoked secret":  {given: revoke, when: when, no: unauthenticated},
				"a foreign secret":  {given: foreign, when: when, no: unauthenticated},
				"an unknown secret": {given: unknown, when: when, no: unauthenticated},
				"a disabled one":    {given: disable, when: when, no: disabled},
				"a deleted one":     {given: remove, when: when, no: unauthenticated},
			})
		})
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	if got, err := directory.Authenticate(s.Rows, s.scope.Directory, s.scope.SecretHash, s.At); err != nil || !cmp.Equal(got, s.scope) {
		t.Errorf("the secret opens %+v (%v), want %+v", got, err, s.scope)
	}
	for name, c := range map[string]struct {
		dir  string
		hash []byte
	}{
		"a foreign directory":  {s.other.Directory, s.scope.SecretHash},
		"an unknown directory": {"dir_0", s.scope.SecretHash},
		"an unknown secret":    {s.scope.Directory, make([]byte, 32)},
		"no secret":            {s.scope.Directory, nil},
	} {
		if _, err := directory.Authenticate(s.Rows, c.dir, c.hash, s.At); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s answers %v, want unauthenticated", name, err)
		}
	}
	s.Must(t, directory.DisableDirectory{Organization: s.org, Directory: s.scope.Directory})
	if _, err := directory.Authenticate(s.Rows, s.scope.Directory, s.scope.SecretHash, s.At); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a disabled directory answers %v, want unavailable", err)
	}
}

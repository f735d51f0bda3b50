package directory_test

import (
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func TestPortalLinks(t *testing.T) {
	t.Parallel()
	var (
		created, redeemed, deleted = events.TypePortalLinkCreated, events.TypePortalLinkRedeemed, events.TypePortalLinkDeleted
		id                         string
		secret                     = make([]byte, 32)
		session                    = append([]byte{1}, make([]byte, 31)...)
	)
	secret[0] = 7
	create := func(s *stage) directory.Command { return directory.CreatePortalLink{Organization: s.org, Hash: secret} }
	link := func(shared bool) func(*stage) {
		return func(s *stage) {
			made := directorytest.ID(s.Must(s.t, directory.CreatePortalLink{Organization: s.org, Hash: secret, Shared: shared}))
			if id == "" {
				id = made
			} else if id != made {
				s.t.Errorf("the link of every stage is %s, not %s", id, made)
			}
		}
	}
	link(false)(newStage(t)) // so that the id is known
	redeem := func(hash, session []byte) func(*stage) directory.Command {
		return func(*stage) directory.Command {
			return directory.RedeemPortalLink{ID: id, Hash: hash, Session: session}
		}
	}
	after := func(d time.Duration, shared bool) func(*stage) {
		return func(s *stage) {
			link(shared)(s)
			s.At = s.At.Add(d)
		}
	}
	used := func(s *stage) {
		link(false)(s)
		s.Must(s.t, redeem(secret, session)(s))
	}
	gone := &refused{kind: fault.NotFound, says: []string{"Ask for a new one"}}
	run(t, map[string]example{
		"create":    {when: create, then: []events.Type{created}},
		"of nobody": {when: of(directory.CreatePortalLink{Organization: "org_0", Hash: secret}), no: notFound},
		"no hash":   {when: func(s *stage) directory.Command { return directory.CreatePortalLink{Organization: s.org} }, no: invalid},
		"an unknown feature": {when: func(s *stage) directory.Command {
			return directory.CreatePortalLink{Organization: s.org, Hash: secret, Features: []string{"x"}}
		}, no: invalid},
		"too many": {given: func(s *stage) {
			for range directory.MaxPortalLinks {
				s.Must(s.t, directory.CreatePortalLink{Organization: s.org, Hash: secret, Shared: true})
			}
		}, when: create, no: &refused{kind: fault.FailedPrecondition, says: []string{"200"}}},
		"those that are over do not count": {given: func(s *stage) {
			for range directory.MaxPortalLinks {
				s.Must(s.t, directory.CreatePortalLink{Organization: s.org, Hash: secret, Shared: true})
			}
			s.At = s.At.Add(directory.SharedPortalLinkLife)
		}, when: create, then: []events.Type{created}},
		"redeem":                    {given: link(false), when: redeem(secret, session), then: []events.Type{redeemed}},
		"redeem late":               {given: after(time.Minute-2*time.Second, false), when: redeem(secret, session), then: []events.Type{redeemed}},
		"redeem too late":           {given: after(time.Minute, false), when: redeem(secret, session), no: gone},
		"redeem a shared one":       {given: after(6*24*time.Hour, true), when: redeem(secret, session), then: []events.Type{redeemed}},
		"redeem a shared, too late": {given: after(7*24*time.Hour, true), when: redeem(secret, session), no: gone},
		"redeem by another secret":  {given: link(false), when: redeem(session, session), no: gone},
		"redeem without a secret":   {given: link(false), when: redeem(nil, session), no: gone},
		"redeem for no session":     {given: link(false), when: redeem(secret, nil), no: invalid},
		"redeem none":               {when: redeem(secret, session), no: gone},
		"redeem again":              {given: used, when: redeem(secret, secret), no: gone},
		"the same, sent again":      {given: used, when: redeem(secret, session)},
		"redeem a deleted one": {given: func(s *stage) {
			link(false)(s)
			s.Must(s.t, directory.DeletePortalLinks{Organization: s.org, ID: id})
		}, when: redeem(secret, session), no: gone},
		"redeem a deleted organization's": {given: func(s *stage) {
			link(false)(s)
			s.Must(s.t, directory.DeleteOrganization{Organization: s.org})
		}, when: redeem(secret, session), no: gone},
		"delete one":    {given: link(false), when: func(s *stage) directory.Command { return directory.DeletePortalLinks{Organization: s.org, ID: id} }, then: []events.Type{deleted}},
		"delete a used": {given: used, when: func(s *stage) directory.Command { return directory.DeletePortalLinks{Organization: s.org, ID: id} }, then: []events.Type{deleted}},
		"delete all": {given: func(s *stage) { link(false)(s); s.Must(s.t, create(s)) }, when: func(s *stage) directory.Command {
			return directory.DeletePortalLinks{Organization: s.org}
		}, then: []events.Type{deleted, deleted}},
		"delete none of none": {when: func(s *stage) directory.Command { return directory.DeletePortalLinks{Organization: s.org} }},
		"delete another organization's": {given: link(false), when: func(s *stage) directory.Command {
			return directory.DeletePortalLinks{Organization: s.other.Organization, ID: id}
		}, no: notFound},
	})
}

// TestPortalSession says what opens a session and how long it lasts.
func TestPortalSession(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	secret, session := s.Secret(), s.Secret()
	id := directorytest.ID(s.Must(t, directory.CreatePortalLink{Organization: s.org, Hash: secret}))
	if err := directory.CheckPortalLink(s.Rows, id, secret, s.At); err != nil {
		t.Errorf("the link cannot be used: %v", err)
	}
	for name, hash := range map[string][]byte{"none": nil, "the link's": secret, "of nothing yet": session} {
		if _, err := directory.PortalSession(s.Rows, id, hash, s.At); fault.KindOf(err) != fault.Unauthenticated || err == nil {
			t.Errorf("before it is used, the secret %s answers %v", name, err)
		}
	}
	s.Must(t, directory.RedeemPortalLink{ID: id, Hash: secret, Session: session})
	opened := s.At
	for _, c := range []struct {
		name string
		id   string
		hash []byte
		at   time.Time
		open bool
	}{
		{"right away", id, session, opened, true},
		{"at the end", id, session, opened.Add(directory.PortalSessionLife - 1), true},
		{"too late", id, session, opened.Add(directory.PortalSessionLife), false},
		{"the link's secret", id, secret, opened, false},
		{"no secret", id, nil, opened, false},
		{"another link", "lnk_0", session, opened, false},
	} {
		if l, err := directory.PortalSession(s.Rows, c.id, c.hash, c.at); c.open != (err == nil) || err == nil && l.Organization != s.org {
			t.Errorf("%s: %+v, %v; open should be %t", c.name, l, err, c.open)
		}
	}
	if err := directory.CheckPortalLink(s.Rows, id, secret, s.At); fault.KindOf(err) != fault.NotFound || err == nil {
		t.Errorf("the link can be used again: %v", err)
	}
	// What is over is gone with the next link.
	s.At = s.At.Add(directory.PortalSessionLife)
	s.Must(t, directory.CreatePortalLink{Organization: s.org, Hash: secret})
	if list, err := directory.PortalLinksOf(s.Rows, s.org); err != nil || len(list) != 1 {
		t.Errorf("there are %d links (%v)", len(list), err)
	}
}

package directory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

func of(c directory.Command) func(*stage) directory.Command {
	return func(*stage) directory.Command { return c }
}

func ptr[T any](v T) *T { return &v }

var (
	conflict     = &refused{kind: fault.Conflict}
	precondition = &refused{kind: fault.FailedPrecondition}
	invalid      = &refused{kind: fault.Invalid}
)

func TestOrganizations(t *testing.T) {
	t.Parallel()
	created := []events.Type{events.TypeOrganizationCreated}
	profile := func(p events.OrganizationProfile) func(*stage) directory.Command {
		return of(directory.CreateOrganization{Profile: p})
	}
	update := func(f func(*directory.UpdateOrganization)) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			c := directory.UpdateOrganization{Organization: s.org}
			f(&c)
			return c
		}
	}
	run(t, map[string]example{
		"plain":             {when: profile(events.OrganizationProfile{DisplayName: "Initech"}), then: created},
		"full":              {when: profile(events.OrganizationProfile{DisplayName: strings.Repeat("日", 200), ExternalID: "x", Slug: "a-1", RegionCode: "EU", LogoURL: "https://x.example/", Metadata: map[string]string{"key": "v"}}), then: created},
		"without a name":    {when: profile(events.OrganizationProfile{}), no: invalidValue("display_name")},
		"name too long":     {when: profile(events.OrganizationProfile{DisplayName: strings.Repeat("x", 201)}), no: invalidValue("200")},
		"external id taken": {when: profile(events.OrganizationProfile{DisplayName: "x", ExternalID: "acme"}), no: conflict},
		"slug":              {when: profile(events.OrganizationProfile{DisplayName: "x", Slug: "-a"}), no: &refused{kind: fault.Invalid, says: []string{"slug"}}},
		"region":            {when: profile(events.OrganizationProfile{DisplayName: "x", RegionCode: strings.Repeat("x", 65)}), no: invalidValue("region_code")},
		"metadata key":      {when: profile(events.OrganizationProfile{DisplayName: "x", Metadata: map[string]string{"ab": "c"}}), no: invalidValue("at least 3")},
		"metadata value":    {when: profile(events.OrganizationProfile{DisplayName: "x", Metadata: map[string]string{"abc": ""}}), no: invalidValue("metadata.abc")},
		"too much metadata": {when: func(*stage) directory.Command {
			m := map[string]string{}
			for i := range 11 {
				m[fmt.Sprintf("key%d", i)] = "v"
			}
			return directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "x", Metadata: m}}
		}, no: &refused{kind: fault.Invalid, says: []string{"at most 10"}}},
		"update nothing": {when: update(func(*directory.UpdateOrganization) {})},
		"update to the same": {when: update(func(c *directory.UpdateOrganization) {
			c.DisplayName, c.ExternalID, c.Metadata = ptr("acme"), ptr("acme"), map[string]string{}
		})},
		"rename":                 {when: update(func(c *directory.UpdateOrganization) { c.DisplayName = ptr("ACME") }), then: []events.Type{events.TypeOrganizationUpdated}},
		"external id freed":      {when: update(func(c *directory.UpdateOrganization) { c.ExternalID = ptr("") }), then: []events.Type{events.TypeOrganizationUpdated}},
		"external id of another": {when: update(func(c *directory.UpdateOrganization) { c.ExternalID = ptr("globex") }), no: conflict},
		"update to no name":      {when: update(func(c *directory.UpdateOrganization) { c.DisplayName = ptr("") }), no: invalidValue()},
		"update of none":         {when: of(directory.UpdateOrganization{Organization: "org_0"}), no: notFound},
		"delete none":            {when: of(directory.DeleteOrganization{Organization: "org_0"}), no: notFound},
		"delete cascades": {
			when: func(s *stage) directory.Command { return directory.DeleteOrganization{Organization: s.org} },
			then: []events.Type{events.TypeDirectoryDeleted, events.TypeDomainDeleted, events.TypeOrganizationDeleted},
		},
	})
}

// TestOrganizationDeletionFreesNames says that everything unique is free again.
func TestOrganizationDeletionFreesNames(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.Must(t, directory.DeleteOrganization{Organization: s.org})
	if _, err := directory.Authenticate(s.Rows, s.scope.Directory, s.scope.SecretHash, s.At); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("a deleted organization's secret answers %v, want unauthenticated", err)
	}
	org := s.Organization(t, "acme", "acme.example")
	s.Must(t, directory.CreateUser{Scope: s.Directory(t, org), State: directorytest.User(ada)})
	consistent(t, s.Rows)
	everyEdgeHasEnds(t, s.Rows)
}

func TestDomains(t *testing.T) {
	t.Parallel()
	created := []events.Type{events.TypeDomainCreated}
	add := func(domain string) func(*stage) directory.Command {
		return func(s *stage) directory.Command { return directory.CreateDomain{Organization: s.org, Domain: domain} }
	}
	run(t, map[string]example{
		"new":                 {when: add("initech.example"), then: created},
		"written otherwise":   {when: add(" INITECH.example. "), then: created},
		"a subdomain":         {when: add("mail.acme.example"), then: created},
		"its own":             {when: add("ACME.example."), no: conflict},
		"another's":           {when: add("globex.example"), no: conflict},
		"freed":               {given: func(s *stage) { s.Must(s.t, directory.DeleteDomain{Organization: s.org, ID: s.domain}) }, when: add("acme.example"), then: created},
		"one label":           {when: add("localhost"), no: invalid},
		"an address":          {when: add("ada@acme.example"), no: invalid},
		"a URL":               {when: add("https://acme.example"), no: invalid},
		"not in xn-- form":    {when: add("büro.example"), no: invalid},
		"a hyphen at the end": {when: add("acme-.example"), no: invalid},
		"a long label":        {when: add(strings.Repeat("a", 64) + ".example"), no: invalid},
		"too long":            {when: add(strings.Repeat("a.", 124) + "example"), no: invalid},
		"an empty label":      {when: add("acme..example"), no: invalid},
		"an unknown kind": {when: func(s *stage) directory.Command {
			return directory.CreateDomain{Organization: s.org, Domain: "x.example", Kind: "X"}
		}, no: &refused{kind: fault.Invalid, says: []string{"ALLOWED_EMAIL_DOMAIN"}}},
		"no organization": {when: of(directory.CreateDomain{Organization: "org_0", Domain: "x.example"}), no: notFound},
		"delete another's": {when: func(s *stage) directory.Command {
			return directory.DeleteDomain{Organization: s.other.Organization, ID: s.domain}
		}, no: notFound},
		"delete": {when: func(s *stage) directory.Command { return directory.DeleteDomain{Organization: s.org, ID: s.domain} }, then: []events.Type{events.TypeDomainDeleted}},
	})
}

func TestDirectories(t *testing.T) {
	t.Parallel()
	create := func(c directory.CreateDirectory) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			if c.Organization == "" {
				c.Organization = s.org
			}
			return c
		}
	}
	disable := func(s *stage) directory.Command {
		return directory.DisableDirectory{Organization: s.org, Directory: s.scope.Directory}
	}
	enable := func(s *stage) directory.Command {
		return directory.EnableDirectory{Organization: s.org, Directory: s.scope.Directory}
	}
	remove := func(s *stage) directory.Command {
		return directory.DeleteDirectory{Organization: s.org, Directory: s.scope.Directory}
	}
	off := func(s *stage) { s.Must(s.t, disable(s)) }
	policy := func(c directory.ChangeDirectoryPolicy) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			c.Organization, c.Directory = s.org, s.scope.Directory
			return c
		}
	}
	run(t, map[string]example{
		"create":             {when: create(directory.CreateDirectory{Kind: "SCIM"}), then: []events.Type{events.TypeDirectoryCreated}},
		"create, named":      {when: create(directory.CreateDirectory{Kind: "SCIM", Provider: "OKTA", Name: "Staff"}), then: []events.Type{events.TypeDirectoryCreated}},
		"unknown provider":   {when: create(directory.CreateDirectory{Kind: "SCIM", Provider: "X"}), no: &refused{kind: fault.Invalid, says: []string{"directory_provider"}}},
		"not SCIM":           {when: create(directory.CreateDirectory{Kind: "LDAP"}), no: &refused{kind: fault.Invalid, says: []string{"SCIM"}}},
		"name too long":      {when: create(directory.CreateDirectory{Kind: "SCIM", Name: strings.Repeat("x", 257)}), no: invalidValue("256")},
		"no organization":    {when: create(directory.CreateDirectory{Kind: "SCIM", Organization: "org_0"}), no: notFound},
		"enable an enabled":  {when: enable},
		"enable":             {given: off, when: enable, then: []events.Type{events.TypeDirectoryEnabled}},
		"disable":            {when: disable, then: []events.Type{events.TypeDirectoryDisabled}},
		"disable a disabled": {given: off, when: disable},
		"enable another's": {when: func(s *stage) directory.Command {
			return directory.EnableDirectory{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
		"disable another's": {when: func(s *stage) directory.Command {
			return directory.DisableDirectory{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
		"delete another's": {when: func(s *stage) directory.Command {
			return directory.DeleteDirectory{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
		"delete an enabled": {when: remove, no: &refused{kind: fault.FailedPrecondition, says: []string{"disable it"}}},
		"delete a disabled": {given: off, when: remove, then: []events.Type{events.TypeDirectoryDeleted}},
		"delete a deleted":  {given: func(s *stage) { off(s); s.Must(s.t, remove(s)) }, when: remove, no: notFound},
		"the same policy":   {when: policy(directory.ChangeDirectoryPolicy{DomainPolicy: ptr(directory.DomainPolicyEnforce)})},
		"no policy":         {when: policy(directory.ChangeDirectoryPolicy{})},
		"another policy":    {when: policy(directory.ChangeDirectoryPolicy{DeactivationEvent: ptr(directory.DeactivationUpdates)}), then: []events.Type{events.TypeDirectoryPolicyChanged}},
		"an unknown policy": {when: policy(directory.ChangeDirectoryPolicy{EmailPolicy: ptr("X")}), no: &refused{kind: fault.Invalid, says: []string{"email_policy", "IMMUTABLE", "FOLLOW_DIRECTORY"}}},
		"another's policy": {when: func(s *stage) directory.Command {
			return directory.ChangeDirectoryPolicy{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
	})
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	created := []events.Type{events.TypeDirectorySecretCreated}
	create := func(s *stage) directory.Command {
		return directory.CreateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: s.Secret(), Suffix: "wxyz"}
	}
	fill := func(s *stage) {
		for range directory.MaxSecrets - 1 {
			s.Must(s.t, create(s))
		}
	}
	revoke := func(s *stage) directory.Command {
		return directory.RevokeDirectorySecret{Organization: s.org, Directory: s.scope.Directory, ID: s.scope.Secret}
	}
	run(t, map[string]example{
		"a second": {when: create, then: created},
		"the same again": {when: func(s *stage) directory.Command {
			return directory.CreateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: s.scope.SecretHash}
		}},
		"another directory's": {when: func(s *stage) directory.Command {
			return directory.CreateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: s.other.SecretHash}
		}, no: conflict},
		"one too many":      {given: fill, when: create, no: precondition},
		"one after another": {given: func(s *stage) { fill(s); s.Must(s.t, revoke(s)) }, when: create, then: created},
		"not a hash": {when: func(s *stage) directory.Command {
			return directory.CreateDirectorySecret{Organization: s.org, Directory: s.scope.Directory, Hash: []byte("secret")}
		}, no: invalid},
		"no directory": {when: func(s *stage) directory.Command {
			return directory.CreateDirectorySecret{Organization: s.org, Directory: "dir_0", Hash: s.Secret()}
		}, no: notFound},
		"revoke":       {when: revoke, then: []events.Type{events.TypeDirectorySecretRevoked}},
		"revoke again": {given: func(s *stage) { s.Must(s.t, revoke(s)) }, when: revoke, no: notFound},
		"revoke another's": {when: func(s *stage) directory.Command {
			return directory.RevokeDirectorySecret{Organization: s.org, Directory: s.scope.Directory, ID: s.other.Secret}
		}, no: notFound},
	})
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	good := events.WebhookEndpointConfig{URL: "https://acme.example/hook", EventTypes: []string{"organization.*"}, Enabled: true}
	create := func(change func(*events.WebhookEndpointConfig)) func(*stage) directory.Command {
		c := good
		change(&c)
		return of(directory.CreateWebhookEndpoint{Config: c, WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{1}}})
	}
	given := func(s *stage) {
		s.Must(s.t, directory.CreateWebhookEndpoint{Config: good, WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{1}}})
	}
	on := func(c func(id string) directory.Command) func(*stage) directory.Command {
		return func(s *stage) directory.Command {
			id := "whe_0"
			scan(s.t, s.Rows, directory.TableEndpoint, func(k directory.Key, _ directory.Row) { id = k.Last() })
			return c(id)
		}
	}
	update := func(change func(*directory.UpdateWebhookEndpoint)) func(*stage) directory.Command {
		return on(func(id string) directory.Command {
			c := directory.UpdateWebhookEndpoint{ID: id}
			change(&c)
			return c
		})
	}
	created, updated := []events.Type{events.TypeWebhookEndpointCreated}, []events.Type{events.TypeWebhookEndpointUpdated}
	many := make([]string, directory.MaxEventTypes+1)
	for i := range many {
		many[i] = "*"
	}
	run(t, map[string]example{
		"create": {when: create(func(*events.WebhookEndpointConfig) {}), then: created},
		"of one": {when: func(s *stage) directory.Command {
			return directory.CreateWebhookEndpoint{Organization: s.org, Config: good}
		}, then: created},
		"of none":          {when: of(directory.CreateWebhookEndpoint{Organization: "org_0", Config: good}), no: notFound},
		"no url":           {when: create(func(c *events.WebhookEndpointConfig) { c.URL = "" }), no: invalidValue("url")},
		"a long url":       {when: create(func(c *events.WebhookEndpointConfig) { c.URL = "https://" + strings.Repeat("x", 2000) }), no: invalidValue("url")},
		"no types":         {when: create(func(c *events.WebhookEndpointConfig) { c.EventTypes = nil }), no: &refused{kind: fault.Invalid, says: []string{"event_types"}}},
		"many types":       {when: create(func(c *events.WebhookEndpointConfig) { c.EventTypes = many }), no: &refused{kind: fault.Invalid, says: []string{"50"}}},
		"an empty type":    {when: create(func(c *events.WebhookEndpointConfig) { c.EventTypes = []string{""} }), no: invalidValue()},
		"a long text":      {when: create(func(c *events.WebhookEndpointConfig) { c.Description = strings.Repeat("x", 1001) }), no: invalidValue("description")},
		"update nothing":   {given: given, when: update(func(*directory.UpdateWebhookEndpoint) {})},
		"update":           {given: given, when: update(func(c *directory.UpdateWebhookEndpoint) { c.Enabled, c.Description = ptr(false), ptr("mine") }), then: updated},
		"update the types": {given: given, when: update(func(c *directory.UpdateWebhookEndpoint) { c.EventTypes = []string{"*"} }), then: updated},
		"take the types":   {given: given, when: update(func(c *directory.UpdateWebhookEndpoint) { c.EventTypes = []string{} }), no: invalid},
		"update none":      {when: update(func(*directory.UpdateWebhookEndpoint) {}), no: notFound},
		"another secret": {given: given, when: on(func(id string) directory.Command {
			return directory.ChangeWebhookSecret{ID: id, WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{2}}}
		}), then: []events.Type{events.TypeWebhookEndpointSecretChanged}},
		"the same secret": {given: given, when: on(func(id string) directory.Command {
			return directory.ChangeWebhookSecret{ID: id, WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{1}}}
		})},
		"delete":      {given: given, when: on(func(id string) directory.Command { return directory.DeleteWebhookEndpoint{ID: id} }), then: []events.Type{events.TypeWebhookEndpointDeleted}},
		"delete none": {when: on(func(id string) directory.Command { return directory.DeleteWebhookEndpoint{ID: id} }), no: notFound},
	})
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	hash := make([]byte, 32)
	w := directorytest.NewWorld()
	for name, c := range map[string]directory.Bootstrap{
		"no secret": {Public: []byte{1}, Sealed: []byte{2}},
		"no key":    {SecretHash: hash},
		"long id":   {ClientID: strings.Repeat("x", 65), SecretHash: hash, Public: []byte{1}, Sealed: []byte{2}},
	} {
		if _, err := w.Try(c); fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s answers %v, want invalid", name, err)
		}
	}
	out := w.Must(t, directory.Bootstrap{ClientID: "skc_mine", SecretHash: hash, Public: []byte{1}, Sealed: []byte{2}})
	if len(out.Events) != 7 || out.Events[1].Resource != "skc_mine" {
		t.Errorf("the first start causes %v", out.Events)
	}
	if r, _ := w.Rows.Get(out.Resource); r == nil {
		t.Errorf("the environment %q is not there", out.Resource)
	}
	if out := w.Must(t, directory.Bootstrap{}); len(out.Events) != 0 {
		t.Errorf("the second start causes %v", out.Events)
	}
	run(t, map[string]example{
		"client":         {when: of(directory.CreateAPIClient{Name: "ci", Hash: hash}), then: []events.Type{events.TypeAPIClientCreated}},
		"not a hash":     {when: of(directory.CreateAPIClient{Hash: hash[:31]}), no: invalid},
		"a long name":    {when: of(directory.CreateAPIClient{Name: strings.Repeat("x", 257), Hash: hash}), no: invalidValue("name")},
		"delete unknown": {when: of(directory.DeleteAPIClient{ID: "skc_0"}), no: notFound},
	})
	const key = "UAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	run(t, map[string]example{
		"nats":            {when: of(directory.CreateNATSCredential{Name: "ci", PublicKey: key}), then: []events.Type{events.TypeNATSCredentialCreated}},
		"no key":          {when: of(directory.CreateNATSCredential{}), no: invalid},
		"no user's key":   {when: of(directory.CreateNATSCredential{PublicKey: "A" + key[1:]}), no: invalid},
		"a short key":     {when: of(directory.CreateNATSCredential{PublicKey: key[1:]}), no: invalid},
		"an unknown type": {when: of(directory.CreateNATSCredential{PublicKey: key, EventTypes: []string{"x"}}), no: invalid},
		"no organization": {when: of(directory.CreateNATSCredential{PublicKey: key, Organization: "org_0"}), no: notFound},
		"revoke unknown":  {when: of(directory.RevokeNATSCredential{ID: "nat_0"}), no: notFound},
	})
	w.Must(t, directory.CreateNATSCredential{PublicKey: key})
	if _, err := w.Try(directory.CreateNATSCredential{PublicKey: key}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a key that is taken is answered %v", err)
	}
	client := directorytest.ID(w.Must(t, directory.CreateAPIClient{Hash: hash}))
	w.Must(t, directory.DeleteAPIClient{ID: client})
	if _, ok, err := directory.Get[*directory.APIClient](w.Rows, directory.Make(directory.TableClient, client)); ok || err != nil {
		t.Errorf("the deleted client is still there (%v)", err)
	}
}

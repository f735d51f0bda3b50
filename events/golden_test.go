package events_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet; existing ones are never changed")

// payloads holds one full value of every payload type. A new type is added
// here; a value that has a golden file never changes.
func payloads() []events.Payload {
	role := events.RoleProfile{
		Name: "editor", DisplayName: "R & D <Editor>", Description: "edits", Extends: "role_000000000000000001", Permissions: []string{"perm_000000000000000001"},
	}
	permission := events.PermissionProfile{Name: "posts:write", Description: "R & D"}
	since := time.Date(2026, 11, 1, 8, 0, 0, 123000, time.UTC)
	hash := bytes.Repeat([]byte{0xab}, 32)
	names := events.UserNames{UserName: "zoë@acme.example", ExternalID: "00u1<&>", DisplayName: "Zoë Łukasiewicz", Emails: []string{"zoë@acme.example", "z@home.example"}}
	attributes := json.RawMessage(`{"active":true,"title":"R & D <\u2028>","userName":"zoë@acme.example"}`)
	user := events.UserState{UserNames: names, Active: true, Address: "zoë@acme.example", Attributes: attributes}
	group := events.GroupState{GroupNames: events.GroupNames{DisplayName: "R & D", ExternalID: "g1"}, Attributes: json.RawMessage(`{"displayName":"R & D"}`)}
	profile := events.OrganizationProfile{
		DisplayName: "Acme <Ltd>", RegionCode: "EU", ExternalID: "acme", Slug: "acme", LogoURL: "https://acme.example/l?a=1&b=2", Metadata: map[string]string{"tier": "gold"},
	}
	connection := events.DirectoryProfile{Name: "Okta", Kind: "SCIM", Provider: "OKTA"}
	policy := events.DirectoryPolicy{DomainPolicy: "ENFORCE", EmailPolicy: "IMMUTABLE", DeactivationEvent: "USER_DELETED"}
	endpoint := events.WebhookEndpointConfig{URL: "https://acme.example/hook?a=1&b=2", Description: "ours", EventTypes: []string{"organization.*"}, Enabled: true}
	person := events.PersonState{
		Email: "zoë@acme.example", ExternalID: "u-1", Metadata: map[string]string{"tier": "R & D"},
		Profile: events.PersonProfile{
			GivenName: "Zoë", FamilyName: "Łukasiewicz", Name: "Zoë <Ł>", Locale: "pl-PL", PhoneNumber: "+1", PreferredUsername: "zoe", Picture: "https://a.example/?a=1&b=2",
			Gender: "f", Groups: []string{"R & D"}, CustomAttributes: map[string]string{"badge": "7"}, Metadata: map[string]string{"from": "import"},
		},
	}
	membership := events.MembershipState{
		Roles: []string{"role_000000000000000001"}, Metadata: map[string]string{"seat": "<7>"}, InviterEmail: "boss@acme.example",
		Invitation: &events.Invitation{Expires: since.Add(time.Hour), Sent: 2, Last: since},
	}
	return []events.Payload{
		events.EnvironmentCreated{},
		events.APIClientCreated{Name: "ci", Hash: hash, Suffix: "wxyz"},
		events.APIClientUpdated{Name: "R & D", Scopes: []string{"read"}},
		events.APIClientSecretChanged{Hash: hash, Suffix: "wxyz", FormerUntil: &since},
		events.APIClientDeleted{},
		events.NATSCredentialCreated{Name: "R & D", PublicKey: "U" + strings.Repeat("A", 55), EventTypes: []string{"organization.directory.user_created"}, Start: &since},
		events.NATSCredentialRevoked{},
		events.IdempotencyKeyUsed{Key: hash, Request: hash, Row: "oorg_1\x00"},
		events.SigningKeyCreated{Algorithm: "RS256", Public: []byte{1, 2}, Sealed: []byte{3, 4}},
		events.FanoutContinued{Job: "job_1", From: "adirgroup_1\x00diruser_1\x00", To: "adirgroup_1\x00diruser_9\x00", Done: true},
		events.OrganizationCreated{OrganizationProfile: profile},
		events.OrganizationUpdated{OrganizationProfile: profile, FreedExternalID: "old"},
		events.OrganizationDeleted{OrganizationProfile: profile},
		events.OrganizationSettingsChanged{OrganizationSettings: events.OrganizationSettings{
			Features: []events.OrganizationFeature{{Name: "sso"}, {Name: "dir_sync", Enabled: true}}, MaxUsers: 150,
		}},
		events.DomainCreated{Domain: "acme.example", Kind: "ORGANIZATION_DOMAIN", Verification: "AUTO_VERIFIED"},
		events.PortalLinkCreated{Hash: hash, Features: []string{"dir_sync"}, Until: since, Shared: true},
		events.PortalLinkRedeemed{Session: hash, Until: since},
		events.PortalLinkDeleted{},
		events.DomainVerified{Domain: "acme.example"},
		events.DomainVerificationFailed{Domain: "acme.example"},
		events.DomainDeleted{Domain: "acme.example", Kind: "ORGANIZATION_DOMAIN"},
		events.DirectoryCreated{DirectoryProfile: connection, Policy: policy},
		events.DirectoryEnabled{},
		events.DirectoryDisabled{},
		events.DirectoryDeleted{DirectoryProfile: connection},
		events.DirectoryPolicyChanged{DirectoryPolicy: policy},
		events.DirectorySecretCreated{Hash: hash, Suffix: "wxyz"},
		events.DirectorySecretRevoked{Hash: hash},
		events.DirectoryUpdated{DirectoryProfile: connection},
		events.DirectorySecretExpiring{Hash: hash, Until: since},
		events.DirectoryNetworksAllowed{Networks: []string{"192.0.2.0/24", "2001:db8::/32"}},
		events.DirectorySchemasChanged{Extensions: []events.DirectoryExtension{
			{Resource: "User", Definition: json.RawMessage(`{"id":"urn:acme:1.0:User","name":"R & D <\u2028>","attributes":[]}`)},
		}},
		events.DirectoryAttributesMapped{Mappings: []events.AttributeMapping{
			{Key: "badge", Sources: []string{"urn:acme:1.0:User:badge", `emails[type eq "work"].value`}, Default: "<none>"}, {Key: "site", Sources: []string{"title"}},
		}},
		events.WebhookEndpointCreated{WebhookEndpointConfig: endpoint, WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{5}}},
		events.WebhookEndpointUpdated{WebhookEndpointConfig: endpoint},
		events.WebhookEndpointDeleted{},
		events.RoleCreated{RoleProfile: role},
		events.RoleUpdated{RoleProfile: role, Freed: "role_000000000000000002"},
		events.RoleDeleted{RoleProfile: role, Heir: "role_000000000000000003"},
		events.DefaultRolesChanged{Creator: "role_000000000000000001", Member: "role_000000000000000002"},
		events.PermissionCreated{PermissionProfile: permission},
		events.PermissionUpdated{PermissionProfile: permission},
		events.PermissionDeleted{PermissionProfile: permission},
		events.DirectoryRolesAssigned{Assignments: []events.RoleAssignment{{Group: "dirgroup_1", Role: "role_000000000000000001"}}},
		events.PersonCreated{PersonState: person, Written: []string{"email", "given_name"}},
		events.PersonUpdated{PersonState: person, Written: []string{"external_id"}, FreedExternalID: "u-0"},
		events.PersonDeleted{Email: "zoë@acme.example", ExternalID: "u-1"},
		events.MembershipCreated{MembershipState: membership, Provisioned: true},
		events.MembershipUpdated{MembershipState: membership},
		events.MembershipDeleted{Roles: []string{"role_000000000000000001"}},
		events.WebhookEndpointFailing{Since: since, DisableAt: since.Add(time.Hour), Level: 1},
		events.WebhookEndpointSecretChanged{WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{6}}},
		events.WebhookEndpointTested{},
		events.WebhookReplayRequested{Endpoint: "whe_1", Kind: "delivery", EventID: "evt_2", Seq: 3, RateLimit: 200},
		events.WebhookReplayCancelled{Endpoint: "whe_1"},
		events.WebhookReplayFinished{Endpoint: "whe_1", Queued: 4, Skipped: 3, Delivered: 2, Dead: 1},
		events.UserCreated{UserState: user},
		events.UserUpdated{UserState: user, Freed: &names},
		events.UserDeleted{UserNames: names, Address: "zoë@acme.example"},
		events.GroupCreated{GroupState: group},
		events.GroupUpdated{GroupState: group, Freed: &group.GroupNames},
		events.GroupDeleted{GroupNames: group.GroupNames},
		events.GroupMembersAdded{Members: []string{"diruser_1", "dirgroup_2"}},
		events.GroupMembersRemoved{Members: []string{"diruser_1"}},
		events.GroupMembersPended{Values: []string{"00u1<&>", "zoë@acme.example"}},
		events.GroupMembersUnpended{Values: []string{"zoë@acme.example"}},
	}
}

// grown holds values of types that were given further fields since they were
// introduced, each under the type, a dash, and the field that is new. Like the
// values above they never change.
func grown() map[string]events.Payload {
	attributes := json.RawMessage(`{"displayName":"R & D"}`)
	until := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	return map[string]events.Payload{
		"api_client.created.v1-scopes": events.APIClientCreated{Name: "ci", Hash: []byte{1}, Suffix: "wxyz", Scopes: []string{"read", "write"}},
		"user.created.v1-previous": events.UserCreated{
			UserState: events.UserState{UserNames: events.UserNames{UserName: "zoë@acme.example"}, Active: true, Attributes: json.RawMessage(`{"userName":"zoë@acme.example"}`)},
			Previous:  "diruser_000000000000000007",
		},
		"user.created.v1-person": events.UserCreated{
			UserState: events.UserState{
				UserNames: events.UserNames{UserName: "zoë@acme.example"}, Active: true, Attributes: json.RawMessage(`{"userName":"zoë@acme.example"}`),
				Superseded: map[string]json.RawMessage{"name.givenName": json.RawMessage("null")},
			},
			Person: "usr_000000000000000007",
		},
		"user.updated.v1-superseded": events.UserUpdated{UserState: events.UserState{
			UserNames: events.UserNames{UserName: "zoë@acme.example"}, Active: true, Attributes: json.RawMessage(`{"userName":"zoë@acme.example"}`),
			Superseded: map[string]json.RawMessage{"locale": json.RawMessage("null"), "name.givenName": json.RawMessage(`"Z & Ł"`)},
		}},
		"user.created.v1-continues": events.UserCreated{
			UserState: events.UserState{UserNames: events.UserNames{UserName: "zoë@acme.example"}, Active: true, Attributes: json.RawMessage(`{"userName":"zoë@acme.example"}`)},
			Continues: true,
		},
		"user.updated.v1-continues": events.UserUpdated{
			UserState: events.UserState{UserNames: events.UserNames{UserName: "zoë@acme.example"}, Active: true, Attributes: json.RawMessage(`{"userName":"zoë@acme.example"}`)},
			Freed:     &events.UserNames{UserName: "zoe"}, Continues: true,
		},
		"domain.created.v1-dns": events.DomainCreated{
			Domain: "acme.example", Kind: "ORGANIZATION_DOMAIN", Verification: "PENDING",
			DNS: &events.DomainChallenge{Key: "_rollcall-challenge.acme.example", Secret: "rollcall-verification=0123", Until: until},
		},
		"group.created.v1-previous": events.GroupCreated{
			GroupState: events.GroupState{GroupNames: events.GroupNames{DisplayName: "R & D"}, Attributes: attributes}, Previous: "dirgroup_000000000000000007",
		},
		"directory.policy_changed.v1-conformance": events.DirectoryPolicyChanged{DirectoryPolicy: events.DirectoryPolicy{
			DomainPolicy: "OFF", EmailPolicy: "FOLLOW_DIRECTORY", DeactivationEvent: "USER_UPDATED", Conformance: "STRICT",
		}},
		"webhook_endpoint.created.v1-settings": events.WebhookEndpointCreated{
			WebhookEndpointConfig: events.WebhookEndpointConfig{
				URL: "https://acme.example/hook", EventTypes: []string{"*"}, Enabled: true, Headers: []events.WebhookHeader{{Name: "X-A", SealedValue: []byte{7}}},
				RateLimit: 50, Concurrency: 4, TimeLimit: 5000, Ordering: "none", Ladder: "0s,5s", Signatures: []string{"v1", "v1a"},
			},
			WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{5}, SealedKey: []byte{6}, PublicKey: []byte{7}},
		},
		"webhook_endpoint.updated.v1-reason": events.WebhookEndpointUpdated{
			WebhookEndpointConfig: events.WebhookEndpointConfig{URL: "https://acme.example/hook", EventTypes: []string{"*"}}, SealedKey: []byte{6}, PublicKey: []byte{7}, Reason: "gone",
		},
		"webhook_endpoint.secret_changed.v1-former": events.WebhookEndpointSecretChanged{
			WebhookSigningKeys: events.WebhookSigningKeys{SealedSecret: []byte{6}, SealedKey: []byte{7}, PublicKey: []byte{8}}, FormerUntil: &until,
		},
		"group.members_added.v1-resolved": events.GroupMembersAdded{Members: []string{"diruser_1"}, Resolved: []string{"00u1<&>", "zoë@acme.example"}},
		"group.members_added.v1-continues": events.GroupMembersAdded{
			Members: []string{"diruser_1"}, Resolved: []string{"00u1<&>"}, Continues: true,
		},
	}
}

func golden(name string) string { return filepath.Join("testdata", "golden", name+".json") }

// TestGolden says that every payload is written as the day it was introduced,
// byte for byte, and that what was written then is read as it was meant.
func TestGolden(t *testing.T) {
	t.Parallel()
	all := grown()
	for _, p := range payloads() {
		all[string(p.Type())] = p
	}
	for name, p := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := events.New(events.Event{ID: 7}, p)
			if err != nil {
				t.Fatal(err)
			}
			path := golden(name)
			want, err := os.ReadFile(path)
			if *update && os.IsNotExist(err) {
				want = append(slices.Clone(e.Payload), '\n')
				if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
					err = os.WriteFile(path, want, 0o600)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			want = bytes.TrimSuffix(want, []byte("\n"))
			if !bytes.Equal(e.Payload, want) {
				t.Errorf("it is written as\n%s\nnot as\n%s", e.Payload, want)
			}
			got, err := decode(p, events.Event{Type: p.Type(), Payload: want})
			if err != nil || !reflect.DeepEqual(got, p) {
				t.Errorf("%s\nis read as %+v (%v), meant is %+v", want, got, err, p)
			}
		})
	}
}

// decode reads e as the type of p, by way of the generic Decode.
func decode(p events.Payload, e events.Event) (events.Payload, error) {
	v := reflect.New(reflect.TypeOf(p))
	if err := json.Unmarshal(e.Payload, v.Interface()); err != nil {
		return nil, err
	}
	return v.Elem().Interface().(events.Payload), nil
}

// TestEveryTypeIsHeld says that there is exactly one value above and one golden
// file for every type that the package names.
func TestEveryTypeIsHeld(t *testing.T) {
	t.Parallel()
	var named, held, files []string
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		named = append(named, constants(t, path)...)
	}
	for _, p := range payloads() {
		held = append(held, string(p.Type()))
	}
	found, err := filepath.Glob(golden("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		name := strings.TrimSuffix(filepath.Base(f), ".json")
		if p, ok := grown()[name]; ok {
			if typ, _, _ := strings.Cut(name, "-"); typ != string(p.Type()) {
				t.Errorf("%s holds a %s", name, p.Type())
			}
			continue
		}
		files = append(files, name)
	}
	for _, list := range [][]string{named, held, files} {
		slices.Sort(list)
	}
	if !slices.Equal(named, held) || !slices.Equal(named, files) {
		t.Errorf("named are %q\nheld are %q\nfiles are %q", named, held, files)
	}
}

// constants returns the values of a source file's constants of type Type.
func constants(t *testing.T, path string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == "Type" {
				for _, value := range v.Values {
					s, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, s)
				}
			}
		}
		return true
	})
	return out
}

func TestDecode(t *testing.T) {
	t.Parallel()
	e, err := events.New(events.Event{ID: 7}, events.DomainDeleted{Domain: "acme.example"})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := events.Decode[events.DomainDeleted](e); err != nil || p.Domain != "acme.example" {
		t.Errorf("it is read as %+v, %v", p, err)
	}
	stored := events.Event{Type: e.Type, Payload: e.Payload}
	if p, err := events.Decode[events.DomainDeleted](stored); err != nil || p.Domain != "acme.example" {
		t.Errorf("it is read back as %+v, %v", p, err)
	}
	if _, err := events.Decode[events.DomainCreated](stored); err == nil {
		t.Error("it is read as another type")
	}
	stored.Payload = []byte(`{"domain":7}`)
	if _, err := events.Decode[events.DomainDeleted](stored); err == nil {
		t.Error("a payload of another shape is read")
	}
	if _, err := events.New(events.Event{}, events.UserCreated{UserState: events.UserState{Attributes: []byte(`{`)}}); err == nil {
		t.Error("half a document is written")
	}
}

func TestEqual(t *testing.T) {
	t.Parallel()
	base := events.Event{
		Type: "t", ID: 1, At: time.Unix(1, 0).UTC(), Actor: "a", Organization: "o", Directory: "d", Resource: "r", Revision: 2, Payload: []byte("{}"),
	}
	same := base
	same.At, same.Payload = base.At.In(time.FixedZone("east", 3600)), []byte("{}")
	if !base.Equal(same) {
		t.Error("an event differs from itself")
	}
	for name, change := range map[string]func(*events.Event){
		"Type": func(e *events.Event) { e.Type = "u" }, "ID": func(e *events.Event) { e.ID++ }, "At": func(e *events.Event) { e.At = e.At.Add(1) },
		"Actor": func(e *events.Event) { e.Actor = "b" }, "Organization": func(e *events.Event) { e.Organization = "" },
		"Directory": func(e *events.Event) { e.Directory = "" }, "Resource": func(e *events.Event) { e.Resource = "" },
		"Revision": func(e *events.Event) { e.Revision++ }, "Payload": func(e *events.Event) { e.Payload = nil },
	} {
		other := base
		change(&other)
		if base.Equal(other) {
			t.Errorf("another %s makes no difference", name)
		}
	}
}

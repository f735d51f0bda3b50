package public_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events/public"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet; existing ones are never changed")

var at = time.Date(2026, 3, 1, 10, 30, 0, 123456000, time.FixedZone("CET", 3600))

// data holds what each golden file shows; the part behind a dash tells cases of
// one type apart.
func data() map[string]any {
	head := public.Head{ID: "diruser_100000000000000001", OrganizationID: "org_100000000000000001", DirectoryID: "dir_100000000000000001", Version: 3}
	group := public.Head{ID: "dirgroup_100000000000000001", OrganizationID: head.OrganizationID, DirectoryID: head.DirectoryID, Version: 2}
	full := public.User{
		Head: head, DirectoryProviderID: "00u1abcd", PreferredUsername: "mara", Email: "mara@acme.example", Active: true,
		Name: "Mara Quist", GivenName: "Mara", FamilyName: "Quist", Nickname: "M", Title: "Editor & <chief>", UserType: "Employee",
		Department: "News", Division: "Press", CostCenter: "4130", EmployeeID: "701984", Organization: "Acme", PhoneNumber: "+1-202-555-0100",
		Picture: "https://acme.example/p?a=1&b=2", Profile: "https://acme.example/mara", Language: "en", Locale: "en-US", Zoneinfo: "Europe/Oslo",
		Address: &public.Address{Formatted: "Main St 1\nOslo", StreetAddress: "Main St 1", Locality: "Oslo", Region: "Oslo", PostalCode: "0001", Country: "NO"},
		Groups:  []public.GroupRef{{ID: group.ID, Name: "Editors"}}, Roles: []public.RoleRef{{RoleName: "editor"}},
		CustomAttributes: map[string]any{"mobile_phone_number": "+1-202-555-0100"}, RawAttributes: json.RawMessage(`{"userName":"mara","title":"Editor & <chief>"}`),
	}
	bare := public.User{Head: head, Groups: []public.GroupRef{}, Roles: []public.RoleRef{}, CustomAttributes: map[string]any{}, RawAttributes: json.RawMessage(`{}`)}
	returned := bare
	returned.PreviousID = "diruser_100000000000000000"
	mapped := bare
	mapped.Manager = &public.ManagerRef{ID: "26118915", Name: "Ada <A>"}
	mapped.Address = &public.Address{Formatted: "Oslo", Region: "Viken", State: "Viken"}
	mapped.CustomAttributes = map[string]any{"remote": true, "floor": json.Number("3"), "tags": []any{"a", "b"}}
	id := "g1"
	deleted := at.UTC()
	organization := public.Organization{
		ID: head.OrganizationID, Version: 1, DisplayName: "Acme <Ltd>", ExternalID: "acme", RegionCode: "EU", CreateTime: at.UTC(), UpdateTime: at.UTC(),
		Metadata: map[string]string{"b": "2", "a": "1"}, Settings: public.Settings{Features: []public.Feature{{Name: "sso"}, {Name: "dir_sync", Enabled: true}}},
	}
	gone := organization
	gone.DeletedAt = &deleted
	connection := public.Directory{
		Head: public.Head{ID: head.DirectoryID, OrganizationID: head.OrganizationID, DirectoryID: head.DirectoryID, Version: 1}, DirectoryType: "SCIM", Provider: "OKTA", Enabled: true, UpdatedAt: at.UTC(),
	}
	off := connection
	off.Enabled = false
	role := public.Role{
		ID: "role_100000000000000001", Version: 1, OrganizationID: head.OrganizationID, Name: "editor", DisplayName: "Editor & <chief>", Description: "Edits",
		Extends: "member", Permissions: []string{"posts:write"},
	}
	permission := public.Permission{ID: "perm_100000000000000001", Version: 1, Name: "posts:write", Description: "Writes & <edits>"}
	membership := public.OrgMembership{
		ID:      head.OrganizationID + "/usr_100000000000000001",
		Version: 1, Organization: public.MemberOrg{ID: head.OrganizationID, DisplayName: "Acme <Ltd>", ExternalID: "acme"},
		User: public.MemberUser{
			ID: "usr_100000000000000001", Email: "mara@acme.example", ExternalID: "u-1", Metadata: map[string]string{"tier": "R & D"},
			Profile: public.MemberProfile{
				Name: "Mara Quist", GivenName: "Mara", FamilyName: "Quist", PreferredUsername: "mara", PhoneNumber: "+1-202-555-0100", Picture: "https://acme.example/p?a=1&b=2",
				Locale: "en-US", Gender: "f", Groups: []string{"A & B"}, CustomAttributes: map[string]string{"badge": "7"}, Metadata: map[string]string{"from": "import"},
			},
		},
		Membership: public.MemberStanding{Status: "ACTIVE", Roles: []public.RoleRef{{RoleName: "editor"}}, Metadata: map[string]string{"seat": "<7>"}, InviterEmail: "boss@acme.example", JoinTime: &deleted},
	}
	invited := membership
	invited.Membership.Status, invited.Membership.JoinTime, invited.Membership.ExpiresAt = "PENDING_INVITE", nil, &deleted
	bereft := public.OrgMembership{ID: membership.ID, Version: 2, Organization: membership.Organization, User: public.MemberUser{ID: membership.User.ID}, Membership: public.MemberStanding{Status: "INACTIVE", Roles: []public.RoleRef{}}}
	domain := public.Domain{
		ID: "dom_100000000000000001", Version: 1, Domain: "acme.example", DomainType: "ORGANIZATION_DOMAIN", OrganizationID: "org_100000000000000001",
		EnvironmentID: "env_100000000000000001", VerificationStatus: "PENDING", VerificationMethod: "DNS", TXTRecordKey: "_rollcall-challenge.acme.example",
		TXTRecordSecret: "rollcall-verification=0123", UpdatedAt: at,
	}
	return map[string]any{
		string(public.MembershipCreated):          membership,
		string(public.MembershipUpdated):          membership,
		string(public.MembershipDeleted):          bereft,
		string(public.MembershipInvited):          invited,
		string(public.UserCreated):                full,
		string(public.UserUpdated) + "-bare":      bare,
		string(public.UserUpdated) + "-mapped":    mapped,
		string(public.UserCreated) + "-returned":  returned,
		string(public.GroupCreated) + "-returned": public.Group{Head: group, PreviousID: "dirgroup_100000000000000000", DisplayName: "Editors", RawAttributes: json.RawMessage(`{}`)},
		string(public.UserDeleted):                public.DeletedUser{Head: head, DirectoryProviderID: "00u1abcd", Email: "mara@acme.example", Reason: public.ReasonDeactivated},
		string(public.GroupCreated):               public.Group{Head: group, DisplayName: "Editors", RawAttributes: json.RawMessage(`{"displayName":"Editors"}`)},
		string(public.GroupUpdated) + "-linked":   public.Group{Head: group, DisplayName: "Editors", ExternalID: &id, RawAttributes: json.RawMessage(`{}`)},
		string(public.GroupDeleted):               public.DeletedGroup{Head: group, DisplayName: "Editors", DirectoryProviderID: &id, RawAttributes: json.RawMessage(`{}`)},
		string(public.DirectoryEnabled):           connection,
		string(public.DirectoryDisabled):          off,
		string(public.OrganizationCreated):        organization,
		string(public.OrganizationUpdated):        organization,
		string(public.OrganizationDeleted):        gone,
		string(public.RoleCreated):                role,
		string(public.RoleUpdated):                role,
		string(public.RoleDeleted):                public.Role{ID: role.ID, Version: 3, Name: role.Name, Permissions: []string{}},
		string(public.PermissionCreated):          permission,
		string(public.PermissionUpdated):          permission,
		string(public.PermissionDeleted):          permission,
		string(public.DomainCreated):              domain,
		string(public.DomainDeleted):              domain,
		string(public.DomainVerified):             domain,
		string(public.DomainFailed):               domain,
		string(public.EndpointFailing):            public.Endpoint{ID: "whe_100000000000000001", Version: 1, Description: "R & D", FailingSince: &deleted, DisableAt: &deleted},
		string(public.EndpointDisabled):           public.Endpoint{ID: "whe_100000000000000001", Version: 2, OrganizationID: head.OrganizationID, Reason: "gone"},
		string(public.EndpointTest):               public.Endpoint{ID: "whe_100000000000000001", Version: 2, Description: "R & D"},
	}
}

// TestGolden holds the bytes that receivers verify and parse. They are compact,
// unescaped and without a newline at the end.
func TestGolden(t *testing.T) {
	t.Parallel()
	covered := map[public.Type]bool{}
	for name, d := range data() {
		typ, _, _ := strings.Cut(name, "-")
		covered[public.Type(typ)] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := public.New(public.Type(typ), public.NumberOf(12, 34), at, "env_100000000000000001", "org_100000000000000001", d).Body()
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "golden", name+".json")
			want, err := os.ReadFile(path)
			if *update && os.IsNotExist(err) {
				want = append(slices.Clone(got), '\n')
				if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
					err = os.WriteFile(path, want, 0o600)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if want = bytes.TrimSuffix(want, []byte("\n")); !bytes.Equal(got, want) {
				t.Errorf("the body is\n%s\nnot\n%s", got, want)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, got); err != nil || !bytes.Equal(compact.Bytes(), got) {
				t.Errorf("the body is not compact (%v): %s", err, got)
			}
			if bytes.Contains(got, []byte(`\u00`)) {
				t.Errorf("the body is escaped for HTML: %s", got)
			}
		})
	}
	for _, typ := range public.Types() {
		if !covered[typ] {
			t.Errorf("%s has no golden file", typ)
		}
		if typ.Object() == "" {
			t.Errorf("%s has no object", typ)
		}
	}
}

// TestEnvelope holds the envelope to the wire reference, section 11.2.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	body, err := public.New(public.UserUpdated, 100000000000000001, at, "env_100000000000000001", "org_100000000000000001", struct{}{}).Body()
	want := `{"spec_version":"1","id":"evt_100000000000000001","type":"organization.directory.user_updated","object":"DirectoryUser","occurred_at":"2026-03-01T09:30:00.123456Z",` +
		`"environment_id":"env_100000000000000001","organization_id":"org_100000000000000001","display_name":"Directory User Updated","data":{}}`
	if err != nil || string(body) != want {
		t.Errorf("the envelope is\n%s (%v), want\n%s", body, err, want)
	}
	if _, err := public.New(public.UserUpdated, 1, at, "env_1", "", func() {}).Body(); err == nil {
		t.Error("data that is no JSON is written")
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	if public.NumberOf(1, public.MaxDerived-1) >= public.NumberOf(2, 0) {
		t.Error("the last event derived from one fact does not come before the first of the next")
	}
	if got := public.NumberOf(7, 3).ID(); got != "evt_000000000000070003" {
		t.Errorf("the id is %s", got)
	}
}

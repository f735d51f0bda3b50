package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/users"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// heard returns what receivers were told of memberships since the last call.
func (s *server) heard(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []string{}
	for _, a := range s.told {
		d, err := a.Data()
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := d.(public.OrgMembership); ok {
			out = append(out, fmt.Sprintf("%s %s %v", strings.TrimPrefix(string(a.Type), "user.organization_"), m.Membership.Status, m.Membership.Roles))
		}
	}
	s.told = nil
	return out
}

// person makes a user and returns its id.
func (s *server) person(t *testing.T, org, body string) string {
	t.Helper()
	return str(s.ok(t, 201, "POST", "/api/v1/organizations/"+org+"/users", body), "user", "id")
}

func userOf(user string) string {
	return directory.PrefixPerson + strings.TrimPrefix(user, directory.PrefixUser)
}

// TestUser_life makes a user, changes it, puts it into a second organization and
// takes it out of both. Each effective change of a membership is told once.
func TestUser_life(t *testing.T) {
	t.Parallel()
	s := start(t)
	acme, globex := s.organization(t, "Acme"), s.organization(t, "Globex")
	body := `{"email":"Ada@acme.example","external_id":"u/1","metadata":{"tier":"gold"},"membership":{"roles":[{"name":"editor"}],"metadata":{"seat":"7"}},
		"user_profile":{"first_name":"Ada","family_name":"King","custom_attributes":{"badge":"9"}}}`
	made := s.ok(t, 201, "POST", "/api/v1/organizations/"+acme+"/users", body)
	id := str(made, "user", "id")
	if !strings.HasPrefix(id, "usr_") || len(id) != len("usr_")+18 {
		t.Errorf("the id is %q, want usr_ and 18 digits", id)
	}
	for path, want := range map[string]any{
		"email": "Ada@acme.example", "external_id": "u/1", "user_profile.given_name": "Ada", "user_profile.first_name": "Ada", "user_profile.last_name": "King",
		"user_profile.name": "Ada King", "user_profile.custom_attributes.badge": "9", "metadata.tier": "gold",
	} {
		var steps []any
		for _, p := range strings.Split(path, ".") {
			steps = append(steps, p)
		}
		if got := at(object(made, "user"), steps...); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	m := object(made, "user", "memberships", 0)
	if m["organization_id"] != acme || m["membership_status"] != "ACTIVE" || m["display_name"] != "Acme" || m["provisioning_method"] != "api" || object(m, "metadata")["seat"] != "7" {
		t.Errorf("the membership is %v", m)
	}
	if diff := cmp.Diff([]string{"editor"}, names(t, m["roles"], "name")); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"membership_created ACTIVE [{editor}]"}, s.heard(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/api/v1/users/" + id, "/api/v1/users:external/u%2F1"} {
		if diff := cmp.Diff(object(made, "user"), object(s.ok(t, 200, "GET", path, ""), "user")); diff != "" {
			t.Errorf("GET %s shows another user (-want +got):\n%s", path, diff)
		}
	}

	got := object(s.ok(t, 200, "PATCH", "/api/v1/users/"+id, `{"user_profile":{"last_name":"Lovelace","phone_number":"+1"},"external_id":"u-2"}`), "user")
	if at(got, "user_profile", "family_name") != "Lovelace" || at(got, "user_profile", "given_name") != "Ada" || got["external_id"] != "u-2" || at(got, "metadata", "tier") != "gold" {
		t.Errorf("updated to %v", got)
	}
	s.ok(t, 200, "PATCH", "/api/v1/users:external/u-2", `{"user_profile":{"phone_number":"+1"}}`) // as it is
	if diff := cmp.Diff([]string{"membership_updated ACTIVE [{editor}]"}, s.heard(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+globex+"/users/"+id, `{}`)
	s.ok(t, 200, "PATCH", "/api/v1/memberships/organizations/"+globex+"/users:external/u-2", `{"roles":[{"name":"admin"},{"name":"editor"}]}`)
	s.ok(t, 200, "PATCH", "/api/v1/memberships/organizations/"+globex+"/users/"+id, `{"roles":[]}`) // none is as it is
	got = object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user")
	if diff := cmp.Diff([]string{acme, globex}, names(t, got["memberships"], "organization_id")); diff != "" {
		t.Errorf("in (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"admin", "editor"}, names(t, at(got, "memberships", 1, "roles"), "name")); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"membership_created ACTIVE [{member}]", "membership_updated ACTIVE [{admin} {editor}]"}, s.heard(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}

	s.ok(t, 200, "DELETE", "/api/v1/memberships/organizations/"+globex+"/users/"+id+"?cascade=true", "")
	s.ok(t, 200, "GET", "/api/v1/users/"+id, "") // still in the other
	s.ok(t, 200, "DELETE", "/api/v1/memberships/organizations/"+acme+"/users/"+id+"?cascade=true", "")
	if st, _ := s.call(t, "GET", "/api/v1/users/"+id, ""); st != 404 {
		t.Errorf("the user is still there: %d", st)
	}
	again := s.person(t, acme, `{"email":"ada@acme.example","external_id":"u-2"}`) // both are free
	if again == id {
		t.Error("an id was used twice")
	}
	s.ok(t, 200, "DELETE", "/api/v1/users:external/u-2", "")
	want := []string{"membership_deleted INACTIVE []", "membership_deleted INACTIVE []", "membership_created ACTIVE [{member}]", "membership_deleted INACTIVE []"}
	if diff := cmp.Diff(want, s.heard(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestUser_refused holds limits and codes to the wire reference.
func TestUser_refused(t *testing.T) {
	t.Parallel()
	s := start(t)
	acme, globex := s.organization(t, "Acme"), s.organization(t, "Globex")
	dir := s.directory(t, acme)
	provisioned := userOf(s.user(t, acme, dir, "bob"))
	id := s.person(t, acme, `{"email":"ada@acme.example","external_id":"u-1"}`)
	theirs := s.person(t, globex, `{"email":"eve@globex.example"}`)
	s.ok(t, 201, "POST", "/api/v1/organizations/"+globex+"/roles", `{"name":"theirs","display_name":"Theirs"}`)
	create, member := "/api/v1/organizations/"+acme+"/users", "/api/v1/memberships/organizations/"+acme+"/users/"
	pairs := func(n int) string {
		m := map[string]string{}
		for i := range n {
			m[fmt.Sprintf("key%02d", i)] = "v"
		}
		b, _ := json.Marshal(m)
		return string(b)
	}
	for name, c := range map[string]struct {
		status             int
		method, path, body string
	}{
		"a taken address":             {409, "POST", create, `{"email":"ADA@acme.example"}`},
		"a directory user's address":  {409, "POST", create, `{"email":"BOB@acme.example"}`},
		"another's address":           {409, "POST", create, `{"email":"eve@globex.example"}`},
		"a taken external id":         {409, "POST", create, `{"email":"new@acme.example","external_id":"u-1"}`},
		"no address":                  {400, "POST", create, `{}`},
		"half an address":             {400, "POST", create, `{"email":"ada@"}`},
		"a long given name":           {400, "POST", create, `{"email":"new@acme.example","user_profile":{"given_name":"` + strings.Repeat("x", 256) + `"}}`},
		"a long first name":           {400, "POST", create, `{"email":"new@acme.example","user_profile":{"first_name":"` + strings.Repeat("x", 201) + `"}}`},
		"too much metadata":           {400, "POST", create, `{"email":"new@acme.example","metadata":` + pairs(21) + `}`},
		"a short key":                 {400, "POST", create, `{"email":"new@acme.example","metadata":{"ab":"v"}}`},
		"an unknown role":             {404, "POST", create, `{"email":"new@acme.example","membership":{"roles":[{"name":"nobody"}]}}`},
		"another organization's role": {404, "POST", create, `{"email":"new@acme.example","membership":{"roles":[{"name":"theirs"}]}}`},
		"a bad inviter":               {400, "POST", create, `{"email":"new@acme.example","membership":{"inviter_email":"x"}}`},
		"no organization":             {404, "POST", "/api/v1/organizations/org_000000000000000000/users", `{"email":"new@acme.example"}`},
		"no user":                     {404, "GET", "/api/v1/users/usr_000000000000000000", ""},
		"no external id":              {404, "GET", "/api/v1/users:external/nobody", ""},
		"another kind of id":          {400, "GET", "/api/v1/users/" + dir, ""},
		"a short id":                  {400, "PATCH", "/api/v1/users/usr_1", `{}`},
		"their external id":           {409, "PATCH", "/api/v1/users/" + theirs, `{"external_id":"u-1"}`},
		"a member already":            {409, "POST", member + id, `{}`},
		"a provisioned one already":   {409, "POST", member + provisioned, `{}`},
		"another's member":            {404, "PATCH", member + theirs, `{"metadata":{"seat":"1"}}`},
		"another's member gone":       {404, "DELETE", member + theirs, ""},
		"their roles":                 {404, "GET", create + "/" + theirs + "/roles", ""},
		"their role given":            {404, "POST", create + "/" + id + "/roles", `[{"role_name":"theirs"}]`},
		"no role given":               {400, "POST", create + "/" + id + "/roles", `[]`},
		"their permissions":           {404, "GET", create + "/" + theirs + "/permissions", ""},
		"their invitation":            {404, "PATCH", "/api/v1/invites/organizations/" + acme + "/users/" + theirs + "/resend", `{}`},
		"no invitation":               {400, "PATCH", "/api/v1/invites/organizations/" + acme + "/users/" + id + "/resend", `{}`},
		"a role that it has not":      {400, "DELETE", create + "/" + id + "/roles/editor", ""},
		"a provisioned member gone":   {400, "DELETE", member + provisioned, ""},
		"a provisioned user gone":     {400, "DELETE", "/api/v1/users/" + provisioned, ""},
		"a large page":                {400, "GET", create + "?page_size=101", ""},
		"a short query":               {400, "GET", create + ":search?query=ab", ""},
		"a large page of matches":     {400, "GET", "/api/v1/users:search?query=abc&page_size=31", ""},
	} {
		st, m := s.call(t, c.method, c.path, c.body)
		if st != c.status {
			t.Errorf("%s: %d %v, want %d", name, st, m, c.status)
		}
		if text := fmt.Sprint(m); strings.Contains(text, "Globex") || strings.Contains(text, "eve@") && !strings.Contains(c.body, "eve@") {
			t.Errorf("%s tells of another organization: %v", name, m)
		}
	}
	if got := s.heard(t); len(got) != 2 {
		t.Errorf("refused calls were told of: %v", got)
	}
}

// TestUser_directoryPart gives a provisioned user roles through the API, and lets
// the directory deactivate and delete it.
func TestUser_directoryPart(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	user := s.user(t, org, dir, "mara")
	id := userOf(user)
	got := object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user")
	if got["email"] != "mara@acme.example" || at(got, "user_profile", "given_name") != "Mara" || at(got, "memberships", 0, "provisioning_method") != "scim" {
		t.Errorf("a directory user is shown as %v", got)
	}
	group := s.group(t, org, dir, "Editors", user)
	s.ok(t, 200, "PUT", "/api/v1/organizations/"+org+"/directories/"+dir+"/groups/-/roles:assign", fmt.Sprintf(`{"assignments":[{"group_id":%q,"role_name":"editor"}]}`, group))
	roles := func() []string {
		t.Helper()
		return names(t, s.ok(t, 200, "GET", "/api/v1/organizations/"+org+"/users/"+id+"/roles", "")["roles"], "name")
	}
	if diff := cmp.Diff([]string{"editor"}, roles()); diff != "" {
		t.Errorf("by the group (-want +got):\n%s", diff)
	}
	s.told = nil
	res := s.ok(t, 200, "POST", "/api/v1/organizations/"+org+"/users/"+id+"/roles", `[{"role_name":"admin"}]`)
	if diff := cmp.Diff([]string{"admin", "editor"}, names(t, res["roles"], "name")); diff != "" {
		t.Errorf("assigned and by the group (-want +got):\n%s", diff)
	}
	shown := s.ok(t, 200, "GET", "/api/v1/organizations/"+org+"/directories/"+dir+"/users?include_detail=true", "")
	if diff := cmp.Diff([]string{"admin", "editor"}, names(t, at(shown, "users", 0, "user_detail", "roles"), "role_name")); diff != "" {
		t.Errorf("receivers see (-want +got):\n%s", diff)
	}
	count := func(role string) string {
		t.Helper()
		return str(s.ok(t, 200, "GET", "/api/v1/roles/"+role+"/users:count", ""), "count")
	}
	if count("admin") != "1" || count("editor") != "1" || count("member") != "0" {
		t.Errorf("counted: %s admins, %s editors, %s members", count("admin"), count("editor"), count("member"))
	}
	if st, m := s.call(t, "DELETE", "/api/v1/roles/admin", ""); st != 400 {
		t.Errorf("a role that is assigned to a user is deleted: %d %v", st, m)
	}
	if st, m := s.call(t, "DELETE", "/api/v1/organizations/"+org+"/users/"+id+"/roles/editor", ""); st != 400 {
		t.Errorf("a group's role is taken away: %d %v", st, m)
	}

	state := func(active bool) events.UserState {
		return events.UserState{
			UserNames: events.UserNames{UserName: "mara", Emails: []string{"mara@acme.example"}}, Active: active, Address: "mara@acme.example",
			Attributes: json.RawMessage(fmt.Sprintf(`{"active":%v,"userName":"mara"}`, active)),
		}
	}
	s.happened(t, events.Event{Organization: org, Directory: dir, Resource: user, Revision: 2}, events.UserUpdated{UserState: state(false)})
	got = object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user", "memberships", 0)
	if got["membership_status"] != "INACTIVE" || len(roles()) != 0 || count("admin") != "0" {
		t.Errorf("a deactivated member is %v", got)
	}
	s.happened(t, events.Event{Organization: org, Directory: dir, Resource: user, Revision: 3}, events.UserUpdated{UserState: state(true)})
	if diff := cmp.Diff([]string{"admin", "editor"}, roles()); diff != "" {
		t.Errorf("back (-want +got):\n%s", diff)
	}
	s.happened(t, events.Event{Organization: org, Directory: dir, Resource: user, Revision: 4}, events.UserDeleted{UserNames: state(true).UserNames})
	if st, _ := s.call(t, "GET", "/api/v1/users/"+id, ""); st != 404 {
		t.Errorf("a deleted directory user is still a user: %d", st)
	}
	if count("admin") != "0" || count("editor") != "0" {
		t.Errorf("counted still: %s admins, %s editors", count("admin"), count("editor"))
	}
	want := []string{
		"membership_created ACTIVE [{admin} {editor}]", "membership_updated INACTIVE []", "membership_updated ACTIVE [{admin} {editor}]", "membership_deleted INACTIVE []",
	}
	if diff := cmp.Diff(want, s.heard(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestUser_invitation invites somebody from outside the organization's domains.
func TestUser_invitation(t *testing.T) {
	t.Parallel()
	s := start(t)
	clock := func(ahead time.Duration) { // of the world's, which stands at its last write
		s.clockMu.Lock()
		s.ahead = time.Until(s.now) + ahead
		s.clockMu.Unlock()
		s.token = s.fetchToken(t)
	}
	clock(0)
	org := s.organization(t, "Acme")
	s.ok(t, 200, "POST", "/api/v1/organizations/"+org+"/domains", `{"domain":"acme.example"}`)
	made := s.ok(t, 201, "POST", "/api/v1/organizations/"+org+"/users?send_invitation_email=true",
		`{"email":"guest@elsewhere.example","membership":{"inviter_email":"boss@acme.example","roles":[{"name":"editor"}]}}`)
	id := str(made, "user", "id")
	m := object(made, "user", "memberships", 0)
	if m["membership_status"] != "PENDING_INVITE" || m["inviter_email"] != "boss@acme.example" || m["expires_at"] == nil || m["join_time"] != nil {
		t.Errorf("the invited member is %v", m)
	}
	invites := "/api/v1/invites/organizations/" + org + "/users/" + id
	sent := object(s.ok(t, 200, "PATCH", invites+"/resend", `{}`), "invite")
	if sent["resent_count"] != 1.0 || sent["status"] != "PENDING_INVITE" || sent["user_id"] != id {
		t.Errorf("sent again: %v", sent)
	}
	clock(directory.InvitationLife + time.Hour)
	if got := str(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user", "memberships", 0, "membership_status"); got != "INVITE_EXPIRED" {
		t.Errorf("an old invitation is shown as %s", got)
	}
	s.ok(t, 200, "POST", invites+"/accept", `{}`)
	m = object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user", "memberships", 0)
	if m["membership_status"] != "ACTIVE" || m["accepted_at"] == nil {
		t.Errorf("who accepted is %v", m)
	}
	if st, _ := s.call(t, "POST", invites+"/accept", `{}`); st != 400 {
		t.Errorf("accepted twice: %d", st)
	}
	want := []string{
		"membership_created PENDING_INVITE [{editor}]", "invitation PENDING_INVITE [{editor}]", "invitation PENDING_INVITE [{editor}]", "membership_updated ACTIVE [{editor}]",
	}
	if diff := cmp.Diff(want, s.heard(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestUser_asTheNodeSDK calls over gRPC with the fields that the Node SDK sends.
func TestUser_asTheNodeSDK(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.token)
	c := users.NewUserServiceClient(s.grpc)
	made, err := c.CreateUserAndMembership(ctx, &users.CreateUserAndMembershipRequest{OrganizationId: org, User: &users.CreateUser{
		Email: "john@acme.example", UserProfile: &users.CreateUserProfile{FirstName: "John", LastName: "Doe"}, Metadata: map[string]string{"department": "Engineering"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if p := made.GetUser().GetUserProfile(); p.GetGivenName() != "John" || p.GetFamilyName() != "Doe" || p.GetFirstName() != "John" {
		t.Errorf("the profile is %v", p)
	}
	first, last := "Johnny", "Smith"
	id := &users.UpdateUserRequest_Id{Id: made.GetUser().GetId()}
	updated, err := c.UpdateUser(ctx, &users.UpdateUserRequest{Identities: id, User: &users.UpdateUser{UserProfile: &users.UpdateUserProfile{FirstName: &first, LastName: &last}}})
	if err != nil {
		t.Fatal(err)
	}
	if p := updated.GetUser().GetUserProfile(); p.GetGivenName() != "Johnny" || p.GetFamilyName() != "Smith" || updated.GetUser().GetMetadata()["department"] != "Engineering" {
		t.Errorf("the user is %v", updated.GetUser())
	}
	for code, call := range map[codes.Code]func() error{
		codes.AlreadyExists: func() error {
			_, err := c.CreateUserAndMembership(ctx, &users.CreateUserAndMembershipRequest{OrganizationId: org, User: &users.CreateUser{Email: "john@acme.example"}})
			return err
		},
		codes.NotFound: func() error {
			_, err := c.GetUser(ctx, &users.GetUserRequest{Identities: &users.GetUserRequest_ExternalId{ExternalId: "nobody"}})
			return err
		},
		codes.InvalidArgument: func() error { _, err := c.GetUser(ctx, &users.GetUserRequest{}); return err },
	} {
		if err := call(); status.Code(err) != code {
			t.Errorf("%v, want %v", err, code)
		}
	}
}

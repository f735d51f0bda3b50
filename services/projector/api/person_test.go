package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
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

// scim opens a directory with a new secret, as a provider is told it, and returns
// how to send commands there.
func (s *server) scim(t *testing.T, org, dir string) (directory.Scope, func(directory.Command) directory.Row) {
	t.Helper()
	hash := []byte(strings.Repeat("h", 32))
	send := func(c directory.Command) directory.Row {
		t.Helper()
		row, err := s.Submit(t.Context(), directory.Request{ID: fmt.Sprint("scim-", len(s.actors)), Actor: "scim:sec_1", Command: c})
		if err != nil {
			t.Fatalf("%T is refused: %v", c, err)
		}
		return row
	}
	send(directory.EnableDirectory{Organization: org, Directory: dir})
	secret := send(directory.CreateDirectorySecret{Organization: org, Directory: dir, Hash: hash, Suffix: "wxyz"}).(*directory.Secret)
	off := directory.DomainPolicyOff
	send(directory.ChangeDirectoryPolicy{Organization: org, Directory: dir, DomainPolicy: &off})
	return directory.Scope{Organization: org, Directory: dir, Secret: secret.ID, SecretHash: hash}, send
}

// TestUser_oneRecord provisions a user whom the API had made, and writes it by
// both sides: it is one record, as the newest write of each attribute has it, and
// the history says whose that was.
func TestUser_oneRecord(t *testing.T) {
	t.Parallel()
	s := start(t)
	org := s.organization(t, "Acme")
	dir := s.directory(t, org)
	id := s.person(t, org, `{"email":"mara@acme.example","user_profile":{"given_name":"M","phone_number":"+1"},"membership":{"roles":[{"name":"editor"}]}}`)
	scope, send := s.scim(t, org, dir)
	state := func(given string) events.UserState {
		return events.UserState{
			UserNames: events.UserNames{UserName: "mara@acme.example", Emails: []string{"mara@acme.example"}}, Active: true, Address: "mara@acme.example",
			Attributes: json.RawMessage(`{"active":true,"emails":[{"value":"mara@acme.example"}],"name":{"givenName":"` + given + `"},"userName":"mara@acme.example"}`),
		}
	}
	user := send(directory.CreateUser{Scope: scope, State: state("Mara")}).(*directory.User)
	profile := func() map[string]any {
		t.Helper()
		return object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user", "user_profile")
	}
	shown := func() map[string]any {
		t.Helper()
		return object(s.ok(t, 200, "GET", "/api/v1/organizations/"+org+"/directories/"+dir+"/users?include_detail=true", ""), "users", 0, "user_detail")
	}
	if p, d := profile(), shown(); p["given_name"] != "Mara" || p["phone_number"] != "+1" || d["given_name"] != "Mara" || d["phone_number"] != "+1" {
		t.Errorf("provisioned: %v, its directory user is %v", p, d)
	}
	list := s.ok(t, 200, "GET", "/api/v1/organizations/"+org+"/users", "")
	if diff := cmp.Diff([]string{id}, names(t, list["users"], "id")); diff != "" || list["total_size"] != 1.0 {
		t.Errorf("it is not one record: %v (-want +got):\n%s", list["total_size"], diff)
	}
	if diff := cmp.Diff([]string{"editor"}, names(t, shown()["roles"], "role_name")); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	s.ok(t, 200, "PATCH", "/api/v1/users/"+id, `{"user_profile":{"given_name":"Tamara"}}`)
	send(directory.ReplaceUser{Scope: scope, ID: user.ID, State: state("Mara")}) // as it said before
	if p, d := profile(), shown(); p["given_name"] != "Tamara" || d["given_name"] != "Tamara" {
		t.Errorf("what the directory repeats counts: %v, %v", p, d)
	}
	send(directory.ReplaceUser{Scope: scope, ID: user.ID, State: state("Marina")})
	if p, d := profile(), shown(); p["given_name"] != "Marina" || d["given_name"] != "Marina" || p["phone_number"] != "+1" {
		t.Errorf("what the directory says last does not count: %v, %v", p, d)
	}
	history := s.ok(t, 200, "GET", "/api/v1/users/"+id+"/history", "")
	var writes []string
	for _, w := range items(history, "writes") {
		if a := fmt.Sprint(at(w, "attributes")); strings.Contains(a, "given_name") {
			writes = append(writes, str(w, "actor")+" "+a)
		}
	}
	want := []string{
		"scim:sec_1 [given_name]", "api:" + clientID + " [given_name]", "scim:sec_1 [given_name preferred_username]", "api:" + clientID + " [email given_name phone_number]",
	}
	if diff := cmp.Diff(want, writes); diff != "" {
		t.Errorf("who wrote the given name (-want +got):\n%s", diff)
	}
	last := map[string]string{}
	for _, a := range items(history, "attributes") {
		last[str(a, "name")] = str(a, "actor")
	}
	if last["given_name"] != "scim:sec_1" || last["phone_number"] != "api:"+clientID {
		t.Errorf("who wrote last: %v", last)
	}

	// What the API made stays when the directory's part ends.
	send(directory.DeleteUser{Scope: scope, ID: user.ID})
	got := object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user")
	if at(got, "user_profile", "given_name") != "Marina" || at(got, "memberships", 0, "provisioning_method") != "api" || at(got, "memberships", 0, "membership_status") != "ACTIVE" {
		t.Errorf("without the directory it is %v", got)
	}
}

// TestUser_anothersAddress says that a directory takes over nobody who is in
// another organization only.
func TestUser_anothersAddress(t *testing.T) {
	t.Parallel()
	s := start(t)
	acme, globex := s.organization(t, "Acme"), s.organization(t, "Globex")
	dir := s.directory(t, globex)
	id := s.person(t, acme, `{"email":"mara@acme.example","user_profile":{"given_name":"M"}}`)
	other := s.user(t, globex, dir, "mara")
	got := object(s.ok(t, 200, "GET", "/api/v1/users/"+id, ""), "user")
	if at(got, "user_profile", "given_name") != "M" || len(items(got, "memberships")) != 1 {
		t.Errorf("another organization's directory wrote %v", got)
	}
	if m := object(s.ok(t, 200, "GET", "/api/v1/users/"+userOf(other), ""), "user"); m["id"] == id || at(m, "memberships", 0, "organization_id") != globex {
		t.Errorf("its own user is %v", m)
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

// TestUser_lists pages through users of every kind, forwards and back.
func TestUser_lists(t *testing.T) {
	t.Parallel()
	s := start(t)
	acme, globex := s.organization(t, "Acme"), s.organization(t, "Globex")
	in := map[string][]string{}
	for _, org := range []string{acme, globex} {
		for range 2 {
			dir := s.directory(t, org)
			for i := range 4 {
				in[org] = append(in[org], userOf(s.user(t, org, dir, fmt.Sprintf("user%d%s", i, dir[len(dir)-3:]))))
			}
		}
		for i := range 3 {
			in[org] = append(in[org], s.person(t, org, fmt.Sprintf(`{"email":"api%d-%s@acme.example","user_profile":{"given_name":"Zoë"}}`, i, org)))
		}
	}
	s.ok(t, 200, "PATCH", "/api/v1/users/"+in[acme][0], `{"user_profile":{"family_name":"Zoë-King"}}`) // stored by now
	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+globex+"/users/"+in[acme][1], `{}`)
	in[globex] = append(in[globex], in[acme][1])
	all := slices.Concat(in[acme], in[globex])
	slices.Sort(all)
	all = slices.Compact(all)
	for name, c := range map[string]struct {
		path  string
		want  []string
		total float64
	}{
		"of all":             {"/api/v1/users?", all, float64(len(all))},
		"of an organization": {"/api/v1/organizations/" + acme + "/users?", in[acme], 11},
		"of another":         {"/api/v1/organizations/" + globex + "/users?", in[globex], 12},
		"found in all":       {"/api/v1/users:search?query=zo%C3%AB&", append(slices.Concat(in[acme][8:11], in[globex][8:11]), in[acme][0]), -1},
		"found in one":       {"/api/v1/organizations/" + acme + "/users:search?query=ZO%C3%8B&", append(slices.Clone(in[acme][8:11]), in[acme][0]), -1},
		"found by id":        {"/api/v1/organizations/" + acme + "/users:search?query=" + in[acme][2] + "&", in[acme][2:3], -1},
		"found nowhere":      {"/api/v1/organizations/" + acme + "/users:search?query=" + in[globex][2] + "&", nil, -1},
	} {
		for _, size := range []int{1, 3, 30} {
			var forward, back []string
			token, last := "", ""
			for page := 0; page < 100; page++ {
				m := s.ok(t, 200, "GET", fmt.Sprintf("%spage_size=%d&page_token=%s", c.path, size, token), "")
				forward = append(forward, names(t, at(m, "users"), "id")...)
				if c.total >= 0 && m["total_size"] != c.total {
					t.Errorf("%s: total_size is %v, want %v", name, m["total_size"], c.total)
				}
				last = str(m, "prev_page_token")
				if token = str(m, "next_page_token"); token == "" {
					break
				}
			}
			for page := 0; last != "" && page < 100; page++ {
				m := s.ok(t, 200, "GET", fmt.Sprintf("%spage_size=%d&page_token=%s", c.path, size, last), "")
				back = append(names(t, at(m, "users"), "id"), back...)
				last = str(m, "prev_page_token")
			}
			got := slices.Sorted(slices.Values(forward))
			want := slices.Sorted(slices.Values(c.want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", name, size, diff)
			}
			if len(forward) > size {
				if n := (len(forward) - 1) / size * size; !slices.Equal(forward[:n], back) {
					t.Errorf("%s by %d: back are %v, forward were %v", name, size, back, forward)
				}
			}
		}
	}
	if st, _ := s.call(t, "GET", "/api/v1/users?page_token="+str(s.ok(t, 200, "GET", "/api/v1/organizations/"+acme+"/users?page_size=1", ""), "next_page_token"), ""); st != 400 {
		t.Errorf("another list's token is taken: %d", st)
	}
}

// A client of one organization sees of a user what is about that organization.
func TestUser_organizationsClient(t *testing.T) {
	t.Parallel()
	s := start(t)
	mine, other := s.organization(t, "Acme"), s.organization(t, "Globex")
	both := s.person(t, mine, `{"email":"ada@acme.example"}`)
	s.ok(t, 201, "POST", "/api/v1/memberships/organizations/"+other+"/users/"+both, `{"metadata":{"seat":"7"}}`)
	theirs := s.person(t, other, `{"email":"eve@globex.example"}`)
	_, _, token := s.client(t, `{"scopes":["read","write"],"organization_id":"`+mine+`"}`)
	for name, m := range map[string]map[string]any{
		"a list": object(func() any { _, m := s.callAs(t, token, "GET", "/api/v1/organizations/"+mine+"/users", ""); return m }(), "users", 0),
		"a write": object(func() any {
			_, m := s.callAs(t, token, "PATCH", "/api/v1/memberships/organizations/"+mine+"/users/"+both, `{"metadata":{"seat":"1"}}`)
			return m
		}(), "user"),
	} {
		if diff := cmp.Diff([]string{mine}, names(t, m["memberships"], "organization_id")); diff != "" {
			t.Errorf("%s shows (-want +got):\n%s", name, diff)
		}
	}
	for path, want := range map[string]int{
		"/api/v1/users": 403, "/api/v1/users/" + both: 403, "/api/v1/users/" + both + "/history": 403, "/api/v1/organizations/" + other + "/users": 404,
		"/api/v1/organizations/" + mine + "/users/" + theirs + "/roles": 404, "/api/v1/organizations/" + mine + "/users:search?query=eve@": 200,
	} {
		st, m := s.callAs(t, token, "GET", path, "")
		if st != want || strings.Contains(fmt.Sprint(m), "globex") {
			t.Errorf("GET %s: %d %v, want %d", path, st, m, want)
		}
	}
	if st, _ := s.callAs(t, token, "POST", "/api/v1/memberships/organizations/"+mine+"/users/"+theirs, `{}`); st != 403 {
		t.Errorf("it takes another's user: %d", st)
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

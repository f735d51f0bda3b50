package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

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

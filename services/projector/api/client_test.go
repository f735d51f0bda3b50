package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestClients(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.setClock(s.now)
	m := s.ok(t, 201, "POST", "/api/v1/api_clients", `{"name":"ci","scopes":["write","read"]}`)
	id, secret := str(m, "client", "id"), str(m, "secret")
	if !strings.HasPrefix(id, "skc_") || !strings.HasPrefix(secret, "rca_") || !strings.HasSuffix(secret, str(m, "client", "secret_suffix")) ||
		fmt.Sprint(items(m, "client", "scopes")) != "[read write]" {
		t.Fatalf("made was %v", m)
	}
	if got := s.ok(t, 200, "GET", "/api/v1/api_clients/"+id, ""); strings.Contains(fmt.Sprint(got), secret) || str(got, "client", "name") != "ci" {
		t.Errorf("shown is %v", got)
	}
	if got := s.ok(t, 200, "GET", "/api/v1/api_clients?page_size=1", ""); len(items(got, "clients")) != 1 || str(got, "clients", 0, "id") != clientID || got["total_size"] != 2.0 {
		t.Errorf("listed are %v", got)
	}
	token := s.tokenFor(t, id, secret, "")
	works := func(token string) int {
		st, _ := s.callAs(t, token, "GET", "/api/v1/organizations", "")
		return st
	}
	if st := works(token); st != 200 {
		t.Fatalf("the new client is answered %d", st)
	}
	if got := s.ok(t, 200, "GET", "/api/v1/api_clients/"+id, ""); str(got, "client", "last_used_time") == "" {
		t.Errorf("the client was used, but shows %v", got)
	}

	// What a token is good for ends with what the client may do.
	s.ok(t, 200, "PATCH", "/api/v1/api_clients/"+id, `{"scopes":["write"],"name":"writer"}`)
	if st := works(token); st != 403 {
		t.Errorf("without the scope read it is answered %d", st)
	}
	s.ok(t, 200, "PATCH", "/api/v1/api_clients/"+id, `{"scopes":["read","write"]}`)

	// Two secrets for an hour, then one.
	rotated := s.ok(t, 200, "POST", "/api/v1/api_clients/"+id+"/secret:rotate", `{"overlap_seconds":86000}`)
	second := s.tokenFor(t, id, str(rotated, "secret"), "")
	if len(items(rotated, "client", "former_secret_expire_times")) != 1 || works(token) != 200 || works(second) != 200 || s.tokenFor(t, id, secret, "") == "" {
		t.Errorf("within the overlap not both secrets count: %v", rotated)
	}
	overlapped := s.now.Add(86001 * time.Second)
	s.setClock(overlapped)
	if st, _ := s.form(t, "/oauth/token", map[string][]string{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}); st != 401 {
		t.Errorf("after the overlap the first secret gets a token: %d", st)
	}
	if works(token) != 401 || works(second) != 200 {
		t.Error("after the overlap not the tokens of the first secret alone have ended")
	}
	s.setClock(s.now)
	third := str(s.ok(t, 200, "POST", "/api/v1/api_clients/"+id+"/secret:rotate", `{"overlap_seconds":0}`), "secret")
	if works(token) != 401 || works(second) != 401 || works(s.tokenFor(t, id, third, "")) != 200 {
		t.Error("a rotation without overlap leaves tokens of earlier secrets alive")
	}

	for _, tt := range []struct {
		name, method, path, body string
		want                     int
	}{
		{"no scope", "POST", "/api/v1/api_clients", `{"name":"x"}`, 400},
		{"an unknown scope", "POST", "/api/v1/api_clients", `{"scopes":["root"]}`, 400},
		{"a long name", "POST", "/api/v1/api_clients", `{"scopes":["read"],"name":"` + strings.Repeat("x", 257) + `"}`, 400},
		{"no organization", "POST", "/api/v1/api_clients", `{"scopes":["read"],"organization_id":"org_1"}`, 404},
		{"an unknown client", "GET", "/api/v1/api_clients/skc_1", "", 404},
		{"a long overlap", "POST", "/api/v1/api_clients/" + id + "/secret:rotate", `{"overlap_seconds":604801}`, 400},
		{"the last admin", "DELETE", "/api/v1/api_clients/" + clientID, "", 400},
		{"the other", "DELETE", "/api/v1/api_clients/" + id, "", 200},
		{"the other again", "DELETE", "/api/v1/api_clients/" + id, "", 404},
	} {
		if st, m := s.call(t, tt.method, tt.path, tt.body); st != tt.want {
			t.Errorf("%s: %d %v, want %d", tt.name, st, m, tt.want)
		}
	}
}

// setClock sets the clock that tokens are issued and checked by.
func (s *server) setClock(now time.Time) {
	s.clockMu.Lock()
	defer s.clockMu.Unlock()
	s.ahead = time.Until(now)
}

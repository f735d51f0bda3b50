package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/test/harness"
)

const tailPath = "/api/v1/webhook_attempts:tail"

// openTail asks for the live tail, from the beginning of what is recorded.
func openTail(ctx context.Context, t *testing.T, base, token string, query url.Values) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+tailPath+"?"+query.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Last-Event-ID", "1.0")
	res, err := attacker.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestAttack_tail sends the live tail of attempts, which is a stream and no call,
// the attacks of the table; and reads an allowed one beside another organization's
// deliveries.
func TestAttack_tail(t *testing.T) {
	t.Parallel()
	s := harness.NewServer(t, "--nats-listen", "127.0.0.1:0").MustStart()
	operator := tokenOf(t, s.API)
	expired := outdated(t, s, operator)
	v := newVictim(t, s)
	m := s.API.Tenant(t, s.SCIM, "mallory.example", "OKTA")
	r := harness.NewReceiver(t)
	theirs := s.API.Endpoint(t, r, map[string]any{"organization_id": v.Organization})
	own := s.API.Endpoint(t, r, map[string]any{"organization_id": m.Organization})
	shared := s.API.Endpoint(t, r, map[string]any{"event_types": []string{"organization.deleted"}})
	v.ids = append(v.ids, theirs)
	client := func(scopes []string, organization string) string {
		return tokenOf(t, clientOf(t, s, map[string]any{"name": "mallory", "scopes": scopes, "organization_id": organization}))
	}
	mallory := client([]string{"read", "write"}, m.Organization)
	writer := client([]string{"write"}, "")
	rotated := clientOf(t, s, map[string]any{"name": "rotated", "scopes": []string{"read"}})
	revoked := tokenOf(t, rotated)
	s.API.Must(t, 200, http.MethodPost, "/api/v1/api_clients/"+rotated.ClientID+"/secret:rotate", map[string]any{"overlap_seconds": 0})
	gone := clientOf(t, s, map[string]any{"name": "gone", "scopes": []string{"read"}})
	deleted := tokenOf(t, gone)
	s.API.Must(t, 200, http.MethodDelete, "/api/v1/api_clients/"+gone.ClientID, nil)

	before := v.state(t, s)
	all, ofVictim := url.Values{}, url.Values{"organization_id": {v.Organization}}
	both := func(organization, endpoint string) url.Values {
		return url.Values{"organization_id": {organization}, "endpoint_id": {endpoint}}
	}
	for _, tt := range []struct {
		what, method, token string
		query               url.Values
		want                int
	}{
		{"no token", "GET", "", ofVictim, 401},
		{"a token of nobody", "GET", "x.y.z", ofVictim, 401},
		{"half a token", "GET", operator[:len(operator)-8], ofVictim, 401},
		{"a token that has run out", "GET", expired, ofVictim, 401},
		{"a token of a secret that was replaced", "GET", revoked, ofVictim, 401},
		{"a token of a client that was deleted", "GET", deleted, ofVictim, 401},
		{"a token of SCIM", "GET", m.SCIM.Token, ofVictim, 401},
		{"a client that may only write", "GET", writer, all, 403},
		{"a client of one organization, all", "GET", mallory, all, 403},
		{"a client of one organization, an endpoint of no named one", "GET", mallory, url.Values{"endpoint_id": {own}}, 403},
		{"another organization", "GET", mallory, ofVictim, 404},
		{"another organization, and its endpoint", "GET", mallory, both(v.Organization, theirs), 404},
		{"its own organization, another's endpoint", "GET", mallory, both(m.Organization, theirs), 404},
		{"its own organization, the endpoint of all", "GET", mallory, both(m.Organization, shared), 404},
		{"another organization, its own endpoint", "GET", mallory, both(v.Organization, own), 404},
		{"an operator, who mixes organizations up", "GET", operator, both(m.Organization, theirs), 404},
		{"an organization named twice", "GET", mallory, url.Values{"organization_id": {m.Organization, v.Organization}}, 400},
		{"the organization by another name", "GET", mallory, url.Values{"organization_id": {m.Organization}, "org_id": {v.Organization}}, 400},
		{"a method that there is not", "POST", mallory, ofVictim, 405},
	} {
		a, err := send(t.Context(), tt.method, s.URL()+tailPath+"?"+tt.query.Encode(), "application/json", tt.token, "")
		if err != nil {
			t.Fatalf("%s: %v", tt.what, err)
		}
		if a.status != tt.want {
			t.Errorf("%s: status %d, want %d\n%s", tt.what, a.status, tt.want, a.text)
		}
		if leak := v.leak(a.text, tt.query.Encode()); leak != "" {
			t.Errorf("%s shows %q:\n%s", tt.what, leak, a.text)
		}
	}
	if after := v.state(t, s); after != before {
		t.Errorf("the attacks changed something of the victim's, from\n%s\nto\n%s", before, after)
	}

	// The victim's deliveries are recorded before the first of the attacker's.
	delivered := func(endpoint string, x *harness.Tenant, userName string) {
		t.Helper()
		x.SCIM.Create(t, "/Users", harness.User(userName, nil))
		harness.Eventually(t, soon, "a delivery to be recorded", func() error {
			a := s.API.Must(t, http.StatusOK, http.MethodGet, "/api/v1/webhook_endpoints/"+endpoint+"/deliveries", nil)
			if a.Text("deliveries.0.id") == "" {
				return fmt.Errorf("the deliveries are %s", a.Body)
			}
			return nil
		})
	}
	delivered(theirs, v.Tenant, "vivian@victim.example")
	delivered(own, m, "mary@mallory.example")
	for _, query := range []url.Values{{"organization_id": {m.Organization}}, both(m.Organization, own)} {
		seen := readTail(t, s.URL(), mallory, query, own)
		if leak := v.leak(seen, query.Encode()); leak != "" {
			t.Errorf("the tail of %v shows %q:\n%s", query, leak, seen)
		}
	}
	if seen := readTail(t, s.URL(), operator, all, own); !strings.Contains(seen, theirs) {
		t.Errorf("the record holds nothing of the victim's in front of the attacker's, so nothing is shown by its absence:\n%s", seen)
	}
}

// readTail returns what the tail tells until it tells of an endpoint's attempt,
// that included.
func readTail(t *testing.T, base, token string, query url.Values, until string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res := openTail(ctx, t, base, token, query)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the tail of %v: status %d", query, res.StatusCode)
	}
	var seen strings.Builder
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		seen.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), until) {
			return seen.String()
		}
	}
	t.Fatalf("the tail of %v ends before an attempt of %s:\n%s", query, until, seen.String())
	return ""
}

package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/rollcallhq/rollcall/test/harness"
)

// The attacker has a credential that is good for something, and asks for what it
// is not good for. Each attack is sent over every protocol that the call has.

// victim is what belongs to somebody else, and what must be in no answer.
type victim struct {
	*harness.Tenant
	user, person, group, domain, secret, endpoint, client, nats, link string

	// private is never to be seen; ids are, only where the attacker sent them.
	private, ids []string
}

// newVictim makes an organization with something of every kind.
func newVictim(t *testing.T, s *harness.Server) *victim {
	t.Helper()
	v := &victim{Tenant: s.API.Tenant(t, s.SCIM, "victim.example", "OKTA")}
	v.user = v.SCIM.Must(t, http.StatusCreated, http.MethodPost, "/Users", map[string]any{
		"schemas": []string{harness.UserURN}, "userName": "vera@victim.example", "active": true, "externalId": "victim-ext-1",
		"name":   map[string]any{"givenName": "Veronica", "familyName": "Secretive"},
		"emails": []map[string]any{{"value": "vera@victim.example", "primary": true}},
	}).Text("id")
	v.group = v.SCIM.Must(t, http.StatusCreated, http.MethodPost, "/Groups", map[string]any{
		"schemas": []string{harness.GroupURN}, "displayName": "Hidden Agenda", "members": []map[string]any{{"value": v.user}},
	}).Text("id")
	v.person = s.API.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/organizations/"+v.Organization+"/users", map[string]any{
		"email": "valentin@victim.example", "external_id": "victim-ext-2", "user_profile": map[string]any{"family_name": "Secretive"},
	}).Text("user.id")
	v.domain = s.API.Must(t, 200, http.MethodGet, "/api/v1/organizations/"+v.Organization+"/domains", nil).Text("domains.0.id")
	v.secret = s.API.Must(t, 200, http.MethodGet, v.Path(), nil).Text("directory.secrets.0.id")
	v.endpoint = s.API.Must(t, 201, http.MethodPost, "/api/v1/webhook_endpoints", map[string]any{
		"url": "http://127.0.0.1:9/victimhook", "organization_id": v.Organization, "enabled": false,
	}).Text("endpoint.id")
	v.client = s.API.Must(t, 201, http.MethodPost, "/api/v1/api_clients", map[string]any{
		"name": "victimclient", "scopes": []string{"read"}, "organization_id": v.Organization,
	}).Text("client.id")
	credential := s.API.Must(t, 201, http.MethodPost, "/api/v1/nats_credentials", map[string]any{"name": "victimreader", "organization_id": v.Organization})
	s.Secrets.Add("seed of a NATS credential", credential.Text("seed"))
	v.nats = credential.Text("credential.id")
	made := s.API.Must(t, 200, http.MethodPut, "/api/v1/organizations/"+v.Organization+"/portal_links?shared=true", nil)
	v.link = made.Text("link.id")
	v.private = []string{"victim.example", "Veronica", "Secretive", "Hidden Agenda", "victim-ext-1", "victim-ext-2", "victimhook", "victimclient", "victimreader", credential.Text("credential.public_key"), v.SCIM.Token, made.Text("link.location")}
	v.ids = []string{v.Organization, v.Directory, v.user, v.person, v.group, v.domain, v.secret, v.endpoint, v.client, v.nats, v.link}
	for _, id := range v.ids {
		if id == "" {
			t.Fatalf("something of the victim's has no id: %q", v.ids)
		}
	}
	return v
}

// leak returns what an answer shows although it was not asked for by name, empty
// for nothing.
func (v *victim) leak(answer, asked string) string {
	for _, text := range v.private {
		if strings.Contains(answer, text) {
			return text
		}
	}
	for _, id := range v.ids {
		if strings.Contains(answer, id) && !strings.Contains(asked, id) {
			return id
		}
	}
	return ""
}

// state is everything of the victim's, to see whether anything changed.
func (v *victim) state(t *testing.T, s *harness.Server) string {
	t.Helper()
	var all strings.Builder
	for _, path := range []string{
		"/api/v1/organizations/" + v.Organization, "/api/v1/organizations/" + v.Organization + "/domains", "/api/v1/organizations/" + v.Organization + "/roles",
		"/api/v1/organizations/" + v.Organization + "/portal_links", "/api/v1/organizations/" + v.Organization + "/users",
		v.Path() + "/users?include_detail=true", v.Path() + "/groups?include_detail=true", v.Path() + "/policy", v.Path() + "/schemas",
		v.Path() + "/attribute_mappings", v.Path() + "/allowlist", "/api/v1/webhook_endpoints?organization_id=" + v.Organization,
	} {
		all.Write(s.API.Must(t, http.StatusOK, http.MethodGet, path, nil).Body)
	}
	d, _ := s.API.Must(t, http.StatusOK, http.MethodGet, v.Path(), nil).At("directory").(map[string]any)
	if list, ok := d["secrets"].([]any); ok {
		for _, one := range list {
			delete(one.(map[string]any), "last_used_time") // told some seconds later
		}
	}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return all.String() + string(b)
}

// answer is what an attack got, in the words of gRPC.
type answer struct {
	code string // "ok", "not_found", …
	text string // everything that came back
}

var attacker = &http.Client{Timeout: time.Minute}

// received is an answer: its status, that of gRPC if it has one, and all of it,
// headers and trailers included.
type received struct {
	status     int
	grpcStatus string
	text       string
}

func send(ctx context.Context, method, target, kind, token, body string) (received, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return received{}, err
	}
	req.Header.Set("Content-Type", kind)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if kind == "application/grpc" {
		req.Header.Set("TE", "trailers")
	}
	res, err := attacker.Do(req)
	if err != nil {
		return received{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	var header strings.Builder
	_ = res.Header.Write(&header)
	_ = res.Trailer.Write(&header)
	text, unescaped := url.PathUnescape(header.String()) // grpc-message is escaped
	if unescaped != nil {
		text = header.String()
	}
	status := res.Trailer.Get("Grpc-Status")
	if status == "" {
		status = res.Header.Get("Grpc-Status")
	}
	return received{res.StatusCode, status, text + string(b)}, err
}

var codeNames = map[string]string{
	"0": "ok", "3": "invalid_argument", "5": "not_found", "6": "already_exists", "7": "permission_denied", "8": "resource_exhausted",
	"9": "failed_precondition", "12": "unimplemented", "13": "internal", "14": "unavailable", "16": "unauthenticated",
}

// overConnect, overGRPC and overREST send one call.
func overConnect(ctx context.Context, base, token string, c rpc, m proto.Message) (answer, error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return answer{}, err
	}
	r, err := send(ctx, http.MethodPost, base+c.procedure, "application/json", token, string(b))
	if err != nil || r.status == http.StatusOK {
		return answer{"ok", r.text}, err
	}
	var refused struct{ Code string }
	err = json.Unmarshal([]byte(r.text[strings.LastIndex(r.text, "\r\n")+2:]), &refused)
	return answer{refused.Code, r.text}, err
}

func overGRPC(ctx context.Context, base, token string, c rpc, m proto.Message) (answer, error) {
	b, err := proto.Marshal(m)
	if err != nil {
		return answer{}, err
	}
	n := len(b)
	frame := string([]byte{0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + string(b)
	r, err := send(ctx, http.MethodPost, base+c.procedure, "application/grpc", token, frame)
	return answer{codeNames[r.grpcStatus], r.text}, err
}

func overREST(ctx context.Context, base, token string, b binding, m proto.Message) (answer, error) {
	whole, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return answer{}, err
	}
	var fields map[string]any
	if err := json.Unmarshal(whole, &fields); err != nil {
		return answer{}, err
	}
	if strings.Contains(b.path, "{external_id}") { // the other way to name the same
		delete(fields, "id")
		fields["external_id"] = "victim-org"
	}
	path := variable.ReplaceAllStringFunc(b.path, func(name string) string {
		name = strings.Trim(name, "{}")
		value, _ := fields[name].(string)
		delete(fields, name)
		if value == "" {
			value = "x"
		}
		return url.PathEscape(value)
	})
	var body []byte
	switch b.body {
	case "*":
		body, err = json.Marshal(fields)
	case "":
	default:
		if fields[b.body] == nil {
			fields[b.body] = map[string]any{}
		}
		body, err = json.Marshal(fields[b.body])
		delete(fields, b.body)
	}
	if err != nil {
		return answer{}, err
	}
	if query := (url.Values{}); b.body != "*" {
		for name, value := range fields {
			if text, ok := value.(string); ok {
				query.Set(name, text)
			}
		}
		path += "?" + query.Encode()
	}
	r, err := send(ctx, b.method, base+path, "application/json", token, string(body))
	if err != nil || r.status < 300 {
		return answer{"ok", r.text}, err
	}
	var refused struct{ Code json.Number }
	err = json.Unmarshal([]byte(r.text[strings.LastIndex(r.text, "\r\n")+2:]), &refused)
	return answer{codeNames[refused.Code.String()], r.text}, err
}

// everywhere sends a call over all protocols and hands each answer on.
func everywhere(t *testing.T, base, token string, c rpc, m *dynamicpb.Message, each func(how string, a answer)) {
	t.Helper()
	ctx := t.Context()
	took := func(how string, a answer, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s %s: %v\n%s", how, c.procedure, err, a.text)
			return
		}
		each(how, a)
	}
	a, err := overConnect(ctx, base, token, c, m)
	took("Connect", a, err)
	a, err = overGRPC(ctx, base, token, c, m)
	took("gRPC", a, err)
	for _, b := range c.bindings {
		a, err := overREST(ctx, base, token, b, m)
		took("REST "+b.method+" "+b.path, a, err)
	}
}

// isID reports whether a field names something that belongs to somebody.
func isID(f protoreflect.FieldDescriptor) bool {
	name := string(f.Name())
	return name == "id" || strings.HasSuffix(name, "_id") && name != "connection_id" || name == "external_ids"
}

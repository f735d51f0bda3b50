package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/pkg/txtrecord"
	"github.com/rollcallhq/rollcall/pkg/txtrecord/dnstest"
	"github.com/rollcallhq/rollcall/services/projector/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// masterKeys and the signing key are made once: RSA keys cost time.
var (
	masterKeys = must(seal.New(bytes.Repeat([]byte{7}, seal.KeySize)))
	signing    = sync.OnceValues(func() (public, sealed []byte) {
		public, sealed, err := api.NewSigningKey(masterKeys)
		if err != nil {
			panic(err)
		}
		return public, sealed
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

const (
	clientID     = "skc_100000000000000001"
	clientSecret = "rca_a-secret-for-tests"
	publicURL    = "https://sync.example.com"
)

// world is the domain in memory: what a log, its owner and a read model are to
// the API, without any of them.
type world struct {
	mu      sync.Mutex
	rows    *directory.Overlay
	nextID  uint64
	ordinal uint64
	told    []announce.Announcement // what receivers were told
	look    func(directory.View) directory.View
	now     time.Time
	down    bool
	actors  []string
	ids     map[string]bool
	refused error
	// watch, if set, sees every row that a call looks at.
	watch func(directory.Key)
}

func (w *world) Read(_ context.Context, f func(directory.View) error) error {
	w.mu.Lock()
	look := w.look
	var v directory.View = w.rows.Snapshot(directory.Empty{})
	down := w.down
	if w.watch != nil {
		v = seenView{v, w.watch}
	}
	w.mu.Unlock()
	if down {
		return fault.New(fault.Unavailable, "The read model is catching up with the log. Try again.")
	}
	if look != nil {
		return f(look(v))
	}
	return f(v)
}

// Submit sends the request as between processes, decides and folds it.
func (w *world) Submit(_ context.Context, r directory.Request) (directory.Row, error) {
	wire, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(wire, &r); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused != nil {
		return nil, w.refused
	}
	if w.ids[r.ID] || r.ID == "" {
		return nil, errors.New("request id used twice")
	}
	w.ids[r.ID] = true
	w.actors = append(w.actors, r.Actor)
	w.now = w.now.Add(time.Second)
	out, err := directory.Decide(w.rows, r, directory.Stamp{At: w.now, FirstID: w.nextID})
	if err != nil {
		return nil, err
	}
	if err := w.fold(out.Events...); err != nil {
		return nil, err
	}
	if out.Resource == "" {
		return nil, nil
	}
	return w.rows.Get(out.Resource)
}

func (w *world) fold(list ...events.Event) error {
	for _, e := range list {
		w.ordinal++
		as, err := announce.Fold(w.rows, e, w.ordinal)
		if err != nil {
			return err
		}
		w.told = append(w.told, as...)
		w.rows.Apply(directory.Audit(e))
		w.nextID = max(w.nextID, e.ID+1)
	}
	return nil
}

// happened folds an event that SCIM would have caused.
func (w *world) happened(t *testing.T, e events.Event, p events.Payload) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Second)
	e.ID, e.At, e.Actor, e.Revision = w.nextID, w.now, "scim:test", max(e.Revision, 1)
	if strings.HasSuffix(e.Resource, "_") {
		e.Resource = directory.FormatID(e.Resource, w.nextID)
	}
	e, err := events.New(e, p)
	if err == nil {
		err = w.fold(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e.Resource
}

func (w *world) user(t *testing.T, org, dir, name string) string {
	t.Helper()
	attributes := `{"userName":"` + name + `","active":true,"emails":[{"value":"` + name + `@acme.example"}],"name":{"givenName":"Mara","familyName":"Quist"}}`
	return w.happened(t, events.Event{Organization: org, Directory: dir, Resource: directory.PrefixUser}, events.UserCreated{UserState: events.UserState{
		UserNames: events.UserNames{UserName: name, Emails: []string{name + "@acme.example"}},
		Active:    true, Address: name + "@acme.example", Attributes: json.RawMessage(attributes),
	}})
}

func (w *world) group(t *testing.T, org, dir, name string, members ...string) string {
	t.Helper()
	id := w.happened(t, events.Event{Organization: org, Directory: dir, Resource: directory.PrefixGroup}, events.GroupCreated{GroupState: events.GroupState{
		GroupNames: events.GroupNames{DisplayName: name}, Attributes: json.RawMessage(`{"displayName":"` + name + `"}`),
	}})
	if len(members) > 0 {
		w.happened(t, events.Event{Organization: org, Directory: dir, Resource: id, Revision: 2}, events.GroupMembersAdded{Members: members})
	}
	return id
}

// server is the API on a real port, with clients for each of its protocols.
type server struct {
	*world
	url        string
	token      string
	http1      *http.Client
	grpc       *grpc.ClientConn
	deliveries *deliveries
	requests   *requests
	events     *eventStream
	dns        *dnstest.Server
	log        *bytes.Buffer

	clockMu sync.Mutex
	ahead   time.Duration
}

func (s *server) clock() time.Time {
	s.clockMu.Lock()
	defer s.clockMu.Unlock()
	return time.Now().Add(s.ahead)
}

func start(t *testing.T) *server {
	t.Helper()
	return startWith(t, func(*api.Config) {}, func(http.Handler) {})
}

// startWith is start with another configuration or a changed handler.
func startWith(t *testing.T, configure func(*api.Config), change func(http.Handler)) *server {
	t.Helper()
	s := &server{
		world: &world{rows: directory.NewOverlay(directory.Empty{}), nextID: 100000000000000001, now: time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC), ids: map[string]bool{}},
		http1: &http.Client{Transport: &http.Transport{Protocols: protocols(true, false)}},
		log:   &bytes.Buffer{}, deliveries: &deliveries{}, requests: startSyncLog(t), events: &eventStream{t: t}, dns: dnstest.Start(t),
	}
	public, sealed := signing()
	c := credential.Of(clientSecret)
	if _, err := s.Submit(t.Context(), directory.Request{ID: "bootstrap", Actor: "system", Command: directory.Bootstrap{
		ClientID: clientID, SecretHash: c.Hash, SecretSuffix: c.Suffix, Public: public, Sealed: sealed,
	}}); err != nil {
		t.Fatal(err)
	}
	cfg := api.Config{
		Model: s.world, Commands: s.world, Deliveries: s.deliveries, SyncLog: s.requests, Events: s.events, Resolver: txtrecord.At(s.dns.Address), Keys: masterKeys, PublicURL: publicURL + "/",
		CheckURL: func(raw string) error {
			if !strings.HasPrefix(raw, "https://") {
				return fault.New(fault.Invalid, "url must begin with https://.")
			}
			return nil
		},
		UserNames: announce.Names,
		UserDetail: func(v directory.View, u *directory.User) (map[string]any, error) {
			return fieldsOf(announce.Shown(v, u))
		},
		GroupDetail: func(_ directory.View, g *directory.Group) (map[string]any, error) {
			return map[string]any{"id": g.ID, "display_name": g.DisplayName, "raw_attributes": g.Attributes}, nil
		},
		Logger: slog.New(slog.NewTextHandler(s.log, nil)), Now: s.clock,
	}
	configure(&cfg)
	h, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	change(h)
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = protocols(true, true)
	srv.Start()
	s.url = srv.URL
	s.grpc, err = grpc.NewClient(srv.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.grpc.Close(); err != nil {
			t.Error(err)
		}
		s.http1.CloseIdleConnections()
		srv.Close()
	})
	s.token = s.fetchToken(t)
	return s
}

func protocols(h1, h2c bool) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(h1)
	p.SetHTTP2(h2c)
	p.SetUnencryptedHTTP2(h2c)
	return p
}

func fieldsOf(v any, err error) (map[string]any, error) {
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	return m, dec.Decode(&m)
}

func (s *server) fetchToken(t *testing.T) string {
	t.Helper()
	return s.tokenFor(t, clientID, clientSecret, "")
}

// tokenFor fetches a token for any client.
func (s *server) tokenFor(t *testing.T, id, secret, scope string) string {
	t.Helper()
	status, body := s.form(t, "/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "scope": {scope},
	})
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("token: %d %v", status, body)
	}
	return token
}

func (s *server) form(t *testing.T, path string, v url.Values) (int, map[string]any) {
	t.Helper()
	status, _, body := s.do(t, http.MethodPost, path, "application/x-www-form-urlencoded", v.Encode(), nil)
	return status, decode(t, body)
}

// call sends a REST request with the token.
func (s *server) call(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	return s.callAs(t, s.token, method, path, body)
}

// callAs is call with another token; more are names and values of headers.
func (s *server) callAs(t *testing.T, token, method, path, body string, more ...string) (int, map[string]any) {
	t.Helper()
	h := http.Header{"Authorization": {"Bearer " + token}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	status, _, b := s.do(t, method, path, "application/json", body, h)
	return status, decode(t, b)
}

// client makes an API client and returns its id, its secret and a token.
func (s *server) client(t *testing.T, body string) (id, secret, token string) {
	t.Helper()
	m := s.ok(t, 201, "POST", "/api/v1/api_clients", body)
	id, secret = str(m, "client", "id"), str(m, "secret")
	return id, secret, s.tokenFor(t, id, secret, "")
}

// ok is call for requests that must be answered with the status.
func (s *server) ok(t *testing.T, want int, method, path, body string) map[string]any {
	t.Helper()
	status, m := s.call(t, method, path, body)
	if status != want {
		t.Fatalf("%s %s: status %d, want %d: %v", method, path, status, want, m)
	}
	return m
}

func (s *server) do(t *testing.T, method, path, contentType, body string, h http.Header) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range h {
		req.Header[k] = v
	}
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := s.http1.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	header := res.Header.Clone()
	for k, v := range res.Trailer {
		header[k] = v
	}
	return res.StatusCode, header, b
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("answer %q: %v", body, err)
	}
	return m
}

// at walks into an answer: at(m, "users", 0, "email").
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// object and items are at for what must be an object or a list.
func object(v any, path ...any) map[string]any {
	m, _ := at(v, path...).(map[string]any)
	return m
}

func items(v any, path ...any) []any {
	l, _ := at(v, path...).([]any)
	return l
}

func str(v any, path ...any) string {
	s, _ := at(v, path...).(string)
	return s
}

// organization and directory make one of each and return their ids.
func (s *server) organization(t *testing.T, name string) string {
	t.Helper()
	return str(s.ok(t, 201, "POST", "/api/v1/organizations", `{"display_name":"`+name+`"}`), "organization", "id")
}

func (s *server) directory(t *testing.T, org string) string {
	t.Helper()
	return str(s.ok(t, 200, "POST", "/api/v1/organizations/"+org+"/directories", `{"directory_type":"SCIM","directory_provider":"OKTA"}`), "directory", "id")
}

// deliveries is a record of deliveries in memory.
type deliveries struct {
	mu   sync.Mutex
	list []api.Delivery
	// asked is the last query, health what is answered.
	asked  api.DeliveryQuery
	health api.EndpointHealth
	// replays is how far they are.
	replays map[string]api.ReplayProgress
}

func (d *deliveries) List(_ context.Context, q api.DeliveryQuery) (api.DeliveryPage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = q
	rest := d.list
	for q.Position != "" && len(rest) > 0 && rest[0].ID != q.Position {
		rest = rest[1:]
	}
	if q.Position != "" {
		if len(rest) == 0 {
			return api.DeliveryPage{}, fault.New(fault.Invalid, "page_token is not one that this list gave.")
		}
		rest = rest[1:]
	}
	p := api.DeliveryPage{Total: len(d.list), Deliveries: rest[:min(q.Limit, len(rest))]}
	if len(rest) > q.Limit {
		p.Next = rest[q.Limit-1].ID
	}
	return p, nil
}

func (d *deliveries) Get(_ context.Context, _, id string) (api.Delivery, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.list {
		if x.ID == id {
			return x, nil
		}
	}
	return api.Delivery{}, fault.New(fault.NotFound, "There is no delivery %q.", id)
}

func (d *deliveries) Replays(context.Context, string) (map[string]api.ReplayProgress, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.replays, nil
}

func (d *deliveries) Health(context.Context, *directory.Endpoint, time.Time) (api.EndpointHealth, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.health, nil
}

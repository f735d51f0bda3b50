package scimhttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/natslog"
	"github.com/rollcallhq/rollcall/pkg/natslog/embedded"
	"github.com/rollcallhq/rollcall/services/ingress"
	"github.com/rollcallhq/rollcall/services/ingress/scimhttp"
	"github.com/rollcallhq/rollcall/services/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	userURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	errorURN = "urn:ietf:params:scim:api:messages:2.0:Error"
)

// world is an ingress with its SCIM edge on a real port.
type world struct {
	ingress *ingress.Ingress
	edge    *scimhttp.Handler
	root    string // of the port
	client  *http.Client
	org     string
	n       atomic.Int64
}

// newWorld starts one. A zero configuration gets what it needs.
func newWorld(t testing.TB, cfg scimhttp.Config) *world {
	t.Helper()
	return newWorldBehind(t, cfg, nil)
}

// newWorldBehind is newWorld with another clock (nil: the wall's) and behind
// proxies.
func newWorldBehind(t testing.TB, cfg scimhttp.Config, clock func() time.Time, proxies ...string) *world {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), StoreLimit: 256 << 20, Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	nc, err := server.Connect()
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	must(t, natslog.Ensure(t.Context(), js, natslog.Config{}))
	log, err := natslog.Open(t.Context(), js, 0, natslog.Options{Sole: true})
	must(t, err)

	w := &world{}
	w.ingress, err = ingress.Open(t.Context(), ingress.Config{Path: filepath.Join(t.TempDir(), "ingress.db"), Log: log, Clock: clock})
	must(t, err)
	t.Cleanup(func() { must(t, w.ingress.Stop()) })
	must(t, w.ingress.Start(t.Context()))
	srv, err := web.New(web.Config{
		Listen: "127.0.0.1:0", Registry: prometheus.NewRegistry(), Logger: quiet, TrustedProxies: proxies,
		Ready: func(context.Context) error { return nil },
	})
	must(t, err)
	if cfg.Logger == nil {
		cfg.Logger = quiet
	}
	cfg.Base = func() string { return w.root }
	w.edge = scimhttp.New(w.ingress, cfg)
	w.edge.Register(srv.Echo)
	must(t, srv.Listen())
	t.Cleanup(func() { must(t, srv.Stop()) })
	w.root = "http://" + srv.Addr().String()
	must(t, srv.Serve())
	transport := &http.Transport{DisableCompression: true}
	w.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)

	w.org = w.must(t, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: "Acme"}}).(*directory.Organization).ID
	w.must(t, directory.CreateDomain{Organization: w.org, Domain: "acme.example"})
	return w
}

func (w *world) must(t testing.TB, c directory.Command) directory.Row {
	t.Helper()
	res, err := w.ingress.Submit(t.Context(), directory.Request{ID: fmt.Sprint("test-", w.n.Add(1)), Actor: "system", Command: c})
	must(t, err)
	return res.Row
}

// dir is a connection to one directory.
type dir struct {
	*world
	id, base, token string
}

// dir adds a directory that takes writes, also of new addresses.
func (w *world) dir(t testing.TB) *dir { return w.dirOf(t, "") }

// dirOf is dir for one of a provider.
func (w *world) dirOf(t testing.TB, provider string) *dir {
	t.Helper()
	id := w.must(t, directory.CreateDirectory{Organization: w.org, Kind: "SCIM", Provider: provider}).(*directory.Directory).ID
	c := credential.New(credential.PrefixSCIM)
	w.must(t, directory.CreateDirectorySecret{Organization: w.org, Directory: id, Hash: c.Hash, Suffix: c.Suffix})
	follow := directory.EmailPolicyFollow
	w.must(t, directory.ChangeDirectoryPolicy{Organization: w.org, Directory: id, EmailPolicy: &follow})
	w.must(t, directory.EnableDirectory{Organization: w.org, Directory: id})
	return &dir{world: w, id: id, base: w.root + "/directories/" + id + "/scim/v2", token: c.Plain}
}

// newDir is a directory in a world of its own.
func newDir(t testing.TB) *dir {
	t.Helper()
	return newWorld(t, scimhttp.Config{}).dir(t)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any // nil if there was none, or it was no object
}

// at returns what is at a dotted path of the body; numbers are indices.
func (a answer) at(path string) any {
	var v any = a.body
	for step := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (a answer) text(path string) string { s, _ := a.at(path).(string); return s }

// do sends a request; a path that begins with /../ leads out of the version. The
// body is JSON as text, or anything to be written as
// JSON; headers are pairs, and an empty value leaves one out.
func (d *dir) do(t testing.TB, method, path string, body any, headers ...string) answer {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	case []byte:
		in = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		must(t, err)
		in = bytes.NewReader(raw)
	}
	base := d.base
	if rest, up := strings.CutPrefix(path, "/../"); up {
		base, path = strings.TrimSuffix(base, "v2"), rest
	}
	req, err := http.NewRequestWithContext(t.Context(), method, base+path, in)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+d.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		} else {
			req.Header.Add(headers[i], headers[i+1])
		}
	}
	res, err := d.client.Do(req)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	must(t, err)
	a := answer{status: res.StatusCode, header: res.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

// want is do for requests whose status is known.
func (d *dir) want(t testing.TB, status int, method, path string, body any, headers ...string) answer {
	t.Helper()
	a := d.do(t, method, path, body, headers...)
	if a.status != status {
		t.Fatalf("%s %s: status %d, want %d\n%s", method, path, a.status, status, a.raw)
	}
	return a
}

// user and group make one and return its id.
func (d *dir) user(t testing.TB, name string) string {
	t.Helper()
	return d.want(t, http.StatusCreated, http.MethodPost, "/Users", userBody(name)).text("id")
}

func (d *dir) group(t testing.TB, name string, members ...string) string {
	t.Helper()
	return d.want(t, http.StatusCreated, http.MethodPost, "/Groups", groupBody(name, members...)).text("id")
}

func userBody(name string) map[string]any {
	return map[string]any{"schemas": []string{userURN}, "userName": name + "@acme.example", "active": true}
}

func groupBody(name string, members ...string) map[string]any {
	list := make([]any, 0, len(members))
	for _, m := range members {
		list = append(list, map[string]any{"value": m})
	}
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name, "members": list}
}

// op is an operation of a PATCH; a nil value is left out.
func op(verb, path string, value any) map[string]any {
	o := map[string]any{"op": verb, "path": path}
	if value != nil {
		o["value"] = value
	}
	return o
}

func patchBody(ops ...map[string]any) map[string]any {
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": ops}
}

// isError holds an answer against RFC 7644 section 3.12.
func isError(t testing.TB, a answer, status int, scimType string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %s", a.status, status, a.raw)
	}
	if got := a.header.Get("Content-Type"); got != "application/scim+json" {
		t.Errorf("the error has type %q", got)
	}
	if a.text("schemas.0") != errorURN || a.text("status") != strconv.Itoa(status) || a.text("detail") == "" {
		t.Errorf("not an error as the RFC has it: %s", a.raw)
	}
	if got := a.text("scimType"); got != scimType {
		t.Errorf("scimType %q, want %q: %s", got, scimType, a.raw)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

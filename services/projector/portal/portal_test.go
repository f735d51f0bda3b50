package portal_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/services/projector/portal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is the domain in memory, one command at a time.
type world struct {
	*directorytest.World
	mu     sync.Mutex
	actors []string
	org    string
	url    string
	client *http.Client
	t      *testing.T
}

func (w *world) Read(_ context.Context, f func(directory.View) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return f(w.Rows)
}

func (w *world) Submit(_ context.Context, r directory.Request) (directory.Row, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.actors = append(w.actors, r.Actor)
	out, err := w.Try(r.Command)
	if err != nil {
		return nil, err
	}
	return w.Rows.Get(out.Resource)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.At
}

func start(t *testing.T, origins ...string) *world {
	t.Helper()
	w := &world{World: directorytest.NewWorld(), t: t}
	w.org = w.Organization(t, "acme", "acme.example")
	name := `Acme <script>alert("1")</script>`
	w.Must(t, directory.UpdateOrganization{Organization: w.org, DisplayName: &name})
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		h, err := portal.New(portal.Config{Model: w, Commands: w, PublicURL: w.url, Origins: origins, Now: w.now})
		if err != nil {
			t.Error(err)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	w.url = srv.URL
	w.client = srv.Client()
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(srv.Close)
	return w
}

// link makes one and returns its path.
func (w *world) link(features ...string) string {
	w.t.Helper()
	c := credential.New(credential.PrefixLink)
	w.mu.Lock()
	defer w.mu.Unlock()
	return "/portal/" + directorytest.ID(w.Must(w.t, directory.CreatePortalLink{Organization: w.org, Hash: c.Hash, Features: features})) + "/" + c.Plain
}

func (w *world) get(path, cookie string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if cookie != "" {
		req.Header.Set("Cookie", "rollcall_portal="+cookie)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res, string(body)
}

// open redeems a link and returns the session's cookie.
func (w *world) open(path string) *http.Cookie {
	w.t.Helper()
	res, body := w.get(path, "")
	if res.StatusCode != http.StatusSeeOther || len(res.Cookies()) != 1 {
		w.t.Fatalf("%s: %d %v %s", path, res.StatusCode, res.Cookies(), body)
	}
	return res.Cookies()[0]
}

func TestPortal(t *testing.T) {
	t.Parallel()
	w := start(t)
	scope := w.Directory(t, w.org)
	w.Must(t, directory.CreateUser{Scope: scope, State: directorytest.User("ada@acme.example")})
	other := w.Organization(t, "globex", "globex.example")
	w.Directory(t, other)
	path := w.link()
	c := w.open(path)
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/portal/" || c.MaxAge != 6*60*60 || c.Secure {
		t.Errorf("the cookie is %+v", c)
	}
	res, body := w.get("/portal/", c.Value)
	if res.StatusCode != 200 || strings.Count(body, "<tr>") != 2 || !strings.Contains(body, "<td>Okta</td><td>enabled</td><td>1</td><td>0</td>") || strings.Contains(body, "globex") {
		t.Errorf("the page: %d\n%s", res.StatusCode, body)
	}
	if strings.Contains(body, "<script") || !strings.Contains(body, "Acme &lt;script&gt;") {
		t.Errorf("the page is not escaped:\n%s", body)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if p := res.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", p)
	}
	if last := w.actors[len(w.actors)-1]; !strings.HasPrefix(last, "portal:lnk_") || w.Log[len(w.Log)-1].Type != events.TypePortalLinkRedeemed {
		t.Errorf("the log names %q", last)
	}
	// Once is once; and what is not a session shows nothing.
	if res, body := w.get(path, ""); res.StatusCode != 404 || len(res.Cookies()) != 0 || !strings.Contains(body, "Ask for a new one") {
		t.Errorf("used again: %d %s", res.StatusCode, body)
	}
	id, _, _ := strings.Cut(c.Value, ".")
	for name, cookie := range map[string]string{"none": "", "no secret": id, "another secret": id + ".rps_x", "the link's": strings.Replace(strings.TrimPrefix(path, "/portal/"), "/", ".", 1)} {
		if res, body := w.get("/portal/", cookie); res.StatusCode != 401 || strings.Contains(body, "Acme") {
			t.Errorf("cookie %s: %d %s", name, res.StatusCode, body)
		}
	}
	w.mu.Lock()
	w.At = w.At.Add(6 * time.Hour)
	w.mu.Unlock()
	if res, body := w.get("/portal/", c.Value); res.StatusCode != 401 || strings.Contains(body, "Acme") {
		t.Errorf("the session after 6 h: %d %s", res.StatusCode, body)
	}
}

// TestPortal_race says that of many who use a link at a time one gets in.
func TestPortal_race(t *testing.T) {
	t.Parallel()
	w := start(t)
	path := w.link()
	var (
		all sync.WaitGroup
		mu  sync.Mutex
		in  = map[int]int{}
	)
	for range 20 {
		all.Go(func() {
			res, _ := w.get(path, "")
			mu.Lock()
			defer mu.Unlock()
			in[res.StatusCode]++
		})
	}
	all.Wait()
	if in[http.StatusSeeOther] != 1 || in[http.StatusNotFound] != 19 {
		t.Errorf("answered: %v", in)
	}
}

func TestPortal_refusals(t *testing.T) {
	t.Parallel()
	w := start(t)
	path := w.link()
	for name, tt := range map[string]struct {
		path   string
		status int
	}{
		"another secret": {path + "x", 404}, "no such link": {strings.Replace(path, "lnk_1", "lnk_2", 1), 404}, "no secret": {path[:strings.LastIndex(path, "/")+1], 404},
		"deeper": {path + "/x", 404}, "elsewhere": {"/portal/x", 404}, "long": {"/portal/lnk_1/" + strings.Repeat("x", 300), 404},
	} {
		if res, body := w.get(tt.path, ""); res.StatusCode != tt.status || strings.Contains(body, "Acme") {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	// Neither a HEAD nor a browser that looks ahead uses the link up.
	res, err := w.client.Head(w.url + path) //nolint:noctx // of the test
	if err != nil || res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %v, %v", res, err)
	}
	_ = res.Body.Close()
	if res, _ := w.get(path, "", "Sec-Purpose", "prefetch;prerender"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a prefetch: %d", res.StatusCode)
	}
	w.open(path)
}

func TestPortal_features(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.Directory(t, w.org)
	if _, body := w.get("/portal/", w.open(w.link("sso")).Value); strings.Contains(body, "Okta") {
		t.Errorf("a link without directory sync shows\n%s", body)
	}
	if _, body := w.get("/portal/", w.open(w.link("dir_sync")).Value); !strings.Contains(body, "Okta") {
		t.Errorf("a link with directory sync shows\n%s", body)
	}
}

// TestPortal_frames says who may hold the portal in a frame, and that the cookie
// then is for that, over TLS.
func TestPortal_frames(t *testing.T) {
	t.Parallel()
	w := &world{World: directorytest.NewWorld(), t: t}
	w.org = w.Organization(t, "acme", "acme.example")
	h, err := portal.New(portal.Config{Model: w, Commands: w, PublicURL: "https://sync.example.com/pfx", Origins: []string{"https://app.example.com", "https://b.example:8443"}, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, w.link(), nil))
	res := rec.Result()
	if c := res.Cookies()[0]; !c.Secure || c.SameSite != http.SameSiteNoneMode || !c.Partitioned || c.Path != "/pfx/portal/" {
		t.Errorf("the cookie is %+v", c)
	}
	if l := res.Header.Get("Location"); l != "https://sync.example.com/pfx/portal/" {
		t.Errorf("it leads to %q", l)
	}
	if p := res.Header.Get("Content-Security-Policy"); !strings.HasSuffix(p, "frame-ancestors https://app.example.com https://b.example:8443") {
		t.Errorf("the policy is %q", p)
	}
	for _, o := range []string{"", "*", "app.example.com", "https://a.example/", "https://a.example; script-src *", "ftp://a.example", "https://*.example"} {
		if _, err := portal.New(portal.Config{Model: w, Commands: w, PublicURL: "https://x.example", Origins: []string{o}}); err == nil {
			t.Errorf("the origin %q is taken", o)
		}
	}
}

package web_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/services/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// port is a served Server with a client for it.
type port struct {
	*web.Server
	url      string
	client   *http.Client
	registry *prometheus.Registry
	log      *lines
}

// serve starts a server; mount adds routes before it serves.
func serve(t *testing.T, c web.Config, mount func(*web.Server)) *port {
	t.Helper()
	p := &port{registry: prometheus.NewRegistry(), log: &lines{}, url: "http://"}
	c.Listen, c.Registry = "127.0.0.1:0", p.registry
	c.Logger = slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if mount != nil {
		mount(s)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	p.Server, p.client = s, &http.Client{
		Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.TLSCert != "" {
		p.url = "https://"
	}
	p.url += s.Addr().String()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		if err := <-s.Failed(); err != nil {
			t.Errorf("the server failed: %v", err)
		}
	})
	return p
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (p *port) do(t *testing.T, method, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	return fetch(t, p.client, method, p.url+path, headers...)
}

func fetch(t *testing.T, c *http.Client, method, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// TestProtocols speaks every protocol of the port.
func TestProtocols(t *testing.T) {
	t.Parallel()
	protocols := func(set func(*http.Protocols)) *http.Protocols {
		p := &http.Protocols{}
		set(p)
		return p
	}
	cert, key, pool := certificate(t)
	for name, test := range map[string]struct {
		tls       bool
		protocols *http.Protocols
		want      string
	}{
		"http/1.1":     {false, protocols(func(p *http.Protocols) { p.SetHTTP1(true) }), "HTTP/1.1"},
		"h2c":          {false, protocols(func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }), "HTTP/2.0"},
		"tls http/1.1": {true, protocols(func(p *http.Protocols) { p.SetHTTP1(true) }), "HTTP/1.1"},
		"tls h2":       {true, protocols(func(p *http.Protocols) { p.SetHTTP2(true) }), "HTTP/2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := web.Config{}
			if test.tls {
				c.TLSCert, c.TLSKey = cert, key
			}
			p := serve(t, c, nil)
			transport := &http.Transport{Protocols: test.protocols, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
			defer transport.CloseIdleConnections()
			res, body := fetch(t, &http.Client{Transport: transport, Timeout: 20 * time.Second}, http.MethodGet, p.url+"/healthz")
			if res.Proto != test.want || res.StatusCode != http.StatusOK || body != "ok\n" {
				t.Errorf("%s answers %d %q by %s", name, res.StatusCode, body, res.Proto)
			}
			if test.tls {
				old := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}} //nolint:gosec // must be refused
				defer old.CloseIdleConnections()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/healthz", nil)
				if err != nil {
					t.Fatal(err)
				}
				if res, err := (&http.Client{Transport: old}).Do(r); err == nil {
					_ = res.Body.Close()
					t.Error("TLS 1.1 is accepted")
				}
			}
		})
	}
}

// certificate makes a self-signed one for loopback.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private), pool
}

// TestListenRefusals says what is wrong, and leaves the port free.
func TestListenRefusals(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	quiet := slog.New(slog.DiscardHandler)
	s, err := web.New(web.Config{Listen: taken.Addr().String(), Registry: prometheus.NewRegistry(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("a taken port answers %v", err)
	}
	if err := s.Serve(); err == nil {
		t.Error("Serve works without Listen")
	}
	if err := s.Stop(); err != nil {
		t.Errorf("Stop of what never listened: %v", err)
	}
	missing := filepath.Join(t.TempDir(), "missing.pem")
	if s, err = web.New(web.Config{Listen: "127.0.0.1:0", TLSCert: missing, TLSKey: missing, Registry: prometheus.NewRegistry(), Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing certificate answers %v", err)
	}
}

// TestProxies believes forwarded addresses from trusted networks only, and of
// those only what stands behind the last proxy that is not trusted.
func TestProxies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trusted   []string
		forwarded string
		want      string
	}{
		"nobody is trusted":     {nil, "203.0.113.7", "127.0.0.1"},
		"others are trusted":    {[]string{"10.0.0.0/8"}, "203.0.113.7", "127.0.0.1"},
		"trusted":               {[]string{"127.0.0.0/8"}, "203.0.113.7", "203.0.113.7"},
		"trusted, nothing said": {[]string{"127.0.0.0/8"}, "", "127.0.0.1"},
		"a forged first hop":    {[]string{"127.0.0.0/8"}, "198.51.100.1, 203.0.113.7", "203.0.113.7"},
		"two proxies":           {[]string{"127.0.0.0/8", "10.0.0.0/8"}, "203.0.113.7, 10.1.2.3", "203.0.113.7"},
		"a private client":      {[]string{"127.0.0.0/8"}, "203.0.113.7, 192.168.1.5", "192.168.1.5"},
		"not an address":        {[]string{"127.0.0.0/8"}, "nonsense", "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, web.Config{TrustedProxies: test.trusted}, func(s *web.Server) {
				s.Echo.GET("/who", func(c echo.Context) error { return c.String(http.StatusOK, c.RealIP()) })
			})
			if _, got := p.do(t, http.MethodGet, "/who", "X-Forwarded-For", test.forwarded, "X-Real-Ip", "198.51.100.99"); got != test.want {
				t.Errorf("the client is %s, want %s", got, test.want)
			}
		})
	}
	if _, err := web.New(web.Config{TrustedProxies: []string{"10.0.0.1"}, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("an address that is not a network is accepted")
	}
}

// TestReady answers what it is told, and in time.
func TestReady(t *testing.T) {
	t.Parallel()
	answers := make(chan error, 1)
	p := serve(t, web.Config{Ready: func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !bounded {
			return errors.New("readiness has no deadline")
		}
		return <-answers
	}}, nil)
	for _, test := range []struct {
		err    error
		status int
		retry  string
		want   map[string]string
	}{
		{nil, http.StatusOK, "", map[string]string{"status": "ready"}},
		{errors.New("The log is full."), http.StatusServiceUnavailable, "1", map[string]string{"status": "unavailable", "reason": "The log is full."}}, //nolint:staticcheck // words for people
	} {
		answers <- test.err
		res, body := p.do(t, http.MethodGet, "/readyz")
		var got map[string]string
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" || res.StatusCode != test.status || res.Header.Get("Retry-After") != test.retry {
			t.Errorf("readiness answers %d, Retry-After %q (-want +got):\n%s", res.StatusCode, res.Header.Get("Retry-After"), diff)
		}
	}
}

// TestMount takes paths as they come: nothing is cleaned or redirected.
func TestMount(t *testing.T) {
	t.Parallel()
	p := serve(t, web.Config{}, func(s *web.Server) {
		s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Method+" "+r.URL.EscapedPath())
		}), "/api/v1/", "/rollcall.v1.", "/exact")
	})
	for _, test := range []struct {
		path   string
		status int
	}{
		{"/api/v1/users", 200},
		{"/api/v1//users", 200},
		{"/api/v1/a//b///c", 200},
		{"/api/v1/../secret", 200},
		{"/api/v1/a%2Fb", 200},
		{"/api/v1/users/", 200},
		{"/rollcall.v1.Users/Get", 200},
		{"/exact", 200},
		{"//api/v1/users", 404},
		{"/exact/more", 404},
		{"/rollcall.v2.Users/Get", 404},
		{"/nothing", 404},
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			res, body := p.do(t, method, test.path)
			if res.StatusCode != test.status {
				t.Errorf("%s %s answers %d, want %d", method, test.path, res.StatusCode, test.status)
			}
			if test.status == 200 && body != method+" "+test.path {
				t.Errorf("%s %s arrives as %s", method, test.path, body)
			}
		}
	}
}

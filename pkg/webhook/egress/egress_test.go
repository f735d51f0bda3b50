package egress_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, o egress.Options) *egress.Client {
	t.Helper()
	c := egress.NewClient(o)
	t.Cleanup(c.Close)
	return c
}

// untouched listens on loopback and returns its port and a function that fails
// the test if anyone has connected.
func untouched(t *testing.T) (string, func()) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, func() {
		t.Helper()
		// Connections are accepted in the order in which they were made: if ours
		// is the first, there was none before.
		mine, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer mine.Close()
		first, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer first.Close()
		if first.RemoteAddr().String() != mine.LocalAddr().String() {
			t.Errorf("%s connected", first.RemoteAddr())
		}
	}
}

func TestPost_refusesWithoutConnecting(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, url string
		opts      egress.Options
	}{
		{"loopback", "https://127.0.0.1:%s/hook", egress.Options{}},
		{"a name that leads to loopback", "https://localhost:%s/hook", egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}},
		{"mapped into IPv6", "https://[::ffff:127.0.0.1]:%s/hook", egress.Options{}},
		{"mapped, past the text check", "https://[::ffff:7f00:1]:%s/hook", egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}},
		{"this network", "https://0.0.0.0:%s/hook", egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}},
		{"http", "http://127.0.0.1:%s/hook", egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		{"user name", "https://user:secret@127.0.0.1:%s/hook", egress.Options{Insecure: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			port, check := untouched(t)
			r := client(t, tt.opts).Post(t.Context(), fmt.Sprintf(tt.url, port), http.Header{}, []byte("{}"))
			check()
			if r.Class != egress.ClassRefused || r.Success() || r.Text == "" {
				t.Errorf("result %+v", r)
			}
			if strings.Contains(r.Text, "secret") || strings.Contains(r.Text, "127.0.0.1") {
				t.Errorf("the text tells too much: %s", r.Text)
			}
		})
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	elsewhere, check := untouched(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if string(b) != `{"a":1}` || r.Method != http.MethodPost || r.Header.Get("Webhook-Id") != "evt_1" || r.ContentLength != 7 || r.ProtoMajor != 2 {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:"+elsewhere+"/", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	mux.HandleFunc("/slow-down", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/bighead", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Big", strings.Repeat("a", 64<<10)) })
	mux.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	srv := httptest.NewUnstartedServer(mux)
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	c := client(t, egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, RootCAs: pool, Timeout: 2 * time.Second})
	header := http.Header{"Webhook-Id": {"evt_1"}}
	tests := []struct {
		path       string
		status     int
		class      egress.Class
		retryAfter time.Duration
	}{
		{"/ok", 202, egress.ClassNone, 0},
		{"/endless", 200, egress.ClassNone, 0},
		{"/redirect", 307, egress.ClassStatus, 0},
		{"/gone", 410, egress.ClassStatus, 0},
		{"/slow-down", 429, egress.ClassStatus, 2 * time.Minute},
		{"/hang", 0, egress.ClassTimeout, 0},
		{"/bighead", 0, egress.ClassProtocol, 0},
		{"/cut", 0, egress.ClassProtocol, 0},
	}
	for _, tt := range tests {
		got := c.Post(t.Context(), srv.URL+tt.path, header, []byte(`{"a":1}`))
		if got.Status != tt.status || got.Class != tt.class || got.RetryAfter != tt.retryAfter || (got.Text == "") != got.Success() {
			t.Errorf("%s: %+v", tt.path, got)
		}
	}
	check()
	h1 := httptest.NewServer(mux)
	t.Cleanup(h1.Close)
	plainly := client(t, egress.Options{Insecure: true})
	if got := plainly.Post(t.Context(), h1.URL+"/bighead", header, nil); got.Class != egress.ClassProtocol || got.Text != "the receiver answered with more than 16 KiB of headers" {
		t.Errorf("a large head: %+v", got)
	}
	if got := plainly.Post(t.Context(), h1.URL+"/cut", header, nil); got.Class != egress.ClassConnection || got.Text != "the receiver closed the connection without an answer" {
		t.Errorf("cut: %+v", got)
	}
	untrusting := client(t, egress.Options{Insecure: true})
	if got := untrusting.Post(t.Context(), srv.URL+"/ok", header, nil); got.Class != egress.ClassTLS {
		t.Errorf("unknown authority: %+v", got)
	}
}

func TestPost_withoutReceiver(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	l.Close()
	c := client(t, egress.Options{Insecure: true})
	if got := c.Post(t.Context(), gone, http.Header{}, nil); got.Class != egress.ClassConnection {
		t.Errorf("closed port: %+v", got)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	if got := c.Post(t.Context(), "https"+strings.TrimPrefix(plain.URL, "http"), http.Header{}, nil); got.Class != egress.ClassTLS {
		t.Errorf("no TLS there: %+v", got)
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url              string
		secure, insecure bool // accepted
	}{
		{"https://example.com/webhooks?k=v", true, true},
		{"https://example.com:8443", true, true},
		{"https://93.184.216.34/", true, true},
		{"https://[2606:2800:220:1::1]/", true, true},
		{"http://example.com/", false, true},
		{"http://127.0.0.1:9000/", false, true},
		{"https://localhost/", false, true},
		{"https://a.LOCALHOST./", false, true},
		{"https://10.1.2.3/", false, true},
		{"https://[::1]/", false, true},
		{"https://[::ffff:10.0.0.1]/", false, true},
		{"https://[fe80::1%25eth0]/", false, true},
		{"https://user@example.com/", false, false},
		{"https:///path", false, false},
		{"https://", false, false},
		{"https://example.com/#x", false, false},
		{"https://example.com/#", false, false},
		{"https://example.com:0/", false, false},
		{"https://example.com:/", false, false},
		{"https://example.com:99999/", false, false},
		{"https://bücher.example/", true, true},
		{"https://b%C3%BCcher.example/", true, true},
		{"https://my_receiver.example./", true, true},
		{"https://１２７．０．０．１/", false, true}, // 127.0.0.1, in wide digits
		{"https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", false, true}, // localhost, in circles
		{"https://exämple..com/", false, false},
		{"https://example..com/", false, false},
		{"https://.example.com/", false, false},
		{"https://exa*mple.com/", false, false},
		{"https://" + strings.Repeat("a", 64) + ".com/", false, false},
		{"https://" + strings.Repeat("a.", 127) + "com/", false, false},
		{"ftp://example.com/", false, false},
		{"https:example.com", false, false},
		{"example.com", false, false},
		{"", false, false},
		{"https://exa mple.com/", false, false},
		{"https://example.com/%zz", false, false},
		{"https://example.com/" + strings.Repeat("a", 2000), false, false},
	}
	for _, tt := range tests {
		for insecure, want := range map[bool]bool{false: tt.secure, true: tt.insecure} {
			err := egress.CheckURL(tt.url, insecure)
			if (err == nil) != want {
				t.Errorf("CheckURL(%.40q, %v): %v", tt.url, insecure, err)
			}
			if err != nil && fault.KindOf(err) != fault.Invalid {
				t.Errorf("CheckURL(%.40q): kind %s", tt.url, fault.KindOf(err))
			}
		}
	}
}

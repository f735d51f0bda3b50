package egress_test

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

// What the proxy does wrong is told as the proxy's, not as the receiver's.
func TestPost_proxyThatRefuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{403: "403 Forbidden", 407: "--webhook-proxy", 502: "502 Bad Gateway", 204: "204 No Content"} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		u, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		r := client(t, egress.Options{Proxy: u}).Post(t.Context(), "https://app.example.com/hook", http.Header{}, nil)
		if r.Class != egress.ClassConnection || r.Status != 0 || !strings.Contains(r.Text, "forward proxy") || !strings.Contains(r.Text, want) {
			t.Errorf("%d: %+v", status, r)
		}
		proxy.Close()
		r = client(t, egress.Options{Proxy: u}).Post(t.Context(), "https://app.example.com/hook", http.Header{}, nil)
		if r.Class != egress.ClassConnection || !strings.Contains(r.Text, "proxy") || strings.Contains(r.Text, u.Host) {
			t.Errorf("a proxy that is not there: %+v", r)
		}
	}
}

// wire passes bytes on between a client and a server until it is cut: from then
// on those of the connections there are vanish, and nobody is told.
type wire struct {
	net.Listener
	to string

	mu  sync.Mutex
	cut chan struct{} // closed: connections made before lead nowhere
	all []net.Conn
}

func (w *wire) serve() {
	for {
		near, err := w.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp4", w.to)
		if err != nil {
			near.Close()
			continue
		}
		w.mu.Lock()
		cut := w.cut
		w.all = append(w.all, near, far)
		w.mu.Unlock()
		go pass(near, far, cut)
		go pass(far, near, cut)
	}
}

func pass(to, from net.Conn, cut <-chan struct{}) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			to.Close()
			return
		}
		select {
		case <-cut:
		default:
			if _, err := to.Write(b[:n]); err != nil {
				from.Close()
				return
			}
		}
	}
}

func (w *wire) vanish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.cut)
	w.cut = make(chan struct{})
}

func (w *wire) close() {
	w.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		c.Close()
	}
}

// A connection that something between here and the receiver has forgotten does
// not take in attempts for ever: HTTP/2 would go on using it.
func TestPost_connectionThatVanishes(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, to: srv.Listener.Addr().String(), cut: make(chan struct{})}
	go w.serve()
	t.Cleanup(w.close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	c := egress.NewClientPinging(egress.Options{Insecure: true, RootCAs: roots, Timeout: 2 * time.Second}, time.Second, time.Second)
	t.Cleanup(c.Close)
	post := func() egress.Result {
		return c.Post(t.Context(), "https://"+l.Addr().String(), http.Header{}, []byte("{}"))
	}
	patience := time.Now().Add(time.Minute)
	for r := post(); r.Excerpt != "HTTP/2.0"; r = post() {
		if time.Now().After(patience) {
			t.Fatalf("the receiver is not reached at all: %+v", r)
		}
	}
	w.vanish()
	for r := post(); !r.Success(); r = post() {
		if time.Now().After(patience) {
			t.Fatalf("a minute later the connection is still used: %+v", r)
		}
	}
}

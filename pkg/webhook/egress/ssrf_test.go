package egress_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

// names is a DNS server: what it answers for a name may differ from question to
// question.
type names struct {
	mu   sync.Mutex
	of   map[string][]netip.Addr // the last one stays
	conn net.PacketConn
}

func newNames(t *testing.T) (*names, *net.Resolver) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{of: map[string][]netip.Addr{}, conn: conn}
	var serving sync.WaitGroup
	serving.Go(n.serve)
	t.Cleanup(func() { conn.Close(); serving.Wait() })
	return n, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
}

func (n *names) set(name string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range addrs {
		n.of[name+"."] = append(n.of[name+"."], netip.MustParseAddr(a))
	}
}

func (n *names) serve() {
	b := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(b)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(b[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeNameError, nil
		n.mu.Lock()
		if list := n.of[q.Name.String()]; len(list) > 0 {
			m.RCode = dnsmessage.RCodeSuccess
			head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			switch a := list[0]; {
			case q.Type == dnsmessage.TypeA && a.Is4():
				m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: a.As4()}}}
			case q.Type == dnsmessage.TypeAAAA && a.Is6():
				m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}}}
			}
			if len(m.Answers) > 0 && len(list) > 1 {
				n.of[q.Name.String()] = list[1:]
			}
		}
		n.mu.Unlock()
		if out, err := m.Pack(); err == nil {
			_, _ = n.conn.WriteTo(out, from)
		}
	}
}

// Whatever range a name leads to, and however the address is written, nothing
// that is not public is connected to.
func TestPost_refusesEveryRange(t *testing.T) {
	t.Parallel()
	port, check := untouched(t)
	n, resolver := newNames(t)
	c := client(t, egress.Options{Resolver: resolver, Timeout: 10 * time.Second})
	for _, addr := range []string{
		"0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.0.1", "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.192", "192.0.2.1",
		"192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "100::1", "2001::7f00:1", "2001:db8::1",
		"2002:7f00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2606:2800:220:1:0:5efe:7f00:1",
	} {
		a := netip.MustParseAddr(addr)
		name := strings.NewReplacer(".", "-", ":", "x").Replace("to" + addr + ".example")
		name = strings.TrimSuffix(name, "-example") + ".example"
		n.set(name, addr)
		for _, host := range []string{name, net.JoinHostPort(a.String(), "")} {
			raw := "https://" + strings.TrimSuffix(host, ":") + ":" + port + "/hook"
			if r := c.Post(t.Context(), raw, http.Header{}, nil); r.Class != egress.ClassRefused {
				t.Errorf("%s: %+v", raw, r)
			}
		}
	}
	check()
}

// A name that is public when somebody looks and private when the connection is
// made gains nothing, nor do other ways to write a private address.
func TestPost_refusesTricks(t *testing.T) {
	t.Parallel()
	port, check := untouched(t)
	n, resolver := newNames(t)
	n.set("rebind.example", "93.184.216.34", "127.0.0.1")
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example")
	if err != nil || len(first) != 1 || egress.CheckAddr(first[0]) != nil {
		t.Fatalf("looked up %v, %v", first, err)
	}
	n.set("xn--bcher-kva.example", "127.0.0.1")
	c := client(t, egress.Options{Resolver: resolver, Timeout: 10 * time.Second})
	for _, host := range []string{
		"rebind.example", "bücher.example", "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhost.", "LOCALHOST",
		"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "user:pass@127.0.0.1", "example.com@127.0.0.1",
	} {
		r := c.Post(t.Context(), "https://"+host+":"+port+"/", http.Header{}, nil)
		if r.Success() || r.Class != egress.ClassRefused && r.Class != egress.ClassDNS && r.Class != egress.ClassProtocol {
			t.Errorf("%s: %+v", host, r)
		}
	}
	for _, p := range []string{":0", ":70000", ":x", ":-1"} {
		if r := c.Post(t.Context(), "https://93.184.216.34"+p+"/", http.Header{}, nil); r.Class != egress.ClassRefused {
			t.Errorf("port %s: %+v", p, r)
		}
	}
	check()
}

// Networks that are allowed are receivers, and only those.
func TestOptions_allow(t *testing.T) {
	t.Parallel()
	o := egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	here := egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for raw, want := range map[string]bool{
		"https://localhost:8443/": true, "https://receiver.localhost/": true, "https://127.0.0.1/": true,
		"http://localhost/": false, "https://u@localhost/": false, "https://10.1.2.3/": false, "https://[::1]/": false,
	} {
		if err := here.CheckURL(raw); (err == nil) != want {
			t.Errorf("with loopback, %s: %v", raw, err)
		}
	}
	if err := here.CheckURL("https://10.1.2.3/"); err == nil || !strings.Contains(err.Error(), "--webhook-allow-cidr") {
		t.Errorf("a private address: %v", err)
	}
	for raw, want := range map[string]bool{
		"https://10.1.2.3/": true, "https://[fd00:1::5]/": true, "https://[::ffff:10.1.2.3]/": true, "https://example.com/": true,
		"https://10.2.0.1/": false, "https://127.0.0.1/": false, "http://10.1.2.3/": false, "https://u@10.1.2.3/": false, "https://localhost/": false,
	} {
		if err := o.CheckURL(raw); (err == nil) != want {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// With a proxy everything goes through it, and URLs are checked still.
func TestPost_proxy(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 8)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, egress.Options{Proxy: u})
	if r := c.Post(t.Context(), "https://hooks.example/in", http.Header{}, nil); r.Success() || r.Status != 0 {
		t.Errorf("through a proxy that refuses: %+v", r)
	}
	if got := <-asked; got != "CONNECT hooks.example:443" {
		t.Errorf("the proxy was asked for %s", got)
	}
	if r := c.Post(t.Context(), "https://10.0.0.1/", http.Header{}, nil); r.Class != egress.ClassRefused || len(asked) > 0 {
		t.Errorf("a private address through a proxy: %+v", r)
	}
}

// Nothing that an answer carries changes the next request, and no body is
// unpacked.
func TestPost_keepsNothing(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" || r.Header.Get("Accept-Encoding") != "" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte("\x1f\x8bnot unpacked"))
	}))
	defer srv.Close()
	c := client(t, egress.Options{Insecure: true})
	for range 2 {
		if r := c.Post(t.Context(), srv.URL, http.Header{}, nil); r.Status != 200 || !strings.HasSuffix(r.Excerpt, "not unpacked") {
			t.Errorf("%+v", r)
		}
	}
}

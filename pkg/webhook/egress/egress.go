// Package egress sends webhooks over HTTP to receivers that nobody here
// trusts.
//
// The address that is really connected to is checked, after resolution and for
// every connection, so a name that changes its meaning between a check and its
// use gains nothing. https only, no redirects, no cookies, no proxy from the
// environment, bounded time, headers and bodies.
//
// What must not live here: signing and the ladder (pkg/webhook), what becomes
// of an attempt (services/delivery).
package egress

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

const (
	// DefaultTimeout bounds one attempt, from the resolution of the name to the
	// end of the answer.
	DefaultTimeout = 15 * time.Second
	// MaxResponse is how many bytes of an answer's body are read. All but the
	// first are thrown away, but a connection is used again only after its answer
	// was read.
	MaxResponse = 64 << 10
	// maxResponseHeader bounds the head of an answer, in bytes.
	maxResponseHeader = 16 << 10

	dialTimeout = 10 * time.Second
	idleTimeout = 90 * time.Second
	// A receiver gets at most some requests at a time; keep their connections.
	idlePerHost = 32
	idleTotal   = 2048

	// An HTTP/2 connection that nothing came over for a while is asked whether it
	// still leads anywhere. One that a firewall forgot would otherwise take in
	// attempt after attempt, since a stream that ends in a time limit leaves its
	// connection in place.
	pingAfter   = 15 * time.Second
	pingTimeout = 15 * time.Second
)

// Options of a Client. The zero value is right for production.
type Options struct {
	// Insecure allows http and every address: for development only.
	Insecure bool
	// Allow lists networks that are receivers although CheckAddr refuses them.
	Allow []netip.Prefix
	// Timeout bounds one attempt; DefaultTimeout if 0.
	Timeout time.Duration
	// RootCAs, if set, replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// Proxy, if set, is a forward proxy for all requests (http or https). It
	// resolves the receivers' names and connects to them, so it is also what has to
	// refuse addresses; URLs are checked here as before.
	Proxy *url.URL
	// Resolver, if set, resolves names.
	Resolver *net.Resolver
}

// CheckURL is the function of that name as far as the options allow more: what
// Allow lists is a receiver, too.
func (o Options) CheckURL(raw string) error {
	if o.Insecure || len(o.Allow) == 0 {
		return CheckURL(raw, o.Insecure)
	}
	u, err := parse(raw, true)
	if err != nil {
		return err
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && o.allows(a) && u.Scheme == "https" {
		return nil
	}
	if local(u.Hostname()) && u.Scheme == "https" && (o.allows(netip.AddrFrom4([4]byte{127, 0, 0, 1})) || o.allows(netip.IPv6Loopback())) {
		return nil // which of them it is shows at the connection
	}
	return CheckURL(raw, false)
}

// allows reports whether Allow lists the address.
func (o Options) allows(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range o.Allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Client makes attempts. It is safe for concurrent use.
type Client struct {
	opts      Options
	transport *http.Transport
}

// NewClient returns a client with connections of its own.
func NewClient(o Options) *Client { return newClient(o, pingAfter, pingTimeout) }

func newClient(o Options, pingAfter, pingTimeout time.Duration) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	c := &Client{opts: o}
	dialer := &net.Dialer{Timeout: min(dialTimeout, o.Timeout), KeepAlive: 30 * time.Second, Control: c.control, Resolver: o.Resolver}
	c.transport = &http.Transport{
		Proxy:                  http.ProxyURL(o.Proxy), // none from the environment: a proxy connects to what we never see
		DialContext:            dialer.DialContext,
		OnProxyConnectResponse: tunnel,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, ClientSessionCache: tls.NewLRUClientSessionCache(idleTotal)},
		TLSHandshakeTimeout:    min(dialTimeout, o.Timeout),
		MaxIdleConns:           idleTotal,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		DisableCompression:     true, // nothing is unpacked
	}
	return c
}

// control sees every address just before the connection to it is made.
func (c *Client) control(_, address string, _ syscall.RawConn) error {
	if c.opts.Insecure || c.opts.Proxy != nil {
		return nil // the only address is the proxy's
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{Reason: "unreadable"}
	}
	if c.opts.allows(ap.Addr()) {
		return nil
	}
	return CheckAddr(ap.Addr())
}

// Close ends idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Post makes one attempt: it sends body with the given headers and reads the
// answer. It never follows a redirect. Keys of header are in canonical form.
func (c *Client) Post(ctx context.Context, rawURL string, header http.Header, body []byte) Result {
	return c.PostWithin(ctx, c.opts.Timeout, rawURL, header, body)
}

// PostWithin is Post with a time limit of its own.
func (c *Client) PostWithin(ctx context.Context, limit time.Duration, rawURL string, header http.Header, body []byte) Result {
	if err := c.opts.CheckURL(rawURL); err != nil {
		return failed(ctx, err)
	}
	u, err := parse(rawURL, true)
	if err != nil {
		return failed(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	watch := &stopwatch{began: time.Now()}
	send := func() (*http.Response, error) {
		req := (&http.Request{
			Method: http.MethodPost, URL: u, Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		}).WithContext(watch.within(limited))
		// The transport itself: http.Client adds redirects, cookies and
		// credentials from the URL, none of which is wanted.
		return c.transport.RoundTrip(req) //nolint:bodyclose // by the caller
	}
	resp, err := send()
	if err != nil && watch.stale() && closed(err) && limited.Err() == nil {
		// A connection that was kept, and that the receiver ended when we began to
		// use it. That says nothing about the receiver; a webhook may be repeated.
		resp, err = send()
	}
	if err != nil {
		r := failed(ctx, err)
		r.Timing = watch.read()
		return r
	}
	// The status decides, whatever becomes of the body.
	r := answered(resp)
	r.Timing, r.Head = watch.read(), head(resp.Header)
	if resp.Body != http.NoBody {
		r.Excerpt = excerpt(resp.Body)
		_, _ = io.CopyN(io.Discard, resp.Body, MaxResponse-MaxExcerpt)
	}
	_ = resp.Body.Close()
	return r
}

func answered(resp *http.Response) Result {
	r := Result{Status: resp.StatusCode}
	if r.Success() {
		return r
	}
	r.Class = ClassStatus
	r.Text = "the receiver answered " + strconv.Itoa(resp.StatusCode)
	if s := http.StatusText(resp.StatusCode); s != "" {
		r.Text += " " + s
	}
	if resp.StatusCode/100 == 3 {
		r.Text += "; redirects are not followed"
	}
	r.RetryAfter = retryAfter(resp.Header, time.Now())
	return r
}

package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/webhook"
	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
	"github.com/rollcallhq/rollcall/services/projector/portal"
)

// dataFlags say where files are.
type dataFlags struct {
	Data          string `help:"Folder for the embedded log, the read models and the master key." default:"./rollcall-data" type:"path" env:"ROLLCALL_DATA"`
	MasterKeyFile string `help:"File with the key that seals signing secrets. Made under --data by serve; required for split services." type:"path" placeholder:"FILE" env:"ROLLCALL_MASTER_KEY_FILE"`
}

func (f *dataFlags) masterKeyFile() string {
	if f.MasterKeyFile != "" {
		return f.MasterKeyFile
	}
	return filepath.Join(f.Data, "master.key")
}

func (f *dataFlags) path(name string) string { return filepath.Join(f.Data, name) }

// httpFlags say how the port is served.
type httpFlags struct {
	Listen         string   `help:"Address of the one port for SCIM, API, health and metrics." default:"127.0.0.1:8080" env:"ROLLCALL_LISTEN"`
	PublicURL      string   `help:"Base URL that links and SCIM URLs show; http:// and the listen address if empty." env:"ROLLCALL_PUBLIC_URL"`
	TLSCert        string   `help:"PEM file of the certificate to serve TLS with." name:"tls-cert" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_TLS_CERT"`
	TLSKey         string   `help:"PEM file of its key." name:"tls-key" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_TLS_KEY"`
	TrustedProxies []string `help:"Networks (CIDR) whose X-Forwarded-For is believed." placeholder:"CIDR" env:"ROLLCALL_TRUSTED_PROXIES"`
}

// The commands validate the groups of flags that they embed: kong asks only
// commands.

// validate checks what the types do not say.
func (f *httpFlags) validate() error {
	if _, _, err := net.SplitHostPort(f.Listen); err != nil {
		return fmt.Errorf("--listen must be host:port: %w", err)
	}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return fmt.Errorf("--tls-cert and --tls-key go together")
	}
	if f.PublicURL != "" {
		u, err := url.Parse(f.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("--public-url must be an http or https URL, not %q", f.PublicURL)
		}
	}
	for _, c := range f.TrustedProxies {
		if _, _, err := net.ParseCIDR(c); err != nil {
			return fmt.Errorf("--trusted-proxies: %q is not a network in CIDR form, such as 10.0.0.0/8", c)
		}
	}
	return nil
}

// base returns the public URL without a final slash, given where the server
// listens.
func (f *httpFlags) base(addr net.Addr) string {
	if f.PublicURL != "" {
		return strings.TrimRight(f.PublicURL, "/")
	}
	scheme := "http"
	if f.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + addr.String()
}

// natsFlags say which NATS the split services share.
type natsFlags struct {
	NatsURL     string        `help:"NATS servers to use." name:"nats-url" required:"" placeholder:"URL" env:"ROLLCALL_NATS_URL"`
	NatsCreds   string        `help:"Credentials file for NATS." name:"nats-creds" type:"existingfile" placeholder:"FILE" env:"ROLLCALL_NATS_CREDS"`
	Replicas    int           `help:"Replicas of every stream: 1, or 3 on a cluster." default:"1" env:"ROLLCALL_REPLICAS"`
	LeaseTTL    time.Duration `help:"How long a silent owner keeps the log; a takeover takes about this long." name:"lease-ttl" default:"3s" env:"ROLLCALL_LEASE_TTL"`
	StreamBytes int64         `help:"Store limit to reserve for the streams, in bytes; 0 is none." name:"store-limit" env:"ROLLCALL_STORE_LIMIT"`
}

// scimFlags bound what providers may send.
type scimFlags struct {
	ScimRateLimit int `help:"SCIM requests per second and directory; 0 is no limit." name:"scim-rate-limit" default:"200" env:"ROLLCALL_SCIM_RATE_LIMIT"`
}

func (f *scimFlags) validate() error {
	if f.ScimRateLimit < 0 {
		return fmt.Errorf("--scim-rate-limit must not be negative; 0 is no limit")
	}
	return nil
}

// webhookFlags say how webhooks are sent.
type webhookFlags struct {
	WebhookInsecure bool          `help:"Allow http and private addresses for receivers. For development only." env:"ROLLCALL_WEBHOOK_INSECURE"`
	WebhookLadder   string        `help:"Times between the attempts of a delivery, 1 to 20." default:"${ladder}" env:"ROLLCALL_WEBHOOK_LADDER"`
	WebhookTimeout  time.Duration `help:"How long one attempt may take." default:"15s" env:"ROLLCALL_WEBHOOK_TIMEOUT"`
	// WebhookAllowCidr and WebhookProxy are read by egress.
	WebhookAllowCidr []string `help:"Networks that receivers may be in although they are private, for example 10.1.0.0/16. Comma-separated." env:"ROLLCALL_WEBHOOK_ALLOW_CIDR"`
	WebhookProxy     string   `help:"Forward proxy for webhooks, for example http://proxy:3128. It then has to refuse private addresses." env:"ROLLCALL_WEBHOOK_PROXY"`
}

// egress says how the flags want webhooks to be sent.
func (f *webhookFlags) egress() (egress.Options, error) {
	o := egress.Options{Insecure: f.WebhookInsecure, Timeout: f.WebhookTimeout}
	for _, text := range f.WebhookAllowCidr {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return o, fmt.Errorf("--webhook-allow-cidr: %q is no network such as 10.1.0.0/16", text)
		}
		o.Allow = append(o.Allow, p.Masked())
	}
	if f.WebhookProxy != "" {
		u, err := url.Parse(f.WebhookProxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return o, fmt.Errorf("--webhook-proxy must be the URL of a proxy such as http://proxy:3128")
		}
		o.Proxy = u
	}
	return o, nil
}

func (f *webhookFlags) validate() error {
	if _, err := webhook.ParseLadder(f.WebhookLadder); err != nil {
		return fmt.Errorf("--webhook-ladder: %w", err)
	}
	if f.WebhookTimeout <= 0 {
		return fmt.Errorf("--webhook-timeout must be positive")
	}
	if _, err := f.egress(); err != nil {
		return err
	}
	return nil
}

// clientFlags are the first API client's credentials.
type clientFlags struct {
	ClientID     string `help:"Id of the first API client, used only if the log has none." env:"ROLLCALL_CLIENT_ID"`
	ClientSecret string `help:"Its secret; generated and printed once if empty." env:"ROLLCALL_CLIENT_SECRET"`
}

func (f *clientFlags) validate() error {
	if f.ClientID != "" && f.ClientSecret == "" {
		return fmt.Errorf("--client-id needs --client-secret")
	}
	return nil
}

// eventsFlags bound the public event stream.
type eventsFlags struct {
	EventsMaxAge time.Duration `help:"How long public events are kept; 0 is for ever." default:"2160h" env:"ROLLCALL_EVENTS_MAX_AGE"`
}

// dnsFlags say whom to ask for the TXT records of domains.
type dnsFlags struct {
	DNSResolver string `help:"DNS server (host:port) to ask for the TXT records of domains; the system's if empty." name:"dns-resolver" placeholder:"HOST:PORT" env:"ROLLCALL_DNS_RESOLVER"`
}

func (f *dnsFlags) validate() error {
	if f.DNSResolver == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(f.DNSResolver); err != nil {
		return fmt.Errorf("--dns-resolver must be host:port: %w", err)
	}
	return nil
}

// portalFlags say who may show the portal.
type portalFlags struct {
	PortalOrigins []string `help:"Origins whose pages may hold the portal in a frame, such as https://app.example.com." placeholder:"ORIGIN" env:"ROLLCALL_PORTAL_ORIGINS"`
}

func (f *portalFlags) validate() error {
	for _, o := range f.PortalOrigins {
		if err := portal.CheckOrigin(o); err != nil {
			return fmt.Errorf("--portal-origins: %w", err)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

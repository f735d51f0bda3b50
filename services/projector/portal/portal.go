// Package portal lets a customer's IT admin in by a link, without an account:
// the link becomes a session, once, and the session shows the organization's
// directories.
//
//	GET /portal/{link}/{secret}   redeems, sets the session's cookie, leads on
//	GET /portal/                  shows the organization
//
// That a link works once is decided in the log (directory.RedeemPortalLink).
// Secrets are kept by their SHA-256 only; the one in the path is gone from the
// address bar before anything is shown.
//
// What must not live here: making links (services/projector/api), what a link or
// a session is worth (pkg/directory).
package portal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Prefix is where New's handler is to be mounted.
const Prefix = "/portal/"

// cookieName names the session's cookie.
const cookieName = "rollcall_portal"

// maxSecret bounds a secret or a cookie, in bytes.
const maxSecret = 256

// Model is the read model.
type Model interface {
	// Read calls f with a view that shows every write that was answered before.
	Read(ctx context.Context, f func(directory.View) error) error
}

// Commands is the road to the owner of the log.
type Commands interface {
	// Submit returns the row that the command is about.
	Submit(ctx context.Context, r directory.Request) (directory.Row, error)
}

// Config says what the portal works on. Model, Commands and PublicURL are
// required.
type Config struct {
	Model    Model
	Commands Commands
	// PublicURL is the server's, without a final slash.
	PublicURL string
	// Origins are those whose pages may hold the portal in a frame; none: nobody's.
	Origins []string
	Logger  *slog.Logger
	// Now is the clock that sessions end by; nil: time.Now.
	Now func() time.Time
}

type portal struct {
	cfg    Config
	path   string // of the portal as browsers see it
	secure bool
	policy string // Content-Security-Policy
}

// New makes the handler.
func New(cfg Config) (http.Handler, error) {
	if cfg.Model == nil || cfg.Commands == nil {
		return nil, errors.New("portal: Config lacks Model or Commands")
	}
	u, err := url.Parse(cfg.PublicURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("portal: PublicURL is not a URL")
	}
	for _, o := range cfg.Origins {
		if err := CheckOrigin(o); err != nil {
			return nil, err
		}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &portal{cfg: cfg, path: strings.TrimSuffix(u.EscapedPath(), "/") + Prefix, secure: u.Scheme == "https", policy: policy(cfg.Origins)}, nil
}

// CheckOrigin refuses what is no origin such as https://app.example.com.
func CheckOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != o || strings.ContainsAny(o, " ;,'\"*") {
		return fault.New(fault.Invalid, "%q is no origin, such as https://app.example.com", o)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet { // a HEAD must not use a link up
		h.Set("Allow", http.MethodGet)
		p.refuse(w, http.StatusMethodNotAllowed, "This page can only be opened.")
		return
	}
	rest := strings.TrimPrefix(r.URL.Path, Prefix)
	id, secret, link := strings.Cut(rest, "/")
	switch {
	case rest == "":
		p.show(w, r)
	case !link || id == "" || secret == "" || strings.Contains(secret, "/"):
		p.refuse(w, http.StatusNotFound, "There is nothing at this address.")
	case prefetched(r):
		p.refuse(w, http.StatusServiceUnavailable, "This link works once; open it to use it.")
	default:
		p.redeem(w, r, id, secret)
	}
}

// prefetched reports whether nobody has opened the link: a browser only expects
// that somebody will.
func prefetched(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.EqualFold(r.Header.Get("Purpose"), "prefetch")
}

// redeem turns a link into a session.
func (p *portal) redeem(w http.ResponseWriter, r *http.Request, id, secret string) {
	if len(id) > maxSecret || len(secret) > maxSecret {
		p.refuse(w, http.StatusNotFound, "There is nothing at this address.")
		return
	}
	hash, now := credential.Hash(secret), p.cfg.Now()
	err := p.cfg.Model.Read(r.Context(), func(v directory.View) error {
		return directory.CheckPortalLink(v, id, hash, now)
	})
	if err != nil {
		p.fail(w, r, err)
		return
	}
	session := credential.New(credential.PrefixPortal)
	var command [16]byte
	_, _ = rand.Read(command[:]) // never fails: it ends the program instead
	if _, err := p.cfg.Commands.Submit(r.Context(), directory.Request{
		ID: hex.EncodeToString(command[:]), Actor: "portal:" + id,
		Command: directory.RedeemPortalLink{ID: id, Hash: hash, Session: session.Hash},
	}); err != nil {
		p.fail(w, r, err)
		return
	}
	http.SetCookie(w, p.cookie(id+"."+session.Plain))
	// Away from the secret in the path.
	w.Header().Set("Location", strings.TrimSuffix(p.cfg.PublicURL, "/")+Prefix)
	w.WriteHeader(http.StatusSeeOther)
}

// cookie is the session's. In the frame of another site a browser keeps it only
// if it is said to be meant for that, and only over TLS.
func (p *portal) cookie(value string) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure wherever the portal is served over TLS
		Name: cookieName, Value: value, Path: p.path, MaxAge: int(directory.PortalSessionLife.Seconds()),
		HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode,
	}
	if p.secure && len(p.cfg.Origins) > 0 {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	return c
}

// show shows the organization of the session.
func (p *portal) show(w http.ResponseWriter, r *http.Request) {
	var page organizationPage
	err := fault.New(fault.Unauthenticated, "Open this page by the link that you were given.")
	if c, none := r.Cookie(cookieName); none == nil && len(c.Value) <= maxSecret {
		id, secret, _ := strings.Cut(c.Value, ".")
		hash, now := credential.Hash(secret), p.cfg.Now()
		readErr := p.cfg.Model.Read(r.Context(), func(v directory.View) error {
			session, err := directory.PortalSession(v, id, hash, now)
			if err == nil {
				page, err = pageOf(v, session)
			}
			return err
		})
		if readErr == nil {
			p.write(w, http.StatusOK, organizationTemplate, page)
			return
		}
		err = fault.Of(readErr)
	}
	p.fail(w, r, err)
}

// fail answers with what went wrong, in a page.
func (p *portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	status := http.StatusInternalServerError
	switch f.Kind { //nolint:exhaustive // the others are the server's
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Unauthenticated:
		status = http.StatusUnauthorized
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	default:
		p.cfg.Logger.ErrorContext(r.Context(), "the portal failed", "error", err)
	}
	p.refuse(w, status, f.Detail)
}

package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// tokenLife is how long an access token is valid.
	tokenLife = 86399 * time.Second
	// tokenScope is in every token, besides those of directory.Scopes that it is
	// good for: SDKs look for it.
	tokenScope = "openid"
	// maxForm bounds the body of a token request, in bytes.
	maxForm = 16 << 10
)

// claims are those of an access token. Scope is there twice because SDKs
// differ: some read a text, some a list.
type claims struct {
	jwt.RegisteredClaims
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	Scopes   []string `json:"scopes"`
	// Secret is the number of the client's secret that it was given for. Tokens
	// without one were given for the first.
	Secret uint64 `json:"secret,omitempty"`
}

// grant is the answer of RFC 6749 section 5.1.
type grant struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

// refusal is the answer of RFC 6749 section 5.2.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// token answers POST /oauth/token: the client credentials grant of RFC 6749
// section 4.4, with the credentials in the body or in HTTP Basic.
func (c *core) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeJSON(w, http.StatusMethodNotAllowed, refusal{"invalid_request", "Tokens are given to POST requests only."})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		writeJSON(w, http.StatusBadRequest, refusal{"invalid_request", "The body must be application/x-www-form-urlencoded and at most 16 KiB."})
		return
	}
	// Only the body: what is in a URL ends up in access logs.
	form := r.PostForm
	if form.Get("grant_type") != "client_credentials" {
		writeJSON(w, http.StatusBadRequest, refusal{"unsupported_grant_type", "grant_type must be client_credentials."})
		return
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	user, pass, basic := r.BasicAuth()
	if basic && secret == "" {
		id, secret = formDecoded(user), formDecoded(pass)
	}
	if id == "" || secret == "" {
		writeJSON(w, http.StatusBadRequest, refusal{"invalid_request", "client_id and client_secret are required."})
		return
	}
	g, err := c.grant(r.Context(), id, secret, form.Get("scope"))
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, g)
	case fault.KindOf(err) == fault.Forbidden:
		writeJSON(w, http.StatusBadRequest, refusal{"invalid_scope", fault.Of(err).Detail})
	case fault.KindOf(err) == fault.Unauthenticated:
		if basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="rollcall"`)
		}
		writeJSON(w, http.StatusUnauthorized, refusal{"invalid_client", fault.Of(err).Detail})
	default:
		f := c.failure(r.Context(), "token", err)
		code := "server_error"
		if f.status == http.StatusServiceUnavailable {
			code = "temporarily_unavailable"
		}
		writeJSON(w, f.status, refusal{code, f.message})
	}
}

// grant checks a client's secret and signs a token for the scopes that it asks
// for and has, or for all that it has if it asks for none of the API's. Scopes
// that there are not are not granted (RFC 6749 section 3.3).
func (c *core) grant(ctx context.Context, id, secret, asked string) (grant, error) {
	now := c.cfg.Now()
	var (
		scopes []string
		number uint64
	)
	err := c.cfg.Model.Read(ctx, func(v directory.View) error {
		client, ok, err := directory.Get[*directory.APIClient](v, directory.Make(directory.TableClient, id))
		if err != nil {
			return err
		}
		if ok {
			number, ok = client.Secret(now, func(hash []byte) bool { return credential.Matches(secret, hash) })
		}
		if !ok {
			return fault.New(fault.Unauthenticated, "There is no API client with this id and secret.")
		}
		scopes = client.Granted()
		return nil
	})
	if err != nil {
		return grant{}, err
	}
	if narrow := both(directory.Scopes(), strings.Fields(asked)); len(narrow) > 0 {
		scopes = both(scopes, narrow)
		if len(scopes) == 0 {
			return grant{}, fault.New(fault.Forbidden, "The API client has none of the scopes that it asks for.")
		}
	}
	kid, private, err := c.privateKey(ctx)
	if err != nil {
		return grant{}, err
	}
	var jti [16]byte
	_, _ = rand.Read(jti[:]) // never fails: it ends the program instead
	scopes = append([]string{tokenScope}, scopes...)
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: c.cfg.PublicURL, Subject: id, ID: hex.EncodeToString(jti[:]),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
		},
		ClientID: id, Scope: strings.Join(scopes, " "), Scopes: scopes, Secret: number,
	})
	t.Header["kid"] = kid
	signed, err := t.SignedString(private)
	if err != nil {
		return grant{}, err
	}
	return grant{AccessToken: signed, TokenType: "Bearer", ExpiresIn: int(tokenLife.Seconds()), Scope: strings.Join(scopes, " ")}, nil
}

// errStale is what every access token that is not accepted is refused with.
var errStale = fault.New(fault.Unauthenticated, "The access token is missing, expired or not valid; get one from /oauth/token.")

// verify returns who is behind an access token: signed by a key of this
// environment, not expired, and given for a secret that still counts to a client
// that still exists. It looks at the model as of the request's arrival, so a
// client that was deleted, or lost a scope, before that is refused.
func (c *core) verify(ctx context.Context, token string) (principal, error) {
	var p principal
	err := c.cfg.Model.Read(ctx, func(v directory.View) error {
		var (
			broken error // the view failed, which is not the token's fault
			is     claims
		)
		_, err := jwt.ParseWithClaims(token, &is, func(t *jwt.Token) (any, error) {
			kid, _ := t.Header["kid"].(string)
			k, ok, err := directory.Get[*directory.SigningKey](v, directory.Make(directory.TableSigningKey, kid))
			if err != nil || !ok {
				broken = err
				return nil, errors.New("unknown key")
			}
			return publicKey(k.Public)
		}, jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(c.cfg.Now))
		if broken != nil {
			return broken
		}
		if err != nil {
			return errStale
		}
		client, ok, err := directory.Get[*directory.APIClient](v, directory.Make(directory.TableClient, is.Subject))
		if err != nil {
			return err
		}
		if !ok || !client.Counts(is.Secret, c.cfg.Now()) {
			return errStale
		}
		p = principal{client: client.ID, scopes: client.Granted(), organization: client.Organization, expires: is.ExpiresAt.Time}
		// Tokens of earlier versions name none of the API's scopes.
		if narrow := both(directory.Scopes(), is.Scopes); len(narrow) > 0 {
			p.scopes = both(p.scopes, narrow)
		}
		return nil
	})
	return p, err
}

func formDecoded(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

// keys answers GET /keys.
func (c *core) keys(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		c.writeFailure(w, failure{status: http.StatusMethodNotAllowed, code: codeUnimplemented, message: "Keys can only be read."})
		return
	}
	var set jwks
	if err := c.cfg.Model.Read(r.Context(), func(v directory.View) (err error) {
		set, err = keySet(v)
		return err
	}); err != nil {
		c.writeFailure(w, c.failure(r.Context(), "keys", err))
		return
	}
	writeJSON(w, http.StatusOK, set)
}

// bearer returns the token of an Authorization header. An SDK sends the same
// header twice, so the first of several equal values counts; values that differ
// are refused.
func bearer(h http.Header) (string, bool) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", false
	}
	for _, v := range values[1:] {
		if v != values[0] {
			return "", false
		}
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

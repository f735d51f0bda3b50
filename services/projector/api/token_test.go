package api_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/grpc/codes"

	"github.com/rollcallhq/rollcall/pkg/directory"
)

func TestToken(t *testing.T) {
	t.Parallel()
	s := start(t)
	right := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {clientSecret}}
	with := func(k, v string) string {
		c := url.Values{}
		for k, v := range right {
			c[k] = v
		}
		c.Set(k, v)
		return c.Encode()
	}
	basic := func(user, pass string) http.Header {
		return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))}}
	}
	const form = "application/x-www-form-urlencoded"
	for name, tt := range map[string]struct {
		method, path, kind, body string
		header                   http.Header
		status                   int
		err                      string
	}{
		"body":               {"POST", "/oauth/token", form, right.Encode(), nil, 200, ""},
		"two slashes":        {"POST", "//oauth/token", form, right.Encode(), nil, 200, ""},
		"a scope of others":  {"POST", "/oauth/token", form, with("scope", "email openid"), nil, 200, ""},
		"basic":              {"POST", "/oauth/token", form, "grant_type=client_credentials", basic(clientID, clientSecret), 200, ""},
		"basic, escaped":     {"POST", "/oauth/token", form, "grant_type=client_credentials", basic(clientID, url.QueryEscape(clientSecret)), 200, ""},
		"basic, wrong":       {"POST", "/oauth/token", form, "grant_type=client_credentials", basic(clientID, "x"), 401, "invalid_client"},
		"wrong secret":       {"POST", "/oauth/token", form, with("client_secret", clientSecret+"x"), nil, 401, "invalid_client"},
		"unknown client":     {"POST", "/oauth/token", form, with("client_id", "skc_2"), nil, 401, "invalid_client"},
		"no secret":          {"POST", "/oauth/token", form, with("client_secret", ""), nil, 400, "invalid_request"},
		"other grant":        {"POST", "/oauth/token", form, with("grant_type", "password"), nil, 400, "unsupported_grant_type"},
		"in the URL":         {"POST", "/oauth/token?" + right.Encode(), form, "grant_type=client_credentials", nil, 400, "invalid_request"},
		"JSON":               {"POST", "/oauth/token", "application/json", `{"grant_type":"client_credentials"}`, nil, 400, "unsupported_grant_type"},
		"GET":                {"GET", "/oauth/token", "", "", nil, 405, "invalid_request"},
		"more than a token":  {"POST", "/oauth/token", form, with("scope", string(make([]byte, 20000))), nil, 400, "invalid_request"},
		"somewhere else":     {"POST", "/oauth/other", form, right.Encode(), nil, 404, ""},
		"client id as email": {"POST", "/oauth/token", form, with("client_id", "\x00"), nil, 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, header, body := s.do(t, tt.method, tt.path, tt.kind, tt.body, tt.header)
			m := decode(t, body)
			if status != tt.status || str(m, "error") != tt.err {
				t.Fatalf("%d %v; want %d %s", status, m, tt.status, tt.err)
			}
			if status != 200 {
				return
			}
			if m["token_type"] != "Bearer" || m["expires_in"] != 86399.0 || m["scope"] != "openid read write admin" {
				t.Errorf("answer %v", m)
			}
			if header.Get("Cache-Control") != "no-store" {
				t.Error("the answer may be cached")
			}
		})
	}
}

// What GET /keys shows is enough to check a token, and the token says what SDKs
// look for.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	status, _, body := s.do(t, "GET", "/keys", "", "", nil)
	set := decode(t, body)
	key := at(set, "keys", 0)
	if status != 200 || str(key, "kty") != "RSA" || str(key, "alg") != "RS256" || str(key, "use") != "sig" || str(key, "e") != "AQAB" {
		t.Fatalf("%d %v", status, set)
	}
	n, err := base64.RawURLEncoding.DecodeString(str(key, "n"))
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(s.token, claims, func(*jwt.Token) (any, error) {
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, nil
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithIssuer(publicURL), jwt.WithSubject(clientID))
	if err != nil {
		t.Fatal(err)
	}
	if token.Header["kid"] != str(key, "kid") {
		t.Errorf("kid %v, want %s", token.Header["kid"], str(key, "kid"))
	}
	if claims["client_id"] != clientID || claims["scope"] != "openid read write admin" || at(map[string]any(claims), "scopes", 0) != "openid" || claims["jti"] == "" {
		t.Errorf("claims %v", claims)
	}
	if status, _, _ := s.do(t, "POST", "/keys", "", "", nil); status != 405 {
		t.Errorf("POST: %d", status)
	}
}

// A token stops working when its time is over, when its client goes, and never
// works if another key signed it.
func TestToken_ends(t *testing.T) {
	t.Parallel()
	s := start(t)
	m := methodNamed(t, "ListOrganization")
	_, _, body := s.do(t, "GET", "/keys", "", "", nil)
	kid := str(decode(t, body), "keys", 0, "kid")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{"sub": clientID, "exp": time.Now().Add(time.Hour).Unix()}
	forge := func(method jwt.SigningMethod, key any, kid string, c jwt.MapClaims) string {
		f := jwt.NewWithClaims(method, c)
		f.Header["kid"] = kid
		text, err := f.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, token := range map[string]string{
		"another key":         forge(jwt.SigningMethodRS256, other, kid, claims),
		"another key, no kid": forge(jwt.SigningMethodRS256, other, "", claims),
		"an unknown key":      forge(jwt.SigningMethodRS256, other, "key_1", claims),
		"symmetric":           forge(jwt.SigningMethodHS256, []byte(kid), kid, claims),
		"none":                forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, claims),
	} {
		if got := s.grpcCode(t, m, "Bearer "+token); got != codes.Unauthenticated {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := s.grpcCode(t, m, "Bearer "+s.token); got != codes.OK {
		t.Fatalf("a good token: %v", got)
	}
	s.clockMu.Lock()
	s.ahead = 86400 * time.Second
	s.clockMu.Unlock()
	if got := s.grpcCode(t, m, "Bearer "+s.token); got != codes.Unauthenticated {
		t.Errorf("a day later: %v", got)
	}
	fresh := s.fetchToken(t)
	s.token = fresh
	if got := s.grpcCode(t, m, "Bearer "+fresh); got != codes.OK {
		t.Errorf("a new token: %v", got)
	}
	s.client(t, `{"name":"another","scopes":["admin"]}`)
	if _, err := s.Submit(t.Context(), directory.Request{ID: "delete", Actor: "system", Command: directory.DeleteAPIClient{ID: clientID}}); err != nil {
		t.Fatal(err)
	}
	if got := s.grpcCode(t, m, "Bearer "+fresh); got != codes.Unauthenticated {
		t.Errorf("after the client was deleted: %v", got)
	}
	if fmt.Sprint(s.log) != "" {
		t.Errorf("logged: %s", s.log)
	}
}

package e2e_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/eventlog"
	"github.com/rollcallhq/rollcall/pkg/seal"
	"github.com/rollcallhq/rollcall/test/harness"
)

// outdated returns an access token that differs from a good one in its times
// alone: it was given a day earlier and ran out an hour ago. The server has to be
// stopped for it to be signed, and is started again.
func outdated(t *testing.T, s *harness.Server, good string) string {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	key := signingKey(t, s)
	s.MustStart()
	// What is signed here is accepted, so the time is why the other is refused.
	now := time.Now()
	if fresh := redated(t, key, good, now, now.Add(time.Hour)); fresh == good {
		t.Fatal("the token's times are not changed")
	} else if a, err := s.API.Bare(t.Context(), http.MethodGet, "/api/v1/organizations", fresh); err != nil || a.Status != http.StatusOK {
		t.Fatalf("a token with the server's signature is not accepted: %d %v\n%s", a.Status, err, a.Body)
	}
	return redated(t, key, good, now.Add(-25*time.Hour), now.Add(-time.Hour))
}

// signingKey reads the key of access tokens from a stopped server's log.
func signingKey(t *testing.T, s *harness.Server) *rsa.PrivateKey {
	t.Helper()
	keys, err := seal.Load(filepath.Join(s.Data, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	var key *rsa.PrivateKey
	streams := harness.OpenStore(t.Context(), t, s.Data)
	err = streams.Log(t.Context(), func(e eventlog.Entry) error {
		for _, c := range e.Frame.Commits {
			for _, ev := range c.Events {
				if ev.Type != events.TypeSigningKeyCreated {
					continue
				}
				var made events.SigningKeyCreated
				if err := json.Unmarshal(ev.Payload, &made); err != nil {
					return err
				}
				der, err := keys.Open(seal.SigningKey, made.Sealed)
				if err != nil {
					return err
				}
				parsed, err := x509.ParsePKCS8PrivateKey(der)
				if err != nil {
					return err
				}
				key, _ = parsed.(*rsa.PrivateKey)
			}
		}
		return nil
	})
	if err := errors.Join(err, streams.Close()); err != nil || key == nil {
		t.Fatalf("the log shows no signing key: %v", err)
	}
	return key
}

// redated is a token with other times, signed by the key.
func redated(t *testing.T, key *rsa.PrivateKey, token string, issued, expires time.Time) string {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token has %d parts, want 3", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil || claims["exp"] == nil || claims["iat"] == nil {
		t.Fatalf("the claims %s: %v", text, err)
	}
	claims["iat"], claims["exp"] = issued.Unix(), expires.Unix()
	if text, err = json.Marshal(claims); err != nil {
		t.Fatal(err)
	}
	signed := parts[0] + "." + base64.RawURLEncoding.EncodeToString(text)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

package api

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/seal"
)

// keyBits is the size of keys that sign access tokens: what RFC 7518 section
// 3.3 asks of RS256 at least.
const keyBits = 2048

// NewSigningKey makes the key that directory.Bootstrap wants: the public half in
// PKIX DER, the private half in PKCS #8 DER, sealed. It takes about 0.2 s.
func NewSigningKey(keys *seal.Keys) (public, sealed []byte, err error) {
	k, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, nil, fmt.Errorf("make a signing key: %w", err)
	}
	public, err = x509.MarshalPKIXPublicKey(&k.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the public key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the private key: %w", err)
	}
	return public, keys.Seal(seal.SigningKey, private), nil
}

// signingKeys returns all keys, the oldest first.
func signingKeys(v directory.View) ([]*directory.SigningKey, error) {
	var list []*directory.SigningKey
	err := v.Scan(directory.Make(directory.TableSigningKey), "", func(_ directory.Key, r directory.Row) bool {
		if k, ok := r.(*directory.SigningKey); ok {
			list = append(list, k)
		}
		return true
	})
	return list, err
}

// privateKey opens the private half of the newest key.
func (c *core) privateKey(ctx context.Context) (id string, private *rsa.PrivateKey, err error) {
	var newest *directory.SigningKey
	err = c.cfg.Model.Read(ctx, func(v directory.View) error {
		all, err := signingKeys(v)
		if err == nil && len(all) > 0 {
			newest = all[len(all)-1]
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	if newest == nil {
		return "", nil, fault.New(fault.Unavailable, "The installation has no signing key yet. Try again.")
	}
	der, err := c.cfg.Keys.Open(seal.SigningKey, newest.Sealed)
	if err != nil {
		return "", nil, fmt.Errorf("open signing key %s: %w", newest.ID, err)
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return "", nil, fmt.Errorf("parse signing key %s: %w", newest.ID, err)
	}
	private, ok := k.(*rsa.PrivateKey)
	if !ok {
		return "", nil, fmt.Errorf("signing key %s is a %T, not RSA", newest.ID, k)
	}
	return newest.ID, private, nil
}

// publicKey parses a public half.
func publicKey(der []byte) (*rsa.PublicKey, error) {
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	public, ok := k.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	return public, nil
}

// jwk is a key in the form of RFC 7517 section 4.
type jwk struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

type jwks struct {
	Keys []jwk `json:"keys"`
}

// keySet returns what GET /keys shows.
func keySet(v directory.View) (jwks, error) {
	all, err := signingKeys(v)
	set := jwks{Keys: []jwk{}}
	if err != nil {
		return set, err
	}
	for _, k := range all {
		public, err := publicKey(k.Public)
		if err != nil {
			return set, fmt.Errorf("signing key %s: %w", k.ID, err)
		}
		set.Keys = append(set.Keys, jwk{
			Type: "RSA", ID: k.ID, Algorithm: k.Algorithm, Use: "sig",
			Modulus:  base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(public.E)).Bytes()),
		})
	}
	return set, nil
}

// Package credential makes the secrets that Rollcall hands out once and keeps
// only as a hash: SCIM bearer secrets, those of API clients, of portal links and
// of the sessions that these open.
//
//	s := credential.New("rcs_")
//	show(s.Plain)           // once
//	store(s.Hash, s.Suffix) // for ever
//
// A secret has 256 random bits, so a plain SHA-256 is enough: there is nothing
// to guess that a slow hash would protect.
//
// What must not live here: secrets that must be read again (pkg/seal), and who
// may use which (pkg/directory).
package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// The prefixes tell people and secret scanners what they found.
const (
	PrefixSCIM   = "rcs_" // a directory's bearer secret
	PrefixClient = "rca_" // an API client's secret
	PrefixLink   = "rpl_" // a portal link's secret
	PrefixPortal = "rps_" // a portal session's secret
)

// suffixLen is how many of the last characters are kept, to tell secrets apart.
const suffixLen = 4

// Secret is a new secret and what may be kept of it.
type Secret struct {
	// Plain is the prefix and 43 characters of URL-safe base64.
	Plain string
	// Hash is the SHA-256 of Plain.
	Hash []byte
	// Suffix is the last four characters of Plain.
	Suffix string
}

// New makes a secret of 256 random bits.
func New(prefix string) Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return Of(prefix + base64.RawURLEncoding.EncodeToString(b[:]))
}

// Of is what may be kept of a secret that somebody else chose.
func Of(plain string) Secret {
	return Secret{Plain: plain, Hash: Hash(plain), Suffix: plain[max(0, len(plain)-suffixLen):]}
}

// Hash returns the SHA-256 of a whole secret, prefix included.
func Hash(plain string) []byte {
	sum := sha256.Sum256([]byte(plain))
	return sum[:]
}

// Matches reports in constant time whether plain is the secret behind hash.
func Matches(plain string, hash []byte) bool {
	return subtle.ConstantTimeCompare(Hash(plain), hash) == 1
}

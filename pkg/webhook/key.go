package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The prefixes of ed25519 keys as text (Standard Webhooks 1.0, "Asymmetric
// signatures").
const (
	PrivateKeyPrefix = "whsk_"
	PublicKeyPrefix  = "whpk_"
)

// PrivateKey signs with ed25519, for receivers that are not to hold a secret.
// Formatting one shows nothing of it; Text does.
type PrivateKey struct{ key ed25519.PrivateKey }

// PublicKey verifies what its PrivateKey signed.
type PublicKey struct{ key ed25519.PublicKey }

// NewPrivateKey makes a key of ed25519.SeedSize random bytes, which the caller
// provides.
func NewPrivateKey(seed []byte) (PrivateKey, error) {
	if len(seed) != ed25519.SeedSize {
		return PrivateKey{}, fault.New(fault.Invalid, "An ed25519 key is made of %d bytes, not %d.", ed25519.SeedSize, len(seed))
	}
	return PrivateKey{ed25519.NewKeyFromSeed(seed)}, nil
}

// ParsePrivateKey reads the text form: PrivateKeyPrefix and standard, padded
// base64 of the 64 bytes.
func ParsePrivateKey(text string) (PrivateKey, error) {
	b, ok := parseKey(text, PrivateKeyPrefix, ed25519.PrivateKeySize)
	// The last half is the public key; one that does not belong to the first
	// would sign what nobody can verify.
	if !ok || !ed25519.NewKeyFromSeed(b[:ed25519.SeedSize]).Equal(ed25519.PrivateKey(b)) {
		return PrivateKey{}, fault.New(fault.Invalid, "A private signing key is %q and the base64 of %d bytes.", PrivateKeyPrefix, ed25519.PrivateKeySize)
	}
	return PrivateKey{b}, nil
}

// ParsePublicKey reads the text form: PublicKeyPrefix and standard, padded
// base64 of the 32 bytes.
func ParsePublicKey(text string) (PublicKey, error) {
	b, ok := parseKey(text, PublicKeyPrefix, ed25519.PublicKeySize)
	if !ok {
		return PublicKey{}, fault.New(fault.Invalid, "A public signing key is %q and the base64 of %d bytes.", PublicKeyPrefix, ed25519.PublicKeySize)
	}
	return PublicKey{b}, nil
}

// PublicKeyOf returns the key of the given bytes, which a PublicKey gave.
func PublicKeyOf(b []byte) (PublicKey, bool) {
	return PublicKey{b}, len(b) == ed25519.PublicKeySize
}

func parseKey(text, prefix string, size int) ([]byte, bool) {
	b64, ok := strings.CutPrefix(text, prefix)
	if !ok || len(b64) != base64.StdEncoding.EncodedLen(size) {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(b64)
	return b, err == nil && len(b) == size
}

// Public returns the key that receivers verify with.
func (k PrivateKey) Public() PublicKey {
	return PublicKey{ed25519.PublicKey(k.key[ed25519.SeedSize:])}
}

// Text returns what ParsePrivateKey reads.
func (k PrivateKey) Text() string {
	return PrivateKeyPrefix + base64.StdEncoding.EncodeToString(k.key)
}

// Text returns what ParsePublicKey reads. It is no secret.
func (k PublicKey) Text() string { return PublicKeyPrefix + base64.StdEncoding.EncodeToString(k.key) }

// Bytes returns the key itself, 32 bytes.
func (k PublicKey) Bytes() []byte { return k.key }

// IsZero reports whether k holds no key.
func (k PrivateKey) IsZero() bool { return len(k.key) == 0 }

// IsZero reports whether k holds no key.
func (k PublicKey) IsZero() bool { return len(k.key) == 0 }

// Format implements fmt.Formatter and reveals nothing, whatever the verb.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte(PrivateKeyPrefix + "[hidden]"))
}

// MarshalText implements encoding.TextMarshaler and reveals nothing.
func (k PrivateKey) MarshalText() ([]byte, error) { return []byte(PrivateKeyPrefix + "[hidden]"), nil }

func (k PrivateKey) sign(id, timestamp string, body []byte) string {
	return versionEd25519 + base64.StdEncoding.EncodeToString(ed25519.Sign(k.key, signed(id, timestamp, body)))
}

func (k PublicKey) verifies(m message, entries []string) bool {
	text := signed(m.id, m.timestamp, m.body)
	for _, e := range entries {
		if sig, ok := decode(e, versionEd25519, ed25519.SignatureSize); ok && ed25519.Verify(k.key, text, sig) {
			return true
		}
	}
	return false
}

func signed(id, timestamp string, body []byte) []byte {
	b := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	b = append(append(b, id...), '.')
	b = append(append(b, timestamp...), '.')
	return append(b, body...)
}

package webhook

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// SecretPrefix leads the text of every symmetric secret.
const SecretPrefix = "whsec_"

// Bounds of a secret, in bytes before encoding (Standard Webhooks 1.0,
// "Signature scheme").
const (
	MinSecret = 24
	MaxSecret = 64
)

// Secret is a symmetric signing key. Formatting one with %v or %+v shows
// nothing of it; Text does.
type Secret struct{ key []byte }

// NewSecret makes a secret of random bytes, which the caller provides: MinSecret
// to MaxSecret of them.
func NewSecret(random []byte) (Secret, error) {
	if len(random) < MinSecret || len(random) > MaxSecret {
		return Secret{}, fault.New(fault.Invalid, "A signing secret has %d to %d bytes, not %d.", MinSecret, MaxSecret, len(random))
	}
	return Secret{key: append([]byte(nil), random...)}, nil
}

// ParseSecret reads the text form: SecretPrefix and standard, padded base64.
// Receivers' libraries refuse every other alphabet, so this does too.
func ParseSecret(text string) (Secret, error) {
	b64, ok := strings.CutPrefix(text, SecretPrefix)
	if !ok {
		return Secret{}, fault.New(fault.Invalid, "A signing secret begins with %q.", SecretPrefix)
	}
	if len(b64) > base64.StdEncoding.EncodedLen(MaxSecret) {
		return Secret{}, fault.New(fault.Invalid, "A signing secret has at most %d bytes.", MaxSecret)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || strings.ContainsAny(b64, "\r\n") {
		// The error of the decoder is left out: it can quote the secret.
		return Secret{}, fault.New(fault.Invalid, "The signing secret is not standard base64 with padding.")
	}
	return NewSecret(key)
}

// Text returns what ParseSecret reads. It is shown to people once.
func (s Secret) Text() string { return SecretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// IsZero reports whether s holds no key.
func (s Secret) IsZero() bool { return len(s.key) == 0 }

// Format implements fmt.Formatter and reveals nothing, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(SecretPrefix + "[hidden]")) }

// MarshalText implements encoding.TextMarshaler and reveals nothing.
func (s Secret) MarshalText() ([]byte, error) { return []byte(SecretPrefix + "[hidden]"), nil }

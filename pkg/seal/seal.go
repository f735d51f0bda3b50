// Package seal keeps secrets that must be read again (webhook signing secrets,
// the private halves of token keys) unreadable in events and read models.
//
//	keys, err := seal.LoadOrCreate("rollcall-data/master.key")
//	sealed := keys.Seal(seal.WebhookSecret, []byte(secret))
//	plain, err := keys.Open(seal.WebhookSecret, sealed)
//
// A sealed value is bound to its purpose: what was sealed as one thing does not
// open as another. It is AES-256-GCM with a random nonce (NIST SP 800-38D
// section 8.2.2: safe for 2^32 values per key).
//
// What must not live here: secrets that are only compared (pkg/credential).
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Purpose is what a value is sealed for. The texts are part of what is stored.
type Purpose string

// The purposes.
const (
	WebhookSecret Purpose = "webhook-secret" // the text whsec_…
	SigningKey    Purpose = "signing-key"    // PKCS #8, DER
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// The layout of a sealed value: version, key id, nonce, ciphertext with tag.
const (
	version   = 1
	idSize    = 8
	nonceSize = 12
	headSize  = 1 + idSize
	overhead  = headSize + nonceSize + 16
)

var (
	// ErrUnknownKey says that a value was sealed with a master key that is not
	// here.
	ErrUnknownKey = errors.New("sealed with a master key that this program does not have; add its line to the master key file")
	// ErrDamaged says that a sealed value was changed, or sealed for something
	// else.
	ErrDamaged = errors.New("sealed value is damaged or was sealed for another purpose")
)

// Keys are the master keys of an installation. The first seals; all open.
type Keys struct{ keys []key }

type key struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// New takes one or more master keys of KeySize bytes.
func New(masters ...[]byte) (*Keys, error) {
	if len(masters) == 0 {
		return nil, errors.New("no master key given")
	}
	k := &Keys{}
	for _, m := range masters {
		if len(m) != KeySize {
			return nil, fmt.Errorf("a master key has %d bytes; %d are needed", len(m), KeySize)
		}
		block, err := aes.NewCipher(m)
		if err != nil {
			return nil, fmt.Errorf("set up master key: %w", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("set up master key: %w", err)
		}
		// The id says which key, and nothing about it: a hash of 256 random bits.
		sum := sha256.Sum256(append([]byte("rollcall master key id\x00"), m...))
		k.keys = append(k.keys, key{id: [idSize]byte(sum[:idSize]), aead: aead})
	}
	return k, nil
}

// Seal encrypts plain with the first key. The result is 37 bytes longer.
func (k *Keys) Seal(p Purpose, plain []byte) []byte {
	first := k.keys[0]
	out := make([]byte, headSize+nonceSize, overhead+len(plain))
	out[0] = version
	copy(out[1:], first.id[:])
	nonce := out[headSize:]
	_, _ = rand.Read(nonce) // never fails: it ends the program instead
	return first.aead.Seal(out, nonce, plain, bound(p, out[:headSize]))
}

// Open decrypts what Seal made for the same purpose.
//
// Errors: ErrUnknownKey, ErrDamaged.
func (k *Keys) Open(p Purpose, sealed []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != version {
		return nil, ErrDamaged
	}
	head, nonce, text := sealed[:headSize], sealed[headSize:headSize+nonceSize], sealed[headSize+nonceSize:]
	for _, c := range k.keys {
		if c.id != [idSize]byte(head[1:]) {
			continue
		}
		plain, err := c.aead.Open(nil, nonce, text, bound(p, head))
		if err != nil {
			return nil, ErrDamaged
		}
		return plain, nil
	}
	return nil, ErrUnknownKey
}

// bound is what a ciphertext is tied to besides its key.
func bound(p Purpose, head []byte) []byte {
	return append(append([]byte(nil), head...), p...)
}

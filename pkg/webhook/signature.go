package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The headers of a delivery (Standard Webhooks 1.0, "Webhook Headers").
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far a timestamp may be from the receiver's clock, either way.
const Tolerance = 300 * time.Second

// maxSignatures bounds what Verify looks at; nobody rotates through more.
const maxSignatures = 32

// What leads the signatures of each scheme.
const (
	versionHMAC    = "v1,"
	versionEd25519 = "v1a,"
)

// The errors of Verify.
var (
	ErrMissingHeader = errors.New("webhook: a required header is missing; webhook-id, webhook-timestamp and webhook-signature are")
	ErrTimestamp     = errors.New("webhook: the timestamp is not a number of seconds since 1970")
	ErrTooOld        = errors.New("webhook: the timestamp is too old")
	ErrTooNew        = errors.New("webhook: the timestamp is too new")
	ErrSignature     = errors.New("webhook: no signature matches")
	ErrNoSecret      = errors.New("webhook: there is no secret to verify with")
)

// Timestamp returns the value of HeaderTimestamp for an attempt at t.
func Timestamp(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// Signer makes the signature of one key: a Secret or a PrivateKey.
type Signer interface {
	// sign returns the entry of HeaderSignature for what is signed.
	sign(id, timestamp string, body []byte) string
}

// Sign returns the value of HeaderSignature: one entry for each signer, in
// order, separated by single spaces. During a rotation there are several.
func Sign(id string, at time.Time, body []byte, signers ...Signer) string {
	var b strings.Builder
	timestamp := Timestamp(at)
	for i, s := range signers {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s.sign(id, timestamp, body))
	}
	return b.String()
}

func (s Secret) sign(id, timestamp string, body []byte) string {
	return versionHMAC + base64.StdEncoding.EncodeToString(s.sum(id, timestamp, body))
}

func (s Secret) sum(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(id))
	h.Write([]byte{'.'})
	h.Write([]byte(timestamp))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}

// Verifier checks the signature of one key: a Secret or a PublicKey.
type Verifier interface {
	// verifies reports whether one of the entries is its signature of the message.
	// Comparisons take constant time.
	verifies(m message, entries []string) bool
	// IsZero reports whether it holds no key.
	IsZero() bool
}

// message is what was signed.
type message struct {
	id, timestamp string
	body          []byte
}

// Verify checks the headers and the exact body of a delivery at the time now.
// Entries of other versions and entries that are not base64 are passed over;
// one match with any key is enough. All comparisons take constant time.
//
// Errors: ErrMissingHeader, ErrTimestamp, ErrTooOld, ErrTooNew, ErrSignature,
// ErrNoSecret.
func Verify(id, timestamp, signatures string, body []byte, now time.Time, keys ...Verifier) error {
	if id == "" || timestamp == "" || signatures == "" {
		return ErrMissingHeader
	}
	sec, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrTimestamp
	}
	// Both limits are of whole seconds, like the header itself.
	switch limit, at := int64(Tolerance/time.Second), now.Unix(); {
	case sec < at-limit:
		return ErrTooOld
	case sec > at+limit:
		return ErrTooNew
	}
	keys = slices.DeleteFunc(slices.Clone(keys), func(k Verifier) bool { return k == nil || k.IsZero() })
	if len(keys) == 0 {
		return ErrNoSecret
	}
	entries := strings.SplitN(signatures, " ", maxSignatures+1)
	entries = entries[:min(len(entries), maxSignatures)]
	for _, k := range keys {
		if k.verifies(message{id, timestamp, body}, entries) {
			return nil
		}
	}
	return ErrSignature
}

func (s Secret) verifies(m message, entries []string) bool {
	want := s.sum(m.id, m.timestamp, m.body)
	found := false
	for _, e := range entries {
		if got, ok := decode(e, versionHMAC, sha256.Size); ok && hmac.Equal(got, want) {
			found = true
		}
	}
	return found
}

// decode returns the bytes of a signature of the given version and size. It is
// strict, so that a signature has one text: the last character of lax base64
// has bits that say nothing.
func decode(entry, version string, size int) ([]byte, bool) {
	b64, ok := strings.CutPrefix(entry, version)
	if !ok || len(b64) != base64.StdEncoding.EncodedLen(size) {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(b64)
	return b, err == nil && len(b) == size
}

package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
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

// version leads every signature with a symmetric key.
const version = "v1,"

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

// Sign returns the value of HeaderSignature: one entry for each secret, in
// order, separated by single spaces. During a rotation there are several.
func Sign(id string, at time.Time, body []byte, secrets ...Secret) string {
	var b strings.Builder
	for i, s := range secrets {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(version)
		b.WriteString(base64.StdEncoding.EncodeToString(s.sum(id, Timestamp(at), body)))
	}
	return b.String()
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

// Verify checks the headers and the exact body of a delivery at the time now.
// Entries of other versions and entries that are not base64 are passed over;
// one match with any secret is enough. All comparisons take constant time.
//
// Errors: ErrMissingHeader, ErrTimestamp, ErrTooOld, ErrTooNew, ErrSignature,
// ErrNoSecret.
func Verify(id, timestamp, signatures string, body []byte, now time.Time, secrets ...Secret) error {
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
	var wanted [][]byte
	for _, s := range secrets {
		if !s.IsZero() {
			wanted = append(wanted, s.sum(id, timestamp, body))
		}
	}
	if len(wanted) == 0 {
		return ErrNoSecret
	}
	n := 0
	for entry := range strings.SplitSeq(signatures, " ") {
		if n++; n > maxSignatures {
			break
		}
		b64, ok := strings.CutPrefix(entry, version)
		if !ok || len(b64) != base64.StdEncoding.EncodedLen(sha256.Size) {
			continue
		}
		got, err := base64.StdEncoding.DecodeString(b64)
		if err != nil {
			continue
		}
		for _, w := range wanted {
			if hmac.Equal(got, w) {
				return nil
			}
		}
	}
	return ErrSignature
}

package search

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/rollcallhq/rollcall/events/wire"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// CursorTimeout is how long a cursor may be used (RFC 9865 section 4). Nothing
// is kept for it: a cursor is a place in the order of the rows as they are when
// it is used.
const CursorTimeout = 24 * time.Hour

// maxCursor is how many characters a cursor may have: the longest key, sealed.
const maxCursor = 4096

// cursorFormat leads what is sealed in a cursor.
const cursorFormat = 1

// cursor is a place between two rows, and what was counted on the way there.
type cursor struct {
	// start is the place in front of all rows; at is a place behind a row, or in
	// front of it if back.
	start  bool
	back   bool
	at     position
	issued time.Time
	total  int // unknown if nobody counted
}

// seal writes a cursor so that only this query of the same directory and secret
// opens it. It is encrypted too: its key may be a name, and URLs are logged. The
// key comes from the secret's hash, which every process has, so that any of them
// may answer the next page.
func (q *Query) seal(in Source, c cursor) string {
	b := []byte{cursorFormat}
	b = wire.AppendTime(b, c.issued)
	b = wire.AppendUvarint(b, uint64(c.total+1)) //nolint:gosec // at least unknown, which is -1
	b = wire.AppendBool(b, c.start)
	b = wire.AppendBool(b, c.back)
	b = wire.AppendUvarint(b, uint64(c.at.kind))
	b = wire.AppendUvarint(b, c.at.id)
	b = wire.AppendString(b, c.at.key)
	// The nonce is a function of what it hides, so that no randomness is needed:
	// equal cursors look equal, and no nonce seals two texts.
	nonce := mac(in, "nonce", q.digest, b)[:nonceSize]
	return base64.RawURLEncoding.EncodeToString(aead(in).Seal(nonce, nonce, b, q.digest))
}

const nonceSize = 12

// open reads a cursor; an empty one is the start.
//
// Errors: Invalid with the reason invalidCursor or expiredCursor.
func (q *Query) open(in Source, text string) (cursor, error) {
	if text == "" {
		return cursor{start: true, total: unknown}, nil
	}
	invalid := fault.New(fault.Invalid, "The cursor is not one that this server gave for this query. "+
		"Send the same query with an empty cursor to start again.").Because(fault.InvalidCursor)
	if len(text) > maxCursor {
		return cursor{}, invalid
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(sealed) < nonceSize {
		return cursor{}, invalid
	}
	b, err := aead(in).Open(nil, sealed[:nonceSize], sealed[nonceSize:], q.digest)
	if err != nil || len(b) == 0 || b[0] != cursorFormat {
		return cursor{}, invalid
	}
	r := wire.NewReader(b[1:])
	c := cursor{issued: r.Time(), total: int(r.Uvarint()) - 1, start: r.Bool(), back: r.Bool()} //nolint:gosec // sealed by us
	c.at = position{kind: uint8(r.Uvarint()), id: r.Uvarint(), key: r.String()}                 //nolint:gosec // sealed by us
	if r.Err() != nil || int(c.at.kind) >= len(q.targets) {
		return cursor{}, invalid
	}
	if in.Now.Sub(c.issued) > CursorTimeout {
		return cursor{}, fault.New(fault.Invalid, "The cursor is older than %d seconds. "+
			"Send the same query with an empty cursor to start again.", int(CursorTimeout.Seconds())).Because(fault.ExpiredCursor)
	}
	return c, nil
}

// fingerprint stands for the query without its page.
func (q *Query) fingerprint() []byte {
	var b []byte
	for _, t := range q.targets {
		b = wire.AppendString(b, t.kind.Name)
		text := ""
		if t.filter != nil {
			text = t.filter.String()
		}
		b = wire.AppendString(b, text)
		b = wire.AppendString(b, t.sort.path)
	}
	b = wire.AppendBool(b, q.descending)
	h := sha256.Sum256(b)
	return h[:]
}

// mac derives bytes from the secret's hash for one directory and use.
func mac(in Source, use string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, in.Scope.SecretHash)
	h.Write(wire.AppendString(wire.AppendString([]byte("rollcall cursor 1 "), in.Scope.Directory), use))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func aead(in Source) cipher.AEAD {
	block, err := aes.NewCipher(mac(in, "key"))
	if err != nil {
		panic(err) // the key has 32 bytes
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size of GCM
	}
	return a
}

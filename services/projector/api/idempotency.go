package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"

	"google.golang.org/protobuf/proto"

	"github.com/rollcallhq/rollcall/pkg/credential"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// idempotencyHeader is the header of REST and Connect, and as metadata of gRPC.
const idempotencyHeader = "Idempotency-Key"

// maxIdempotencyKey bounds a key, in bytes.
const maxIdempotencyKey = 255

type idempotencyKey struct{}

// withIdempotencyKey puts the request's key into the context, if it has one.
func withIdempotencyKey(ctx context.Context, h http.Header) (context.Context, error) {
	values := h.Values(idempotencyHeader)
	if len(values) == 0 {
		return ctx, nil
	}
	key := values[0]
	for _, v := range values[1:] {
		if v != key {
			return ctx, fault.New(fault.Invalid, "There are two different %s headers; send one.", idempotencyHeader)
		}
	}
	if key == "" || len(key) > maxIdempotencyKey {
		return ctx, fault.New(fault.Invalid, "%s must have 1 to %d characters.", idempotencyHeader, maxIdempotencyKey)
	}
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return ctx, fault.New(fault.Invalid, "%s must be printable ASCII.", idempotencyHeader)
		}
	}
	return context.WithValue(ctx, idempotencyKey{}, key), nil
}

// once is a call with an idempotency key. One call may send several commands;
// they are told apart by their place in it.
type once struct {
	client, key string
	request     []byte
	commands    uint64
}

// onceOf returns the call's idempotency key, nil if it has none.
func onceOf(ctx context.Context, p principal, procedure string, req proto.Message) *once {
	key, ok := ctx.Value(idempotencyKey{}).(string)
	if !ok {
		return nil
	}
	// The message, not the bytes that came: the same request over another
	// protocol, or with its members in another order, is the same.
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil { // text that is not UTF-8, which the call itself will refuse
		return nil
	}
	return &once{client: p.client, key: key, request: hashed([]byte(procedure), b)}
}

// next returns what marks the call's next command.
func (o *once) next() *directory.Once {
	if o == nil {
		return nil
	}
	o.commands++
	return &directory.Once{Key: hashed([]byte(o.client), []byte(o.key), binary.BigEndian.AppendUint64(nil, o.commands)), Request: o.request}
}

// hashed is the SHA-256 of several parts, each behind its length.
func hashed(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		_, _ = h.Write(p)
	}
	return h.Sum(nil)
}

// shown returns the text of a secret that was made, if it is the one that was
// stored: a repeated call makes one for nothing, and what it is about has another.
func shown(made credential.Secret, stored []byte) string {
	if !bytes.Equal(made.Hash, stored) {
		return ""
	}
	return made.Plain
}

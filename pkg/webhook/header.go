package webhook

import (
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxHeaderValue bounds the value of a header, in bytes.
const MaxHeaderValue = 2000

// reserved are headers that say what the message is or how it travels: they are
// the sender's. Names that end in a dash stand for all that begin so.
var reserved = []string{
	"webhook-", "content-", "proxy-", "sec-", "accept-encoding", "connection", "expect", "host", "http2-settings", "keep-alive", "te", "trailer",
	"transfer-encoding", "upgrade", "user-agent",
}

// CheckHeader refuses a header that an endpoint cannot have added to its
// attempts.
//
// Errors: fault.Invalid.
func CheckHeader(name, value string) error {
	if !httpguts.ValidHeaderFieldName(name) || len(name) > 100 {
		return fault.New(fault.Invalid, "headers: %.100q is no name of a header.", name)
	}
	lower := strings.ToLower(name)
	for _, r := range reserved {
		if lower == r || strings.HasSuffix(r, "-") && strings.HasPrefix(lower, r) {
			return fault.New(fault.Invalid, "headers: %s is set by the server.", name)
		}
	}
	if !httpguts.ValidHeaderFieldValue(value) || len(value) > MaxHeaderValue || strings.TrimSpace(value) != value {
		return fault.New(fault.Invalid, "headers: the value of %s is not one that HTTP can carry, or is longer than %d bytes.", name, MaxHeaderValue)
	}
	return nil
}

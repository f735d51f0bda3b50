package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Class says how an attempt failed. The texts are stored and counted; never
// reuse one for another meaning.
type Class string

// The classes.
const (
	ClassNone       Class = ""           // it did not fail
	ClassStatus     Class = "status"     // the receiver answered with something else than 2xx
	ClassTimeout    Class = "timeout"    // no whole answer in time
	ClassDNS        Class = "dns"        // the name did not resolve
	ClassConnection Class = "connection" // no connection, or it broke
	ClassTLS        Class = "tls"        // no trusted encryption
	ClassRefused    Class = "refused"    // the address or the URL is not allowed
	ClassProtocol   Class = "protocol"   // the answer was not HTTP within the bounds
	ClassCanceled   Class = "canceled"   // the caller gave up: this says nothing about the receiver
)

// Result is what came of an attempt.
type Result struct {
	// Status is the HTTP status, 0 without an answer.
	Status int
	Class  Class
	// Text says what happened, without secrets and without the URL.
	Text string
	// RetryAfter is what the receiver asked for, 0 if nothing.
	RetryAfter time.Duration
	// Timing is how long the parts took.
	Timing Timing
	// Head is what is kept of the answer's headers, "Name: value" a line, at most
	// MaxHead bytes. Excerpt is the beginning of its body, at most MaxExcerpt
	// bytes of valid UTF-8: the receiver's own words, so not for logs.
	Head, Excerpt string
}

// Success reports whether the receiver took the webhook: any 2xx.
func (r Result) Success() bool { return r.Status/100 == 2 }

// failed classifies an attempt without an answer. Texts are our own where the
// library's would name internal addresses or quote the URL.
func failed(ctx context.Context, err error) Result {
	if ctx.Err() != nil {
		return Result{Class: ClassCanceled, Text: "the attempt was given up"}
	}
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return Result{Class: ClassRefused, Text: r.Error()}
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return Result{Class: ClassRefused, Text: f.Detail}
	}
	if p, ok := errors.AsType[*proxyError](err); ok {
		return Result{Class: ClassConnection, Text: p.Error()}
	}
	if o, ok := errors.AsType[*net.OpError](err); ok && o.Op == "proxyconnect" {
		return Result{Class: ClassConnection, Text: "the forward proxy for webhooks (--webhook-proxy) cannot be reached"}
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		text := "the receiver's name could not be resolved"
		if d.IsNotFound {
			text = "the receiver's name does not exist"
		}
		return Result{Class: ClassDNS, Text: text}
	}
	if text := tlsText(err); text != "" {
		return Result{Class: ClassTLS, Text: text}
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
		return Result{Class: ClassTimeout, Text: "the receiver did not answer in time"}
	}
	if strings.Contains(err.Error(), "response headers exceeded") {
		return Result{Class: ClassProtocol, Text: fmt.Sprintf("the receiver answered with more than %d KiB of headers", maxResponseHeader>>10)}
	}
	if closed(err) && !errors.Is(err, syscall.ECONNRESET) {
		return Result{Class: ClassConnection, Text: "the receiver closed the connection without an answer"}
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		text := "the connection to the receiver failed"
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			text = "the receiver refused the connection"
		case errors.Is(err, syscall.ECONNRESET):
			text = "the receiver reset the connection"
		}
		return Result{Class: ClassConnection, Text: text}
	}
	return Result{Class: ClassProtocol, Text: "the receiver closed the connection or did not answer in HTTP"}
}

// closed reports whether the connection was ended by the receiver.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func tlsText(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the receiver's certificate is signed by an unknown authority"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the receiver's certificate is for another name"
	}
	if c, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if c.Reason == x509.Expired {
			return "the receiver's certificate is expired or not yet valid"
		}
		return "the receiver's certificate is not valid"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the receiver's certificate could not be verified"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the receiver does not speak TLS on this port"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "the receiver ended the TLS handshake"
	}
	return ""
}

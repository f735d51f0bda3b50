package scimhttp

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// MaxBody is the largest request body, in bytes: a PUT of a group of some
// 50,000 members.
const MaxBody = 4 << 20

// usualBody is up to how many bytes there is room for before they arrive.
const usualBody = 8 << 10

// read returns the request's body.
func (r *request) read() ([]byte, error) {
	if err := r.mediaType(); err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	if n := r.Request().ContentLength; n > 0 && n <= usualBody {
		buffer.Grow(int(n) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(http.MaxBytesReader(r.Response(), r.Request().Body, MaxBody))
	b := buffer.Bytes()
	r.received = b
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, fault.New(fault.TooLarge, "The body is larger than %d bytes, which is the limit of every request (maxPayloadSize).", MaxBody)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, refuse(http.StatusRequestTimeout, "The body did not arrive in time.")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "The body could not be read to its end.").Because(fault.InvalidSyntax)
	}
	if len(b) > largeBody && !r.holds {
		if err := r.h.large.enter(r.Request().Context()); err != nil {
			return nil, err
		}
		r.holds = true
	}
	// The decoder would replace what is no UTF-8, and two names could become one.
	if !utf8.Valid(b) {
		return nil, fault.New(fault.Invalid, "The body is not valid UTF-8.").Because(fault.InvalidSyntax)
	}
	return b, nil
}

// mediaType refuses bodies that are not JSON in UTF-8. A body without a type is
// a deviation: RFC 7644 section 3.1 has clients name it.
func (r *request) mediaType() error {
	head := r.Request().Header
	if c := strings.ToLower(strings.TrimSpace(head.Get(echo.HeaderContentEncoding))); c != "" && c != "identity" {
		r.Response().Header().Set("Accept-Encoding", "identity")
		return refuse(http.StatusUnsupportedMediaType, "Send the body without a content coding; compressed ones are not taken.")
	}
	given := head.Get(echo.HeaderContentType)
	if given == "" {
		return r.reading.Tolerate(lenience.MissingContentType, "")
	}
	t, parameters, err := mime.ParseMediaType(given)
	if err != nil { // parameters that are malformed do not make another type
		t, _, _ = strings.Cut(given, ";")
		t = strings.ToLower(strings.TrimSpace(t))
	}
	if t != scim.MediaType && t != echo.MIMEApplicationJSON {
		return refuse(http.StatusUnsupportedMediaType, "Send %s or %s.", scim.MediaType, echo.MIMEApplicationJSON)
	}
	switch strings.ToLower(parameters["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
		return nil
	}
	return refuse(http.StatusUnsupportedMediaType, "Send the body in UTF-8.")
}

package scimhttp

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// refusal is answered with a status that no kind of fault stands for.
type refusal struct {
	status int
	detail string
}

func (e *refusal) Error() string { return e.detail }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// busy is over the rate; after is when it no longer is.
type busy struct {
	cause *fault.Error
	after time.Duration
}

func (e *busy) Error() string { return e.cause.Error() }
func (e *busy) Unwrap() error { return e.cause }

// body answers with a SCIM body. Its type is the same whatever the request
// accepts: whoever takes JSON can read it (RFC 7644 section 3.8), and RFC 9110
// section 12.5.1 lets a server answer what a client did not ask for.
func (r *request) body(status int, b []byte) error { return blob(r, status, b) }

func blob(c echo.Context, status int, b []byte) error {
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(b)))
	return c.Blob(status, scim.MediaType, b)
}

// text is a status in a body.
func text(status int) string { return strconv.Itoa(status) }

// clip bounds what of a request is repeated in an answer.
func clip(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// failure is how an error is answered.
type failure struct {
	status int
	reason fault.Reason
	detail string
	// name and subject are for the sync log.
	name, subject string
}

// failureOf is the one place where errors become SCIM errors.
func failureOf(err error) failure {
	if e, ok := errors.AsType[*refusal](err); ok {
		return failure{status: e.status, detail: e.detail}
	}
	f := fault.Of(err)
	return failure{scim.Status(f), f.Reason, f.Detail, f.Name, f.Subject}
}

func (f failure) body() []byte { return scim.Error(f.status, f.reason, f.detail) }

// fail answers an error and returns the status.
func (h *Handler) fail(c echo.Context, err error) (int, error) {
	f := failureOf(err)
	head := c.Response().Header()
	switch f.status {
	case http.StatusUnauthorized:
		head.Set(echo.HeaderWWWAuthenticate, `Bearer realm="rollcall"`)
	case http.StatusTooManyRequests:
		after := time.Second
		if e, ok := errors.AsType[*busy](err); ok {
			after = e.after
		}
		head.Set(echo.HeaderRetryAfter, strconv.Itoa(max(1, int(math.Ceil(after.Seconds())))))
	case http.StatusServiceUnavailable:
		head.Set(echo.HeaderRetryAfter, "5")
	case http.StatusInternalServerError:
		h.cfg.Logger.Error("a SCIM request failed", "route", c.Path(), "method", c.Request().Method, "error", err)
	}
	return f.status, blob(c, f.status, f.body())
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rollcallhq/rollcall/pkg/api/gen/scalekit/v1/errdetails"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// failure is an error as callers see it: the code of gRPC and Connect, the
// status of REST, a sentence.
type failure struct {
	code    connect.Code
	status  int
	name    string // of the kind, for machines
	message string
	// oldest is the cursor to go on with if one is refused as expired.
	oldest string
}

const (
	codeUnimplemented = connect.CodeUnimplemented
	codeInternal      = connect.CodeInternal
	// statusClientClosed is what proxies log for a caller that left.
	statusClientClosed = 499
)

// kinds is the one place that turns kinds into codes.
var kinds = map[fault.Kind]struct {
	code   connect.Code
	status int
}{
	fault.Internal:           {connect.CodeInternal, http.StatusInternalServerError},
	fault.Invalid:            {connect.CodeInvalidArgument, http.StatusBadRequest},
	fault.Unauthenticated:    {connect.CodeUnauthenticated, http.StatusUnauthorized},
	fault.Forbidden:          {connect.CodePermissionDenied, http.StatusForbidden},
	fault.NotFound:           {connect.CodeNotFound, http.StatusNotFound},
	fault.Conflict:           {connect.CodeAlreadyExists, http.StatusConflict},
	fault.FailedPrecondition: {connect.CodeFailedPrecondition, http.StatusBadRequest},
	fault.TooLarge:           {connect.CodeResourceExhausted, http.StatusRequestEntityTooLarge},
	fault.TooManyRequests:    {connect.CodeResourceExhausted, http.StatusTooManyRequests},
	fault.Unavailable:        {connect.CodeUnavailable, http.StatusServiceUnavailable},
	fault.Unimplemented:      {connect.CodeUnimplemented, http.StatusNotImplemented},
	fault.Gone:               {connect.CodeOutOfRange, http.StatusGone},
}

// classify says what an error is to a caller.
func classify(err error) failure {
	if _, ok := errors.AsType[*fault.Error](err); !ok {
		switch {
		case errors.Is(err, context.Canceled):
			return failure{code: connect.CodeCanceled, status: statusClientClosed, name: "CANCELLED", message: "The caller left before the answer."}
		case errors.Is(err, context.DeadlineExceeded):
			return failure{
				code: connect.CodeDeadlineExceeded, status: http.StatusGatewayTimeout, name: "DEADLINE_EXCEEDED",
				message: "The call's time ran out. A change may have been made; look before you repeat it.",
			}
		}
		// Methods without an implementation, and what the gateway refuses itself.
		if s, ok := status.FromError(err); ok {
			switch s.Code() { //nolint:exhaustive // the gateway and embedded servers make no others
			case codes.Unimplemented:
				err = fault.New(fault.Unimplemented, "This server does not offer this call.")
			case codes.InvalidArgument:
				err = fault.New(fault.Invalid, "%s", s.Message())
			}
		}
	}
	f := fault.Of(err)
	k, known := kinds[f.Kind]
	if !known {
		k = kinds[fault.Internal]
	}
	shown := failure{code: k.code, status: k.status, name: strings.ToUpper(strings.ReplaceAll(f.Kind.String(), " ", "_")), message: f.Detail}
	if f.Name == expiredCursor {
		shown.oldest = f.Subject
	}
	return shown
}

// failure classifies an error and logs it if the operator has to act.
func (c *core) failure(ctx context.Context, call string, err error) failure {
	f := classify(err)
	if f.code == codeInternal {
		c.cfg.Logger.ErrorContext(ctx, "api call failed", "call", call, "error", err)
	}
	return f
}

// rpc is the failure for gRPC and Connect.
func (f failure) rpc() *connect.Error {
	e := connect.NewError(f.code, errors.New(f.message))
	if d, err := connect.NewErrorDetail(&errdetails.ErrorInfo{ErrorCode: f.name}); err == nil {
		e.AddDetail(d)
	}
	return e
}

// problem is the failure for REST: the problem details of RFC 9457, with the
// members beside them that clients of gRPC gateways look for.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	Code    uint32 `json:"code"`
	Message string `json:"message"`
	Details []any  `json:"details"`

	// OldestCursor is where a pull of events can go on whose own cursor is expired.
	OldestCursor string `json:"oldest_cursor,omitempty"`
}

// problemType is what the types of problems begin with; the kind of fault in
// lower case follows.
const problemType = "urn:rollcall:problem:"

// writeFailure answers over REST.
func (c *core) writeFailure(w http.ResponseWriter, f failure) {
	if f.code == connect.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rollcall"`)
	}
	p := problem{
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status, Detail: f.message,
		Code: uint32(f.code), Message: f.message, Details: []any{}, OldestCursor: f.oldest,
	}
	if f.name != "" {
		p.Type = problemType + strings.ToLower(f.name)
	}
	if f.status == statusClientClosed {
		p.Title = "Client Closed Request"
	}
	writeAs(w, "application/problem+json", f.status, p)
}

// writeJSON writes an answer.
func writeJSON(w http.ResponseWriter, status int, v any) { writeAs(w, "application/json", status, v) }

// writeAs writes an answer. A caller that left has no one to tell.
func writeAs(w http.ResponseWriter, kind string, status int, v any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

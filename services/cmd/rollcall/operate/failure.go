package operate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"connectrpc.com/connect"
)

// unreachable is the error of a request that had no answer.
func unreachable(base string, err error) error {
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err // its text repeats method and URL
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("nothing answers at %s (%w): is the server running, and is --url right?", base, op.Err)
	}
	return fmt.Errorf("no answer from %s: %w", base, err)
}

// explained turns the error of a call into one that says what to do.
func explained(s *Server, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	c, ok := errors.AsType[*connect.Error](err)
	if !ok { // of this side, such as an output that is closed
		return err
	}
	if !connect.IsWireError(err) { // it never reached the server, or no answer came back
		return unreachable(s.URL, errors.Unwrap(c))
	}
	text := errors.New(c.Message())
	switch c.Code() { //nolint:exhaustive // the others say it themselves
	case connect.CodePermissionDenied:
		return fmt.Errorf("%w Give the client %s that scope (rollcall client update), or use another one", text, s.ClientID)
	case connect.CodeUnimplemented:
		return fmt.Errorf("%w The server may be older than this program", text)
	}
	return text
}

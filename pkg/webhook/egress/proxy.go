package egress

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// proxyError says that the forward proxy did not connect to the receiver.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	text := "the forward proxy did not connect to the receiver and answered " + strconv.Itoa(e.status)
	if s := http.StatusText(e.status); s != "" {
		text += " " + s
	}
	if e.status == http.StatusProxyAuthRequired {
		text += "; it wants a user and a password, or others, in --webhook-proxy"
	}
	return text
}

// tunnel judges the proxy's answer to CONNECT. What the library says of a
// refusal is the bare text of the status, which would be told as the receiver's.
func tunnel(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &proxyError{resp.StatusCode}
	}
	return nil
}

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 16 << 20
	// maxTries is how often a request is sent that the server puts off.
	maxTries = 60
	// maxPause is the longest Retry-After that is waited for.
	maxPause = 30 * time.Second
)

// client sends JSON with a bearer token to paths below base, and waits where
// the server asks it to with Retry-After.
type client struct {
	http   *http.Client
	base   string // without a final slash
	token  string
	media  string
	agent  string
	counts *counts
}

// counts are of all clients of a run.
type counts struct{ requests, putOff atomic.Int64 }

// failure is an answer that is no success.
type failure struct {
	method, path string
	status       int
	body         string
	// tries counts the attempts, this one included. Above 1 an earlier one may
	// have had its effect: 503 is also said when the outcome is not known.
	tries int
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s %s was answered %d: %s", f.method, f.path, f.status, f.body)
}

// send makes a request and reads the answer into into, unless that is nil. It
// returns when the answered attempt was sent.
func (c *client) send(ctx context.Context, method, path string, body, into any) (time.Time, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return time.Time{}, fmt.Errorf("encode the body of %s %s: %w", method, path, err)
		}
	}
	for try := 1; ; try++ {
		sent := time.Now()
		answer, pause, err := c.once(ctx, method, path, raw)
		var f *failure
		if errors.As(err, &f) {
			f.tries = try
		}
		if pause > 0 && try < maxTries {
			c.counts.putOff.Add(1)
			if err := wait(ctx, pause); err != nil {
				return sent, err
			}
			continue
		}
		if err == nil && into != nil {
			if err = json.Unmarshal(answer, into); err != nil {
				err = fmt.Errorf("the answer to %s %s cannot be read: %w", method, path, err)
			}
		}
		return sent, err
	}
}

// once sends one attempt. pause is how long the server asks to wait before
// another, 0 if it does not.
func (c *client) once(ctx context.Context, method, path string, body []byte) (answer []byte, pause time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", c.media)
	}
	req.Header.Set("Accept", c.media)
	req.Header.Set("User-Agent", c.agent)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	c.counts.requests.Add(1)
	res, err := c.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, 0, fmt.Errorf("the answer to %s %s broke off: %w", method, path, err)
	}
	if res.StatusCode/100 == 2 {
		return answer, 0, nil
	}
	err = &failure{method: method, path: path, status: res.StatusCode, body: excerpt(answer), tries: 1}
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
		pause = retryAfter(res.Header.Get("Retry-After"))
	}
	return nil, pause, err
}

// retryAfter reads the seconds of a Retry-After header (RFC 9110 section
// 10.2.3); a date or nothing is taken for one second.
func retryAfter(h string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(h))
	if err != nil || n < 1 {
		n = 1
	}
	return min(time.Duration(n)*time.Second, maxPause)
}

func excerpt(b []byte) string {
	const most = 400
	s := strings.TrimSpace(string(b))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// wait lets time pass, unless the context ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

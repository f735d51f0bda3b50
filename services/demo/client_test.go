package demo

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers is an http.RoundTripper that gives one answer after the other.
type answers struct {
	left   []*http.Response
	bodies []string
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a.bodies = append(a.bodies, string(b))
	res := a.left[0]
	a.left = a.left[1:]
	return res, nil
}

func answer(status int, retryAfter, body string) *http.Response {
	h := http.Header{}
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func TestClient_waitsWhereItIsAskedTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{left: []*http.Response{answer(429, "2", ""), answer(503, "", ""), answer(503, "soon", ""), answer(201, "", `{"id":"x"}`)}}
		c := &client{http: &http.Client{Transport: a}, base: "http://server", counts: &counts{}}
		start := time.Now()
		var made struct{ ID string }
		sent, err := c.send(t.Context(), http.MethodPost, "/Users", object{"userName": "a"}, &made)
		if err != nil || made.ID != "x" {
			t.Fatalf("made %q, error %v", made.ID, err)
		}
		if waited := sent.Sub(start); waited != 4*time.Second {
			t.Errorf("the answered attempt was sent after %v, want 4s", waited)
		}
		for i, b := range a.bodies {
			if b != `{"userName":"a"}` {
				t.Errorf("attempt %d had the body %q", i+1, b)
			}
		}
		if n := c.counts.putOff.Load(); n != 3 {
			t.Errorf("%d were put off, want 3", n)
		}
	})
}

func TestClient_reportsRefusals(t *testing.T) {
	t.Parallel()
	a := &answers{left: []*http.Response{answer(409, "", `{"detail":"taken"}`)}}
	c := &client{http: &http.Client{Transport: a}, base: "http://server", token: "s3cret", counts: &counts{}}
	_, err := c.send(t.Context(), http.MethodPost, "/Users", object{}, nil)
	f, ok := errors.AsType[*failure](err)
	if !ok || f.status != 409 || !strings.Contains(err.Error(), "taken") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
}

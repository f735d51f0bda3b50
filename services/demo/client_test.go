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

// What a server puts off may have taken effect all the same: 503 is what it
// says when it lost sight of a write.
func TestSession_findsWhatAnUnansweredRequestMade(t *testing.T) {
	t.Parallel()
	const none, one = `{"totalResults":0}`, `{"totalResults":1,"Resources":[{"id":"x"}]}`
	for name, c := range map[string]struct {
		answers []*http.Response
		id      string
	}{
		"it was made":     {[]*http.Response{answer(200, "", none), answer(503, "1", ""), answer(200, "", one)}, "x"},
		"it was not made": {[]*http.Response{answer(200, "", none), answer(503, "1", ""), answer(200, "", none), answer(201, "", `{"id":"y"}`)}, "y"},
		"another's":       {[]*http.Response{answer(200, "", one)}, ""},
		"refused":         {[]*http.Response{answer(200, "", none), answer(409, "", "")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &answers{left: c.answers}
				s := session{client: &client{http: &http.Client{Transport: a}, base: "http://server", counts: &counts{}}}
				id, _, err := s.create(t.Context(), "/Users", `userName eq "a"`, "", object{"userName": "a"})
				if id != c.id || (err == nil) != (c.id != "") {
					t.Errorf("created %q, error %v; want %q", id, err, c.id)
				}
				if len(a.left) != 0 {
					t.Errorf("%d answers were not asked for", len(a.left))
				}
			})
		})
	}
}

func TestSession_removesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answers{left: []*http.Response{answer(503, "1", ""), answer(404, "", ""), answer(404, "", "")}}
		s := session{client: &client{http: &http.Client{Transport: a}, base: "http://server", counts: &counts{}}}
		if _, _, err := s.remove(t.Context(), "/Groups/x"); err != nil {
			t.Errorf("what an earlier attempt removed: %v", err)
		}
		if _, _, err := s.remove(t.Context(), "/Groups/x"); err == nil {
			t.Error("a group that was never there was removed")
		}
	})
}

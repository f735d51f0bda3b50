package egress_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/webhook/egress"
)

// flighty answers requests as answer says (by the number of the connection and
// of the request on it, from 1), or closes the connection when it has read one.
func flighty(t *testing.T, answer func(conn, request int) bool) (url string, seen *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen = &atomic.Int32{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for i := 1; ; i++ {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					if b, err := io.ReadAll(r.Body); err != nil || string(b) != "{}" {
						return
					}
					seen.Add(1)
					if !answer(n, i) {
						return
					}
					_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return "http://" + l.Addr().String(), seen
}

// Servers close connections that nothing came over for a while, and may do so
// when a webhook is on its way. That is no failure of the receiver's.
func TestPost_connectionClosedMeanwhile(t *testing.T) {
	t.Parallel()
	url, seen := flighty(t, func(conn, request int) bool { return conn > 1 || request == 1 })
	c := egress.NewClient(egress.Options{Insecure: true})
	t.Cleanup(c.Close)
	for range 3 {
		if r := c.Post(t.Context(), url, http.Header{}, []byte("{}")); !r.Success() {
			t.Fatalf("%+v", r)
		}
	}
	if n := seen.Load(); n != 4 {
		t.Errorf("%d requests came, want 4: the second of the first connection again", n)
	}
}

// A receiver that never answers what it is sent is not sent it again and again:
// once more if the connection was not new, and then the attempt has failed.
func TestPost_neverAnswers(t *testing.T) {
	t.Parallel()
	url, seen := flighty(t, func(conn, request int) bool { return conn == 1 && request == 1 })
	c := egress.NewClient(egress.Options{Insecure: true})
	t.Cleanup(c.Close)
	if r := c.Post(t.Context(), url, http.Header{}, []byte("{}")); !r.Success() {
		t.Fatalf("%+v", r)
	}
	for i, want := range []int32{3, 4, 5} {
		r := c.Post(t.Context(), url, http.Header{}, []byte("{}"))
		if r.Class != egress.ClassConnection || r.Text == "" {
			t.Errorf("%+v", r)
		}
		if n := seen.Load(); n != want {
			t.Errorf("attempt %d: %d requests came, want %d", i+2, n, want)
		}
	}
}

package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/rollcallhq/rollcall/test/harness"
)

// TestSignatures_publicLibrary has the public Standard Webhooks library verify
// what comes over the wire: with one secret, and with both while a replaced one
// still counts.
func TestSignatures_publicLibrary(t *testing.T) {
	t.Parallel()
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 64)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil {
			got <- request{r.Header.Clone(), b}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	s := harness.NewServer(t).MustStart()
	res := s.API.Must(t, http.StatusCreated, http.MethodPost, "/api/v1/webhook_endpoints", map[string]any{"url": receiver.URL})
	path := "/api/v1/webhook_endpoints/" + res.Text("endpoint.id")
	next := func() request {
		t.Helper()
		s.API.Must(t, http.StatusOK, http.MethodPost, path+":test", map[string]any{})
		select {
		case r := <-got:
			return r
		case <-time.After(soon):
			t.Fatal("no webhook came")
			panic("unreachable")
		}
	}
	verify := func(secret string, r request) error {
		t.Helper()
		wh, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return wh.Verify(r.body, r.header)
	}
	old := res.Text("secret")
	first := next()
	if err := verify(old, first); err != nil {
		t.Errorf("one secret: %v", err)
	}
	altered := request{first.header, append([]byte(" "), first.body...)}
	if verify(old, altered) == nil {
		t.Error("an altered body is verified")
	}
	fresh := s.API.Must(t, http.StatusOK, http.MethodPost, path+"/secret:rotate", map[string]any{"overlap_seconds": 3600}).Text("secret")
	second := next()
	for name, secret := range map[string]string{"the old": old, "the new": fresh} {
		if err := verify(secret, second); err != nil {
			t.Errorf("two secrets, %s: %v", name, err)
		}
	}
	if verify(fresh, first) == nil {
		t.Error("a secret verifies what was signed before it was made")
	}
}

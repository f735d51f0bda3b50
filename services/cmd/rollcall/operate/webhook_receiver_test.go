package operate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// senderKeys are a sender's, another one for each byte.
func senderKeys(t *testing.T, b byte) (webhook.Secret, webhook.PrivateKey) {
	t.Helper()
	secret, err := webhook.NewSecret(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	key, err := webhook.NewPrivateKey(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return secret, key
}

// TestReceiver_signatures holds what is listened with against what is sent: an
// ed25519 key (v1a) counts like a secret (v1), alone and beside it.
func TestReceiver_signatures(t *testing.T) {
	t.Parallel()
	secret, private := senderKeys(t, 1)
	otherSecret, otherPrivate := senderKeys(t, 2)
	for name, c := range map[string]struct {
		known   []string
		signers []webhook.Signer
		status  int
	}{
		"v1":                     {[]string{secret.Text()}, []webhook.Signer{secret}, 204},
		"v1a":                    {[]string{private.Public().Text()}, []webhook.Signer{private}, 204},
		"both, the key is known": {[]string{private.Public().Text()}, []webhook.Signer{secret, private}, 204},
		"both, both are known":   {[]string{secret.Text(), private.Public().Text()}, []webhook.Signer{secret, private}, 204},
		"one of two keys":        {[]string{otherPrivate.Public().Text(), private.Public().Text()}, []webhook.Signer{private}, 204},
		"another key":            {[]string{otherPrivate.Public().Text(), secret.Text()}, []webhook.Signer{private}, 401},
		"another secret":         {[]string{otherSecret.Text(), private.Public().Text()}, []webhook.Signer{secret}, 401},
		"not signed":             {[]string{secret.Text(), private.Public().Text()}, nil, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newListener(t, c.known...)
			if got := l.post(t, "evt_1", c.signers...); got != c.status {
				t.Errorf("it is answered %d, want %d", got, c.status)
			}
			shown := l.shown(t)
			if len(shown) != 1 || shown[0].ID != "evt_1" || shown[0].Status != c.status || shown[0].Verified != (c.status == 204) || shown[0].Verified != (shown[0].Error == "") {
				t.Errorf("shown is %s", l.output)
			}
			if shown[0].Verified != (shown[0].Event != nil) {
				t.Errorf("the event is shown as %s", shown[0].Event)
			}
			if text := l.output.String(); strings.Contains(text, "whsec_") || strings.Contains(text, "whsk_") {
				t.Errorf("a key is shown: %s", text)
			}
		})
	}
}

// TestReceiver_repeats says how often each id came, and ends when enough have
// been verified.
func TestReceiver_repeats(t *testing.T) {
	t.Parallel()
	_, private := senderKeys(t, 1)
	_, other := senderKeys(t, 2)
	l := newListener(t, private.Public().Text())
	l.left = 4
	var times []int
	for _, sent := range []struct {
		id string
		by webhook.Signer
	}{{"evt_1", private}, {"evt_2", private}, {"evt_1", other}, {"evt_1", private}} {
		if l.ended > 0 {
			t.Fatal("it ends early")
		}
		l.post(t, sent.id, sent.by)
	}
	l.json = false
	l.post(t, "evt_1", private)
	lines := strings.SplitN(l.output.String(), "\n", 5)
	for _, line := range lines[:4] {
		var r received
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		times = append(times, r.Times)
	}
	// What is not verified may claim any id, and counts for none.
	if want := []int{1, 1, 0, 2}; !slices.Equal(times, want) {
		t.Errorf("the ids came %v times, want %v", times, want)
	}
	if !strings.Contains(lines[4], "evt_1  answered 204, version 7, came 3 times\n") {
		t.Errorf("people are shown %s", lines[4])
	}
	if l.ended != 1 {
		t.Errorf("it ended %d times", l.ended)
	}
}

// listener is a receiver behind HTTP, and what it shows.
type listener struct {
	*webhookReceiver
	server *httptest.Server
	output *bytes.Buffer
	ended  int
}

func newListener(t *testing.T, known ...string) *listener {
	t.Helper()
	keys, err := verifiers(known)
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{output: &bytes.Buffer{}}
	l.webhookReceiver = &webhookReceiver{
		json: true, out: &Output{Stdout: l.output}, keys: keys, status: http.StatusNoContent, seen: map[string]int{}, enough: func() { l.ended++ },
	}
	l.server = httptest.NewServer(l.webhookReceiver)
	t.Cleanup(l.server.Close)
	return l
}

// post sends an event and returns the answer's status.
func (l *listener) post(t *testing.T, id string, signers ...webhook.Signer) int {
	t.Helper()
	body, now := []byte(`{"id":"`+id+`","type":"organization.directory.user_updated","data":{"version":7}}`), time.Now()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(webhook.HeaderID, id)
	req.Header.Set(webhook.HeaderTimestamp, webhook.Timestamp(now))
	req.Header.Set(webhook.HeaderSignature, webhook.Sign(id, now, body, signers...))
	res, err := l.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	l.hold() // until it has printed
	defer l.release()
	return res.StatusCode
}

// shown reads the lines of --json.
func (l *listener) shown(t *testing.T) (all []received) {
	t.Helper()
	for line := range strings.Lines(l.output.String()) {
		var r received
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

package webhook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// The example of the Standard Webhooks specification, whose signature is fixed
// there: a change here breaks every receiver.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTimestamp = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func secret(t testing.TB, text string) webhook.Secret {
	t.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSign_vector(t *testing.T) {
	t.Parallel()
	got := webhook.Sign(vectorID, time.Unix(vectorTimestamp, 0), []byte(vectorBody), secret(t, vectorSecret))
	if got != vectorSignature {
		t.Errorf("signature %q, want %q", got, vectorSignature)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(vectorTimestamp, 0)
	s, other := secret(t, vectorSecret), newSecret(t, 'o')
	stamp := webhook.Timestamp(now)
	tests := []struct {
		name, id, timestamp, signature, body string
		at                                   time.Time
		secrets                              []webhook.Verifier
		want                                 error
	}{
		{"right", vectorID, stamp, vectorSignature, vectorBody, now, []webhook.Verifier{s}, nil},
		{"second of two secrets", vectorID, stamp, vectorSignature, vectorBody, now, []webhook.Verifier{other, s}, nil},
		{"second of two signatures", vectorID, stamp, webhook.Sign(vectorID, now, []byte(vectorBody), other, s), vectorBody, now, []webhook.Verifier{s}, nil},
		{"others passed over", vectorID, stamp, "v1a,AAAA v1 v1, v1,!! v2,x " + vectorSignature, vectorBody, now, []webhook.Verifier{s}, nil},
		{"300 s late", vectorID, stamp, vectorSignature, vectorBody, now.Add(300 * time.Second), []webhook.Verifier{s}, nil},
		{"301 s late", vectorID, stamp, vectorSignature, vectorBody, now.Add(301 * time.Second), []webhook.Verifier{s}, webhook.ErrTooOld},
		{"300 s early", vectorID, stamp, vectorSignature, vectorBody, now.Add(-300 * time.Second), []webhook.Verifier{s}, nil},
		{"301 s early", vectorID, stamp, vectorSignature, vectorBody, now.Add(-301 * time.Second), []webhook.Verifier{s}, webhook.ErrTooNew},
		{"other body", vectorID, stamp, vectorSignature, vectorBody + " ", now, []webhook.Verifier{s}, webhook.ErrSignature},
		{"other id", vectorID + "x", stamp, vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrSignature},
		{"other second", vectorID, webhook.Timestamp(now.Add(time.Second)), vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrSignature},
		{"other text of the same bytes", vectorID, stamp, strings.TrimSuffix(vectorSignature, "E=") + "F=", vectorBody, now, []webhook.Verifier{s}, webhook.ErrSignature},
		{"other secret", vectorID, stamp, vectorSignature, vectorBody, now, []webhook.Verifier{other}, webhook.ErrSignature},
		{"beyond the bound", vectorID, stamp, strings.Repeat("v1,x ", 100) + vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrSignature},
		{"no id", "", stamp, vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrMissingHeader},
		{"no timestamp", vectorID, "", vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrMissingHeader},
		{"no signature", vectorID, stamp, "", vectorBody, now, []webhook.Verifier{s}, webhook.ErrMissingHeader},
		{"timestamp of a date", vectorID, "2026-01-01", vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrTimestamp},
		{"timestamp at the end of numbers", vectorID, "-9223372036854775808", vectorSignature, vectorBody, now, []webhook.Verifier{s}, webhook.ErrTooOld},
		{"no secret", vectorID, stamp, vectorSignature, vectorBody, now, []webhook.Verifier{webhook.Secret{}}, webhook.ErrNoSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := webhook.Verify(tt.id, tt.timestamp, tt.signature, []byte(tt.body), tt.at, tt.secrets...); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestSecret_parse(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no prefix": strings.TrimPrefix(vectorSecret, "whsec_"), "asymmetric": "whsk_" + strings.TrimPrefix(vectorSecret, "whsec_"),
		"unpadded": "whsec_" + strings.TrimRight(newSecret(t, 'a').Text()[6:], "="), "url alphabet": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa_-",
		"short": "whsec_AAAA", "long": "whsec_" + strings.Repeat("AAAA", 30), "newline": "whsec_MfKQ9r8GKYqrTwjU\nPD8ILPZIo2LaLaSw", "empty": "",
	} {
		if _, err := webhook.ParseSecret(text); err == nil {
			t.Errorf("%s: accepted", name)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%s: the error quotes the secret: %v", name, err)
		}
	}
}

func TestSecret_hidden(t *testing.T) {
	t.Parallel()
	s := secret(t, vectorSecret)
	b, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %x %q %d", s, s, s, s, s), fmt.Sprintf("%v", struct{ S webhook.Secret }{s}), string(b)} {
		if strings.Contains(shown, "MfKQ") || strings.Contains(shown, "31f290") || strings.Contains(shown, "49 242") {
			t.Errorf("shown: %s", shown)
		}
	}
	if s.Text() != vectorSecret {
		t.Errorf("text %q", s.Text())
	}
}

func newSecret(t testing.TB, fill byte) webhook.Secret {
	t.Helper()
	s, err := webhook.NewSecret([]byte(strings.Repeat(string(fill), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSign_property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), webhook.MinSecret, webhook.MaxSecret).Draw(t, "key")
		s, err := webhook.NewSecret(key)
		if err != nil {
			t.Fatal(err)
		}
		again, err := webhook.ParseSecret(s.Text())
		if err != nil {
			t.Fatal(err)
		}
		id, body := rapid.StringMatching(`evt_[0-9]{1,20}`).Draw(t, "id"), rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		at := time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "at"), 0)
		header := webhook.Sign(id, at, body, s)
		if err := webhook.Verify(id, webhook.Timestamp(at), header, body, at, again); err != nil {
			t.Fatalf("own signature: %v", err)
		}
		key[0] ^= 1
		other, err := webhook.NewSecret(key)
		if err != nil {
			t.Fatal(err)
		}
		if err := webhook.Verify(id, webhook.Timestamp(at), header, body, at, other); !errors.Is(err, webhook.ErrSignature) {
			t.Fatalf("a secret that differs in one bit: %v", err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(vectorID, "1614265330", vectorSignature, []byte(vectorBody))
	f.Add(vectorID, "1614265330", strings.TrimSuffix(vectorSignature, "E=")+"F=", []byte(vectorBody))
	f.Add("", "-1", "v1,", []byte(nil))
	s := secret(f, vectorSecret)
	now := time.Unix(vectorTimestamp, 0)
	f.Fuzz(func(t *testing.T, id, timestamp, signatures string, body []byte) {
		if webhook.Verify(id, timestamp, signatures, body, now, s) != nil {
			return
		}
		// Whatever passes holds the one signature of these bytes.
		want := webhook.Sign(id, now, body, s)
		if timestamp == webhook.Timestamp(now) && !strings.Contains(signatures, want) {
			t.Errorf("accepted %q", signatures)
		}
	})
}

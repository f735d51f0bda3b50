package demo

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

// played returns a run whose webhooks are still to be delivered.
func played(t *testing.T) (*receiver, webhook.Secret, [][]byte) {
	t.Helper()
	o, err := newOracle()
	if err != nil {
		t.Fatal(err)
	}
	r, secret := testReceiver(t)
	p := newPlayer(makePlan(rand.New(rand.NewPCG(3, 0)).IntN, 6, 2, 12), o, r.ledger)
	for i := range p.changes {
		if err := p.play(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	return r, secret, o.bodies
}

func TestReceiver_findsWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		// spoil delivers the first body and what else goes wrong with it.
		spoil func(t *testing.T, r *receiver, s webhook.Secret, body []byte)
		want  Report
	}{
		{"nothing", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) { deliver(t, r, s, body) }, Report{OK: true}},
		{"a repeat", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) {
			deliver(t, r, s, body)
			deliver(t, r, s, body)
		}, Report{OK: true, Repeats: 1}},
		{"missing", func(*testing.T, *receiver, webhook.Secret, []byte) {}, Report{Missing: 1}},
		{"another key", func(t *testing.T, r *receiver, _ webhook.Secret, body []byte) {
			other, err := webhook.NewSecret(bytes.Repeat([]byte{8}, 32))
			if err != nil {
				t.Fatal(err)
			}
			if code := deliver(t, r, other, body); code != http.StatusUnauthorized {
				t.Errorf("answered %d", code)
			}
		}, Report{Missing: 1, BadlySigned: 1}},
		{"an old signature", func(_ *testing.T, r *receiver, s webhook.Secret, body []byte) {
			at := testNow.Add(-time.Hour)
			post(r, "evt_1", webhook.Timestamp(at), webhook.Sign("evt_1", at, body, s), body)
		}, Report{Missing: 1, BadlySigned: 1}},
		{"a foreign webhook-id", func(_ *testing.T, r *receiver, s webhook.Secret, body []byte) {
			post(r, "evt_1", webhook.Timestamp(testNow), webhook.Sign("evt_1", testNow, body, s), body)
		}, Report{Missing: 1, BadlySigned: 1}},
		{"no event", func(_ *testing.T, r *receiver, s webhook.Secret, _ []byte) {
			body := []byte("hello")
			post(r, "evt_1", webhook.Timestamp(testNow), webhook.Sign("evt_1", testNow, body, s), body)
		}, Report{Missing: 1, BadlySigned: 1}},
		{"another type", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) {
			deliver(t, r, s, bytes.Replace(body, []byte("user_created"), []byte("user_updated"), 1))
		}, Report{Missing: 1, Unexpected: 1}},
		{"another look", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) {
			deliver(t, r, s, bytes.Replace(body, []byte(`"title":"`), []byte(`"title":"X`), 1))
		}, Report{Missing: 1, Unexpected: 1}},
		{"one too many", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) {
			deliver(t, r, s, body)
			deliver(t, r, s, []byte(`{"id":"evt_9","type":"organization.directory.user_updated","data":{"id":"diruser_9","version":1}}`))
		}, Report{Unexpected: 1}},
		{"a version twice", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) {
			deliver(t, r, s, body)
			deliver(t, r, s, bytes.Replace(body, []byte(`"id":"evt_`), []byte(`"id":"evt_9`), 1))
		}, Report{Unexpected: 1}},
		{"a repeat that differs", func(t *testing.T, r *receiver, s webhook.Secret, body []byte) {
			deliver(t, r, s, body)
			deliver(t, r, s, bytes.Replace(body, []byte(`"title":"`), []byte(`"title":"X`), 1))
		}, Report{Repeats: 1, Unexpected: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, secret, bodies := played(t)
			for _, b := range bodies[1:] {
				deliver(t, r, secret, b)
			}
			tt.spoil(t, r, secret, bodies[0])
			var got Report
			r.ledger.close(&got)
			if problems := len(got.Problems); (problems == 0) != got.OK {
				t.Errorf("%d problems are described, OK is %v: %q", problems, got.OK, got.Problems)
			}
			ignore := cmpopts.IgnoreFields(Report{}, "Expected", "Verified", "OutOfOrder", "Problems", "P50", "P90", "P99", "Max", "Histogram")
			if d := cmp.Diff(tt.want, got, ignore); d != "" {
				t.Errorf("(-want +got)\n%s\n%q", d, got.Problems)
			}
			if got.Verified != len(bodies)-got.Missing {
				t.Errorf("%d of %d were verified, %d are missing", got.Verified, len(bodies), got.Missing)
			}
		})
	}
}

func TestReceiver_countsOutOfOrder(t *testing.T) {
	t.Parallel()
	r, secret := testReceiver(t)
	for i, version := range []int{1, 3, 2, 4} {
		deliver(t, r, secret, fmt.Appendf(nil, `{"id":"evt_%d","type":"organization.directory.user_updated","data":{"id":"diruser_1","version":%d}}`, i, version))
	}
	var got Report
	if r.ledger.close(&got); got.OutOfOrder != 1 {
		t.Errorf("%d arrivals were out of order, want 1", got.OutOfOrder)
	}
}

func TestReceiver_describesTheFirstFew(t *testing.T) {
	t.Parallel()
	r, _ := testReceiver(t)
	for range 3 * maxDetails {
		post(r, "evt_1", "1", "v1,AA==", []byte("{}"))
	}
	var got Report
	r.ledger.close(&got)
	if got.BadlySigned != 3*maxDetails || len(got.Problems) != maxDetails {
		t.Errorf("%d badly signed, %d described", got.BadlySigned, len(got.Problems))
	}
}

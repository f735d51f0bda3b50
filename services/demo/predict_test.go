package demo

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/webhook"
)

var testNow = time.Unix(1_700_000_000, 0)

func testSecret(t interface{ Fatal(...any) }) webhook.Secret {
	s, err := webhook.NewSecret(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testReceiver takes deliveries at one fixed time.
func testReceiver(t interface{ Fatal(...any) }) (*receiver, webhook.Secret) {
	s := testSecret(t)
	r := &receiver{ledger: newLedger(), now: func() time.Time { return testNow }}
	r.secret.Store(&s)
	return r, s
}

// deliver signs a body as the server does and posts it.
func deliver(t interface{ Fatal(...any) }, r *receiver, s webhook.Secret, body []byte) int {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		t.Fatal(err)
	}
	return post(r, e.ID, webhook.Timestamp(testNow), webhook.Sign(e.ID, testNow, body, s), body)
}

func post(r *receiver, id, timestamp, signature string, body []byte) int {
	req := httptest.NewRequest(http.MethodPost, "/webhooks", bytes.NewReader(body))
	req.Header.Set(webhook.HeaderID, id)
	req.Header.Set(webhook.HeaderTimestamp, timestamp)
	req.Header.Set(webhook.HeaderSignature, signature)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Code
}

// newPlayer makes one that sends to an oracle.
func newPlayer(changes []change, o *oracle, l *ledger) *player {
	p := &player{changes: changes, ids: make([]string, things(changes)), ledger: l}
	session := func(base string) session {
		return session{&client{http: &http.Client{Transport: o}, base: "http://oracle/" + base, media: "application/scim+json", counts: &counts{}}, oracleDomain, p.id}
	}
	p.providers = [2]provider{&oktaClient{session("0")}, &entraClient{session("1")}}
	return p
}

// playShuffled plays a plan in any order that the schedule allows.
func playShuffled(t *rapid.T, p *player) {
	after := order(p.changes)
	played := make([]bool, len(p.changes))
	for range p.changes {
		var ready []int
		for i := range p.changes {
			free := !played[i]
			for _, j := range after[i] {
				free = free && played[j]
			}
			if free {
				ready = append(ready, i)
			}
		}
		i := rapid.SampledFrom(ready).Draw(t, "next")
		if err := p.play(t.Context(), i); err != nil {
			t.Fatalf("%s: %v", p.changes[i].kind, err)
		}
		played[i] = true
	}
}

// What the model predicts is what the server's own decisions and folds
// announce, for any plan, in any order that the schedule allows, however the
// webhooks arrive.
func TestPlan_predictsTheServer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		roll := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "roll") }
		changes := makePlan(roll, rapid.IntRange(2, 12).Draw(t, "users"), rapid.IntRange(2, 6).Draw(t, "groups"), rapid.IntRange(0, 60).Draw(t, "life"))
		o, err := newOracle()
		if err != nil {
			t.Fatal(err)
		}
		r, secret := testReceiver(t)
		p := newPlayer(changes, o, r.ledger)
		early := rapid.Bool().Draw(t, "webhooks before the answers")
		if early { // expectations are noted at the end
			p.ledger = newLedger()
		}
		playShuffled(t, p)
		bodies := rapid.Permutation(o.bodies).Draw(t, "arrivals")
		repeats := 0
		for _, b := range bodies {
			for range 1 + rapid.IntRange(0, 3).Draw(t, "repeats")/3 {
				if code := deliver(t, r, secret, b); code != http.StatusNoContent {
					t.Fatalf("a delivery was answered %d", code)
				}
				repeats++
			}
		}
		if early {
			for _, c := range changes {
				r.ledger.expect(c.wants, p.id, c.kind, testNow)
			}
		}
		var report Report
		r.ledger.close(&report)
		if !report.OK || report.Verified != len(o.bodies) || report.Repeats != repeats-len(o.bodies) {
			t.Fatalf("announced %d, report %+v", len(o.bodies), report)
		}
	})
}

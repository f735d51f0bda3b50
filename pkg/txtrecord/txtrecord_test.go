package txtrecord_test

import (
	"context"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/txtrecord"
	"github.com/rollcallhq/rollcall/pkg/txtrecord/dnstest"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	s := dnstest.Start(t)
	s.Set("_a.acme.example", "v=spf1 -all", " wanted ")
	s.Set("_b.acme.example")
	r := txtrecord.At(s.Address)
	for _, c := range []struct {
		name, text string
		holds      bool
	}{
		{"_a.acme.example", "wanted", true},
		{"_a.acme.example.", "wanted", true},
		{"_A.ACME.example", "wanted", true},
		{"_a.acme.example", "want", false},
		{"_b.acme.example", "wanted", false},
		{"_c.acme.example", "wanted", false},
	} {
		if holds, err := txtrecord.Holds(t.Context(), r, c.name, c.text); holds != c.holds || err != nil {
			t.Errorf("%s %q: %t, %v; want %t", c.name, c.text, holds, err, c.holds)
		}
	}
	s.Break(true)
	if _, err := txtrecord.Holds(t.Context(), r, "_a.acme.example", "wanted"); err == nil {
		t.Error("a server that fails is taken for an answer")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := txtrecord.Holds(ctx, r, "_a.acme.example", "wanted"); err == nil {
		t.Error("a caller that left is answered")
	}
}

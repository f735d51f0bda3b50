package differential_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// perResource is how many filters are asked of one resource.
const perResource = 10

// TestFilter asks the engine and the simple evaluator the same.
func TestFilter(t *testing.T) {
	t.Parallel()
	of := registered(t)
	var matched, missed, wrong atomic.Int64
	run(t, cases/perResource, func(t *testing.T, r *rand.Rand) {
		m := user.answered(r, user.attributes(r))
		g := filters{r, user, m}
		for range perResource {
			text := g.filter(r.IntN(4))
			if chance(r, 12) {
				text = g.damaged(text)
			}
			var want bool
			refusal := refused(func() { want = evaluate(text, resource{user, m}) })
			got, err := match(nil, of, text, m)
			switch {
			case refusal != "":
				wrong.Add(1)
				if reason(err) != refusal {
					t.Errorf("%s\nthe engine says %v, %v; want a refusal with %s\n%s", text, got, err, refusal, pretty(m))
				}
			case err != nil:
				t.Errorf("%s\nthe engine refuses it: %v; want %v\n%s", text, err, want, pretty(m))
			case got != want:
				t.Errorf("%s\nthe engine says %v, want %v\n%s", text, got, want, pretty(m))
			case want:
				matched.Add(1)
			default:
				missed.Add(1)
			}
		}
	})
	t.Logf("%d matched, %d did not, %d were refused", matched.Load(), missed.Load(), wrong.Load())
	if m, n, w := matched.Load(), missed.Load(), wrong.Load(); !t.Failed() && m+n+w > perResource && min(m, n, w)*50 < m+n+w {
		t.Error("the filters are too much alike to show anything")
	}
}

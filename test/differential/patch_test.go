package differential_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const ownID = "diruser_000000000000000007"

// TestPatch has the engine and the simple evaluator change the same.
func TestPatch(t *testing.T) {
	t.Parallel()
	of := registered(t)
	var counts [outcomes]atomic.Int64
	run(t, cases, func(t *testing.T, r *rand.Rand) {
		m := user.attributes(r)
		ops := any(patches{r, user, ownID, m}.request())
		diff, outcome := difference(of, m, ops)
		if counts[outcome].Add(1); diff == "" {
			return
		}
		ops = shrunk(ops, func(v any) bool {
			diff, _ := difference(of, m, v)
			return diff != ""
		})
		m = shrunk(any(m), func(v any) bool {
			m := v.(map[string]any)
			diff, _ := difference(of, m, ops)
			return m["userName"] != nil && diff != ""
		}).(map[string]any)
		diff, _ = difference(of, m, ops)
		t.Errorf("%s\non %s\n%s", pretty(ops), pretty(m), diff)
	})
	c, s, w := counts[changed].Load(), counts[same].Load(), counts[wrong].Load()
	t.Logf("%d changed something, %d nothing, %d were refused", c, s, w)
	if !t.Failed() && c+s+w > 1 && min(c, s, w)*50 < c+s+w {
		t.Error("the requests are too much alike to show anything")
	}
}

// outcome is what a request comes to.
type outcome int

const (
	changed outcome = iota
	same
	wrong // and refused
	outcomes
)

// difference says how the engine and the simple evaluator differ on a request,
// or that the engine changed what it was given.
func difference(of *schema.Resource, m map[string]any, ops any) (diff string, _ outcome) {
	before, b := cloned(m), body(ops)
	var want map[string]any
	refusal := refused(func() { want = user.apply(ownID, m, user.readOperations(b)) })
	got, err := change(nil, of, ownID, m, b)
	if !reflect.DeepEqual(before, any(m)) {
		return "the engine changed what it was given (-before +behind):\n" + cmp.Diff(before, any(m)), wrong
	}
	// A wrong filter in a path is invalidFilter by table 9 of RFC 7644, and
	// invalidPath as part of a path: either is right.
	if got := reason(err); got != refusal && (got != "invalidPath" || refusal != "invalidFilter") {
		return fmt.Sprintf("the engine refuses with %q, want %q: %v", got, refusal, err), wrong
	}
	switch {
	case err != nil:
		return "", wrong
	case !reflect.DeepEqual(want, got):
		return cmp.Diff(want, got), changed
	case reflect.DeepEqual(before, any(got)):
		return "", same
	}
	return "", changed
}

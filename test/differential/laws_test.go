package differential_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// TestPatch_again says that an operation which is sent twice changes nothing the
// second time: what is to be added is there, what is to be replaced is equal,
// what is to be removed is gone (RFC 7644 sections 3.5.2.1 to 3.5.2.3). Those
// that choose by a filter what they then change are left out.
func TestPatch_again(t *testing.T) {
	t.Parallel()
	of := registered(t)
	var done atomic.Int64
	run(t, cases/4, func(t *testing.T, r *rand.Rand) {
		m := user.attributes(r)
		var ops any = []any{patches{r, user, ownID, m}.operation()}
		fails := func(v any) bool { return !byFilter(v) && sentAgain(of, m, v) != "" }
		if !byFilter(ops) && reason(sentOnce(of, m, ops)) == "" {
			done.Add(1)
		}
		if fails(ops) {
			ops = shrunk(ops, fails)
			t.Errorf("%s\non %s\n%s", pretty(ops), pretty(m), sentAgain(of, m, ops))
		}
	})
	if n := done.Load(); !t.Failed() && n < cases/4/5/4 {
		t.Errorf("only %d requests were accepted", n)
	}
}

// byFilter says that an operation which is no removal chooses by a filter.
func byFilter(ops any) bool {
	list, _ := ops.([]any)
	for _, o := range list {
		op := o.(map[string]any)
		path, _ := op["path"].(string)
		keys, _ := op["value"].(map[string]any)
		verb, _ := op["op"].(string)
		if strings.Contains(path+strings.Join(sorted(keys), ""), "[") && !strings.EqualFold(verb, "remove") {
			return true
		}
	}
	return false
}

func sentOnce(of *schema.Resource, m map[string]any, ops any) error {
	_, err := change(nil, of, ownID, m, body(ops))
	return err
}

func sentAgain(of *schema.Resource, m map[string]any, ops any) string {
	once, err := change(nil, of, ownID, m, body(ops))
	if err != nil {
		return ""
	}
	twice, err := change(nil, of, ownID, once, body(ops))
	if err != nil {
		return "sent again it is refused: " + err.Error()
	}
	if reflect.DeepEqual(once, twice) {
		return ""
	}
	return "(-once +twice) " + cmp.Diff(once, twice)
}

// TestStrict says that a strict directory refuses exactly the requests in which
// a lenient one notes a deviation, and does the same with the others.
func TestStrict(t *testing.T) {
	t.Parallel()
	of := registered(t)
	t.Run("PATCH", func(t *testing.T) {
		t.Parallel()
		run(t, cases/4, func(t *testing.T, r *rand.Rand) {
			m := user.attributes(r)
			var ops any = patches{r, user, ownID, m}.request()[:1]
			fails := func(v any) bool {
				b := body(v)
				return unequal(func(rd *lenience.Reading) (any, error) { return change(rd, of, ownID, m, b) }) != ""
			}
			if fails(ops) {
				ops = shrunk(ops, fails)
				b := body(ops)
				t.Errorf("%s\non %s\n%s", pretty(ops), pretty(m), unequal(func(rd *lenience.Reading) (any, error) { return change(rd, of, ownID, m, b) }))
			}
		})
	})
	t.Run("filter", func(t *testing.T) {
		t.Parallel()
		run(t, cases/4, func(t *testing.T, r *rand.Rand) {
			m := user.answered(r, user.attributes(r))
			text := filters{r, user, m}.filter(r.IntN(3))
			if diff := unequal(func(rd *lenience.Reading) (any, error) { return match(rd, of, text, m) }); diff != "" {
				t.Errorf("%s\n%s", text, diff)
			}
		})
	})
}

// unequal compares how a lenient and a strict reading end.
func unequal(read func(rd *lenience.Reading) (any, error)) string {
	lenient, strict := &lenience.Reading{}, &lenience.Reading{Strict: true}
	want, err := read(lenient)
	got, strictErr := read(strict)
	found := lenient.Deviations()
	switch {
	case err != nil && strictErr == nil:
		return fmt.Sprintf("strict takes what lenient refuses: %v", err)
	case err != nil:
		return ""
	case len(found) > 0 && strictErr == nil:
		return fmt.Sprintf("strict takes what lenient notes as %v", found)
	case len(found) == 0 && strictErr != nil:
		return fmt.Sprintf("strict refuses what lenient finds nothing in: %v", strictErr)
	case strictErr == nil && !reflect.DeepEqual(want, got):
		return "strict does it differently (-lenient +strict): " + cmp.Diff(want, got)
	}
	return ""
}

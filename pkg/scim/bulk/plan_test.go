package bulk_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// outline writes a plan as one line for each step.
func outline(steps []bulk.Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%d", s.Op)
		switch s.Role {
		case bulk.Main:
		case bulk.Completion:
			fmt.Fprintf(&b, " completes %d", s.Of)
		case bulk.Undo:
			fmt.Fprintf(&b, " undoes %d", s.Of)
		}
		if s.Err != nil {
			b.WriteString(" refused")
		}
		fmt.Fprintf(&b, " %s %s/%s", s.Method, s.Endpoint, s.ID)
		if s.Defines != "" {
			fmt.Fprintf(&b, " defines %q", s.Defines)
		}
		if len(s.Needs) > 0 {
			fmt.Fprintf(&b, " needs %q", s.Needs)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestPlan(t *testing.T) {
	t.Parallel()
	user := func(id, more string) string {
		return `{"method":"POST","path":"/Users","bulkId":"` + id + `","data":{"userName":"` + id + `"` + more + `}}`
	}
	group := func(id string, members ...string) string {
		list := make([]string, 0, len(members))
		for _, m := range members {
			list = append(list, `{"value":"`+m+`"}`)
		}
		return `{"method":"POST","path":"/Groups","bulkId":"` + id + `","data":{"displayName":"` + id + `","members":[` + strings.Join(list, ",") + `]}}`
	}
	for name, tt := range map[string]struct {
		operations []string
		want       string
	}{
		"backwards": {
			[]string{user("u", ""), group("g", "bulkId:u", "known"), `{"method":"PATCH","path":"/Groups/bulkId:g","data":{"Operations":[{"op":"remove","path":"members[value eq \"bulkId:u\"]"}]}}`},
			`0 POST Users/ defines "u"
1 POST Groups/ defines "g" needs ["u"]
2 PATCH Groups/bulkId:g needs ["g" "u"]
`,
		},
		"forwards": {
			[]string{group("g", "bulkId:u", "known"), user("v", ""), user("u", ""), user("w", "")},
			`0 POST Groups/ defines "g"
1 POST Users/ defines "v"
2 POST Users/ defines "u"
0 completes 0 PATCH Groups/bulkId:g needs ["g" "u"]
0 undoes 3 DELETE Groups/bulkId:g needs ["g"]
3 POST Users/ defines "w"
`,
		},
		"in a circle": {
			[]string{group("a", "bulkId:b"), group("b", "bulkId:a")},
			`0 POST Groups/ defines "a"
1 POST Groups/ defines "b" needs ["a"]
0 completes 0 PATCH Groups/bulkId:a needs ["a" "b"]
0 undoes 2 DELETE Groups/bulkId:a needs ["a"]
`,
		},
		"to itself": {
			[]string{user("u", `,"`+enterprise+`":{"manager":{"value":"bulkId:u"},"department":"D"}`)},
			`0 POST Users/ defines "u"
0 completes 0 PATCH Users/bulkId:u needs ["u"]
0 undoes 1 DELETE Users/bulkId:u needs ["u"]
`,
		},
		"forwards without a name": {
			[]string{strings.Replace(group("g", "bulkId:u"), `"bulkId":"g",`, "", 1), user("u", "")},
			`0 POST Groups/ defines "\x000"
1 POST Users/ defines "u"
0 completes 0 PATCH Groups/bulkId:` + "\x00" + `0 needs ["\x000" "u"]
0 undoes 2 DELETE Groups/bulkId:` + "\x00" + `0 needs ["\x000"]
`,
		},
		"a change that refers forwards": {
			[]string{`{"method":"PATCH","path":"/Groups/7","data":{"Operations":[{"op":"add","path":"members","value":[{"value":"bulkId:u"}]}]}}`, `{"method":"DELETE","path":"/Users/bulkId:u"}`, user("u", ""), user("v", "")},
			`2 POST Users/ defines "u"
0 PATCH Groups/7 needs ["u"]
1 DELETE Users/bulkId:u needs ["u"]
3 POST Users/ defines "v"
`,
		},
		"to nothing": {
			[]string{group("g", "bulkId:nobody"), `{"method":"DELETE","path":"/Users/bulkId:g2"}`, `{"method":"PUT","path":"/Users/1","bulkId":"p","data":{}}`, group("h", "bulkId:p")},
			`0 refused POST Groups/ needs ["nobody"]
1 refused DELETE Users/bulkId:g2 needs ["g2"]
2 PUT Users/1
3 refused POST Groups/ needs ["p"]
`,
		},
		"to what is refused": {
			[]string{`{"method":"POST","path":"/Users/x","bulkId":"u","data":{}}`, group("g", "bulkId:u")},
			`0 refused POST Users/
1 POST Groups/ defines "g" needs ["u"]
`,
		},
	} {
		steps := bulk.Plan(parse(t, tt.operations...), kinds)
		if diff := cmp.Diff(tt.want, outline(steps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	refused := bulk.Plan(parse(t, group("g", "bulkId:nobody")), kinds)[0].Err
	if f := fault.Of(refused); f.Kind != fault.Invalid || f.Reason != fault.InvalidValue || !strings.Contains(f.Detail, "bulkId:nobody") {
		t.Errorf("a reference to nothing is refused as %v", refused)
	}
}

// TestPlan_splits shows what of a creation is done at once and what later.
func TestPlan_splits(t *testing.T) {
	t.Parallel()
	op := `{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"u","` + enterprise + `":{"manager":{"value":"bulkId:v"},"department":"D"},
		"urn:x:y":["bulkId:v","known",{"a":["bulkId:w"]},["bulkId:before"]],"friends":["bulkId:w"]}}`
	before := `{"method":"POST","path":"/Users","bulkId":"before","data":{}}`
	v, w := strings.Replace(before, "before", "v", 1), strings.Replace(before, "before", "w", 1)
	operations := parse(t, before, op, v, w)
	steps := bulk.Plan(operations, kinds)
	want := map[string]any{"userName": "u", enterprise: map[string]any{"department": "D"}, "urn:x:y": []any{"known", []any{"bulkId:before"}}}
	if diff := cmp.Diff(want, steps[1].Data); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	if !slices.Equal(steps[1].Needs, []string{"before"}) {
		t.Errorf("at once it needs %q", steps[1].Needs)
	}
	want = map[string]any{"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{
		map[string]any{"op": "add", "path": "friends", "value": []any{"bulkId:w"}},
		map[string]any{"op": "add", "path": enterprise + ":manager", "value": map[string]any{"value": "bulkId:v"}},
		map[string]any{"op": "add", "path": "urn:x:y", "value": []any{"bulkId:v", map[string]any{"a": []any{"bulkId:w"}}}},
	}}
	if diff := cmp.Diff(want, steps[4].Data); diff != "" {
		t.Errorf("later (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(parse(t, op)[0].Data, operations[1].Data); diff != "" {
		t.Errorf("planning changed the operation:\n%s", diff)
	}
}

// TestPlan_laws holds whatever a client sends: each operation has one main step,
// every step comes behind what it needs, and main steps of operations that
// create keep their order.
func TestPlan_laws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "operations")
		ops := make([]bulk.Operation, n)
		ref := func() string { return "bulkId:" + strconv.Itoa(rapid.IntRange(0, n-1).Draw(t, "to")) }
		for i := range ops {
			op := bulk.Operation{Method: rapid.SampledFrom([]string{"POST", "POST", "POST", "PUT", "PATCH", "DELETE"}).Draw(t, "method"), Endpoint: "Groups"}
			if op.Method == "POST" {
				op.BulkID = strconv.Itoa(i)
			} else if op.ID = "x"; rapid.Bool().Draw(t, "of this job") {
				op.ID = ref()
			}
			if op.Method != "DELETE" {
				var members []any
				for range rapid.IntRange(0, 3).Draw(t, "members") {
					members = append(members, map[string]any{"value": ref()})
				}
				op.Data = map[string]any{"members": members}
			}
			ops[i] = op
		}
		steps := bulk.Plan(ops, kinds)
		defined := map[string]bool{}
		main := map[int]int{}
		last := -1
		for i, s := range steps {
			if s.Role == bulk.Main {
				main[s.Op]++
				if s.Method == "POST" {
					if s.Op < last {
						t.Fatalf("operation %d is behind %d:\n%s", s.Op, last, outline(steps))
					}
					last = s.Op
				}
			} else if s.Of >= i || steps[s.Of].Op != s.Op {
				t.Fatalf("step %d is of %d:\n%s", i, s.Of, outline(steps))
			}
			if s.Err != nil {
				continue
			}
			for _, name := range s.Needs {
				var of int
				_, _ = fmt.Sscan(name, &of)
				if !defined[name] && ops[of].Method == "POST" && !refused(steps, of) {
					t.Fatalf("step %d needs %s, which comes later:\n%s", i, name, outline(steps))
				}
			}
			defined[s.Defines] = true
		}
		for i := range ops {
			if main[i] != 1 {
				t.Fatalf("operation %d has %d main steps:\n%s", i, main[i], outline(steps))
			}
		}
	})
}

func refused(steps []bulk.Step, op int) bool {
	return slices.ContainsFunc(steps, func(s bulk.Step) bool { return s.Op == op && s.Err != nil })
}

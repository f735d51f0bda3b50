package patch_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func TestParse_countsOperations(t *testing.T) {
	t.Parallel()
	const one = `{"op":"add","path":"members","value":"a"}`
	body := func(n int) []byte {
		return fmt.Appendf(nil, patchOp, strings.TrimSuffix(strings.Repeat(one+",", n), ","))
	}
	if _, err := patch.Parse(nil, patch.Group, body(patch.MaxOperations)); err != nil {
		t.Errorf("as many as are allowed: %v", err)
	}
	if _, err := patch.Parse(nil, patch.Group, body(patch.MaxOperations+1)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("one too many: %v, want it too large", err)
	}
}

func TestParsePath_isBounded(t *testing.T) {
	t.Parallel()
	if _, err := patch.ParsePath(nil, patch.User, strings.Repeat("a", patch.MaxPath+1)); fault.Of(err).Reason != fault.InvalidPath {
		t.Errorf("%v, want an invalid path", err)
	}
}

// One value at a time does not get past the bound either.
func TestApply_countsValues(t *testing.T) {
	t.Parallel()
	emails := make([]any, schema.MaxValues)
	for i := range emails {
		emails[i] = map[string]any{"value": strconv.Itoa(i)}
	}
	r := scim.Resource{"userName": "jane", "emails": emails}
	add := func(value string) error {
		req, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, `{"op":"add","path":"emails","value":"`+value+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, req.Operations)
		return err
	}
	if err := add("0"); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	if err := add("new"); fault.Of(err).Reason != fault.InvalidValue {
		t.Errorf("one more: %v, want an invalid value", err)
	}
}

// A request that goes to another process takes no password along, and still
// means the same.
func TestRequest_sendsNoPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		`{"op":"replace","path":"password","value":"s3cret"}`,
		`{"op":"replace","PATH":" PassWord ","VALUE":"s3cret"}`,
		`{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","value":{"a":["s3cret"]}}`,
		`{"op":"add","value":{"Password":"s3cret"}}`,
		`{"op":"add","value":{"urn:ietf:params:scim:schemas:core:2.0:User:password":"s3cret"}}`,
		`{"op":"add","value":{"urn:x:y:1.0:z":[{"password":"s3cret"}]}}`,
		`{"op":"add","value":{"passw\u006frd":"s3cret"}}`,
	} {
		req, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, password+`,{"op":"replace","path":"title","value":"Dr <&>"}`))
		if err != nil {
			t.Fatal(err)
		}
		sent, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(sent), "s3cret") {
			t.Errorf("%s is sent as %s", password, sent)
		}
		var received patch.Request
		if err := json.Unmarshal(sent, &received); err != nil {
			t.Fatal(err)
		}
		there, err := received.For(nil, patch.User)
		if err != nil {
			t.Fatal(err)
		}
		for _, ops := range [][]patch.Op{req.Operations, there} {
			r, err := patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: scim.Resource{"userName": "jane"}}, ops)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := canonical(t, r), `{"title":"Dr <&>","userName":"jane"}`; got != want {
				t.Errorf("%s makes %s, want %s", password, got, want)
			}
		}
	}
}

// What asks for too much work is refused, and nothing else is.
func TestApply_boundsWork(t *testing.T) {
	t.Parallel()
	refused := 0
	for name, work := range worst(t) {
		switch err := work(); {
		case fault.KindOf(err) == fault.TooLarge:
			refused++
		case err != nil:
			t.Errorf("%s: %v", name, err)
		}
	}
	if refused == 0 {
		t.Error("nothing is refused, so nothing is bounded")
	}
	for _, tt := range []struct{ values, operations int }{{45, patch.MaxOperations}, {schema.MaxValues, 250}} {
		emails := make([]any, tt.values)
		for i := range emails {
			emails[i] = map[string]any{"value": strconv.Itoa(i) + "@acme.example"}
		}
		ops := make([]string, tt.operations)
		for i := range ops {
			ops[i] = fmt.Sprintf(`{"op":"replace","path":"emails[value eq \"%d@acme.example\"].display","value":"%d"}`, i%tt.values, i)
		}
		req, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, strings.Join(ops, ",")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: scim.Resource{"userName": "jane", "emails": emails}}, req.Operations); err != nil {
			t.Errorf("%d operations on %d values: %v", tt.operations, tt.values, err)
		}
	}
}

func TestParse_boundsValues(t *testing.T) {
	t.Parallel()
	keys := make([]string, patch.MaxOperations+1)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"x%d":1`, i)
	}
	large := `"` + strings.Repeat("x", scim.MaxResource) + `"`
	for name, op := range map[string]string{
		"names":          `{"op":"add","value":{` + strings.Join(keys, ",") + `}}`,
		"names in a URN": `{"op":"add","value":{"urn:x:y:z":{` + strings.Join(keys, ",") + `}}}`,
		"a value":        `{"op":"add","path":"title","value":` + large + `}`,
		"a list":         `{"op":"add","path":"x","value":[` + large + `]}`,
		"a key's value":  `{"op":"add","value":{"title":` + large + `}}`,
	} {
		if _, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, op)); fault.KindOf(err) != fault.TooLarge {
			t.Errorf("%s: %v, want it too large", name, err)
		}
	}
	ids := strings.TrimSuffix(strings.Repeat(`{"value":"diruser_000000000000000007"},`, 40_000), ",")
	for _, op := range []string{`{"op":"add","path":"members","value":[` + ids + `]}`, `{"op":"add","value":{"Members":[` + ids + `]}}`} {
		if _, err := patch.Parse(nil, patch.Group, fmt.Appendf(nil, patchOp, op)); err != nil {
			t.Errorf("many members: %v", err)
		}
	}
}

func TestRequest_refusesOtherForms(t *testing.T) {
	t.Parallel()
	for _, b := range []string{`{}`, `{"operations":[]}`, `{"kind":"User","body":{"Operations":[{"op":"add","path":"title","value":"Dr"}]}}`} {
		var r patch.Request
		if err := json.Unmarshal([]byte(b), &r); fault.KindOf(err) != fault.Unimplemented {
			t.Errorf("%s reads as %v, %v", b, r, err)
		}
	}
}

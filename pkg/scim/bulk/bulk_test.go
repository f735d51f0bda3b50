package bulk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/bulk"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

var kinds = map[string]*schema.Resource{"Users": schema.User, "Groups": schema.Group}

const envelope = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[%s]}`

func parse(t *testing.T, operations ...string) []bulk.Operation {
	t.Helper()
	r, err := bulk.Parse(nil, kinds, []byte(fmt.Sprintf(envelope, strings.Join(operations, ","))))
	if err != nil {
		t.Fatal(err)
	}
	return r.Operations
}

func TestParse(t *testing.T) {
	t.Parallel()
	got := parse(
		t,
		`{"method":"POST","path":"/Users","bulkId":"a","data":{"userName":"x"}}`,
		`{"method":"PUT","path":"/Users/1%2F2","version":"W/\"3\"","data":{"userName":"y"}}`,
		`{"METHOD":"patch","Path":"Groups/9/","Data":{}}`,
		`{"method":"PATCH","path":"/Users/1","data":[{"op":"remove","path":"nickName"}]}`,
		`{"method":"DELETE","path":"/Users/bulkId:a%20b","data":7}`,
	)
	want := []bulk.Operation{
		{Method: "POST", BulkID: "a", Endpoint: "Users", Data: map[string]any{"userName": "x"}},
		{Method: "PUT", Endpoint: "Users", ID: "1/2", Version: `W/"3"`, Data: map[string]any{"userName": "y"}},
		{Method: "PATCH", Endpoint: "Groups", ID: "9", Data: map[string]any{}},
		{Method: "PATCH", Endpoint: "Users", ID: "1", Data: map[string]any{
			"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{map[string]any{"op": "remove", "path": "nickName"}},
		}},
		{Method: "DELETE", Endpoint: "Users", ID: "bulkId:a%20b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParse_operation shows what is wrong with one operation.
func TestParse_operation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		operation string
		kind      fault.Kind
		reason    fault.Reason
		says      string
	}{
		{`7`, fault.Invalid, fault.InvalidSyntax, "object"},
		{`{}`, fault.Invalid, fault.InvalidSyntax, "method"},
		{`{"method":"GET","path":"/Users/1"}`, fault.Invalid, fault.InvalidSyntax, "method"},
		{`{"method":["POST"],"path":"/Users"}`, fault.Invalid, fault.InvalidSyntax, "method"},
		{`{"method":"POST","bulkId":"a","data":{}}`, fault.Invalid, fault.InvalidSyntax, "path"},
		{`{"method":"POST","bulkId":"a","path":7,"data":{}}`, fault.Invalid, fault.InvalidSyntax, "path"},
		{`{"method":"POST","bulkId":"a","path":"/Users/1","data":{}}`, fault.Invalid, fault.InvalidValue, "/Users"},
		{`{"method":"PUT","path":"/Users","data":{}}`, fault.Invalid, fault.InvalidValue, "/Users/id"},
		{`{"method":"DELETE","path":"/Users/"}`, fault.Invalid, fault.InvalidValue, "/Users/id"},
		{`{"method":"POST","bulkId":"a","path":"/Printers","data":{}}`, fault.NotFound, "", "path"},
		{`{"method":"PUT","path":"/Schemas/x","data":{}}`, fault.NotFound, "", "path"},
		{`{"method":"DELETE","path":"/Users/` + strings.Repeat("x", 513) + `"}`, fault.NotFound, "", "path"},
		{`{"method":"PUT","path":"//Users/x","data":{}}`, fault.NotFound, "", "path"},
		{`{"method":"POST","bulkId":"a","path":"/Bulk","data":{}}`, fault.Invalid, fault.InvalidValue, "Bulk"},
		{`{"method":"PATCH","path":"/Me","data":{}}`, fault.Unimplemented, "", "/Me"},
		{`{"method":"POST","bulkId":"a","path":"/Users"}`, fault.Invalid, fault.InvalidSyntax, "data"},
		{`{"method":"PUT","path":"/Users/1","data":[{}]}`, fault.Invalid, fault.InvalidSyntax, "data"},
		{`{"method":"PUT","path":"/Users/1","data":null}`, fault.Invalid, fault.InvalidSyntax, "data"},
		{`{"method":"PUT","path":"/Users/1","version":3,"data":{}}`, fault.Invalid, fault.InvalidSyntax, "version"},
		{`{"method":"POST","bulkId":7,"path":"/Users","data":{}}`, fault.Invalid, fault.InvalidValue, "bulkId"},
		{`{"method":"POST","bulkId":"\u0000","path":"/Users","data":{}}`, fault.Invalid, fault.InvalidValue, "bulkId"},
		{`{"method":"POST","bulkId":"` + strings.Repeat("x", 257) + `","path":"/Users","data":{}}`, fault.Invalid, fault.InvalidValue, "bulkId"},
	} {
		op := parse(t, tt.operation)[0]
		f := fault.Of(op.Err)
		if op.Err == nil || f.Kind != tt.kind || f.Reason != tt.reason || !strings.Contains(f.Detail, tt.says) {
			t.Errorf("%s is refused as %v, %q: %v", tt.operation, f.Kind, f.Reason, op.Err)
		}
	}
}

// TestParse_refuses shows what is wrong with the whole.
func TestParse_refuses(t *testing.T) {
	t.Parallel()
	post := `{"method":"POST","bulkId":"%d","path":"/Users","data":{}}`
	many := make([]string, 0, bulk.MaxOperations+1)
	for i := range bulk.MaxOperations + 1 {
		many = append(many, fmt.Sprintf(post, i))
	}
	for name, tt := range map[string]struct {
		body   string
		kind   fault.Kind
		reason fault.Reason
		says   string
	}{
		"no JSON":                {`{`, fault.Invalid, fault.InvalidSyntax, ""},
		"no operations":          {`{}`, fault.Invalid, fault.InvalidSyntax, "Operations"},
		"operations are no list": {`{"Operations":{}}`, fault.Invalid, fault.InvalidSyntax, "Operations"},
		"a bulkId twice":         {fmt.Sprintf(envelope, fmt.Sprintf(post+","+post, 1, 1)), fault.Invalid, fault.InvalidValue, "bulkId"},
		"too many":               {fmt.Sprintf(envelope, strings.Join(many, ",")), fault.TooLarge, "", "1000"},
		"a negative bound":       {`{"failOnErrors":-1,"Operations":[]}`, fault.Invalid, fault.InvalidValue, "failOnErrors"},
		"half a bound":           {`{"failOnErrors":1.5,"Operations":[]}`, fault.Invalid, fault.InvalidValue, "failOnErrors"},
		"a huge bound":           {`{"failOnErrors":1e99,"Operations":[]}`, fault.Invalid, fault.InvalidValue, "failOnErrors"},
		"no number as bound":     {`{"failOnErrors":true,"Operations":[]}`, fault.Invalid, fault.InvalidValue, "failOnErrors"},
	} {
		_, err := bulk.Parse(nil, kinds, []byte(tt.body))
		if f := fault.Of(err); err == nil || f.Kind != tt.kind || f.Reason != tt.reason || !strings.Contains(f.Detail, tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := bulk.Parse(nil, kinds, []byte(fmt.Sprintf(envelope, strings.Join(many[1:], ",")))); err != nil || len(r.Operations) != bulk.MaxOperations {
		t.Errorf("as many as allowed: %d, %v", len(r.Operations), err)
	}
}

// TestParse_deviations lists what is tolerated and what a strict directory
// refuses.
func TestParse_deviations(t *testing.T) {
	t.Parallel()
	const good = `{"method":"POST","bulkId":"a","path":"/Users","data":{}}`
	for name, tt := range map[string]struct {
		body  string
		cause lenience.Cause
		whole bool // the whole request is refused
	}{
		"no schemas":    {`{"Operations":[` + good + `]}`, lenience.MissingSchemas, true},
		"other schemas": {`{"schemas":["urn:x"],"Operations":[` + good + `]}`, lenience.WrongSchemas, true},
		"a text bound":  {strings.Replace(fmt.Sprintf(envelope, good), "{", `{"failOnErrors":"2",`, 1), lenience.StringNumber, true},
		"method":        {fmt.Sprintf(envelope, strings.Replace(good, "POST", "Post", 1)), lenience.MethodCase, false},
		"no slash":      {fmt.Sprintf(envelope, strings.Replace(good, "/Users", "Users", 1)), lenience.MissingSlash, false},
		"no bulkId":     {fmt.Sprintf(envelope, strings.Replace(good, `"bulkId":"a",`, "", 1)), lenience.MissingBulkID, false},
	} {
		var rd lenience.Reading
		r, err := bulk.Parse(&rd, kinds, []byte(tt.body))
		if err != nil || r.Operations[0].Err != nil || r.Operations[0].Method != "POST" || r.Operations[0].Endpoint != "Users" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if d := rd.Deviations(); len(d) != 1 || d[0].Cause != tt.cause {
			t.Errorf("%s: tolerated %v, want %s", name, d, tt.cause)
		}
		r, err = bulk.Parse(&lenience.Reading{Strict: true}, kinds, []byte(tt.body))
		if !tt.whole && err == nil {
			err = r.Operations[0].Err
		}
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: a strict directory answers %v", name, err)
		}
	}
	var rd lenience.Reading
	if _, err := bulk.Parse(&rd, kinds, []byte(fmt.Sprintf(envelope, good))); err != nil || len(rd.Deviations()) > 0 {
		t.Errorf("a Bulk without a fault: %v, %v", rd.Deviations(), err)
	}
}

func TestSubstitute(t *testing.T) {
	t.Parallel()
	resolve := func(name string) (string, bool) { return "id-of-" + name, name != "unknown" }
	for in, want := range map[string]string{
		`"bulkId:a"`:                    `"id-of-a"`,
		`"bulkId:"`:                     `"id-of-"`,
		`"bulkId:unknown"`:              `"bulkId:unknown"`,
		`"BULKID:a"`:                    `"BULKID:a"`,
		`"a bulkId:a"`:                  `"a bulkId:a"`,
		`{"value":"\"bulkId:a\""}`:      `{"value":"\"bulkId:a\""}`,
		`[1,null,true,["bulkId:b"]]`:    `[1,null,true,["id-of-b"]]`,
		`{"bulkId:a":{"b":"bulkId:c"}}`: `{"bulkId:a":{"b":"id-of-c"}}`,
		`{"path":"members[value eq \"bulkId:a\" or value eq \"bulkId:unknown\" or value eq \"bulkId:b\"]"}`: `{"path":"members[value eq \"id-of-a\" or value eq \"bulkId:unknown\" or value eq \"id-of-b\"]"}`,
		`{"Path":"members[value eq \"bulkId:a"}`:                                                            `{"Path":"members[value eq \"bulkId:a"}`,
		`{"path":"bulkId:a"}`:                                                                               `{"path":"id-of-a"}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(bulk.Substitute(v, resolve))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
		var named []string
		bulk.References(v, func(name string) { named = append(named, name) })
		if n := strings.Count(want, "id-of-") + strings.Count(want, "bulkId:unknown"); len(named) != n {
			t.Errorf("%s refers to %q, want %d", in, named, n)
		}
		if again, _ := json.Marshal(v); string(again) != string(mustCompact(t, in)) {
			t.Errorf("%s was changed to %s", in, again)
		}
	}
	if got := bulk.SubstituteID("bulkId:a", resolve); got != "id-of-a" {
		t.Errorf("an id becomes %s", got)
	}
}

func mustCompact(t *testing.T, s string) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

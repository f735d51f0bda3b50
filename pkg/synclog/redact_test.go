package synclog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/synclog"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, want string
		missing  bool
	}{
		"nothing":           {"", "", false},
		"blank":             {" \n", "", false},
		"no password":       {`{"userName": "mara", "active" : true, "n": 1.50}`, `{"userName":"mara","active":true,"n":1.50}`, false},
		"password":          {`{"userName":"mara","password":"t1ger"}`, `{"userName":"mara"}`, false},
		"first":             {`{"password":"t1ger","userName":"mara"}`, `{"userName":"mara"}`, false},
		"alone":             {`{"password":"t1ger"}`, `{}`, false},
		"case":              {`{"PassWord":"t1ger","a":1}`, `{"a":1}`, false},
		"escaped name":      {`{"pass\u0077ord":"t1ger","a":1}`, `{"a":1}`, false},
		"long s":            {"{\"pa\u017fsword\":\"t1ger\",\"a\":1}", `{"a":1}`, false},
		"urn":               {`{"urn:ietf:params:scim:schemas:core:2.0:User:password":"t1ger","a":1}`, `{"a":1}`, false},
		"dotted":            {`{"password.value":"t1ger","a":1}`, `{"a":1}`, false},
		"within a word":     {`{"oldPassword":"t1ger","passwordHash":"t1ger"}`, `{}`, false},
		"complex":           {`{"password":{"value":["t1ger"]},"a":1}`, `{"a":1}`, false},
		"deep":              {`{"a":[{"b":{"password":"t1ger","c":null}}]}`, `{"a":[{"b":{"c":null}}]}`, false},
		"other secrets":     {`{"pwd":"t1ger","client_secret":"t1ger","apiToken":"t1ger","Authorization":"t1ger","secretary":"Ann"}`, `{"secretary":"Ann"}`, false},
		"patch":             {`{"Operations":[{"op":"replace","path":"password","value":"t1ger"}]}`, `{"Operations":[{"op":"replace","path":"password"}]}`, false},
		"patch, value 1st":  {`{"Operations":[{"value":"t1ger","Path":"Password","op":"replace"}]}`, `{"Operations":[{"Path":"Password","op":"replace"}]}`, false},
		"patch, only value": {`[{"value":"t1ger","path":"password"}]`, `[{"path":"password"}]`, false},
		"patch, urn":        {`{"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password","VALUE":"t1ger"}]}`, `{"Operations":[{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:password"}]}`, false},
		"patch, path-less":  {`{"Operations":[{"op":"replace","value":{"password":"t1ger","active":true}}]}`, `{"Operations":[{"op":"replace","value":{"active":true}}]}`, false},
		"patch, two paths":  {`[{"path":"title","value":"t1ger","path":"password"}]`, `[{"path":"title","path":"password"}]`, false},
		"patch, filter":     {`[{"path":"password[type eq \"x\"]","value":"t1ger"}]`, `[{"path":"password[type eq \"x\"]"}]`, false},
		"filter only":       {`[{"path":"emails[value eq \"password\"]","value":"a@b"}]`, `[{"path":"emails[value eq \"password\"]","value":"a@b"}]`, false},
		"many values":       {`[{"value":"t1ger","a":1,"value":"t1ger","path":"password","b":2,"values":["t1ger"]}]`, `[{"a":1,"path":"password","b":2}]`, false},
		"typed":             {`{"type":"password","value":"t1ger","primary":true}`, `{"type":"password","primary":true}`, false},
		"bulk":              {`{"Operations":[{"method":"POST","path":"/Users","data":{"userName":"mara","password":"t1ger"}}]}`, `{"Operations":[{"method":"POST","path":"/Users","data":{"userName":"mara"}}]}`, false},
		"bulk patch":        {`{"Operations":[{"method":"PATCH","path":"/Users/1","data":{"Operations":[{"op":"add","path":"password","value":"t1ger"}]}}]}`, `{"Operations":[{"method":"PATCH","path":"/Users/1","data":{"Operations":[{"op":"add","path":"password"}]}}]}`, false},
		"text":              {`password=t1ger`, "", true},
		"cut off":           {`{"password":"t1ger"`, "", true},
		"two values":        {`{"a":1}{"password":"t1ger"}`, "", true},
		"scalar":            {`"x"`, `"x"`, false},
		"markup":            {`{"a":"<b>&"}`, `{"a":"<b>&"}`, false},
		"too deep":          {strings.Repeat(`[`, 70) + strings.Repeat(`]`, 70), "", true},
		"deep in password":  {`{"password":` + strings.Repeat(`[`, 70) + strings.Repeat(`]`, 70) + `}`, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, missing := synclog.Redact([]byte(c.in))
			if got != c.want || missing != c.missing {
				t.Errorf("Redact(%s) = %s, %t; want %s, %t", c.in, got, missing, c.want, c.missing)
			}
			if strings.Contains(got, "t1ger") {
				t.Errorf("the password is still there: %s", got)
			}
		})
	}
}

func TestRedactCuts(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("ä", synclog.MaxBody) + `","password":"t1ger"}`
	got, missing := synclog.Redact([]byte(long))
	if !missing || len(got) > synclog.MaxBody || len(got) < synclog.MaxBody-1 || !strings.HasPrefix(long, got) {
		t.Errorf("%d bytes are kept, missing %t", len(got), missing)
	}
	exact := `"` + strings.Repeat("a", synclog.MaxBody-2) + `"`
	if got, missing := synclog.Redact([]byte(exact)); missing || got != exact {
		t.Errorf("a body of exactly the limit is cut to %d bytes", len(got))
	}
}

// document draws JSON with a mark in every place that is a password's. want is
// what must be left of it.
func document(t *rapid.T, depth int) (in, want any) {
	kinds := 2
	if depth > 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		s := rapid.SampledFrom([]string{"mara", "", "a\"b", "ä", "true"}).Draw(t, "string")
		return s, s
	case 1:
		return json.Number("12.50"), json.Number("12.50")
	case 2:
		n := rapid.IntRange(0, 3).Draw(t, "items")
		a, b := make([]any, n), make([]any, n)
		for i := range n {
			a[i], b[i] = document(t, depth-1)
		}
		return a, b
	case 3: // an operation on a password
		path := rapid.SampledFrom([]string{"password", "PASSWORD", "urn:x:User:password", "password.value"}).Draw(t, "path")
		return map[string]any{"op": "replace", "path": path, "value": mark}, map[string]any{"op": "replace", "path": path}
	default:
		a, b := map[string]any{}, map[string]any{}
		for i := range rapid.IntRange(0, 4).Draw(t, "members") {
			if rapid.Bool().Draw(t, "secret") {
				name := rapid.SampledFrom([]string{"password", "Password", "urn:x:password", "a.password", "newPassword"}).Draw(t, "name")
				a[name] = map[string]any{"value": []any{mark}}
				continue
			}
			name := fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"value", "name", "emails"}).Draw(t, "name"), i)
			a[name], b[name] = document(t, depth-1)
		}
		return a, b
	}
}

const mark = "t1ger-never-kept"

// TestRedactProperty: no password survives, and everything else does.
func TestRedactProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, want := document(t, 5)
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		got, missing := synclog.Redact(body)
		if strings.Contains(got, mark) {
			t.Fatalf("a password is kept: %s", got)
		}
		if missing {
			if len(body) <= synclog.MaxBody {
				t.Fatalf("something is missing of %s", body)
			}
			return
		}
		expected, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(expected) {
			t.Fatalf("kept %s\nwant %s", got, expected)
		}
	})
}

// FuzzRedact: whatever is kept whole is JSON without a member called password.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{`{"password":1}`, `{"Operations":[{"path":"password","value":"x"}]}`, `[]`, `{"a":{"value":1,"path":"password"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		kept, missing := synclog.Redact(body)
		if len(kept) > synclog.MaxBody {
			t.Fatalf("%d bytes are kept", len(kept))
		}
		if missing || kept == "" {
			return
		}
		var v any
		d := json.NewDecoder(strings.NewReader(kept))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("kept %q: %v", kept, err)
		}
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case []any:
				for _, e := range v {
					walk(e)
				}
			case map[string]any:
				for k, e := range v {
					if strings.EqualFold(k, "password") {
						t.Fatalf("kept %q", kept)
					}
					walk(e)
				}
			}
		}
		walk(v)
		again, missing := synclog.Redact([]byte(kept))
		if again != kept || missing {
			t.Fatalf("redacting again changes %q to %q", kept, again)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	user := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mara@acme.example","password":"t1ger","name":{"givenName":"Mara","familyName":"Quist"},"emails":[{"value":"mara@acme.example","type":"work","primary":true}],"active":"True"}`
	big := `[` + strings.TrimSuffix(strings.Repeat(user+",", 4<<20/(len(user)+1)), ",") + `]`
	for name, body := range map[string]string{"user": user, "4MiB": big} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				synclog.Redact([]byte(body))
			}
		})
	}
}

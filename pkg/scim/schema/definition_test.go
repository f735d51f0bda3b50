package schema_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const acme = "urn:acme:scim:1.0:User"

// defined returns a definition with the given attributes.
func defined(attributes string) string {
	return fmt.Sprintf(`{"id":%q,"name":"Acme","attributes":[%s]}`, acme, attributes)
}

func TestParse_defaults(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse([]byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"id":"` + acme + `","name":"Acme","description":"D","meta":{"resourceType":"Schema"},
		"attributes":[{"name":"badge"},{"name":"desk","type":"complex","multiValued":true,"subAttributes":[{"name":"floor","type":"integer","mutability":"immutable"},{"name":"$ref","type":"reference","referenceTypes":["User"]}]},
		{"name":"pin","mutability":"writeOnly","returned":"never"},{"name":"key","type":"binary"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	plain := func(name string, t schema.Type) *schema.Attribute {
		return &schema.Attribute{Name: name, Type: t, Mutability: "readWrite", Returned: "default", Uniqueness: "none"}
	}
	badge, desk, floor, ref, pin, key := plain("badge", schema.String), plain("desk", schema.Complex), plain("floor", schema.Integer), plain("$ref", schema.Reference), plain("pin", schema.String), plain("key", schema.Binary)
	desk.MultiValued, desk.SubAttributes = true, []*schema.Attribute{floor, ref}
	floor.Mutability, ref.ReferenceTypes, ref.CaseExact, key.CaseExact = "immutable", []string{"User"}, true, true
	pin.Mutability, pin.Returned = "writeOnly", "never"
	want := &schema.Schema{ID: acme, Name: "Acme", Description: "D", Attributes: []*schema.Attribute{badge, desk, pin, key}}
	if diff := cmp.Diff(want, s, cmpopts.IgnoreUnexported(schema.Schema{}, schema.Attribute{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.Attribute("DESK").Sub("Floor").Path(); got != acme+":desk.floor" {
		t.Errorf("the path is %s", got)
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	urn := func(id string) string { return fmt.Sprintf(`{"id":%q,"name":"A","attributes":[{"name":"a"}]}`, id) }
	sub := func(fields string) string {
		return defined(`{"name":"a","type":"complex","multiValued":true,"subAttributes":[` + fields + `]}`)
	}
	tests := map[string]struct{ body, says string }{
		"nothing":                       {``, "ends too early"},
		"a list":                        {`[]`, "cannot be a array"},
		"broken":                        {`{"id":}`, "syntax"},
		"two objects":                   {urn(acme) + `{}`, "more behind"},
		"an unknown member":             {`{"id":"` + acme + `","name":"A","attribute":[]}`, "does not know"},
		"a text for a boolean":          {defined(`{"name":"a","required":"true"}`), "cannot be a string"},
		"no URN":                        {urn("acme"), "begin with urn:"},
		"a URL":                         {urn("http://acme.example/scim"), "begin with urn:"},
		"a URN in capitals":             {urn("URN:acme:x"), "begin with urn:"},
		"a URN without name":            {urn("urn:acme"), "begin with urn:"},
		"a namespace of one letter":     {urn("urn:a:b"), "namespace"},
		"two colons":                    {urn("urn:acme::b"), "two colons"},
		"a colon at the end":            {urn("urn:acme:b:"), "ends in one"},
		"a space":                       {urn("urn:acme:b c"), "characters other"},
		"a bracket":                     {urn("urn:acme:b[c]"), "characters other"},
		"a long URN":                    {urn("urn:acme:" + strings.Repeat("b", schema.MaxURN)), "too long"},
		"a message's URN":               {urn("urn:ietf:params:scim:api:messages:2.0:X"), "reserved"},
		"a core URN":                    {urn("urn:ietf:params:SCIM:schemas:core:2.0:Device"), "reserved"},
		"no name":                       {`{"id":"` + acme + `","attributes":[{"name":"a"}]}`, "needs a name"},
		"no attributes":                 {defined(``), "0 attributes"},
		"too many attributes":           {defined(strings.TrimSuffix(strings.Repeat(`{"name":"a"},`, schema.MaxAttributes+1), ",")), "101 attributes"},
		"an empty name":                 {defined(`{"name":""}`), "cannot be"},
		"a name that begins in a digit": {defined(`{"name":"1a"}`), "cannot be"},
		"a dotted name":                 {defined(`{"name":"a.b"}`), "cannot be"},
		"a dollar":                      {defined(`{"name":"$ref","type":"reference"}`), "cannot be"},
		"a long name":                   {defined(`{"name":"` + strings.Repeat("a", schema.MaxAttributeName+1) + `"}`), "cannot be"},
		"a reserved name":               {defined(`{"name":"Schemas"}`), "reserved"},
		"a password":                    {sub(`{"name":"Password"}`), "reserved"},
		"a name twice":                  {defined(`{"name":"a"},{"name":"A"}`), "twice"},
		"a strange type":                {defined(`{"name":"a","type":"text"}`), "type"},
		"a type in capitals":            {defined(`{"name":"a","type":"String"}`), "type"},
		"a strange mutability":          {defined(`{"name":"a","mutability":"write"}`), "mutability"},
		"a strange returned":            {defined(`{"name":"a","returned":""}`), "returned"},
		"a strange uniqueness":          {defined(`{"name":"a","uniqueness":"local"}`), "uniqueness"},
		"unique":                        {defined(`{"name":"a","uniqueness":"server"}`), "not enforced"},
		"writable secret":               {defined(`{"name":"a","mutability":"writeOnly"}`), "must be never"},
		"required but read-only":        {defined(`{"name":"a","mutability":"readOnly","required":true}`), "cannot be required"},
		"complex without parts":         {defined(`{"name":"a","type":"complex"}`), "1 to 50"},
		"parts of a text":               {defined(`{"name":"a","subAttributes":[{"name":"b"}]}`), "others none"},
		"complex in complex":            {sub(`{"name":"b","type":"complex","subAttributes":[{"name":"c"}]}`), "forbids"},
		"suggested numbers":             {defined(`{"name":"a","type":"integer","canonicalValues":["1"]}`), "canonicalValues"},
		"an empty suggestion":           {defined(`{"name":"a","canonicalValues":[""]}`), "empty"},
		"a suggestion twice":            {defined(`{"name":"a","canonicalValues":["b","b"]}`), "twice"},
		"types of no reference":         {defined(`{"name":"a","referenceTypes":["User"]}`), "referenceTypes"},
		"a primary of text":             {sub(`{"name":"primary"}`), "single boolean"},
		"several types":                 {sub(`{"name":"type","multiValued":true}`), "single string"},
		"a value in capitals":           {sub(`{"name":"VALUE"}`), "lower case"},
		"a long description":            {defined(`{"name":"a","description":"` + strings.Repeat("d", 1001) + `"}`), "longer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schema.Parse([]byte(tt.body))
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Of(err).Detail, tt.says) {
				t.Errorf("%v, want it to say %q", err, tt.says)
			}
		})
	}
	short := strings.TrimSuffix(strings.Repeat(`{"name":"%"},`, 40), ",")
	for i := range 40 {
		short = strings.Replace(short, "%", fmt.Sprint("a", i), 1)
	}
	var many []string
	for i := range schema.MaxAttributes {
		many = append(many, fmt.Sprintf(`{"name":"b%d","type":"complex","subAttributes":[%s]}`, i, short))
	}
	for name, body := range map[string]string{
		"as it is sent": defined(`{"name":"a"}`) + strings.Repeat(" ", schema.MaxDefinition), "as it is served": defined(strings.Join(many, ",")),
	} {
		if _, err := schema.Parse([]byte(body)); fault.KindOf(err) != fault.TooLarge {
			t.Errorf("%s: %v, want it too large", name, err)
		}
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	named := func(urn string) *schema.Schema {
		s, err := schema.Parse([]byte(fmt.Sprintf(`{"id":%q,"name":"A","attributes":[{"name":"badge"}]}`, urn)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	user, err := schema.User.With(named(acme), named("urn:acme:scim:1.0:Users"))
	if err != nil {
		t.Fatal(err)
	}
	if a, in := user.Find(strings.ToUpper(acme), "Badge"); a == nil || a.Path() != in+":badge" {
		t.Errorf("badge is %v in %s", a, in)
	}
	if schema.User.Extension(acme) != nil || !user.Is(schema.User) || user.Is(schema.Group) {
		t.Error("the standard kind has changed, or the new one is no user")
	}
	if urn, rest := user.Split(acme + "s:badge"); urn != acme+"s" || rest != "badge" {
		t.Errorf("split into %q and %q", urn, rest)
	}
	for _, urn := range []string{acme, strings.Replace(acme, "acme", "ACME", 1), acme + ":more", acme + ".more", "urn:acme:scim", "urn:acme:scim:1.0User", schema.EnterpriseURN, schema.EnterpriseURN + ":x"} {
		if _, err := user.With(named(urn)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s is taken in beside %s: %v", urn, acme, err)
		}
	}
	var many []*schema.Schema
	for i := range schema.MaxExtensions + 1 {
		many = append(many, named(fmt.Sprintf("urn:acme:%d:x", i)))
	}
	if _, err := schema.User.With(many...); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v, want %d extensions refused", err, len(many))
	}
	if _, err := schema.User.With(many[1:]...); err != nil {
		t.Error(err)
	}
}

// drawDefinition draws what is nearly always a legal definition, from words that
// are legal one by one.
func drawDefinition(rt *rapid.T, urn string) []byte {
	var attribute func(sub bool) map[string]any
	attribute = func(sub bool) map[string]any {
		types := []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference"}
		if !sub {
			types = append(types, "complex", "complex")
		}
		kind := rapid.SampledFrom(types).Draw(rt, "type")
		a := map[string]any{
			"name": rapid.OneOf(rapid.SampledFrom([]string{"value", "primary", "type", "display", "$ref", "userName", "members", "groups", "active"}), rapid.StringMatching(`[A-Za-z][A-Za-z0-9_-]{0,3}`)).Draw(rt, "name"),
			"type": kind,
		}
		maybe := func(name string, words ...any) {
			if rapid.Bool().Draw(rt, "has "+name) {
				a[name] = rapid.SampledFrom(words).Draw(rt, name)
			}
		}
		maybe("multiValued", true, false)
		maybe("required", true, false)
		maybe("caseExact", true, false)
		maybe("mutability", "readOnly", "readWrite", "immutable", "writeOnly")
		maybe("returned", "always", "never", "default", "request")
		maybe("uniqueness", "none", "none", "none", "server")
		maybe("description", "", "What it is <for> & \"more\".")
		switch kind {
		case "string":
			maybe("canonicalValues", []any{"a", "b"}, []any{})
		case "reference":
			maybe("referenceTypes", []any{"User", "external"})
		case "complex":
			var subs []any
			for range rapid.IntRange(1, 4).Draw(rt, "sub-attributes") {
				subs = append(subs, attribute(true))
			}
			a["subAttributes"] = subs
		}
		return a
	}
	var attributes []any
	for range rapid.IntRange(1, 4).Draw(rt, "attributes") {
		attributes = append(attributes, attribute(false))
	}
	b, err := json.Marshal(map[string]any{"id": urn, "name": "N", "attributes": attributes})
	if err != nil {
		rt.Fatal(err)
	}
	return b
}

// Whatever definition is accepted: it can be registered and served, what is
// served reads as the same, and every attribute is found under its path.
func TestParse_laws(t *testing.T) {
	t.Parallel()
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		s, err := schema.Parse(drawDefinition(rt, acme))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				rt.Fatalf("%v has kind %v", err, fault.KindOf(err))
			}
			return
		}
		accepted++
		user, err := schema.User.With(s)
		if err != nil {
			rt.Fatal(err)
		}
		served, err := json.Marshal(s)
		if err != nil {
			rt.Fatal(err)
		}
		if strings.Contains(string(served), "null") {
			rt.Fatalf("%s holds null, which Entra refuses", served)
		}
		again, err := schema.Parse(served)
		if err != nil {
			rt.Fatalf("%s is refused: %v", served, err)
		}
		if twice, err := json.Marshal(again); err != nil || string(twice) != string(served) {
			rt.Fatalf("%s reads as %s, %v", served, twice, err)
		}
		for _, a := range s.Attributes {
			urn, name := user.Split(strings.ToUpper(a.Path()))
			if found, in := user.Find(urn, name); found != a || in != acme {
				rt.Fatalf("%s is found as %v in %s", a.Path(), found, in)
			}
			for _, sub := range a.SubAttributes {
				if a.Sub(strings.ToUpper(sub.Name)) != sub || sub.Path() != a.Path()+"."+sub.Name {
					rt.Fatalf("%s is not found, or has the path %s", sub.Name, sub.Path())
				}
			}
		}
	})
	if accepted == 0 {
		t.Error("no definition was accepted, so nothing was shown")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(defined(`{"name":"a","type":"complex","subAttributes":[{"name":"value"}]}`)))
	f.Add([]byte(`{"id":"urn:x-y:z","name":"n","attributes":[{"name":"a","type":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := schema.Parse(body)
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Fatalf("%v has kind %v", err, k)
			}
			return
		}
		served, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := schema.Parse(served); err != nil {
			t.Fatalf("%s is refused: %v", served, err)
		}
	})
}

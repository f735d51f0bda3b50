package patch_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

func BenchmarkApply(b *testing.B) {
	body := fmt.Appendf(nil, patchOp, `{"op":"Replace","path":"active","value":"False"}`)
	stored := []byte(jane)
	b.ReportAllocs()
	for b.Loop() {
		req, err := patch.Parse(nil, patch.User, body)
		if err != nil {
			b.Fatal(err)
		}
		r, err := scim.Decode(stored)
		if err != nil {
			b.Fatal(err)
		}
		if r, err = patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, req.Operations); err != nil {
			b.Fatal(err)
		}
		if _, err = scim.Canonical(r); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation for each of 1,000 members, as some providers send it.
func BenchmarkSplitMembers(b *testing.B) {
	ops := make([]string, 1000)
	for i := range ops {
		ops[i] = fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":"diruser_%018d"}]}`, i)
	}
	body := fmt.Appendf(nil, patchOp, strings.Join(ops, ","))
	b.ReportAllocs()
	for b.Loop() {
		req, err := patch.Parse(nil, patch.Group, body)
		if err != nil {
			b.Fatal(err)
		}
		if _, members, err := patch.SplitMembers(nil, patch.Group, req.Operations); err != nil || len(members) != 1 {
			b.Fatal(len(members), err)
		}
	}
}

// All members of a large group at once: as many as fit into a body.
func BenchmarkSplitMembers_replace(b *testing.B) {
	ids := make([]string, 80_000)
	for i := range ids {
		ids[i] = fmt.Sprintf(`{"value":"diruser_%018d"}`, i)
	}
	req, err := patch.Parse(nil, patch.Group, fmt.Appendf(nil, patchOp, `{"op":"replace","path":"members","value":[`+strings.Join(ids, ",")+`]}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, members, err := patch.SplitMembers(nil, patch.Group, req.Operations); err != nil || len(members[0].IDs) != len(ids) {
			b.Fatal(err)
		}
	}
}

// worst are the requests that ask for the most work: as many operations as are
// allowed, on a resource with as many values as are allowed. Each must be refused
// or done within some 50 ms, since the owner of a log decides one after the
// other.
func worst(tb testing.TB) map[string]func() error {
	long := strings.Repeat("é", 1800)
	list := func(n int, element string) string {
		var values []string
		for i := range n {
			values = append(values, strings.ReplaceAll(element, "%", strconv.Itoa(i)))
		}
		return "[" + strings.Join(values, ",") + "]"
	}
	emails := list(1000, `{"value":"%@acme.example","type":"work"}`)
	longEmails := list(250, `{"value":"`+long+`%","type":"work"}`)
	many := func(n int, op string) string {
		var ops []string
		for i := range n {
			ops = append(ops, strings.ReplaceAll(op, "%", strconv.Itoa(i%1000)))
		}
		return strings.Join(ops, ",")
	}
	terms := strings.TrimSuffix(strings.Repeat(`type ne \"x\" and `, 200), " and ")
	requests := map[string]struct{ attribute, operations string }{
		"filter":            {`"emails":` + emails, many(5000, `{"op":"replace","path":"emails[value eq \"%@acme.example\"].display","value":"x"}`)},
		"filter long texts": {`"emails":` + longEmails, many(1000, `{"op":"replace","path":"emails[value eq \"`+long+`%\"].display","value":"x"}`)},
		"search long texts": {`"emails":` + longEmails, many(5000, `{"op":"remove","path":"emails[value co \"zzz\"].display"}`)},
		"long filters":      {`"emails":` + emails, many(300, `{"op":"remove","path":"emails[`+terms+` and type eq \"%\"]"}`)},
		"primary":           {`"emails":` + emails, many(5000, `{"op":"replace","path":"emails[value eq \"%@acme.example\"].primary","value":true}`)},
		"add":               {`"emails":` + emails, many(5000, `{"op":"add","path":"emails","value":[{"value":"%@acme.example","display":"%"}]}`)},
		"add long texts":    {`"emails":` + longEmails, many(250, `{"op":"add","path":"emails","value":[{"value":"`+long+`%"}]}`)},
		"add objects":       {`"addresses":` + list(1000, `{"locality":"%","region":"r","country":"c"}`), many(5000, `{"op":"add","path":"addresses","value":[{"locality":"%","region":"r","country":"c"}]}`)},
		"add lists":         {`"emails":` + emails, many(20, `{"op":"add","path":"emails","value":`+strings.ReplaceAll(emails, "%", "")+`}`)},
		"remove lists":      {`"emails":` + emails, many(25, `{"op":"remove","path":"emails","value":`+list(999, `{"value":"x%"}`)+`}`)},
		"parts of all":      {`"emails":` + emails, many(5000, `{"op":"replace","path":"emails.display","value":"%"}`)},
		"unknown list":      {`"x":` + list(5000, `{"a":"%"}`), many(5000, `{"op":"add","path":"x","value":[{"a":"n%"}]}`)},
		"unknown filter":    {`"x":` + list(1000, `{"a":"%"}`), many(5000, `{"op":"replace","path":"x[a eq \"%\"].b","value":"y"}`)},
		"unknown names":     {`"y":1`, `{"op":"add","value":{` + strings.Trim(list(4900, `"x%":"%"`), "[]") + `}}`},
		"unknown name":      {strings.Trim(list(900, `"x%":"%"`), "[]"), many(5000, `{"op":"add","path":"Xy%","value":"%"}`)},
		"blocks":            {`"y":1`, `{"op":"add","value":{` + strings.Trim(list(70, `"urn:x:y:%":{`+strings.Trim(list(70, `"x%":"%"`), "[]")+`}`), "[]") + `}}`},
		"large value":       {`"y":1`, `{"op":"add","path":"x","value":` + list(80000, `"abcdefg"`) + `}`},
	}
	work := map[string]func() error{}
	for name, r := range requests {
		before, err := scim.Decode([]byte(`{"userName":"jane",` + r.attribute + `}`))
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		req, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, r.operations))
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		work[name] = func() error {
			_, err := patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: before}, req.Operations)
			return err
		}
	}
	return work
}

func BenchmarkApply_worst(b *testing.B) {
	for name, work := range worst(b) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := work(); err != nil && fault.KindOf(err) != fault.TooLarge {
					b.Fatal(err)
				}
			}
		})
	}
}

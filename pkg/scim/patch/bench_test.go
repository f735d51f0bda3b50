package patch_test

import (
	"fmt"
	"strings"
	"testing"

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

// The worst that one request can ask for: as many operations as are allowed, on
// a resource with as many values as are allowed. It must stay a matter of
// fractions of a second, since the owner of a log decides one after the other.
func BenchmarkApply_worst(b *testing.B) {
	var values, ops []string
	for i := range 1000 {
		values = append(values, fmt.Sprintf(`{"value":"%d@acme.example","type":"work"}`, i))
	}
	for i := range patch.MaxOperations {
		ops = append(ops, fmt.Sprintf(`{"op":"replace","path":"emails[value eq \"%d@acme.example\"].display","value":"x"}`, i%1000))
	}
	r, err := scim.Decode([]byte(`{"userName":"jane","emails":[` + strings.Join(values, ",") + `]}`))
	if err != nil {
		b.Fatal(err)
	}
	req, err := patch.Parse(nil, patch.User, fmt.Appendf(nil, patchOp, strings.Join(ops, ",")))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := patch.Apply(nil, patch.User, patch.Target{ID: userID, Attributes: r}, req.Operations); err != nil {
			b.Fatal(err)
		}
	}
}

package scim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

func TestProjection(t *testing.T) {
	t.Parallel()
	const full = `{"emails":[{"type":"work","value":"a@b.example"},{"value":"c@d.example"}],"id":"1","meta":{"created":"c","version":"v"},"name":{"familyName":"D","givenName":"J"},` +
		`"schemas":["s"],"urn:a:b:1.0:c":{"x":1,"y":2},` + enterprise + `:{"department":"R&D","division":"X"},"userName":"j"}`
	tests := []struct {
		name                 string
		attributes, excluded string
		want                 string // full if empty
	}{
		{name: "neither"},
		{name: "blanks", attributes: " , ", excluded: ","},
		{name: "one", attributes: "userName", want: `{"id":"1","schemas":["s"],"userName":"j"}`},
		{name: "any case and blanks", attributes: " USERNAME , Name.GivenName", want: `{"id":"1","name":{"givenName":"J"},"schemas":["s"],"userName":"j"}`},
		{name: "sub-attribute of many", attributes: "emails.value", want: `{"emails":[{"value":"a@b.example"},{"value":"c@d.example"}],"id":"1","schemas":["s"]}`},
		{name: "sub-attribute of some", attributes: "emails.type", want: `{"emails":[{"type":"work"}],"id":"1","schemas":["s"]}`},
		{name: "whole and part", attributes: "name,name.givenName", want: `{"id":"1","name":{"familyName":"D","givenName":"J"},"schemas":["s"]}`},
		{name: "qualified", attributes: "urn:ietf:params:scim:schemas:core:2.0:user:userName," + enterprise[1:len(enterprise)-1] + ":Department", want: `{"id":"1","schemas":["s"],` + enterprise + `:{"department":"R&D"},"userName":"j"}`},
		{name: "unqualified extension", attributes: "department", want: `{"id":"1","schemas":["s"],` + enterprise + `:{"department":"R&D"}}`},
		{name: "whole extension", attributes: enterprise[1 : len(enterprise)-1], want: `{"id":"1","schemas":["s"],` + enterprise + `:{"department":"R&D","division":"X"}}`},
		{name: "unregistered extension", attributes: "urn:A:b:1.0:c", want: `{"id":"1","schemas":["s"],"urn:a:b:1.0:c":{"x":1,"y":2}}`},
		{name: "attribute of an unregistered extension", attributes: "urn:a:b:1.0:c:x", want: `{"id":"1","schemas":["s"],"urn:a:b:1.0:c":{"x":1}}`},
		{name: "with a filter", attributes: `emails[type eq "work"].value`, want: `{"emails":[{"value":"a@b.example"},{"value":"c@d.example"}],"id":"1","schemas":["s"]}`},
		{name: "nothing of that name", attributes: "hat", want: `{"id":"1","schemas":["s"]}`},
		{name: "part of a text", attributes: "userName.x", want: `{"id":"1","schemas":["s"]}`},

		{name: "without", excluded: "emails,meta,name.familyName,urn:a:b:1.0:c:y,division", want: `{"id":"1","name":{"givenName":"J"},"schemas":["s"],"urn:a:b:1.0:c":{"x":1},` + enterprise + `:{"department":"R&D"},"userName":"j"}`},
		{name: "without what always comes", excluded: "id,schemas,members"},
		{name: "without a part of a text", excluded: "userName.x,hat"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := scim.NewProjection(schema.User, strings.Split(tt.attributes, ","), strings.Split(tt.excluded, ","))
			if err != nil {
				t.Fatal(err)
			}
			want := tt.want
			if want == "" {
				want = full
			}
			got, err := p.Append([]byte("before"), []byte(full))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("before"+want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, name := range []string{"id", "emails", "name", "userName"} {
				if strings.Contains(want, `"`+name+`":`) && !p.Wants(name) {
					t.Errorf("%s is answered but not wanted", name)
				}
			}
		})
	}
}

// TestProjection_returned holds projections to what an extension says of its
// attributes (RFC 7643 section 7).
func TestProjection_returned(t *testing.T) {
	t.Parallel()
	const urn = "urn:acme:1.0:User"
	s, err := schema.Parse([]byte(`{"id":"` + urn + `","name":"Acme","attributes":[
		{"name":"badge","returned":"always"},{"name":"pin","returned":"never"},{"name":"notes","returned":"request"},{"name":"floor"},
		{"name":"desk","type":"complex","subAttributes":[{"name":"row"},{"name":"tag","returned":"always"},{"name":"log","returned":"request"},{"name":"key","returned":"never"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	kind, err := schema.User.With(s)
	if err != nil {
		t.Fatal(err)
	}
	const full = `{"id":"1","schemas":["s"],"` + urn + `":{"badge":"b","desk":{"key":"k","log":"l","row":"r","tag":"t"},"floor":"f","notes":"n","pin":"p"},"userName":"j"}`
	for _, tt := range []struct {
		attributes, excluded string
		want                 string // of the extension
	}{
		{want: `{"badge":"b","desk":{"row":"r","tag":"t"},"floor":"f"}`},
		{attributes: "userName", want: `{"badge":"b"}`},
		{attributes: urn, want: `{"badge":"b","desk":{"row":"r","tag":"t"},"floor":"f"}`},
		{attributes: urn + ":notes", want: `{"badge":"b","notes":"n"}`},
		{attributes: urn + "," + urn + ":notes", want: `{"badge":"b","desk":{"row":"r","tag":"t"},"floor":"f","notes":"n"}`},
		{attributes: urn + ":pin", want: `{"badge":"b"}`},
		{attributes: urn + ":desk", want: `{"badge":"b","desk":{"row":"r","tag":"t"}}`},
		{attributes: urn + ":desk.row", want: `{"badge":"b","desk":{"row":"r","tag":"t"}}`},
		{attributes: "desk.log", want: `{"badge":"b","desk":{"log":"l","tag":"t"}}`},
		{attributes: urn + ":desk," + urn + ":desk.log", want: `{"badge":"b","desk":{"log":"l","row":"r","tag":"t"}}`},
		{attributes: urn + ":desk.key", want: `{"badge":"b","desk":{"tag":"t"}}`},
		{excluded: urn, want: `{"badge":"b"}`},
		{excluded: urn + ":badge," + urn + ":floor", want: `{"badge":"b","desk":{"row":"r","tag":"t"}}`},
		{excluded: urn + ":desk.row", want: `{"badge":"b","desk":{"tag":"t"},"floor":"f"}`},
		{excluded: urn + ":desk.tag", want: `{"badge":"b","desk":{"row":"r","tag":"t"},"floor":"f"}`},
	} {
		p, err := scim.NewProjection(kind, strings.Split(tt.attributes, ","), strings.Split(tt.excluded, ","))
		if err != nil {
			t.Fatal(err)
		}
		want := `{"id":"1","schemas":["s"],"` + urn + `":` + tt.want
		if tt.attributes == "" || tt.attributes == "userName" {
			want += `,"userName":"j"`
		}
		got, err := p.Append(nil, []byte(full))
		if d := cmp.Diff(want+"}", string(got)); err != nil || d != "" {
			t.Errorf("attributes %q, excluded %q: %v (-want +got):\n%s", tt.attributes, tt.excluded, err, d)
		}
		if p.Whole() {
			t.Errorf("attributes %q, excluded %q: it says that nothing is left out", tt.attributes, tt.excluded)
		}
	}
}

func TestProjection_leavesOutMembers(t *testing.T) {
	t.Parallel()
	p, err := scim.NewProjection(schema.Group, nil, []string{"Members"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Wants("members") || !p.Wants("displayName") || !p.Whole("members") || p.Whole() {
		t.Errorf("Wants(members) %v, Wants(displayName) %v, Whole(members) %v, Whole() %v", p.Wants("members"), p.Wants("displayName"), p.Whole("members"), p.Whole())
	}
	if p, err = scim.NewProjection(schema.Group, []string{"urn:ietf:params:scim:schemas:core:2.0:Group:members.value"}, nil); err != nil || !p.Wants("members") || p.Whole("members") {
		t.Errorf("%v: Wants(members) %v, Whole(members) %v", err, p.Wants("members"), p.Whole("members"))
	}
}

func TestNewProjection_refuses(t *testing.T) {
	t.Parallel()
	for _, lists := range [][2][]string{{{"a"}, {"b"}}, {make201(), nil}, {nil, make201()}} {
		_, err := scim.NewProjection(schema.User, lists[0], lists[1])
		if f := fault.Of(err); err == nil || f.Kind != fault.Invalid || f.Reason != fault.InvalidValue {
			t.Errorf("%d and %d names: %v", len(lists[0]), len(lists[1]), err)
		}
	}
}

func make201() []string {
	return strings.Split(strings.Repeat("a,", scim.MaxProjection)+"a", ",")
}

package directory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

const badges = "urn:acme:scim:1.0:User"

func extension(resource, urn string, attributes ...string) events.DirectoryExtension {
	return events.DirectoryExtension{Resource: resource, Definition: json.RawMessage(fmt.Sprintf(`{"id":%q,"name":"Ours","attributes":[%s]}`, urn, strings.Join(attributes, ",")))}
}

func (s *stage) register(list ...events.DirectoryExtension) directory.Command {
	return directory.RegisterDirectorySchemas{Organization: s.org, Directory: s.scope.Directory, Extensions: list}
}

func TestRegisterDirectorySchemas(t *testing.T) {
	t.Parallel()
	text, number := `{"name":"badge"}`, `{"name":"badge","type":"integer"}`
	changed := []events.Type{events.TypeDirectorySchemasChanged}
	registers := func(list ...events.DirectoryExtension) func(*stage) directory.Command {
		return func(s *stage) directory.Command { return s.register(list...) }
	}
	given := func(list ...events.DirectoryExtension) func(*stage) {
		return func(s *stage) { s.Must(s.t, s.register(list...)) }
	}
	wrong := func(says ...string) *refused { return &refused{kind: fault.Invalid, says: says} }
	var eleven []events.DirectoryExtension
	for i := range 11 {
		eleven = append(eleven, extension("User", fmt.Sprintf("urn:acme:%d:User", i), text))
	}
	long := `{"name":"a%d","description":"` + strings.Repeat("x", 900) + `"}`
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf(long, i))
	}
	run(t, map[string]example{
		"none, as it is":       {when: registers()},
		"one":                  {when: registers(extension("User", badges, text)), then: changed},
		"one of each":          {when: registers(extension("User", badges, text), extension("Group", "urn:acme:g", text)), then: changed},
		"the same for both":    {when: registers(extension("User", badges, text), extension("Group", badges, text)), then: changed},
		"ten":                  {when: registers(eleven[:10]...), then: changed},
		"again":                {given: given(extension("User", badges, text)), when: registers(extension("User", badges, text))},
		"again, written fully": {given: given(extension("User", badges, text)), when: registers(extension("User", badges, `{"type":"string", "name":"badge", "mutability":"readWrite"}`))},
		"another type":         {given: given(extension("User", badges, text)), when: registers(extension("User", badges, number)), then: changed},
		"removed":              {given: given(extension("User", badges, text)), when: registers(), then: changed},
		"a device":             {when: registers(extension("Device", badges, text)), no: wrong("Extension 1", "User", "Group")},
		"no definition":        {when: registers(events.DirectoryExtension{Resource: "User"}), no: wrong("Extension 1")},
		"the second is wrong":  {when: registers(extension("User", badges, text), extension("User", "acme", text)), no: wrong("Extension 2", "URN")},
		"twice":                {when: registers(extension("User", badges, text), extension("User", strings.ToUpper(badges), text)), no: wrong("Extension 2")},
		"twice with a twist":   {when: registers(extension("User", badges, text), extension("Group", badges, number)), no: wrong("Extension 2", "twice")},
		"the enterprise's":     {when: registers(extension("User", schema.EnterpriseURN, text)), no: wrong()},
		"one inside another":   {when: registers(extension("User", badges, text), extension("User", badges+":badge", text)), no: wrong("cannot be told")},
		"eleven":               {when: registers(eleven...), no: wrong("11", "10")},
		"too large in all":     {when: registers(extension("User", badges, many...), extension("Group", "urn:acme:g", many...)), no: &refused{kind: fault.TooLarge, says: []string{"65536"}}},
		"of another's": {when: func(s *stage) directory.Command {
			return directory.RegisterDirectorySchemas{Organization: s.org, Directory: s.other.Directory}
		}, no: notFound},
		"of an unknown": {when: func(s *stage) directory.Command {
			return directory.RegisterDirectorySchemas{Organization: s.org, Directory: "dir_0"}
		}, no: notFound},
		"more while it is used": {given: given(extension("User", badges, text)), when: registers(extension("User", badges, text), extension("Group", "urn:acme:g", text)), then: changed},
	})
}

// TestKinds says that a directory's kinds follow what is registered, in its rows
// as folded, copied and stored, and in no other directory.
func TestKinds(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	check := func(when string, registered bool) {
		t.Helper()
		folded := s.directory()
		b, err := directory.EncodeRow(folded)
		if err != nil {
			t.Fatal(err)
		}
		read, err := directory.DecodeRow(directory.Make(directory.TableDirectory, folded.ID), b)
		if err != nil {
			t.Fatal(err)
		}
		bare := &directory.Directory{Extensions: folded.Extensions}
		stored, ok := read.(*directory.Directory)
		if !ok {
			t.Fatalf("the row is a %T", read)
		}
		for how, d := range map[string]*directory.Directory{"folded": folded, "read": stored, "bare": bare} {
			user, group := d.Kinds()
			if a, urn := user.Find(badges, "BADGE"); (a != nil) != registered || urn != badges {
				t.Errorf("%s, %s: the attribute is %v of %s", when, how, a, urn)
			}
			if got := group.Extension("urn:acme:g") != nil; got != registered {
				t.Errorf("%s, %s: groups have the extension: %v", when, how, got)
			}
			if again, _ := d.Kinds(); how != "bare" && again != user {
				t.Errorf("%s, %s: the kinds are worked out each time", when, how)
			}
		}
	}
	check("at first", false)
	s.Must(t, s.register(extension("User", badges, `{"name":"badge"}`), extension("Group", "urn:acme:g", `{"name":"site"}`)))
	check("registered", true)
	s.policy(directory.DomainPolicyOff, "")
	check("with another policy", true)
	other, _, _ := directory.Get[*directory.Directory](s.Rows, directory.Make(directory.TableDirectory, s.other.Directory))
	if user, group := other.Kinds(); user.Extension(badges) != nil || group.Extension("urn:acme:g") != nil {
		t.Error("another directory has them too")
	}
	s.Must(t, s.register())
	check("removed", false)
}

// TestExtensions_storedValues says that registering touches no stored value: it
// is there before, under another type, and after the extension is gone.
func TestExtensions_storedValues(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := directorytest.ID(s.Must(t, s.create("bob@acme.example", attrs{badges: attrs{"badge": "B-7"}})))
	key := directory.Make(directory.TableUser, s.scope.Directory, id)
	want, _, _ := directory.Get[*directory.User](s.Rows, key)
	for _, list := range [][]events.DirectoryExtension{
		{extension("User", badges, `{"name":"badge"}`)}, {extension("User", badges, `{"name":"badge","type":"integer"}`)}, nil,
	} {
		s.Must(t, s.register(list...))
		got, ok, err := directory.Get[*directory.User](s.Rows, key)
		if err != nil || !ok || string(got.Attributes) != string(want.Attributes) || got.Revision != want.Revision {
			t.Fatalf("the user is %+v (%v)", got, err)
		}
	}
}

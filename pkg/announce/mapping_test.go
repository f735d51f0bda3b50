package announce_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/announce"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/directory/directorytest"
)

const rich = `{"userName":"mara@acme.example","active":true,"title":"Editor","displayName":"Mara Quist","name":{"givenName":"Mara","familyName":"Quist"},
	"emails":[{"type":"home","value":"m@home.example"},{"type":"work","value":"mara@acme.example","primary":true}],
	"phoneNumbers":[{"type":"mobile","value":"2"},{"type":"work","value":"1"},{"type":"mobile","value":"3"}],
	"roles":[{"value":"x","primary":true},{"value":"y"}],"addresses":[{"type":"work","locality":"Oslo"}],"shoeSize":42.50,"tags":["a","b"],"nothing":{"a":{"b":1}},
	` + enterprise + `:{"costCenter":"4130","department":"News","manager":{"value":"7"}},
	"urn:acme:1.0:User":{"Badge":"B-7","remote":false,"desk":{"floor":3}},"urn:okta:acme_1:1.0:user:custom":{"badge":7}}`

func mapping(key, otherwise string, sources ...string) events.AttributeMapping {
	return events.AttributeMapping{Key: key, Sources: sources, Default: otherwise}
}

// mappedUser returns the payload of a user under a mapping.
func mappedUser(t directorytest.TB, u *directory.User, list ...events.AttributeMapping) (public.User, announce.Mapped) {
	t.Helper()
	m, err := announce.Map(&directory.Directory{Mappings: list}, u)
	if err != nil {
		t.Fatalf("map: %v", err)
	}
	p, err := announce.User(u, announce.Standing{}, m)
	if err != nil {
		t.Fatalf("show: %v", err)
	}
	return p, m
}

func stored(attributes string) *directory.User {
	return &directory.User{ID: "diruser_1", UserState: events.UserState{
		UserNames: events.UserNames{UserName: "mara@acme.example", ExternalID: "00u1"}, Address: "mara@acme.example", Active: true, Attributes: []byte(attributes),
	}}
}

// TestMap_sources says what a source leads to, as a custom attribute.
func TestMap_sources(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"title": `"Editor"`,
		"TITLE": `"Editor"`,
		"urn:ietf:params:scim:schemas:core:2.0:User:title":                         `"Editor"`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter":    `"4130"`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value": `"7"`,
		"costCenter":                            `"4130"`,
		"manager":                               `{"value":"7"}`,
		"name.givenName":                        `"Mara"`,
		"active":                                `true`,
		"shoeSize":                              `42.50`,
		"tags":                                  `["a","b"]`,
		"nothing.a":                             `{"b":1}`,
		"urn:acme:1.0:user:badge":               `"B-7"`,
		"urn:acme:1.0:User:remote":              `false`,
		"urn:acme:1.0:User:desk.floor":          `3`,
		"urn:acme:1.0:User":                     `{"Badge":"B-7","desk":{"floor":3},"remote":false}`,
		"urn:okta:acme_1:1.0:user:custom:badge": `7`,
		`emails[type eq "home"].value`:          `"m@home.example"`,
		`emails[type eq "home" and value co "home"].Value`: `"m@home.example"`,
		"emails.value":                         `"mara@acme.example"`,
		"roles":                                `[{"primary":true,"value":"x"},{"value":"y"}]`,
		`roles[value eq "y"]`:                  `[{"value":"y"}]`,
		`roles[primary eq "True"].value`:       `"x"`,
		`phoneNumbers[type eq "mobile"]`:       `[{"type":"mobile","value":"2"},{"type":"mobile","value":"3"}]`,
		`phoneNumbers[type eq "mobile"].value`: `"2"`,
		`phoneNumbers[type eq mobile].value`:   `"2"`,
		"addresses.locality":                   `"Oslo"`,
		`tags[value eq "b"]`:                   `["b"]`,
		`tags.value`:                           `"a"`,

		// Attributes of the payload by their names.
		"phone_number": `"1"`, "email": `"mara@acme.example"`, "dp_id": `"00u1"`, "preferred_username": `"mara@acme.example"`, "name": `"Mara Quist"`,
		"given_name": `"Mara"`, "family_name": `"Quist"`, "cost_center": `"4130"`, "department": `"News"`,

		// What leads to nothing.
		"nickName": ``, "picture": ``, "nickname": ``, "name.middleName": ``, "shoeSize.eu": ``, `emails[type eq "other"].value`: ``, `emails[type eq "other"]`: ``,
		"emails.display": ``, "urn:acme:1.0:User:none": ``, "urn:acme:9.9:User:badge": ``, "urn:acme:9.9:User": ``, "tags.x": ``, `name[givenName eq "X"].familyName`: ``,
	} {
		p, _ := mappedUser(t, stored(rich), mapping("it", "", source))
		got := ""
		if v, ok := p.CustomAttributes["it"]; ok {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got = string(b)
		}
		if got != want {
			t.Errorf("%s leads to %s, want %s", source, got, want)
		}
		if want == "" {
			if p, _ = mappedUser(t, stored(rich), mapping("it", "else", source)); p.CustomAttributes["it"] != "else" {
				t.Errorf("%s leads to %v in place of its default", source, p.CustomAttributes["it"])
			}
		}
	}
}

// TestMap_payload says what a mapping does to the attributes of the payload.
func TestMap_payload(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", announce.MaxMappedValue)
	for name, tt := range map[string]struct {
		list []events.AttributeMapping
		want func(*public.User)
	}{
		"nothing":                         {nil, func(*public.User) {}},
		"the first source that has one":   {[]events.AttributeMapping{mapping("a", "z", "nickName", "title", "name")}, func(p *public.User) { p.CustomAttributes["a"] = "Editor" }},
		"a constant":                      {[]events.AttributeMapping{mapping("a", "z")}, func(p *public.User) { p.CustomAttributes["a"] = "z" }},
		"an attribute of the payload":     {[]events.AttributeMapping{mapping("department", "", "title")}, func(p *public.User) { p.Department = "Editor" }},
		"one that was empty":              {[]events.AttributeMapping{mapping("nickname", "", "name.givenName")}, func(p *public.User) { p.Nickname = "Mara" }},
		"its default":                     {[]events.AttributeMapping{mapping("zoneinfo", "UTC", "timezone")}, func(p *public.User) { p.Zoneinfo = "UTC" }},
		"it stays without a value":        {[]events.AttributeMapping{mapping("department", "", "nickName")}, func(*public.User) {}},
		"a number as text":                {[]events.AttributeMapping{mapping("employee_id", "", "urn:okta:acme_1:1.0:user:custom:badge")}, func(p *public.User) { p.EmployeeID = "7" }},
		"a boolean as text":               {[]events.AttributeMapping{mapping("user_type", "", "urn:acme:1.0:User:remote")}, func(p *public.User) { p.UserType = "false" }},
		"a list as its preferred value":   {[]events.AttributeMapping{mapping("title", "", "roles"), mapping("nickname", "", "tags"), mapping("locale", "", `phoneNumbers[type eq "mobile"]`)}, func(p *public.User) { p.Title, p.Nickname, p.Locale = "x", "a", "2" }},
		"an object as its value":          {[]events.AttributeMapping{mapping("title", "", "manager")}, func(p *public.User) { p.Title = "7" }},
		"an object without one":           {[]events.AttributeMapping{mapping("title", "", "nothing", "urn:acme:1.0:User:desk")}, func(*public.User) {}},
		"by what it is without a mapping": {[]events.AttributeMapping{mapping("given_name", "", "family_name"), mapping("family_name", "", "given_name")}, func(p *public.User) { p.GivenName, p.FamilyName = "Quist", "Mara" }},
		"a long value counts as none":     {[]events.AttributeMapping{mapping("a", "short", "long")}, func(p *public.User) { p.CustomAttributes["a"] = "short" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := stored(strings.Replace(rich, `"userName"`, `"long":"`+long+`","userName"`, 1))
			want, _ := mappedUser(t, u)
			tt.want(&want)
			got, _ := mappedUser(t, u, tt.list...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMap_everyText says that every text of the payload is a source by its name,
// and that those that a directory lets be mapped are set.
func TestMap_everyText(t *testing.T) {
	t.Parallel()
	u := stored(`{"userName":"mara@acme.example","nickName":"n","title":"t","userType":"u","profileUrl":"p","preferredLanguage":"l","locale":"lo","timezone":"z","displayName":"d",
		"name":{"givenName":"g","familyName":"f"},"phoneNumbers":[{"value":"1"}],"photos":[{"value":"2"}],` + enterprise + `:{"employeeNumber":"e","costCenter":"c","organization":"o","division":"di","department":"de"}}`)
	plain, _ := mappedUser(t, u)
	b, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	var payload map[string]any
	if err := json.Unmarshal(b, &payload); err != nil {
		t.Fatal(err)
	}
	texts := 0
	for name, value := range payload {
		if _, isText := value.(string); !isText || name == "id" || name == "organization_id" || name == "directory_id" {
			continue
		}
		texts++
		if p, _ := mappedUser(t, u, mapping("it", "", name)); p.CustomAttributes["it"] != value {
			t.Errorf("the source %s leads to %v, want %v", name, p.CustomAttributes["it"], value)
		}
		w := newStage(t, directory.DeactivationDeletes)
		_, err := w.Try(directory.MapDirectoryAttributes{Organization: w.scope.Organization, Directory: w.scope.Directory, Mappings: []events.AttributeMapping{mapping(name, "mapped", "none")}})
		p, _ := mappedUser(t, u, mapping(name, "mapped", "none"))
		b, _ := json.Marshal(p)
		var after map[string]any
		_ = json.Unmarshal(b, &after)
		if set := after[name] == "mapped"; set != (err == nil) {
			t.Errorf("%s is set: %v, the directory says %v", name, set, err)
		}
	}
	if texts != 20 {
		t.Errorf("the payload has %d texts; a new one needs a name as a source", texts)
	}
}

// anyJSON draws a value of any shape.
func anyJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 6
		if depth == 0 {
			most = 4
		}
		switch rapid.IntRange(0, most).Draw(t, "shape") {
		case 0:
			return rapid.SampledFrom([]string{"", "work", "a", "<&>\u2028"}).Draw(t, "text")
		case 1:
			return rapid.Bool().Draw(t, "flag")
		case 2:
			return json.Number(rapid.SampledFrom([]string{"0", "-1.50", "1e999", "12345678901234567890"}).Draw(t, "number"))
		case 3:
			return nil
		case 4:
			return strings.Repeat("x", 5000)
		case 5:
			return rapid.SliceOfN(anyJSON(depth-1), 0, 3).Draw(t, "list")
		default:
			return rapid.MapOfN(rapid.SampledFrom([]string{"value", "type", "primary", "givenName", "badge", "a"}), anyJSON(depth-1), 0, 4).Draw(t, "object")
		}
	})
}

// TestMap_neverFails says that no attributes stop a projector, whatever their
// shape, and that what a mapping makes of them is a payload of bounded size.
func TestMap_neverFails(t *testing.T) {
	t.Parallel()
	sources := []string{
		"title", "name.givenName", "emails", "emails.value", `emails[type eq "work"].value`, `emails[type eq "work" or not (value pr)]`, "name", "phone_number", "manager.value",
		"urn:acme:1.0:User:badge", "urn:acme:1.0:User:badge.a", "urn:acme:1.0:User", "x", "x.a", `x[a gt 3]`, `name[givenName sw "a"].value`, "picture",
	}
	names := rapid.SampledFrom([]string{
		"title", "name", "emails", "phoneNumbers", "photos", "addresses", "x", "urn:acme:1.0:User", "URN:ACME:1.0:user", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
	})
	rapid.Check(t, func(t *rapid.T) {
		attributes, err := json.Marshal(rapid.MapOfN(names, anyJSON(3), 0, 8).Draw(t, "attributes"))
		if err != nil {
			t.Fatal(err)
		}
		var list []events.AttributeMapping
		for i, key := range []string{"title", "nickname", "one", "two"} {
			list = append(list, mapping(key, rapid.SampledFrom([]string{"", "z"}).Draw(t, "default"), rapid.SliceOfN(rapid.SampledFrom(sources), 0, 3).Draw(t, fmt.Sprint("sources ", i))...))
		}
		p, _ := mappedUser(t, stored(string(attributes)), list...)
		if b, err := json.Marshal(p); err != nil || len(b) > len(attributes)*7+4*announce.MaxMappedValue+2000 {
			t.Fatalf("a payload of %d bytes from %d (%v)", len(b), len(attributes), err)
		}
	})
}

// TestMappingChange says of whom receivers hear when a mapping changes: of each
// user whose payload differs, once, and of nobody else.
func TestMappingChange(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationUpdates)
	titled := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("ada@acme.example", map[string]any{"title": "Editor"})}))
	bare := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("bob@acme.example")}))
	s.fold(t, s.World)
	name := map[string]string{titled: "titled", bare: "bare"}
	maps := func(list ...events.AttributeMapping) directory.Command {
		return directory.MapDirectoryAttributes{Organization: s.scope.Organization, Directory: s.scope.Directory, Mappings: list}
	}
	badge := events.DirectoryExtension{Resource: "User", Definition: []byte(`{"id":"urn:acme:1.0:User","name":"Acme","attributes":[{"name":"badge"}]}`)}
	for _, step := range []struct {
		what string
		do   directory.Command
		want []string
	}{
		{"to whom it applies", maps(mapping("job", "", "title")), []string{"titled"}},
		{"the same again", maps(mapping("job", "", "title")), nil},
		{"another way to the same", maps(mapping("job", "", "nickName", "title")), nil},
		{"a default", maps(mapping("job", "none", "title")), []string{"bare"}},
		{"one that changes nothing", maps(mapping("job", "none", "title"), mapping("department", "", "nickName"), mapping("title", "", "title")), nil},
		{"an attribute of the payload", maps(mapping("job", "none", "title"), mapping("department", "", "title")), []string{"titled"}},
		{"the order", maps(mapping("department", "", "title"), mapping("job", "none", "title")), nil},
		{"schemas that lead elsewhere", directory.RegisterDirectorySchemas{Organization: s.scope.Organization, Directory: s.scope.Directory, Extensions: []events.DirectoryExtension{badge}}, nil},
		{"a user", directory.PatchUser{Scope: s.scope, ID: bare, Patch: patched(t, `{"op":"add","path":"title","value":"Chief"}`)}, []string{"bare"}},
		{"no more", maps(), []string{"titled", "bare"}},
	} {
		var got []string
		s.Must(t, step.do)
		for _, a := range s.fold(t, s.World) {
			if a.Type != public.UserUpdated {
				t.Errorf("%s: %s", step.what, a.Type)
			}
			got = append(got, name[read(t, a).ID])
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.what, diff)
		}
	}
}

// TestDigest holds what is kept of a told user where nothing is mapped. If it
// came out otherwise, a new version would tell every receiver of every user
// again.
func TestDigest(t *testing.T) {
	t.Parallel()
	s := newStage(t, directory.DeactivationUpdates)
	id := directorytest.ID(s.Must(t, directory.CreateUser{Scope: s.scope, State: directorytest.User("ada@acme.example", map[string]any{"title": "Editor"})}))
	group := directorytest.ID(s.Must(t, directory.CreateGroup{Scope: s.scope, State: directorytest.Group("Editors"), Members: []string{id}}))
	s.fold(t, s.World)
	u, _, err := directory.Get[*directory.User](s.rows, directory.Make(directory.TableUser, s.scope.Directory, id))
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, text := range []string{string(u.Attributes), "ada@acme.example", "active", group, "Editors"} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	want := sha256.Sum256(b)
	told, ok, err := directory.Get[*directory.Announced](s.rows, directory.Make(directory.TableAnnounced, id))
	if err != nil || !ok || !bytes.Equal(told.Digest[:], want[:len(told.Digest)]) {
		t.Errorf("kept is %+v (%v), want the digest %x", told, err, want[:16])
	}
}

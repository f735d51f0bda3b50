package directory_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// TestResolve fills in references wherever a provider can write one, and keeps
// what a command is found by in step with its attributes. What goes to another
// process first is resolved to the same.
func TestResolve(t *testing.T) {
	t.Parallel()
	resolve := func(name string) (string, bool) { return "id-" + name, name != "unknown" }
	user := func(attributes string) events.UserState {
		return events.UserState{Attributes: json.RawMessage(attributes), UserNames: events.UserNames{UserName: "ada", ExternalID: "bulkId:a"}, Active: true}
	}
	group := func(attributes string) events.GroupState {
		return events.GroupState{Attributes: json.RawMessage(attributes), GroupNames: events.GroupNames{DisplayName: "bulkId:a"}}
	}
	change := func(kind *schema.Resource, body string) patch.Request {
		p, err := patch.Parse(nil, kind, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const manager = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"%"}}`
	attributes := func(value string) string {
		return `{"active":true,"externalId":"` + value + `","title":"not bulkId:a",` + strings.Replace(manager, "%", value, 1) + `,"userName":"ada"}`
	}
	const unknown = `{"active":true,"title":"bulkId:unknown","userName":"ada"}`
	body := func(id string) string {
		return `{"Operations":[{"op":"add","path":"members","value":[{"value":"` + id + `"}]},{"op":"remove","path":"members[value eq \"` + id + `\"]"}]}`
	}
	s := directory.Scope{Directory: "dir_1"}
	for name, tt := range map[string]struct{ in, want directory.Command }{
		"CreateUser": {
			directory.CreateUser{Scope: s, State: user(attributes("bulkId:a"))},
			directory.CreateUser{Scope: s, State: named(user(attributes("id-a")), "id-a")},
		},
		"ReplaceUser": {
			directory.ReplaceUser{Scope: s, ID: "bulkId:b", State: user(attributes("bulkId:a")), KeepActive: true, IfMatch: directory.Precondition{Any: true}},
			directory.ReplaceUser{Scope: s, ID: "id-b", State: named(user(attributes("id-a")), "id-a"), KeepActive: true, IfMatch: directory.Precondition{Any: true}},
		},
		"PatchUser": {
			directory.PatchUser{Scope: s, ID: "bulkId:b", Patch: change(schema.User, `{"Operations":[{"op":"add","path":"title","value":"bulkId:a"}]}`)},
			directory.PatchUser{Scope: s, ID: "id-b", Patch: change(schema.User, `{"Operations":[{"op":"add","path":"title","value":"id-a"}]}`)},
		},
		"DeleteUser": {directory.DeleteUser{Scope: s, ID: "bulkId:b"}, directory.DeleteUser{Scope: s, ID: "id-b"}},
		"CreateGroup": {
			directory.CreateGroup{Scope: s, State: group(`{"displayName":"bulkId:a"}`), Members: []string{"bulkId:a", "x", "bulkId:unknown"}},
			directory.CreateGroup{Scope: s, State: events.GroupState{Attributes: json.RawMessage(`{"displayName":"id-a"}`), GroupNames: events.GroupNames{DisplayName: "id-a"}}, Members: []string{"id-a", "x", "bulkId:unknown"}},
		},
		"ReplaceGroup": {
			directory.ReplaceGroup{Scope: s, ID: "bulkId:b", State: group(`{"displayName":"bulkId:a"}`), Members: []string{"bulkId:c"}},
			directory.ReplaceGroup{Scope: s, ID: "id-b", State: events.GroupState{Attributes: json.RawMessage(`{"displayName":"id-a"}`), GroupNames: events.GroupNames{DisplayName: "id-a"}}, Members: []string{"id-c"}},
		},
		"PatchGroup": {
			directory.PatchGroup{Scope: s, ID: "bulkId:b", Patch: change(schema.Group, body("bulkId:a"))},
			directory.PatchGroup{Scope: s, ID: "id-b", Patch: change(schema.Group, body("id-a"))},
		},
		"DeleteGroup": {directory.DeleteGroup{Scope: s, ID: "bulkId:b"}, directory.DeleteGroup{Scope: s, ID: "id-b"}},
		"unknown":     {directory.CreateUser{Scope: s, State: user(unknown)}, directory.CreateUser{Scope: s, State: named(user(unknown), "")}},
		"another":     {directory.CreateDomain{Domain: "bulkId:a"}, directory.CreateDomain{Domain: "bulkId:a"}},
	} {
		b, err := json.Marshal(directory.Request{ID: "1", Command: tt.in})
		if err != nil {
			t.Fatal(err)
		}
		var sent directory.Request
		if err := json.Unmarshal(b, &sent); err != nil {
			t.Fatal(err)
		}
		for _, in := range []directory.Command{tt.in, sent.Command} {
			got, err := directory.Resolve(in, resolve)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(written(t, tt.want), written(t, got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if again := written(t, tt.in); again != string(b) {
			t.Errorf("%s was changed to %s", name, again)
		}
	}
}

func named(s events.UserState, externalID string) events.UserState {
	s.ExternalID = externalID
	return s
}

func written(t *testing.T, c directory.Command) string {
	t.Helper()
	b, err := json.Marshal(directory.Request{ID: "1", Command: c})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

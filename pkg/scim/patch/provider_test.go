package patch_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

// What identity providers send, in the order in which they send it, to one user.
func TestApply_providers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, before string
		requests     []string // the operations of each
		want         string
	}{
		{
			name:   "Okta deactivates and lets back in",
			before: `{"active":true,"userName":"jane"}`,
			requests: []string{
				`{"op":"replace","value":{"active":false}}`,
				`{"op":"replace","value":{"active":true}}`,
				`{"op":"replace","value":{"active":false,"password":"Dr0pped!"}}`,
			},
			want: `{"active":false,"userName":"jane"}`,
		},
		{
			name:   "Entra by default: one path for each",
			before: `{"active":true,"emails":[{"type":"home","value":"j@home.example"}],"userName":"jane"}`,
			requests: []string{
				`{"op":"Add","path":"emails[type eq \"work\"].value","value":"jane@acme.example"},
				 {"op":"Add","path":"emails[type eq \"work\"].primary","value":"True"},
				 {"op":"Add","path":"name.givenName","value":"Jane"},
				 {"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"1 Way"},
				 {"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"},
				 {"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"42"},
				 {"op":"Add","path":"roles[primary eq \"True\"].value","value":"admin"},
				 {"op":"Replace","path":"active","value":"False"}`,
				`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"doe@acme.example"},
				 {"op":"Replace","path":"roles[primary eq \"True\"].value","value":"user"},
				 {"op":"Replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1"},
				 {"op":"Remove","path":"addresses[type eq \"work\"].streetAddress"}`,
			},
			want: `{"active":false,"addresses":[{"country":"DE","type":"work"}],` +
				`"emails":[{"type":"home","value":"j@home.example"},{"primary":true,"type":"work","value":"doe@acme.example"}],` +
				`"name":{"givenName":"Jane"},"phoneNumbers":[{"type":"mobile","value":"+1"}],"roles":[{"primary":true,"value":"user"}],` +
				enterprise + `:{"manager":{"value":"42"}},"userName":"jane"}`,
		},
		{
			name:   "Entra with aadOptscim062020: dotted keys",
			before: `{"active":true,"userName":"jane"}`,
			requests: []string{
				`{"op":"replace","value":{"displayName":"Jane Doe","name.givenName":"Jane","name.familyName":"Doe","emails[type eq \"work\"].value":"jane@acme.example",` +
					enterprise[:len(enterprise)-1] + `:employeeNumber":"701984",` + enterprise[:len(enterprise)-1] + `:manager":"42","active":false}}`,
			},
			want: `{"active":false,"displayName":"Jane Doe","emails":[{"type":"work","value":"jane@acme.example"}],"name":{"familyName":"Doe","givenName":"Jane"},` +
				enterprise + `:{"employeeNumber":"701984","manager":{"value":"42"}},"userName":"jane"}`,
		},
		{
			name:     "Google suspends",
			before:   `{"active":true,"userName":"jane"}`,
			requests: []string{`{"op":"replace","path":"active","value":false}`},
			want:     `{"active":false,"userName":"jane"}`,
		},
		{
			name:     "OneLogin speaks SCIM 1.1 of managers",
			before:   `{"active":true,"userName":"jane"}`,
			requests: []string{`{"op":"replace","path":` + enterprise + `,"value":{"manager":{"managerId":"7"},"department":""}}`},
			want:     `{"active":true,` + enterprise + `:{"manager":{"value":"7"}},"userName":"jane"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.before
			for i, operations := range tt.requests {
				next, reason := after(t, patch.User, userID, got, operations)
				if reason != "" {
					t.Fatalf("request %d is refused: %s", i+1, reason)
				}
				// Sent again it changes nothing.
				if again, reason := after(t, patch.User, userID, next, operations); reason != "" || again != next {
					t.Errorf("request %d, repeated: %s %s", i+1, reason, cmp.Diff(next, again))
				}
				got = next
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzReadFields holds the quick reader against encoding/json: whatever New
// could have written reads the same.
func FuzzReadFields(f *testing.F) {
	f.Add("u1", "x\"\\\u2028é", "Näme", "a@b.example", `{"a":[1,{"b":"}"}],"c":"\\\""}`, true)
	f.Add("", "", "", "", `{}`, false)
	f.Fuzz(func(t *testing.T, name, external, display, address, attributes string, active bool) {
		var doc map[string]any
		var compact bytes.Buffer
		if json.Unmarshal([]byte(attributes), &doc) != nil || doc == nil || json.Compact(&compact, []byte(attributes)) != nil {
			t.Skip("attributes are one JSON object")
		}
		attributes = compact.String() // as they are stored
		state := UserState{
			UserNames: UserNames{UserName: name, ExternalID: external, DisplayName: display, Emails: []string{address, name}},
			Active:    active, Address: address, Attributes: json.RawMessage(attributes),
		}
		for _, p := range []Payload{UserCreated{UserState: state}, UserCreated{UserState: state, Previous: name, Continues: active}, UserUpdated{state, &state.UserNames, active}, UserUpdated{UserState: state}} {
			e, err := New(Event{}, p)
			if err != nil {
				t.Fatal(err)
			}
			e.body = nil // as if it were read from a frame
			var want, got any
			switch p.(type) {
			case UserCreated:
				var w UserCreated
				err = json.Unmarshal(e.Payload, &w)
				g, gotErr := Decode[UserCreated](e)
				want, got = w, g
				if gotErr != nil {
					t.Fatal(gotErr)
				}
			default:
				var w UserUpdated
				err = json.Unmarshal(e.Payload, &w)
				g, gotErr := Decode[UserUpdated](e)
				want, got = w, g
				if gotErr != nil {
					t.Fatal(gotErr)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("read %+v\nwant %+v", got, want)
			}
		}
	})
}

func TestReadFields_refuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "null", "[]", `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":"`, `{"a":{"b":1}`, `{"a" 1}`} {
		if err := readFields([]byte(s), &UserState{}); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

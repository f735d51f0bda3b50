package events

import (
	"bytes"
	"encoding/json"
)

// The types of a directory user's life.
const (
	TypeUserCreated Type = "user.created.v1"
	TypeUserUpdated Type = "user.updated.v1"
	TypeUserDeleted Type = "user.deleted.v1"
)

// UserNames are the values by which a user can be found, as the provider sent
// them.
type UserNames struct {
	UserName    string   `json:"user_name"`
	ExternalID  string   `json:"external_id,omitempty"`
	DisplayName string   `json:"display_name,omitempty"`
	Emails      []string `json:"emails,omitempty"`
}

// UserState is a user as a whole: what is indexed, and the canonical SCIM
// attributes.
type UserState struct {
	UserNames
	Active bool `json:"active"`
	// Address is the e-mail address that policies and webhooks use.
	Address string `json:"address,omitempty"`
	// Attributes is the canonical JSON of the SCIM resource without id, meta,
	// schemas, groups and password.
	Attributes json.RawMessage `json:"attributes"`
	// Superseded holds, by path, what the directory itself last said of the
	// attributes that the API wrote since: null if it said nothing. As long as it
	// says the same again, the API's value stands.
	Superseded map[string]json.RawMessage `json:"superseded,omitempty"`
}

// field implements quick.
func (u *UserState) field(name string, value []byte) (err error) {
	switch name {
	case "user_name":
		u.UserName, err = text(value)
	case "external_id":
		u.ExternalID, err = text(value)
	case "display_name":
		u.DisplayName, err = text(value)
	case "address":
		u.Address, err = text(value)
	case "active":
		u.Active = string(value) == "true"
	case "emails":
		err = json.Unmarshal(value, &u.Emails)
	case "superseded":
		err = json.Unmarshal(value, &u.Superseded)
	case "attributes":
		u.Attributes = bytes.Clone(value) // not to keep the whole frame alive
	}
	return err
}

// UserCreated says that a user joined.
type UserCreated struct {
	UserState
	// Previous is the id of the deleted user who comes back as this one, empty
	// if there is none. Ids are never used again (RFC 7643 section 3.1).
	Previous string `json:"previous,omitempty"`
	// Person is the id of the person whom the API had made and who this user is;
	// empty if the user is a person of its own.
	Person string `json:"person,omitempty"`
	// Continues says that a later event of the commit is about the same user, who
	// joins a group that waited for it: receivers are told of both at once, with
	// the last such event.
	Continues bool `json:"continues,omitempty"`
}

// field implements quick.
func (u *UserCreated) field(name string, value []byte) (err error) {
	switch name {
	case "previous":
		u.Previous, err = text(value)
	case "person":
		u.Person, err = text(value)
	case "continues":
		u.Continues = string(value) == "true"
	default:
		err = u.UserState.field(name, value)
	}
	return err
}

// UserUpdated holds the user as a whole after the change; Freed holds the names
// before it, if any of them changed.
type UserUpdated struct {
	UserState
	Freed *UserNames `json:"freed,omitempty"`
	// Continues is as in UserCreated.
	Continues bool `json:"continues,omitempty"`
}

// field implements quick.
func (u *UserUpdated) field(name string, value []byte) error {
	switch name {
	case "freed":
		return json.Unmarshal(value, &u.Freed)
	case "continues":
		u.Continues = string(value) == "true"
		return nil
	}
	return u.UserState.field(name, value)
}

// UserDeleted holds what became free, and what a receiver needs to know whom
// it lost.
type UserDeleted struct {
	UserNames
	Address string `json:"address,omitempty"`
}

func (UserCreated) Type() Type { return TypeUserCreated }
func (UserUpdated) Type() Type { return TypeUserUpdated }
func (UserDeleted) Type() Type { return TypeUserDeleted }

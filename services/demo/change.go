package demo

import "github.com/rollcallhq/rollcall/events/public"

// ref names a user or a group of the plan before the server has given it an
// id. Refs count up from 0 over both directories.
type ref int

// person is what a provider knows of somebody.
type person struct {
	login             string // userName and e-mail address without the domain
	given, family     string
	title, department string
}

func (p person) name() string { return p.given + " " + p.family }

// kind is what a change does.
type kind string

const (
	joinUser      kind = "join user"
	changeUser    kind = "change user"
	deactivate    kind = "deactivate user"
	reactivate    kind = "reactivate user"
	deleteUser    kind = "delete user"
	createGroup   kind = "create group"
	confirmGroup  kind = "confirm group" // Okta repeats id and name after a create
	renameGroup   kind = "rename group"
	addMembers    kind = "add members"
	removeMembers kind = "remove members"
	pushMembers   kind = "push members" // the whole list
	deleteGroup   kind = "delete group"
)

// change is one request that changes something, or would if it were not so
// already.
type change struct {
	kind kind
	// directory is 0 or 1.
	directory int
	// on is the user or group that the change is about.
	on      ref
	person  person // joinUser, changeUser
	name    string // createGroup, confirmGroup, renameGroup
	members []ref  // addMembers, removeMembers, pushMembers
	// touches are all whose events depend on the order of this change and
	// another: two changes with a common one must not swap.
	touches []ref
	wants   []want
}

// want is one public event that a change must cause.
type want struct {
	about ref
	// version is the event's data.version: the how-many-eth event about it.
	version uint64
	typ     public.Type
	// sight is what the event must show.
	sight string
}

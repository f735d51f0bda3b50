package events

import "encoding/json"

// The types of a directory group's life.
const (
	TypeGroupCreated        Type = "group.created.v1"
	TypeGroupUpdated        Type = "group.updated.v1"
	TypeGroupDeleted        Type = "group.deleted.v1"
	TypeGroupMembersAdded   Type = "group.members_added.v1"
	TypeGroupMembersRemoved Type = "group.members_removed.v1"

	TypeGroupMembersPended   Type = "group.members_pended.v1"
	TypeGroupMembersUnpended Type = "group.members_unpended.v1"
)

// MaxMembers is how many members one event names at most; a larger change is
// several events of one commit.
const MaxMembers = 1000

// GroupNames are the values by which a group can be found.
type GroupNames struct {
	DisplayName string `json:"display_name"`
	ExternalID  string `json:"external_id,omitempty"`
}

// GroupState is a group without its members.
type GroupState struct {
	GroupNames
	// Attributes is the canonical JSON of the SCIM resource without id, meta,
	// schemas and members.
	Attributes json.RawMessage `json:"attributes"`
}

// GroupCreated says that a group appeared, still empty.
type GroupCreated struct {
	GroupState
	// Previous is the id of the deleted group that comes back as this one, empty
	// if there is none.
	Previous string `json:"previous,omitempty"`
}

// GroupUpdated holds the group after the change; Freed holds the names before
// it, if any of them changed. A rename is carried to the members by a fan-out
// named after this event.
type GroupUpdated struct {
	GroupState
	Freed *GroupNames `json:"freed,omitempty"`
}

// GroupDeleted says that a group is gone. Its memberships are taken apart by a
// fan-out named after this event.
type GroupDeleted struct{ GroupNames }

// GroupMembersAdded names members that were not in the group before.
type GroupMembersAdded struct {
	Members []string `json:"members"`
	// Resolved are the pending values that turned out to mean the member, and
	// are not pending any more.
	Resolved []string `json:"resolved,omitempty"`
	// Continues is as in UserCreated: the one member, a user, joins further groups
	// with the commit.
	Continues bool `json:"continues,omitempty"`
}

// GroupMembersRemoved names members that were in the group before.
type GroupMembersRemoved struct {
	Members []string `json:"members"`
}

// GroupMembersPended names values that a provider sent as members and that name
// nobody whom the directory holds. They are no members; whoever appears under
// such a name becomes one. The group is shown as before, so the revision stays.
type GroupMembersPended struct {
	Values []string `json:"values"`
}

// GroupMembersUnpended names pending values that the provider took back, or that
// mean somebody who is a member already. The revision stays.
type GroupMembersUnpended struct {
	Values []string `json:"values"`
}

func (GroupCreated) Type() Type        { return TypeGroupCreated }
func (GroupUpdated) Type() Type        { return TypeGroupUpdated }
func (GroupDeleted) Type() Type        { return TypeGroupDeleted }
func (GroupMembersAdded) Type() Type   { return TypeGroupMembersAdded }
func (GroupMembersRemoved) Type() Type { return TypeGroupMembersRemoved }

func (GroupMembersPended) Type() Type   { return TypeGroupMembersPended }
func (GroupMembersUnpended) Type() Type { return TypeGroupMembersUnpended }

package directory

import (
	"encoding/json"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

// Row is a piece of folded state. Rows are immutable once they are in a
// Change: whoever changes one copies it first.
type Row interface{ row() }

// Ref is the row of an index: the id it leads to, empty where the key says it.
type Ref string

// Environment is the installation itself; there is one.
type Environment struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// Organization is a customer of the application.
type Organization struct {
	ID       string    `json:"id"`
	Revision uint64    `json:"revision"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
	events.OrganizationProfile
	Settings events.OrganizationSettings `json:"settings,omitzero"`
}

// Domain is a domain that an organization registered.
type Domain struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization"`
	Name         string    `json:"name"`
	Kind         string    `json:"kind"`
	Verification string    `json:"verification"`
	Created      time.Time `json:"created"`
	// Updated is zero and Revision 0 in rows of earlier versions, for Created and 1.
	Updated  time.Time               `json:"updated,omitzero"`
	Revision uint64                  `json:"revision,omitempty"`
	DNS      *events.DomainChallenge `json:"dns,omitempty"`
}

// Directory is one connection to one identity provider.
type Directory struct {
	ID           string                 `json:"id"`
	Organization string                 `json:"organization"`
	Revision     uint64                 `json:"revision"`
	Enabled      bool                   `json:"enabled"`
	Created      time.Time              `json:"created"`
	Updated      time.Time              `json:"updated"`
	Policy       events.DirectoryPolicy `json:"policy"`
	events.DirectoryProfile
	// Extensions are the schemas that are registered for it, Mappings where the
	// attributes that receivers see come from.
	Extensions []events.DirectoryExtension `json:"extensions,omitempty"`
	Mappings   []events.AttributeMapping   `json:"mappings,omitempty"`
	// Networks are where requests may come from; none: everywhere.
	Networks []string `json:"networks,omitempty"`

	derived *settings // nil or about these Extensions, Mappings and Networks
}

// Secret is a directory's bearer secret, by its hash.
type Secret struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization"`
	Directory    string    `json:"directory"`
	Hash         []byte    `json:"hash"`
	Suffix       string    `json:"suffix"`
	Created      time.Time `json:"created"`
	// Until is when it ends since another one took its place; zero: never.
	Until time.Time `json:"until,omitzero"`
	// Revision counts its events; 0 stands for 1 in rows of earlier versions.
	Revision uint64 `json:"revision,omitempty"`
}

// LiveAt reports whether the secret opens its directory at a time.
func (r *Secret) LiveAt(t time.Time) bool { return r.Until.IsZero() || t.Before(r.Until) }

// APIClient is an application's credential for the API.
type APIClient struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization,omitempty"` // empty: every organization
	Revision     uint64    `json:"revision,omitempty"`
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated,omitzero"`
	Name         string    `json:"name,omitempty"`
	Scopes       []string  `json:"scopes,omitempty"` // empty: all
	Hash         []byte    `json:"hash"`
	Suffix       string    `json:"suffix"`
	// SecretNumber counts the client's secrets; 0 is 1.
	SecretNumber uint64 `json:"secret_number,omitempty"`
	// Former are secrets that were replaced and still count, the newest last.
	Former []FormerSecret `json:"former,omitempty"`
}

// NATSCredential lets the holder of a key's seed read EVENTS over NATS.
type NATSCredential struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization,omitempty"` // empty: every organization
	Created      time.Time `json:"created"`
	Name         string    `json:"name,omitempty"`
	PublicKey    string    `json:"public_key"`
	EventTypes   []string  `json:"event_types,omitempty"` // none: all
	Start        time.Time `json:"start,omitzero"`        // zero: from the oldest kept event
}

// FormerSecret is a secret that counts until a time.
type FormerSecret struct {
	Until  time.Time `json:"until"`
	Number uint64    `json:"number"`
	Hash   []byte    `json:"hash"`
	Suffix string    `json:"suffix"`
}

// UsedKey is an idempotency key that was used.
type UsedKey struct {
	At      time.Time `json:"at"`
	Request []byte    `json:"request"`
	// Row is the key of the row that the request was about.
	Row Key `json:"row"`
}

// AuditEntry is one administrative event, without what it holds. Only projectors
// keep it.
type AuditEntry struct {
	At           time.Time   `json:"at"`
	Type         events.Type `json:"type"`
	Actor        string      `json:"actor"`
	Organization string      `json:"organization,omitempty"`
	Directory    string      `json:"directory,omitempty"`
	Resource     string      `json:"resource,omitempty"`
	Revision     uint64      `json:"revision,omitempty"`
}

// Endpoint is a webhook receiver.
type Endpoint struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization,omitempty"` // empty: every organization
	Revision     uint64    `json:"revision"`
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
	events.WebhookSigningKeys
	// Former are keys that were replaced and still count, the newest last.
	Former []FormerKeys `json:"former,omitempty"`
	// DisabledBecause is why the server disabled it by itself, else empty.
	DisabledBecause string `json:"disabled_because,omitempty"`
	// FailingSince and Warned are of the last warning.
	FailingSince time.Time `json:"failing_since,omitzero"`
	Warned       int       `json:"warned,omitempty"`
	events.WebhookEndpointConfig
}

// FormerKeys are signing keys that count until a time.
type FormerKeys struct {
	Until time.Time `json:"until"`
	events.WebhookSigningKeys
}

// SigningKey signs access tokens; its private half is sealed.
type SigningKey struct {
	ID        string    `json:"id"`
	Algorithm string    `json:"algorithm"`
	Public    []byte    `json:"public"`
	Sealed    []byte    `json:"sealed"`
	Created   time.Time `json:"created"`
}

// Role is what the application grants. A deleted one stays, for those that still
// name it and to lead to what took its place.
type Role struct {
	ID           string    `json:"id"`
	Organization string    `json:"organization,omitempty"` // empty: of all
	Revision     uint64    `json:"revision"`
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
	Deleted      time.Time `json:"deleted,omitzero"`
	Heir         string    `json:"heir,omitempty"`
	events.RoleProfile
}

// Permission is what a role may do, in the application's words.
type Permission struct {
	ID       string    `json:"id"`
	Revision uint64    `json:"revision"`
	Created  time.Time `json:"created"`
	Updated  time.Time `json:"updated"`
	events.PermissionProfile
}

// DefaultRoles is who creators and members are if nothing else is said.
type DefaultRoles struct {
	Revision uint64 `json:"revision"`
	events.DefaultRolesChanged
}

// RoleMapping says which groups of a directory give which roles.
type RoleMapping struct {
	Assignments []events.RoleAssignment `json:"assignments"`

	index *assignmentIndex
}

// RoleCount is how many users of an organization have a role.
type RoleCount struct {
	Users uint64 `json:"users"`
}

// User is a directory user. Attributes is what events.UserState says.
type User struct {
	ID           string
	Organization string
	Directory    string
	Previous     string // the deleted user who came back as this one, or empty
	Person       string // the person that it is if that is stored, or empty
	Revision     uint64
	Created      time.Time
	Updated      time.Time
	events.UserState
}

// Group is a directory group; its members are rows of TableMember.
type Group struct {
	ID           string
	Organization string
	Directory    string
	Previous     string // the deleted group that came back as this one, or empty
	Revision     uint64
	Created      time.Time
	Updated      time.Time
	Members      uint64 // how many
	Pending      uint64 // how many member values name nobody yet
	events.GroupState
}

// Counts keeps a directory's totals, so that no list has to count.
type Counts struct {
	Users         uint64
	Groups        uint64
	UsersUpdated  time.Time
	GroupsUpdated time.Time
	Former        uint64 // rows of TableFormer
	Pending       uint64 // rows of TablePending of the directory's groups
	// LastUserChunk and LastGroupChunk are ids in the keys of the last chunks as
	// of when a row was last added: what is added next is counted there, unless
	// the chunk was dropped meanwhile. Empty in rows of earlier formats.
	LastUserChunk, LastGroupChunk string
}

// lastChunk returns where the id of the last chunk of users or groups is kept.
func (c *Counts) lastChunk(rows Table) *string {
	if rows == TableGroup {
		return &c.LastGroupChunk
	}
	return &c.LastUserChunk
}

// FanoutKind says what a fan-out carries.
type FanoutKind string

// The fan-outs.
const (
	FanoutGroupRenamed     FanoutKind = "group_renamed"
	FanoutGroupDeleted     FanoutKind = "group_deleted"
	FanoutDirectoryDeleted FanoutKind = "directory_deleted"
	FanoutAttributesMapped FanoutKind = "attributes_mapped"
	// FanoutRolesChanged goes over users whose roles may be others now.
	FanoutRolesChanged FanoutKind = "roles_changed"
	// FanoutBackfill goes over what a webhook endpoint is told of.
	FanoutBackfill FanoutKind = "backfill"
	// FanoutOrganizationDeleted ends what the API said of its members.
	FanoutOrganizationDeleted FanoutKind = "organization_deleted"
)

// FanoutBatch is how many resources one step of a fan-out touches at most.
const FanoutBatch = 500

// Fanout is a change that touches many resources, on its way through them.
type Fanout struct {
	Job          string     `json:"job"`
	Kind         FanoutKind `json:"kind"`
	Organization string     `json:"organization"`
	Directory    string     `json:"directory"`
	Resource     string     `json:"resource"`
	// Further are prefixes of keys that the job covers behind those of its kind.
	Further []Key `json:"further,omitempty"`
	// After is the last key that is done.
	After    Key    `json:"after"`
	Steps    uint64 `json:"steps"`
	Endpoint string `json:"endpoint,omitempty"` // of a back-fill
}

// Announced is what receivers of public events were last told of a resource.
// Only projectors keep it.
type Announced struct {
	// Version counts the resource's public events.
	Version uint64
	// Live says that the last of them was not a deletion.
	Live bool
	// Digest is of everything that a receiver sees, to tell a change from none.
	Digest [16]byte
	// Roles are the ids of the roles that a user was said to have.
	Roles []string
}

func (*Announced) row()      {}
func (Ref) row()             {}
func (*Environment) row()    {}
func (*Organization) row()   {}
func (*Domain) row()         {}
func (*Directory) row()      {}
func (*Secret) row()         {}
func (*APIClient) row()      {}
func (*NATSCredential) row() {}
func (*UsedKey) row()        {}
func (*AuditEntry) row()     {}
func (*Endpoint) row()       {}
func (*SigningKey) row()     {}
func (*User) row()           {}
func (*Role) row()           {}
func (*Permission) row()     {}
func (*DefaultRoles) row()   {}
func (*RoleMapping) row()    {}
func (*RoleCount) row()      {}
func (*Group) row()          {}
func (*Counts) row()         {}
func (*Fanout) row()         {}
func (*Former) row()         {}

// Change sets a row, or removes it if Row is nil.
type Change struct {
	Key Key
	Row Row
}

// View is folded state as of one position. Reads are cheap and see no change
// while a Decide or Evolve runs.
//
// Errors mean that the store below is broken (a row that does not decode, a
// file that cannot be read), never "not there".
type View interface {
	// Get returns the row at k, nil if there is none.
	Get(k Key) (Row, error)
	// Scan calls yield for the rows whose key begins with prefix and is greater
	// than after (empty: all), in key order, until yield returns false.
	Scan(prefix, after Key, yield func(Key, Row) bool) error
	// ScanBack calls yield for the rows whose key begins with prefix and is less
	// than before (empty: all), the greatest first, until yield returns false.
	ScanBack(prefix, before Key, yield func(Key, Row) bool) error
}

// rawJSON makes an absent attribute document an empty one. Between processes
// absence is written as null.
func rawJSON(b json.RawMessage) json.RawMessage {
	if len(b) == 0 || string(b) == "null" {
		return json.RawMessage("{}")
	}
	return b
}

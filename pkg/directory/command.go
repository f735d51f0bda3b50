package directory

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim/lenience"
)

// Command is one wish. The set is closed: a command decides itself.
type Command interface {
	// name is the command's stable name between processes.
	name() string
	decide(d *decision) error
}

// Request is a command on its way to the owner of the log.
type Request struct {
	// ID is chosen by the sender, unique for ever, at most 64 bytes. It marks
	// the commit in the log.
	ID string
	// Actor is who wishes it: "scim:<secret id>", "api:<client id>" or "system".
	Actor   string
	Command Command
	// Once, if it is set, keeps the command from being carried out twice.
	Once *Once
}

// Stamp is what the owner adds just before deciding.
type Stamp struct {
	// At is the time of the commit, in UTC with microseconds, never before that
	// of an earlier commit.
	At time.Time
	// FirstID is greater than the id of every earlier event. A commit uses the
	// numbers from here on.
	FirstID uint64
}

// Scope is a directory that a live credential opened. Commands of a provider
// carry one, and it is checked again when they are decided.
type Scope struct {
	Organization string `json:"organization"`
	Directory    string `json:"directory"`
	// Secret is the id of the bearer secret that opened it, SecretHash its hash.
	Secret     string `json:"secret"`
	SecretHash []byte `json:"secret_hash"`
}

// Outcome is what a decided command led to.
type Outcome struct {
	Events []events.Event
	// Resource is the key of the row that the command is about, to be read once
	// the events are folded; empty for deletions.
	Resource Key
	// Deviations are the ways in which the command was understood although it is
	// not as the RFCs have it, as far as only the state could tell.
	Deviations []lenience.Deviation
	// Notes say what else became of the command.
	Notes Notes
}

// Decide says what the request causes in the state that v shows. No events and
// no error means that there is nothing to do.
//
// Errors are *fault.Error, except where the View itself fails.
func Decide(v View, r Request, s Stamp) (Outcome, error) {
	d := &decision{view: v, request: r, stamp: s, next: s.FirstID}
	if done, row, err := d.repeated(r.Once); done || err != nil {
		return Outcome{Resource: row}, err
	}
	if err := r.Command.decide(d); err != nil {
		return Outcome{}, err
	}
	if err := d.remember(r.Once); err != nil {
		return Outcome{}, err
	}
	return Outcome{Events: d.events, Resource: d.resource, Deviations: d.reading.Deviations(), Notes: d.notes}, nil
}

// decision is a Decide under way.
type decision struct {
	view     View
	request  Request
	stamp    Stamp
	next     uint64
	events   []events.Event
	resource Key
	// reading reads what could not be read before there was a state to read it by.
	reading lenience.Reading
	notes   Notes
}

// mint takes the id of the event that is emitted next, as a resource id.
func (d *decision) mint(prefix string) string { return FormatID(prefix, d.next) }

func (d *decision) emit(e events.Event, p events.Payload) error {
	e.ID, e.At, e.Actor = d.next, d.stamp.At, d.request.Actor
	e, err := events.New(e, p)
	if err != nil {
		return err
	}
	d.next++
	d.events = append(d.events, e)
	return nil
}

// get reads the row at k as a T; ok is false if there is none.
func get[T Row](v View, k Key) (row T, ok bool, err error) {
	r, err := v.Get(k)
	if err != nil || r == nil {
		return row, false, err
	}
	row, ok = r.(T)
	if !ok {
		return row, false, fmt.Errorf("row of table %q is a %T", byte(k.Table()), r)
	}
	return row, true, nil
}

// Get reads the row at k as a T; ok is false if there is none.
func Get[T Row](v View, k Key) (row T, ok bool, err error) { return get[T](v, k) }

// any reports whether a key with the prefix exists.
func anyKey(v View, prefix Key) (bool, error) {
	found := false
	err := v.Scan(prefix, "", func(Key, Row) bool { found = true; return false })
	return found, err
}

// wireRequest is a Request between processes. The command is JSON inside a
// string: as a nested document, encoding/json would escape its text for HTML,
// and attributes are compared and stored as bytes.
type wireRequest struct {
	ID      string `json:"id"`
	Actor   string `json:"actor"`
	Name    string `json:"name"`
	Command string `json:"command"`
	Once    *Once  `json:"once,omitempty"`
}

// MarshalJSON writes the request for another process.
func (r Request) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r.Command); err != nil {
		return nil, err
	}
	return json.Marshal(wireRequest{ID: r.ID, Actor: r.Actor, Name: r.Command.name(), Command: b.String(), Once: r.Once})
}

// UnmarshalJSON reads what MarshalJSON wrote. A command that this program does
// not know is a fault of kind Unimplemented.
func (r *Request) UnmarshalJSON(b []byte) error {
	var w wireRequest
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	decode, ok := commands[w.Name]
	if !ok {
		return fault.New(fault.Unimplemented, "This server does not know the command %q; upgrade it.", w.Name)
	}
	c, err := decode([]byte(w.Command))
	if err != nil {
		return err
	}
	*r = Request{ID: w.ID, Actor: w.Actor, Command: c, Once: w.Once}
	return nil
}

// commands holds every command that may come from another process.
var commands = map[string]func([]byte) (Command, error){}

func init() {
	register[Bootstrap]()
	register[CreateAPIClient]()
	register[UpdateAPIClient]()
	register[ChangeAPIClientSecret]()
	register[DeleteAPIClient]()
	register[CreateNATSCredential]()
	register[RevokeNATSCredential]()
	register[CreateOrganization]()
	register[UpdateOrganization]()
	register[DeleteOrganization]()
	register[ChangeOrganizationSettings]()
	register[CreatePortalLink]()
	register[RedeemPortalLink]()
	register[DeletePortalLinks]()
	register[CreateDomain]()
	register[ConfirmDomain]()
	register[FailDomain]()
	register[DeleteDomain]()
	register[CreateDirectory]()
	register[UpdateDirectory]()
	register[EnableDirectory]()
	register[DisableDirectory]()
	register[DeleteDirectory]()
	register[ChangeDirectoryPolicy]()
	register[RegisterDirectorySchemas]()
	register[MapDirectoryAttributes]()
	register[CreateDirectorySecret]()
	register[RevokeDirectorySecret]()
	register[RotateDirectorySecret]()
	register[AllowDirectoryNetworks]()
	register[CreateWebhookEndpoint]()
	register[UpdateWebhookEndpoint]()
	register[ChangeWebhookSecret]()
	register[WarnWebhookEndpoint]()
	register[DisableWebhookEndpoint]()
	register[TestWebhookEndpoint]()
	register[DeleteWebhookEndpoint]()
	register[RequestWebhookReplay]()
	register[CancelWebhookReplay]()
	register[FinishWebhookReplay]()
	register[CreateUser]()
	register[ReplaceUser]()
	register[PatchUser]()
	register[DeleteUser]()
	register[CreateGroup]()
	register[ReplaceGroup]()
	register[PatchGroup]()
	register[DeleteGroup]()
	register[ContinueFanout]()
	register[CreateRole]()
	register[UpdateRole]()
	register[ChangeRolePermissions]()
	register[DeleteRole]()
	register[ChangeDefaultRoles]()
	register[CreatePermission]()
	register[UpdatePermission]()
	register[DeletePermission]()
	register[AssignRoles]()
	register[CreatePerson]()
	register[UpdatePerson]()
	register[DeletePerson]()
	register[CreateMembership]()
	register[UpdateMembership]()
	register[ChangeMemberRoles]()
	register[DeleteMembership]()
	register[SendInvitation]()
	register[AcceptInvitation]()
}

func register[C Command]() {
	var zero C
	commands[zero.name()] = func(b []byte) (Command, error) {
		var c C
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, fmt.Errorf("decode command %s: %w", zero.name(), err)
		}
		return c, nil
	}
}

// Package directorytest drives package directory in tests: a World decides and
// folds commands in memory, and Commands draws random ones that make sense.
//
// What must not live here: expectations about what a command does; those are
// the tests' own.
package directorytest

import (
	"crypto/sha256"
	"errors"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/directory"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// TB is the part of testing.TB that rapid's T has too.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Start is when the first commit of a World is stamped.
var Start = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// World is folded state in memory and the events that led to it.
type World struct {
	Rows   *directory.Overlay
	Log    []events.Event
	LastID uint64
	At     time.Time
	n      int
}

// NewWorld is empty.
func NewWorld() *World {
	return &World{Rows: directory.NewOverlay(directory.Empty{}), LastID: 100_000_000_000_000_000, At: Start}
}

// Stamp returns what the owner would stamp the next commit with.
func (w *World) Stamp() directory.Stamp {
	return directory.Stamp{At: w.At.Add(time.Second), FirstID: w.LastID + 1}
}

// Request wraps a command as a test sends it.
func Request(c directory.Command) directory.Request {
	return directory.Request{ID: "cmd", Actor: "api:test", Command: c}
}

// Try decides a command and folds what it causes.
func (w *World) Try(c directory.Command) (directory.Outcome, error) {
	s := w.Stamp()
	out, err := directory.Decide(w.Rows, Request(c), s)
	if err != nil {
		return out, err
	}
	for _, e := range out.Events {
		if err := w.Fold(e); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Fold folds one event into the world.
func (w *World) Fold(e events.Event) error {
	changes, err := directory.Evolve(w.Rows, e)
	if err != nil {
		return err
	}
	w.Rows.Apply(changes)
	w.Log = append(w.Log, e)
	w.LastID, w.At = e.ID, e.At
	return nil
}

// refusal reports whether an error is one that callers are meant to see.
func refusal(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Kind != fault.Internal
}

// Must is Try for a command that is not refused.
func (w *World) Must(t TB, c directory.Command) directory.Outcome {
	t.Helper()
	out, err := w.Try(c)
	if err != nil {
		t.Fatalf("%T is refused: %v", c, err)
	}
	return out
}

// ID returns the id in the key of the row that an outcome is about.
func ID(o directory.Outcome) string { return o.Resource.Last() }

// Secret returns the hash of a secret that nobody else has.
func (w *World) Secret() []byte {
	w.n++
	h := sha256.Sum256([]byte{byte(w.n), byte(w.n >> 8), byte(w.n >> 16)}) //nolint:gosec // the low bytes are meant
	return h[:]
}

// Organization adds a customer with the given domains.
func (w *World) Organization(t TB, name string, domains ...string) string {
	t.Helper()
	id := ID(w.Must(t, directory.CreateOrganization{Profile: events.OrganizationProfile{DisplayName: name, ExternalID: name}}))
	for _, d := range domains {
		w.Must(t, directory.CreateDomain{Organization: id, Domain: d})
	}
	return id
}

// Directory adds an enabled directory and returns what one of its secrets opens.
func (w *World) Directory(t TB, org string) directory.Scope {
	t.Helper()
	dir := ID(w.Must(t, directory.CreateDirectory{Organization: org, Kind: "SCIM", Provider: "OKTA"}))
	w.Must(t, directory.EnableDirectory{Organization: org, Directory: dir})
	hash := w.Secret()
	w.Must(t, directory.CreateDirectorySecret{Organization: org, Directory: dir, Hash: hash, Suffix: "wxyz"})
	s, err := directory.Authenticate(w.Rows, dir, hash, w.At)
	if err != nil {
		t.Fatalf("the new secret does not open its directory: %v", err)
	}
	return s
}

// User returns the state of a user whose userName is its address, changed by
// further attributes.
func User(userName string, attributes ...map[string]any) events.UserState {
	r := scim.Resource{"userName": userName, "active": true, "emails": []any{map[string]any{"value": userName, "primary": true}}}
	for _, a := range attributes {
		for k, v := range a {
			if v == nil {
				delete(r, k)
			} else {
				r[k] = v
			}
		}
	}
	s, err := directory.UserStateOf(r)
	if err != nil {
		panic(err)
	}
	return s
}

// Group returns the state of a group.
func Group(name string, attributes ...map[string]any) events.GroupState {
	r := scim.Resource{"displayName": name}
	for _, a := range attributes {
		for k, v := range a {
			r[k] = v
		}
	}
	s, err := directory.GroupStateOf(r)
	if err != nil {
		panic(err)
	}
	return s
}

// Rows returns every row of a view in its stored form, by key.
func Rows(t TB, v directory.View) map[directory.Key]string {
	t.Helper()
	all := map[directory.Key]string{}
	for _, table := range Tables {
		err := v.Scan(directory.Key(table), "", func(k directory.Key, r directory.Row) bool {
			b, err := directory.EncodeRow(r)
			if err != nil {
				t.Fatalf("encode the row at %q: %v", k, err)
			}
			all[k] = string(b)
			return true
		})
		if err != nil {
			t.Fatalf("scan table %c: %v", table, err)
		}
	}
	return all
}

// Tables are all tables that events are folded into, except Announced.
var Tables = []directory.Table{
	directory.TableEnvironment, directory.TableOrganization, directory.TableOrganizationName, directory.TableDomain, directory.TableDomainName,
	directory.TableDirectory, directory.TableOrgDirectory, directory.TableSecret, directory.TableDirectorySecret, directory.TableClient,
	directory.TableEndpoint, directory.TableReplay, directory.TableSigningKey, directory.TableUser, directory.TableUserName, directory.TableUserExternal,
	directory.TableUserEmail, directory.TableUserDisplay, directory.TableGroup, directory.TableGroupDisplay, directory.TableGroupExternal,
	directory.TableMember, directory.TableMemberOf, directory.TableCounts, directory.TableFanout,
	directory.TableUserChunk, directory.TableGroupChunk,
	directory.TableFormer, directory.TableFormerExternal, directory.TableFormerName, directory.TableFormerOrder,
	directory.TablePending, directory.TablePendingName,
	directory.TableRole, directory.TableRoleName, directory.TableOrgRoleName, directory.TableRoleExtends, directory.TableRoleHeir,
	directory.TableRoleUse, directory.TableRoleDefault, directory.TableRoleMapping, directory.TableDefaultRoles,
	directory.TablePermission, directory.TablePermissionName,
}

// Fold folds events into a new overlay over nothing.
func Fold(t TB, log []events.Event) *directory.Overlay {
	t.Helper()
	return FoldOver(t, directory.NewOverlay(directory.Empty{}), log)
}

// FoldOver folds events into o and returns it.
func FoldOver(t TB, o *directory.Overlay, log []events.Event) *directory.Overlay {
	t.Helper()
	for _, e := range log {
		changes, err := directory.Evolve(o, e)
		if err != nil {
			t.Fatalf("fold %s: %v", e.Type, err)
		}
		o.Apply(changes)
	}
	return o
}

// Stored returns the events as a reader of the log gets them: without the
// payload that the writer still has in memory.
func Stored(log []events.Event) []events.Event {
	out := make([]events.Event, len(log))
	for i, e := range log {
		out[i] = events.Event{
			Type: e.Type, ID: e.ID, At: e.At, Actor: e.Actor, Organization: e.Organization, Directory: e.Directory,
			Resource: e.Resource, Revision: e.Revision, Payload: e.Payload,
		}
	}
	return out
}

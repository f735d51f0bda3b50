// Package announce decides which public events a log event causes, and what
// they show.
//
// A receiver is told of a resource when what it would see of it changes, and
// only then. For every resource the projector keeps what receivers were last
// told (a directory.Announced row: a version, whether it was a deletion, and a
// digest of all that was visible); an event is due when that no longer fits.
// That one rule covers membership, renames, fan-outs and repeats alike: who
// joined a group while a rename was under way is told once, not twice.
//
// The package is pure. What must not live here: reading the log, the outbox,
// sending (services/projector).
package announce

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// Announcement is a public event that is due, not yet written as bytes.
type Announcement struct {
	Type         public.Type
	Number       public.Number
	At           time.Time
	Organization string
	Directory    string
	// Endpoint is the one webhook endpoint that is told, empty for all, and Replay
	// what asked for it.
	Endpoint, Replay string

	// data is built when it is asked for: a rebuild passes over events that were
	// emitted long ago.
	data func() (any, error)
}

// Data returns what the event shows of its resource.
func (a Announcement) Data() (any, error) { return a.data() }

// Body returns the bytes that receivers get.
func (a Announcement) Body(environment string) ([]byte, error) {
	data, err := a.data()
	if err != nil {
		return nil, err
	}
	return public.New(a.Type, a.Number, a.At, environment, a.Organization, data).Body()
}

// Fold folds one log event into the overlay and returns the public events that
// it causes, in order. ordinal is the event's place in the log, from 1.
//
// Errors mean a poison event: the overlay then holds none of its changes.
func Fold(o *directory.Overlay, e events.Event, ordinal uint64) ([]Announcement, error) {
	touched, err := subjects(o, e)
	if err != nil {
		return nil, err
	}
	before := make([]directory.Row, len(touched))
	for i, k := range touched {
		if before[i], err = o.Get(k); err != nil {
			return nil, err
		}
	}
	changes, err := directory.Evolve(o, e)
	if err != nil {
		return nil, err
	}
	progress, err := directory.Progress(o, e, changes)
	if err != nil {
		return nil, err
	}
	if len(touched) == 0 {
		o.Apply(changes)
		o.Apply(progress)
		return nil, nil
	}
	// The event's own layer first: if a later step fails, nothing is left of it.
	top := directory.NewOverlay(o)
	top.Apply(changes)
	t := telling{view: top, before: o, e: e, ordinal: ordinal}
	if t.only, t.replay, err = directory.BackfillOf(o, e); err != nil {
		return nil, err
	}
	if t.later, err = directory.Continues(e); err != nil {
		return nil, err
	}
	for i := 0; i < len(touched); i++ {
		after, err := top.Get(touched[i])
		if err != nil {
			return nil, err
		}
		if err := t.tell(touched[i], before[i], after); err != nil {
			return nil, err
		}
		if k, ok := standsWith(before[i], after); ok && !slices.Contains(touched, k) {
			row, err := o.Get(k)
			if err != nil {
				return nil, err
			}
			touched, before = append(touched, k), append(before, row)
		}
	}
	if err := t.recount(); err != nil {
		return nil, err
	}
	o.Apply(changes)
	o.Apply(t.changes)
	o.Apply(progress)
	return t.due, nil
}

// standsWith returns the key of the member that a directory user is, of whom the
// API said something: whether the member is there follows from the user.
func standsWith(before, after directory.Row) (directory.Key, bool) {
	for _, r := range []directory.Row{after, before} {
		if u, ok := r.(*directory.User); ok && u.Person != "" {
			return directory.Make(directory.TableOrgMember, u.Organization, u.Person), true
		}
	}
	return "", false
}

// subjects returns the keys of the rows that the event may change for
// receivers, each once.
func subjects(v directory.View, e events.Event) ([]directory.Key, error) {
	var keys []directory.Key
	switch e.Type {
	case events.TypeUserCreated, events.TypeUserUpdated, events.TypeUserDeleted:
		return []directory.Key{directory.Make(directory.TableUser, e.Directory, e.Resource)}, nil
	case events.TypeOrganizationCreated, events.TypeOrganizationUpdated, events.TypeOrganizationSettingsChanged:
		return []directory.Key{directory.Make(directory.TableOrganization, e.Resource)}, nil
	case events.TypeOrganizationDeleted:
		keys = append(keys, directory.Make(directory.TableOrganization, e.Resource))
	case events.TypeDomainCreated, events.TypeDomainVerified, events.TypeDomainVerificationFailed, events.TypeDomainDeleted:
		return []directory.Key{directory.Make(directory.TableDomain, e.Organization, e.Resource)}, nil
	case events.TypeDirectoryEnabled, events.TypeDirectoryDisabled:
		return []directory.Key{directory.Make(directory.TableDirectory, e.Resource)}, nil
	case events.TypeRoleCreated, events.TypeRoleUpdated, events.TypeRoleDeleted:
		keys = append(keys, directory.Make(directory.TableRole, e.Resource))
	case events.TypePermissionCreated, events.TypePermissionUpdated, events.TypePermissionDeleted:
		return []directory.Key{directory.Make(directory.TablePermission, e.Resource)}, nil
	case events.TypeWebhookEndpointFailing, events.TypeWebhookEndpointTested, events.TypeWebhookEndpointUpdated, events.TypeWebhookEndpointDeleted:
		return []directory.Key{directory.Make(directory.TableEndpoint, e.Resource)}, nil
	case events.TypeDirectoryDeleted:
		keys = append(keys, directory.Make(directory.TableDirectory, e.Resource))
	case events.TypeGroupCreated, events.TypeGroupUpdated, events.TypeGroupDeleted:
		keys = append(keys, directory.Make(directory.TableGroup, e.Directory, e.Resource))
	default: // only through what it touches
	}
	touched, err := directory.Touched(v, e)
	return append(keys, touched...), err
}

// telling is one Fold under way.
type telling struct {
	view    directory.View
	before  directory.View // as it was before the event
	e       events.Event
	ordinal uint64
	due     []Announcement
	changes []directory.Change
	counts  map[directory.Key]int // by how much the users of a role become more
	// only is the endpoint that is told, and replay the back-fill that asked for it.
	only, replay string
	// later says that what the event changes is told with a later one of its commit.
	later bool
}

// subject is the resource that a public event is about.
type subject struct{ id, organization, directory string }

// told is what receivers know once they have the event.
type told struct {
	live   bool
	digest [16]byte
	roles  []string
}

func (t *telling) tell(k directory.Key, before, after directory.Row) error {
	switch k.Table() {
	case directory.TableUser:
		b, _ := before.(*directory.User)
		a, _ := after.(*directory.User)
		return t.user(b, a)
	case directory.TableGroup:
		b, _ := before.(*directory.Group)
		a, _ := after.(*directory.Group)
		return t.group(b, a)
	case directory.TableOrganization:
		b, _ := before.(*directory.Organization)
		a, _ := after.(*directory.Organization)
		return t.organization(b, a)
	case directory.TableDomain:
		b, _ := before.(*directory.Domain)
		a, _ := after.(*directory.Domain)
		return t.domain(b, a)
	case directory.TableEndpoint:
		b, _ := before.(*directory.Endpoint)
		a, _ := after.(*directory.Endpoint)
		return t.endpoint(b, a)
	case directory.TableRole:
		b, _ := before.(*directory.Role)
		a, _ := after.(*directory.Role)
		return t.role(b, a)
	case directory.TableOrgMember:
		b, _ := before.(*directory.OrgMember)
		a, _ := after.(*directory.OrgMember)
		return t.membership(b, a)
	case directory.TablePermission:
		b, _ := before.(*directory.Permission)
		a, _ := after.(*directory.Permission)
		return t.permission(b, a)
	case directory.TableDirectory:
		b, _ := before.(*directory.Directory)
		a, _ := after.(*directory.Directory)
		return t.directory(b, a)
	default: // nobody is told of it
	}
	return nil
}

// told returns what receivers were last told of a resource.
func (t *telling) told(id string) (*directory.Announced, error) {
	a, ok, err := directory.Get[*directory.Announced](t.view, directory.Make(directory.TableAnnounced, id))
	if !ok {
		a = &directory.Announced{}
	}
	return a, err
}

// repeat tells one endpoint of a resource what the others know already.
func (t *telling) repeat(s subject, was *directory.Announced, typ public.Type, data func(version uint64) (any, error)) {
	version := was.Version
	t.due = append(t.due, Announcement{
		Type: typ, Number: public.NumberOf(t.ordinal, len(t.due)), At: t.e.At, Organization: s.organization, Directory: s.directory,
		Endpoint: t.only, Replay: t.replay,
		data: func() (any, error) { return data(version) },
	})
}

// say records one public event about a resource and what receivers know now.
func (t *telling) say(s subject, was *directory.Announced, n told, typ public.Type, data func(version uint64) (any, error)) {
	now := &directory.Announced{Version: was.Version + 1, Live: n.live, Digest: n.digest, Roles: n.roles}
	t.due = append(t.due, Announcement{
		Type: typ, Number: public.NumberOf(t.ordinal, len(t.due)), At: t.e.At,
		Organization: s.organization, Directory: s.directory,
		data: func() (any, error) { return data(now.Version) },
	})
	t.changes = append(t.changes, directory.Change{Key: directory.Make(directory.TableAnnounced, s.id), Row: now})
}

// forget drops what was told of a resource that is gone for good.
func (t *telling) forget(id string) {
	t.changes = append(t.changes, directory.Change{Key: directory.Make(directory.TableAnnounced, id)})
}

// digest is of several texts, each behind its length.
type digest struct{ b []byte }

func (d *digest) add(s string) {
	d.b = binary.AppendUvarint(d.b, uint64(len(s)))
	d.b = append(d.b, s...)
}

func (d *digest) sum() (out [16]byte) {
	s := sha256.Sum256(d.b)
	copy(out[:], s[:])
	return out
}

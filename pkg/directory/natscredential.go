package directory

import (
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

const (
	// MaxNATSCredentials is how many an environment has at most: each is a consumer
	// of EVENTS, which has 1,000 at most, and a look at every change of them.
	MaxNATSCredentials = 100
	// maxNATSTypes bounds the types that a credential names.
	maxNATSTypes = 100
)

type (
	// CreateNATSCredential lets the holder of a key's seed read EVENTS.
	CreateNATSCredential struct {
		Name      string `json:"name,omitempty"`
		PublicKey string `json:"public_key"`
		// Organization, if it is set, is the only one whose events it reads.
		Organization string     `json:"organization,omitempty"`
		EventTypes   []string   `json:"event_types,omitempty"` // none: all
		Start        *time.Time `json:"start,omitempty"`       // nil: from the oldest kept event
	}
	// RevokeNATSCredential ends a credential.
	RevokeNATSCredential struct {
		ID string `json:"id"`
	}
)

func (CreateNATSCredential) name() string { return "CreateNATSCredential" }
func (RevokeNATSCredential) name() string { return "RevokeNATSCredential" }

func (c CreateNATSCredential) decide(d *decision) error {
	if err := length("name", c.Name, 0, maxClientName); err != nil {
		return err
	}
	if !userKey(c.PublicKey) {
		return fault.New(fault.Invalid, "public_key is not the public nkey of a NATS user.")
	}
	if len(c.EventTypes) > maxNATSTypes {
		return fault.New(fault.Invalid, "event_types names more than %d types.", maxNATSTypes)
	}
	for _, t := range c.EventTypes {
		if !slices.Contains(public.Types(), public.Type(t)) {
			return fault.New(fault.Invalid, "event_types: %.60q is no type of event.", t)
		}
	}
	if c.Organization != "" {
		if _, ok, err := get[*Organization](d.view, Make(TableOrganization, c.Organization)); err != nil {
			return err
		} else if !ok {
			return fault.New(fault.NotFound, "There is no organization %q.", c.Organization)
		}
	}
	n, twice := 0, false
	if err := d.view.Scan(Make(TableNATSCredential), "", func(_ Key, row Row) bool {
		r, ok := row.(*NATSCredential)
		n, twice = n+1, twice || ok && r.PublicKey == c.PublicKey
		return true
	}); err != nil {
		return err
	}
	if twice {
		return fault.New(fault.Conflict, "There is a NATS credential with this key already; make another key.")
	}
	if n >= MaxNATSCredentials {
		return fault.New(fault.FailedPrecondition, "There are %d NATS credentials, which is the most; revoke one that is not used any more.", MaxNATSCredentials)
	}
	types := slices.Compact(slices.Sorted(slices.Values(c.EventTypes)))
	id := d.mint(PrefixNATSCredential)
	d.resource = Make(TableNATSCredential, id)
	return d.emit(events.Event{Organization: c.Organization, Resource: id, Revision: 1},
		events.NATSCredentialCreated{Name: c.Name, PublicKey: c.PublicKey, EventTypes: types, Start: c.Start})
}

func (c RevokeNATSCredential) decide(d *decision) error {
	r, ok, err := get[*NATSCredential](d.view, Make(TableNATSCredential, c.ID))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.NotFound, "There is no NATS credential %q.", c.ID)
	}
	return d.emit(events.Event{Organization: r.Organization, Resource: r.ID, Revision: 2}, events.NATSCredentialRevoked{})
}

// userKey reports whether text has the form of a public nkey of a user: 35 bytes
// in base32, which begin with the letter U. Its checksum is the server's business.
func userKey(text string) bool {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	return err == nil && len(b) == 35 && strings.HasPrefix(text, "U")
}

func foldNATSCredentialCreated(f *folding, p events.NATSCredentialCreated) error {
	r := &NATSCredential{
		ID: f.e.Resource, Organization: f.e.Organization, Created: f.e.At,
		Name: p.Name, PublicKey: p.PublicKey, EventTypes: p.EventTypes,
	}
	if p.Start != nil {
		r.Start = *p.Start
	}
	f.put(Make(TableNATSCredential, r.ID), r)
	return nil
}

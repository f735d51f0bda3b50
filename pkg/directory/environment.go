package directory

import (
	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// Bootstrap makes the environment, its first API client and its first signing
// key, if there is no environment yet.
type Bootstrap struct {
	ClientID     string `json:"client_id,omitempty"` // empty: minted
	SecretHash   []byte `json:"secret_hash"`
	SecretSuffix string `json:"secret_suffix"`
	Public       []byte `json:"public"`
	Sealed       []byte `json:"sealed"`
}

func (Bootstrap) name() string { return "Bootstrap" }

func (c Bootstrap) decide(d *decision) error {
	if found, err := anyKey(d.view, Make(TableEnvironment)); err != nil || found {
		return err
	}
	if len(c.SecretHash) != 32 || len(c.Sealed) == 0 || len(c.Public) == 0 {
		return fault.New(fault.Invalid, "A new installation needs a client secret's SHA-256 and a signing key.")
	}
	if err := length("client_id", c.ClientID, 0, 64); err != nil {
		return err
	}
	d.resource = Make(TableEnvironment, d.mint(PrefixEnvironment))
	if err := d.emit(events.Event{Resource: d.mint(PrefixEnvironment), Revision: 1}, events.EnvironmentCreated{}); err != nil {
		return err
	}
	id := c.ClientID
	if id == "" {
		id = d.mint(PrefixClient)
	}
	if err := d.emit(events.Event{Resource: id, Revision: 1}, events.APIClientCreated{Name: "bootstrap", Hash: c.SecretHash, Suffix: c.SecretSuffix}); err != nil {
		return err
	}
	if err := d.emit(events.Event{Resource: d.mint(PrefixSigningKey), Revision: 1},
		events.SigningKeyCreated{Algorithm: "RS256", Public: c.Public, Sealed: c.Sealed}); err != nil {
		return err
	}
	return d.sampleRoles()
}

// sampleRoles makes the roles that a new installation begins with, so that it has
// something to give. They can be changed and deleted like any others.
func (d *decision) sampleRoles() error {
	ids := map[string]string{}
	for _, p := range []events.RoleProfile{
		{Name: "admin", DisplayName: "Administrator", Description: "Manages the application for the organization."},
		{Name: "editor", DisplayName: "Editor", Description: "Works on what is there."},
		{Name: "member", DisplayName: "Member", Description: "Whoever belongs to the organization."},
	} {
		ids[p.Name] = d.mint(PrefixRole)
		if err := d.emit(events.Event{Resource: ids[p.Name], Revision: 1}, events.RoleCreated{RoleProfile: p}); err != nil {
			return err
		}
	}
	return d.emit(events.Event{Resource: defaultsOf(""), Revision: 1}, events.DefaultRolesChanged{Creator: ids["admin"], Member: ids["member"]})
}

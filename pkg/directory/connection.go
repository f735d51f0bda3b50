package directory

import (
	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The values of a directory's policies.
const (
	DomainPolicyEnforce  = "ENFORCE"
	DomainPolicyOff      = "OFF"
	EmailPolicyImmutable = "IMMUTABLE"
	EmailPolicyFollow    = "FOLLOW_DIRECTORY"
	DeactivationDeletes  = "USER_DELETED"
	DeactivationUpdates  = "USER_UPDATED"
	ConformanceLenient   = "LENIENT"
	ConformanceStrict    = "STRICT"
)

// DefaultPolicy is what a new directory starts with.
var DefaultPolicy = events.DirectoryPolicy{
	DomainPolicy: DomainPolicyEnforce, EmailPolicy: EmailPolicyImmutable, DeactivationEvent: DeactivationDeletes,
	Conformance: ConformanceLenient,
}

type (
	// CreateDirectory prepares a connection; it takes nothing before it is
	// enabled. An empty name becomes the provider's.
	CreateDirectory struct {
		Organization string `json:"organization"`
		Name         string `json:"name,omitempty"`
		Kind         string `json:"kind"`
		Provider     string `json:"provider,omitempty"`
	}
	// EnableDirectory lets SCIM writes in.
	EnableDirectory struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
	}
	// DisableDirectory stops intake and keeps the data.
	DisableDirectory struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
	}
	// UpdateDirectory changes what is set: what the directory is called, whose it
	// is, and whether it takes SCIM writes.
	UpdateDirectory struct {
		Organization string  `json:"organization"`
		Directory    string  `json:"directory"`
		Name         *string `json:"name,omitempty"`
		Provider     *string `json:"provider,omitempty"`
		Enabled      *bool   `json:"enabled,omitempty"`
	}
	// DeleteDirectory removes a disabled directory and all that it holds.
	DeleteDirectory struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
	}
	// ChangeDirectoryPolicy sets the policies that are not nil.
	ChangeDirectoryPolicy struct {
		Organization      string  `json:"organization"`
		Directory         string  `json:"directory"`
		DomainPolicy      *string `json:"domain_policy,omitempty"`
		EmailPolicy       *string `json:"email_policy,omitempty"`
		DeactivationEvent *string `json:"deactivation_event,omitempty"`
		Conformance       *string `json:"conformance,omitempty"`
	}
)

func (CreateDirectory) name() string       { return "CreateDirectory" }
func (EnableDirectory) name() string       { return "EnableDirectory" }
func (DisableDirectory) name() string      { return "DisableDirectory" }
func (DeleteDirectory) name() string       { return "DeleteDirectory" }
func (UpdateDirectory) name() string       { return "UpdateDirectory" }
func (ChangeDirectoryPolicy) name() string { return "ChangeDirectoryPolicy" }

// providerNames are what a directory without a name is called.
var providerNames = map[string]string{
	"": "SCIM", "OKTA": "Okta", "GOOGLE": "Google Workspace", "MICROSOFT_AD": "Microsoft Entra ID", "AUTH0": "Auth0",
	"ONELOGIN": "OneLogin", "JUMPCLOUD": "JumpCloud", "PING_IDENTITY": "PingOne",
}

func (c CreateDirectory) decide(d *decision) error {
	o, err := organization(d.view, c.Organization)
	if err != nil {
		return err
	}
	if err := o.maySync(); err != nil {
		return err
	}
	called, known := providerNames[c.Provider]
	if !known {
		return fault.New(fault.Invalid, "directory_provider %q is unknown.", c.Provider)
	}
	if c.Kind != "SCIM" {
		return fault.New(fault.Invalid, "directory_type must be SCIM; other types are not offered.")
	}
	if c.Name != "" {
		called = c.Name
	}
	if err := length("name", called, 1, 256); err != nil {
		return err
	}
	id := d.mint(PrefixDirectory)
	d.resource = Make(TableDirectory, id)
	return d.emit(events.Event{Organization: o.ID, Directory: id, Resource: id, Revision: 1}, events.DirectoryCreated{
		DirectoryProfile: events.DirectoryProfile{Name: called, Kind: c.Kind, Provider: c.Provider},
		Policy:           DefaultPolicy,
	})
}

func (c EnableDirectory) decide(d *decision) error {
	return UpdateDirectory{Organization: c.Organization, Directory: c.Directory, Enabled: new(true)}.decide(d)
}

func (c DisableDirectory) decide(d *decision) error {
	return UpdateDirectory{Organization: c.Organization, Directory: c.Directory, Enabled: new(false)}.decide(d)
}

func (c UpdateDirectory) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	p := dir.DirectoryProfile
	set(&p.Name, c.Name)
	set(&p.Provider, c.Provider)
	if _, known := providerNames[p.Provider]; !known {
		return fault.New(fault.Invalid, "directory_provider %q is unknown.", p.Provider)
	}
	if err := length("name", p.Name, 1, 256); err != nil {
		return err
	}
	next := dir.event()
	if p != dir.DirectoryProfile {
		if err := d.emit(next, events.DirectoryUpdated{DirectoryProfile: p}); err != nil {
			return err
		}
		next.Revision++
	}
	switch {
	case c.Enabled == nil || *c.Enabled == dir.Enabled:
		return nil
	case !*c.Enabled:
		return d.emit(next, events.DirectoryDisabled{})
	}
	o, err := organization(d.view, dir.Organization)
	if err != nil {
		return err
	}
	if err := o.maySync(); err != nil {
		return err
	}
	return d.emit(next, events.DirectoryEnabled{})
}

func (c DeleteDirectory) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	if dir.Enabled {
		return fault.New(fault.FailedPrecondition, "The directory is enabled; disable it before you delete it.")
	}
	return d.emit(dir.event(), events.DirectoryDeleted{DirectoryProfile: dir.DirectoryProfile})
}

func (c ChangeDirectoryPolicy) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	p := dir.Policy
	for _, f := range []struct {
		name     string
		to, from *string
		a, b     string
	}{
		{"domain_policy", &p.DomainPolicy, c.DomainPolicy, DomainPolicyEnforce, DomainPolicyOff},
		{"email_policy", &p.EmailPolicy, c.EmailPolicy, EmailPolicyImmutable, EmailPolicyFollow},
		{"deactivation_event", &p.DeactivationEvent, c.DeactivationEvent, DeactivationDeletes, DeactivationUpdates},
		{"conformance", &p.Conformance, c.Conformance, ConformanceLenient, ConformanceStrict},
	} {
		if f.from == nil {
			continue
		}
		if *f.from != f.a && *f.from != f.b {
			return fault.New(fault.Invalid, "%s must be %s or %s.", f.name, f.a, f.b)
		}
		*f.to = *f.from
	}
	if p == dir.Policy {
		return nil
	}
	return d.emit(dir.event(), events.DirectoryPolicyChanged{DirectoryPolicy: p})
}

// event is the envelope of the directory's next event.
func (r *Directory) event() events.Event {
	return events.Event{Organization: r.Organization, Directory: r.ID, Resource: r.ID, Revision: r.Revision + 1}
}

// directory finds one within its organization.
func directory(v View, org, id string) (*Directory, error) {
	r, ok, err := get[*Directory](v, Make(TableDirectory, id))
	if err == nil && (!ok || r.Organization != org) {
		err = fault.New(fault.NotFound, "There is no directory %q in this organization.", id)
	}
	return r, err
}

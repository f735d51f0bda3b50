package directory

import (
	"crypto/subtle"

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

// MaxSecrets is how many live bearer secrets a directory has at most.
const MaxSecrets = 10

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
	// CreateDirectorySecret adds a bearer secret by its SHA-256.
	CreateDirectorySecret struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
		Hash         []byte `json:"hash"`
		Suffix       string `json:"suffix"`
	}
	// RevokeDirectorySecret ends a bearer secret.
	RevokeDirectorySecret struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
		ID           string `json:"id"`
	}
)

func (CreateDirectory) name() string       { return "CreateDirectory" }
func (EnableDirectory) name() string       { return "EnableDirectory" }
func (DisableDirectory) name() string      { return "DisableDirectory" }
func (DeleteDirectory) name() string       { return "DeleteDirectory" }
func (ChangeDirectoryPolicy) name() string { return "ChangeDirectoryPolicy" }
func (CreateDirectorySecret) name() string { return "CreateDirectorySecret" }
func (RevokeDirectorySecret) name() string { return "RevokeDirectorySecret" }

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
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	if dir.Enabled {
		return nil
	}
	o, err := organization(d.view, dir.Organization)
	if err != nil {
		return err
	}
	if err := o.maySync(); err != nil {
		return err
	}
	return d.emit(dir.event(), events.DirectoryEnabled{})
}

func (c DisableDirectory) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	d.resource = Make(TableDirectory, dir.ID)
	if !dir.Enabled {
		return nil
	}
	return d.emit(dir.event(), events.DirectoryDisabled{})
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

func (c CreateDirectorySecret) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	if len(c.Hash) != 32 {
		return fault.New(fault.Invalid, "A secret's hash must be a SHA-256.")
	}
	switch held, ok, err := get[*Secret](d.view, Make(TableSecret, HashKey(c.Hash))); {
	case err != nil:
		return err
	case ok && held.Directory == dir.ID: // the same wish, sent again
		d.resource = Make(TableSecret, HashKey(c.Hash))
		return nil
	case ok:
		return fault.New(fault.Conflict, "This secret is in use already; make another one.")
	}
	n := 0
	if err := d.view.Scan(Make(TableDirectorySecret, dir.ID), "", func(Key, Row) bool { n++; return true }); err != nil {
		return err
	}
	if n >= MaxSecrets {
		return fault.New(fault.FailedPrecondition, "The directory has %d secrets, which is the limit; revoke one first.", n)
	}
	e := dir.event()
	e.Resource, e.Revision = d.mint(PrefixSecret), 1
	d.resource = Make(TableSecret, HashKey(c.Hash))
	return d.emit(e, events.DirectorySecretCreated{Hash: c.Hash, Suffix: c.Suffix})
}

func (c RevokeDirectorySecret) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	ref, ok, err := get[Ref](d.view, Make(TableDirectorySecret, dir.ID, c.ID))
	if err != nil {
		return err
	}
	var s *Secret
	if ok {
		if s, ok, err = get[*Secret](d.view, Make(TableSecret, string(ref))); err != nil {
			return err
		}
	}
	if !ok {
		return fault.New(fault.NotFound, "There is no secret %q in this directory.", c.ID)
	}
	e := dir.event()
	e.Resource, e.Revision = c.ID, 2
	return d.emit(e, events.DirectorySecretRevoked{Hash: s.Hash})
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

// Authenticate finds the directory that a bearer secret opens, by the secret's
// SHA-256. An unknown directory and a foreign secret are not told apart.
//
// Errors: Unauthenticated; Unavailable while the directory is disabled, so that
// the provider keeps the change and tries again.
func Authenticate(v View, dir string, hash []byte) (Scope, error) {
	s, ok, err := get[*Secret](v, Make(TableSecret, HashKey(hash)))
	if err != nil {
		return Scope{}, err
	}
	if !ok || subtle.ConstantTimeCompare(s.Hash, hash) != 1 || s.Directory != dir {
		return Scope{}, fault.New(fault.Unauthenticated, "The bearer token is not valid for this directory.")
	}
	sc := Scope{Organization: s.Organization, Directory: s.Directory, Secret: s.ID, SecretHash: s.Hash}
	_, err = sc.live(v)
	return sc, err
}

// live returns the scope's directory if its secret still opens it and it takes
// writes.
func (s Scope) live(v View) (*Directory, error) {
	secret, ok, err := get[*Secret](v, Make(TableSecret, HashKey(s.SecretHash)))
	if err != nil {
		return nil, err
	}
	if !ok || secret.Directory != s.Directory {
		return nil, fault.New(fault.Unauthenticated, "The bearer token is not valid for this directory.")
	}
	dir, ok, err := get[*Directory](v, Make(TableDirectory, s.Directory))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "The bearer token is not valid for this directory.")
	}
	if !dir.Enabled {
		return nil, fault.New(fault.Unavailable, "The directory is disabled; enable it and let the provider try again.")
	}
	return dir, nil
}

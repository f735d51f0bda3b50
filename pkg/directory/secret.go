package directory

import (
	"crypto/subtle"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// MaxSecrets is how many live bearer secrets a directory has at most.
const MaxSecrets = 10

type (
	// CreateDirectorySecret adds a bearer secret by its SHA-256.
	CreateDirectorySecret struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
		Hash         []byte `json:"hash"`
		Suffix       string `json:"suffix"`
	}
	// RotateDirectorySecret adds a bearer secret in the place of all others. Those
	// count for Overlap more, 0 to MaxOverlap, or for as long as they would have
	// if that is less.
	RotateDirectorySecret struct {
		Organization string        `json:"organization"`
		Directory    string        `json:"directory"`
		Hash         []byte        `json:"hash"`
		Suffix       string        `json:"suffix"`
		Overlap      time.Duration `json:"overlap"`
	}
	// RevokeDirectorySecret ends a bearer secret.
	RevokeDirectorySecret struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
		ID           string `json:"id"`
	}
)

func (CreateDirectorySecret) name() string { return "CreateDirectorySecret" }
func (RotateDirectorySecret) name() string { return "RotateDirectorySecret" }
func (RevokeDirectorySecret) name() string { return "RevokeDirectorySecret" }

func (c CreateDirectorySecret) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	if done, err := d.sameSecret(dir, c.Hash); err != nil || done {
		return err
	}
	secrets, err := d.sweep(dir)
	if err != nil {
		return err
	}
	if len(secrets) >= MaxSecrets {
		return fault.New(fault.FailedPrecondition, "The directory has %d secrets, which is the limit; revoke one first.", len(secrets))
	}
	return d.addSecret(dir, c.Hash, c.Suffix)
}

func (c RotateDirectorySecret) decide(d *decision) error {
	dir, err := directory(d.view, c.Organization, c.Directory)
	if err != nil {
		return err
	}
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		return fault.New(fault.Invalid, "The overlap of the old and the new secret is 0 to %d hours.", int(MaxOverlap.Hours()))
	}
	if done, err := d.sameSecret(dir, c.Hash); err != nil || done {
		return err
	}
	secrets, err := d.sweep(dir)
	if err != nil {
		return err
	}
	// Those that end soonest make room where there is none.
	drop := len(secrets) - (MaxSecrets - 1)
	until := d.stamp.At.Add(c.Overlap)
	for i, s := range secrets {
		e := s.event()
		switch {
		case c.Overlap == 0 || i < drop:
			err = d.emit(e, events.DirectorySecretRevoked{Hash: s.Hash})
		case s.Until.IsZero() || until.Before(s.Until):
			err = d.emit(e, events.DirectorySecretExpiring{Hash: s.Hash, Until: until})
		}
		if err != nil {
			return err
		}
	}
	return d.addSecret(dir, c.Hash, c.Suffix)
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
	return d.emit(s.event(), events.DirectorySecretRevoked{Hash: s.Hash})
}

// sameSecret checks a new secret's hash. It is done if the directory has the
// secret: the same wish, sent again.
func (d *decision) sameSecret(dir *Directory, hash []byte) (done bool, err error) {
	if len(hash) != 32 {
		return false, fault.New(fault.Invalid, "A secret's hash must be a SHA-256.")
	}
	held, ok, err := get[*Secret](d.view, Make(TableSecret, HashKey(hash)))
	switch {
	case err != nil || !ok:
		return false, err
	case held.Directory != dir.ID:
		return false, fault.New(fault.Conflict, "This secret is in use already; make another one.")
	}
	d.resource = Make(TableSecret, HashKey(hash))
	return true, nil
}

// sweep revokes a directory's secrets whose time is over, so that they do not
// add up, and returns the others, the oldest first.
func (d *decision) sweep(dir *Directory) (live []*Secret, err error) {
	secrets, err := SecretsOf(d.view, dir.ID)
	if err != nil {
		return nil, err
	}
	for _, s := range secrets {
		if s.LiveAt(d.stamp.At) {
			live = append(live, s)
			continue
		}
		if err := d.emit(s.event(), events.DirectorySecretRevoked{Hash: s.Hash}); err != nil {
			return nil, err
		}
	}
	return live, nil
}

func (d *decision) addSecret(dir *Directory, hash []byte, suffix string) error {
	e := dir.event()
	e.Resource, e.Revision = d.mint(PrefixSecret), 1
	d.resource = Make(TableSecret, HashKey(hash))
	return d.emit(e, events.DirectorySecretCreated{Hash: hash, Suffix: suffix})
}

// SecretsOf returns a directory's secrets, also those whose time is over, the
// oldest first.
func SecretsOf(v View, dir string) (list []*Secret, err error) {
	var hashes []Ref
	if err := v.Scan(Make(TableDirectorySecret, dir), "", func(_ Key, r Row) bool {
		if h, ok := r.(Ref); ok {
			hashes = append(hashes, h)
		}
		return true
	}); err != nil {
		return nil, err
	}
	for _, h := range hashes {
		s, ok, err := get[*Secret](v, Make(TableSecret, string(h)))
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, s)
		}
	}
	return list, nil
}

// event is the envelope of the secret's next event.
func (r *Secret) event() events.Event {
	return events.Event{Organization: r.Organization, Directory: r.Directory, Resource: r.ID, Revision: max(r.Revision, 1) + 1}
}

// Authenticate finds the directory that a bearer secret opens at a time, by the
// secret's SHA-256. An unknown directory, a foreign secret and one whose time is
// over are not told apart.
//
// Errors: Unauthenticated; Unavailable while the directory is disabled, so that
// the provider keeps the change and tries again.
func Authenticate(v View, dir string, hash []byte, at time.Time) (Scope, error) {
	s, ok, err := get[*Secret](v, Make(TableSecret, HashKey(hash)))
	if err != nil {
		return Scope{}, err
	}
	if !ok || subtle.ConstantTimeCompare(s.Hash, hash) != 1 || s.Directory != dir || !s.LiveAt(at) {
		return Scope{}, errNotOpen()
	}
	sc := Scope{Organization: s.Organization, Directory: s.Directory, Secret: s.ID, SecretHash: s.Hash}
	_, err = sc.live(v, at)
	return sc, err
}

// live returns the scope's directory if its secret still opens it at a time, and
// it takes writes.
func (s Scope) live(v View, at time.Time) (*Directory, error) {
	secret, ok, err := get[*Secret](v, Make(TableSecret, HashKey(s.SecretHash)))
	if err != nil {
		return nil, err
	}
	if !ok || secret.Directory != s.Directory || !secret.LiveAt(at) {
		return nil, errNotOpen()
	}
	dir, ok, err := get[*Directory](v, Make(TableDirectory, s.Directory))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNotOpen()
	}
	if !dir.Enabled {
		return nil, fault.New(fault.Unavailable, "The directory is disabled; enable it and let the provider try again.")
	}
	return dir, nil
}

func errNotOpen() error {
	return fault.New(fault.Unauthenticated, "The bearer token is not valid for this directory.")
}

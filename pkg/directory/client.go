package directory

import (
	"bytes"
	"slices"
	"time"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// The scopes of API clients. None includes another.
const (
	ScopeRead  = "read"  // look at everything but what is for ScopeAdmin
	ScopeWrite = "write" // change organizations, directories, users, roles, endpoints
	ScopeAdmin = "admin" // API clients, the audit trail, the installation itself
)

// Scopes are all of them, in the order in which they are shown.
func Scopes() []string { return []string{ScopeRead, ScopeWrite, ScopeAdmin} }

const (
	// MaxClients is how many API clients an environment has at most.
	MaxClients = 1000
	// maxClientName bounds the name of an API client, in characters.
	maxClientName = 256
)

type (
	// CreateAPIClient adds a credential for the API.
	CreateAPIClient struct {
		Name   string   `json:"name,omitempty"`
		Hash   []byte   `json:"hash"`
		Suffix string   `json:"suffix"`
		Scopes []string `json:"scopes,omitempty"` // empty: all
		// Organization, if it is set, is the only one that the client sees.
		Organization string `json:"organization,omitempty"`
	}
	// UpdateAPIClient changes what is not nil.
	UpdateAPIClient struct {
		ID     string    `json:"id"`
		Name   *string   `json:"name,omitempty"`
		Scopes *[]string `json:"scopes,omitempty"`
	}
	// ChangeAPIClientSecret replaces a client's secret. The present one counts for
	// Overlap (0 to MaxOverlap) longer; with 0, it and all before end at once.
	ChangeAPIClientSecret struct {
		ID      string        `json:"id"`
		Hash    []byte        `json:"hash"`
		Suffix  string        `json:"suffix"`
		Overlap time.Duration `json:"overlap"`
	}
	// DeleteAPIClient ends a credential.
	DeleteAPIClient struct {
		ID string `json:"id"`
	}
)

func (CreateAPIClient) name() string       { return "CreateAPIClient" }
func (UpdateAPIClient) name() string       { return "UpdateAPIClient" }
func (ChangeAPIClientSecret) name() string { return "ChangeAPIClientSecret" }
func (DeleteAPIClient) name() string       { return "DeleteAPIClient" }

func (c CreateAPIClient) decide(d *decision) error {
	if err := checkClient(c.Name, c.Hash, c.Scopes); err != nil {
		return err
	}
	if c.Organization != "" {
		if slices.Contains(orAll(c.Scopes), ScopeAdmin) {
			return fault.New(fault.Invalid, "A client of one organization cannot have the scope %q; give it %q, %q or both.", ScopeAdmin, ScopeRead, ScopeWrite)
		}
		if _, ok, err := get[*Organization](d.view, Make(TableOrganization, c.Organization)); err != nil {
			return err
		} else if !ok {
			return fault.New(fault.NotFound, "There is no organization %q.", c.Organization)
		}
	}
	n := 0
	if err := d.view.Scan(Make(TableClient), "", func(Key, Row) bool { n++; return n < MaxClients }); err != nil {
		return err
	}
	if n >= MaxClients {
		return fault.New(fault.FailedPrecondition, "There are %d API clients, which is the most; delete one that is not used any more.", MaxClients)
	}
	id := d.mint(PrefixClient)
	d.resource = Make(TableClient, id)
	return d.emit(events.Event{Organization: c.Organization, Resource: id, Revision: 1},
		events.APIClientCreated{Name: c.Name, Hash: c.Hash, Suffix: c.Suffix, Scopes: inOrder(c.Scopes)})
}

func (c UpdateAPIClient) decide(d *decision) error {
	r, err := client(d.view, c.ID)
	if err != nil {
		return err
	}
	d.resource = Make(TableClient, c.ID)
	e := events.APIClientUpdated{Name: r.Name, Scopes: r.Granted()}
	if c.Name != nil {
		e.Name = *c.Name
	}
	// No list at all is none given, which is all that JSON can say of it.
	if c.Scopes != nil && *c.Scopes != nil {
		if len(*c.Scopes) == 0 {
			return fault.New(fault.Invalid, "scopes must name at least one of %q, %q and %q.", ScopeRead, ScopeWrite, ScopeAdmin)
		}
		e.Scopes = inOrder(*c.Scopes)
	}
	if err := checkClient(e.Name, r.Hash, e.Scopes); err != nil {
		return err
	}
	if r.Organization != "" && slices.Contains(e.Scopes, ScopeAdmin) {
		return fault.New(fault.Invalid, "A client of one organization cannot have the scope %q.", ScopeAdmin)
	}
	if e.Name == r.Name && slices.Equal(e.Scopes, r.Granted()) {
		return nil
	}
	if !slices.Contains(e.Scopes, ScopeAdmin) {
		if err := d.keepsAdmin(r, "lose the scope"); err != nil {
			return err
		}
	}
	return d.emit(r.event(), e)
}

func (c ChangeAPIClientSecret) decide(d *decision) error {
	r, err := client(d.view, c.ID)
	if err != nil {
		return err
	}
	d.resource = Make(TableClient, c.ID)
	if err := checkClient("", c.Hash, nil); err != nil {
		return err
	}
	if bytes.Equal(c.Hash, r.Hash) {
		return nil // sent again
	}
	if c.Overlap < 0 || c.Overlap > MaxOverlap {
		return fault.New(fault.Invalid, "The overlap of the old and the new secret is 0 to %d hours.", int(MaxOverlap.Hours()))
	}
	e := events.APIClientSecretChanged{Hash: c.Hash, Suffix: c.Suffix}
	if c.Overlap > 0 {
		until := d.stamp.At.Add(c.Overlap)
		e.FormerUntil = &until
	}
	return d.emit(r.event(), e)
}

func (c DeleteAPIClient) decide(d *decision) error {
	r, err := client(d.view, c.ID)
	if err != nil {
		return err
	}
	if err := d.keepsAdmin(r, "be deleted"); err != nil {
		return err
	}
	return d.emit(r.event(), events.APIClientDeleted{})
}

// keepsAdmin refuses a change after which nobody could make API clients.
func (d *decision) keepsAdmin(r *APIClient, what string) error {
	if !r.May(ScopeAdmin) {
		return nil
	}
	other := false
	if err := d.view.Scan(Make(TableClient), "", func(_ Key, row Row) bool {
		o, ok := row.(*APIClient)
		other = ok && o.ID != r.ID && o.May(ScopeAdmin)
		return !other
	}); err != nil {
		return err
	}
	if !other {
		return fault.New(fault.FailedPrecondition, "This is the last API client with the scope %q, so it cannot %s; create another one first.", ScopeAdmin, what)
	}
	return nil
}

// Granted are the client's scopes, in the order of Scopes.
func (r *APIClient) Granted() []string { return orAll(r.Scopes) }

// May reports whether the client has a scope.
func (r *APIClient) May(scope string) bool { return slices.Contains(r.Granted(), scope) }

// Secret returns the number of the secret with the hash that same recognises, if
// it counts at a time. Numbers rise with each new secret, from 1.
func (r *APIClient) Secret(now time.Time, same func(hash []byte) bool) (number uint64, ok bool) {
	if same(r.Hash) {
		return r.present(), true
	}
	for _, f := range r.Former {
		if now.Before(f.Until) && same(f.Hash) {
			return f.Number, true
		}
	}
	return 0, false
}

// Counts reports whether the secret of a number still counts at a time; 0 is the
// first one.
func (r *APIClient) Counts(number uint64, now time.Time) bool {
	number = max(number, 1)
	return number == r.present() || slices.ContainsFunc(r.Former, func(f FormerSecret) bool { return f.Number == number && now.Before(f.Until) })
}

func (r *APIClient) present() uint64 { return max(r.SecretNumber, 1) }

func (r *APIClient) event() events.Event {
	return events.Event{Organization: r.Organization, Resource: r.ID, Revision: max(r.Revision, 1) + 1}
}

func client(v View, id string) (*APIClient, error) {
	r, ok, err := get[*APIClient](v, Make(TableClient, id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no API client %q.", id)
	}
	return r, err
}

func checkClient(name string, hash []byte, scopes []string) error {
	if len(hash) != 32 {
		return fault.New(fault.Invalid, "A secret's hash must be a SHA-256.")
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes(), s) {
			return fault.New(fault.Invalid, "scopes: %q is no scope; there are %q, %q and %q.", s, ScopeRead, ScopeWrite, ScopeAdmin)
		}
	}
	return length("name", name, 0, maxClientName)
}

// inOrder returns scopes once each and in the order of Scopes.
func inOrder(scopes []string) []string {
	var out []string
	for _, s := range Scopes() {
		if slices.Contains(scopes, s) {
			out = append(out, s)
		}
	}
	return out
}

func orAll(scopes []string) []string {
	if len(scopes) == 0 {
		return Scopes()
	}
	return scopes
}

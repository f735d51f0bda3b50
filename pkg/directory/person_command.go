package directory

import (
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

type (
	// PersonRef names a person. Of one who is not stored, Directory is where the
	// user is that it follows from.
	PersonRef struct {
		ID        string `json:"id"`
		Directory string `json:"directory,omitempty"`
	}
	// CreatePerson makes a person and puts it into an organization.
	CreatePerson struct {
		Email      string               `json:"email"`
		ExternalID string               `json:"external_id,omitempty"`
		Metadata   map[string]string    `json:"metadata,omitempty"`
		Profile    events.PersonProfile `json:"profile"`
		Membership NewMembership        `json:"membership"`
		// Confined says that the sender sees no organization but the membership's,
		// and is not to learn who is in others: then the address has to be free
		// there only. ExternalID, which is unique in the environment, is refused.
		Confined bool `json:"confined,omitempty"`
	}
	// UpdatePerson changes what is set. Lists and maps replace what was.
	UpdatePerson struct {
		Person            PersonRef         `json:"person"`
		ExternalID        *string           `json:"external_id,omitempty"` // empty: none
		Metadata          map[string]string `json:"metadata,omitempty"`
		GivenName         *string           `json:"given_name,omitempty"`
		FamilyName        *string           `json:"family_name,omitempty"`
		Name              *string           `json:"name,omitempty"`
		Locale            *string           `json:"locale,omitempty"`
		PhoneNumber       *string           `json:"phone_number,omitempty"`
		PreferredUsername *string           `json:"preferred_username,omitempty"`
		Picture           *string           `json:"picture,omitempty"`
		Gender            *string           `json:"gender,omitempty"`
		Groups            []string          `json:"groups,omitempty"`
		CustomAttributes  map[string]string `json:"custom_attributes,omitempty"`
		ProfileMetadata   map[string]string `json:"profile_metadata,omitempty"`
	}
	// DeletePerson ends a person whom no directory has, in every organization.
	DeletePerson struct {
		Person PersonRef `json:"person"`
	}
)

func (CreatePerson) name() string { return "CreatePerson" }
func (UpdatePerson) name() string { return "UpdatePerson" }
func (DeletePerson) name() string { return "DeletePerson" }

func (c CreatePerson) decide(d *decision) error {
	org := c.Membership.Organization
	if _, err := organization(d.view, org); err != nil {
		return err
	}
	if err := checkEmail("email", c.Email); err != nil {
		return err
	}
	s := events.PersonState{Email: c.Email, ExternalID: c.ExternalID, Metadata: c.Metadata, Profile: c.Profile}
	if err := checkPerson(s); err != nil {
		return err
	}
	if c.Confined && c.ExternalID != "" {
		return fault.New(fault.Forbidden, "external_id is unique in the whole environment, so an API client that is restricted to one organization cannot set it.")
	}
	if _, taken, err := get[Ref](d.view, Make(TablePersonEmail, scim.Fold(c.Email))); err != nil {
		return err
	} else if taken && !c.Confined {
		return fault.New(fault.Conflict, "A user with the e-mail address %q already exists.", c.Email)
	}
	if err := addressFree(d.view, org, c.Email, ""); err != nil {
		return err
	}
	if err := personExternalFree(d.view, c.ExternalID); err != nil {
		return err
	}
	if err := roomForUser(d.view, org); err != nil {
		return err
	}
	m, err := c.Membership.state(d)
	if err != nil {
		return err
	}
	id := d.mint(PrefixPerson)
	d.resource = Make(TablePerson, id)
	p := &Person{ID: id}
	if err := d.about(p, "", events.PersonCreated{PersonState: s, Written: written(events.PersonState{}, s)}); err != nil {
		return err
	}
	return d.about(p, org, events.MembershipCreated{MembershipState: m})
}

func (c UpdatePerson) decide(d *decision) error {
	p, err := d.person(c.Person)
	if err != nil {
		return err
	}
	d.resource = Make(TablePerson, p.ID)
	s, was := p.PersonState, p.PersonState
	set(&s.ExternalID, c.ExternalID)
	values := map[string]string{} // of shared attributes
	for _, a := range sharedAttributes {
		if v := c.text(a.name); v != nil {
			values[a.name] = *v
			*a.field(&s.Profile) = *v
		}
	}
	set(&s.Profile.PreferredUsername, c.PreferredUsername)
	set(&s.Profile.Gender, c.Gender)
	for _, f := range []struct{ to, from *map[string]string }{
		{&s.Metadata, &c.Metadata}, {&s.Profile.CustomAttributes, &c.CustomAttributes}, {&s.Profile.Metadata, &c.ProfileMetadata},
	} {
		if len(*f.from) > 0 {
			*f.to = *f.from
		}
	}
	if len(c.Groups) > 0 {
		s.Profile.Groups = c.Groups
	}
	if err := checkPerson(s); err != nil {
		return err
	}
	if s.ExternalID != was.ExternalID {
		if err := personExternalFree(d.view, s.ExternalID); err != nil {
			return err
		}
	}
	e := events.PersonUpdated{PersonState: s, Written: written(was, s)}
	if s.ExternalID != was.ExternalID {
		e.FreedExternalID = was.ExternalID
	}
	parts, err := d.spread(p, values)
	if err != nil || len(e.Written) == 0 && len(parts) == 0 {
		return err
	}
	if len(e.Written) == 0 { // one of its directories had it otherwise
		for _, a := range sharedAttributes {
			if _, ok := values[a.name]; ok {
				e.Written = append(e.Written, a.name)
			}
		}
	}
	if err := d.adopt(p); err != nil {
		return err
	}
	if err := d.about(p, "", e); err != nil {
		return err
	}
	for _, part := range parts {
		if err := d.changeUser(part.dir, part.user, part.state); err != nil {
			return err
		}
	}
	d.resource = Make(TablePerson, p.ID)
	return nil
}

// text returns the value that the command gives a shared attribute.
func (c UpdatePerson) text(name string) *string {
	return map[string]*string{
		"given_name": c.GivenName, "family_name": c.FamilyName, "name": c.Name, "locale": c.Locale, "phone_number": c.PhoneNumber, "picture": c.Picture,
	}[name]
}

func (c DeletePerson) decide(d *decision) error {
	p, err := d.person(c.Person)
	if err != nil {
		return err
	}
	if len(p.Parts) > 0 {
		return provisioned(p.Parts[0])
	}
	for _, org := range p.Organizations {
		if err := d.leave(p, org); err != nil {
			return err
		}
	}
	return d.about(p, "", events.PersonDeleted{Email: p.Email, ExternalID: p.ExternalID})
}

// provisioned refuses to take away whom a directory provides.
func provisioned(part PersonPart) error {
	return fault.New(fault.FailedPrecondition, "The user is provisioned by the directory %q; it leaves when it is taken out there, or with the directory.", part.Directory)
}

// person finds a person, stored or not. It is the caller's own copy.
func (d *decision) person(r PersonRef) (*Person, error) {
	p, ok, err := FindPerson(d.view, r.ID, r.Directory)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "There is no user %q.", r.ID)
	}
	if err != nil {
		return nil, err
	}
	own := *p
	return &own, nil
}

// about emits what happens to a person, in an organization or in all.
func (d *decision) about(p *Person, org string, what events.Payload) error {
	p.Revision++
	return d.emit(events.Event{Organization: org, Resource: p.ID, Revision: p.Revision}, what)
}

// adopt stores a person who so far only followed from a directory user.
func (d *decision) adopt(p *Person) error {
	if p.Revision > 0 {
		return nil
	}
	p.Revision++
	part := p.Parts[0]
	return d.emit(events.Event{Organization: part.Organization, Directory: part.Directory, Resource: p.ID, Revision: p.Revision}, events.PersonCreated{PersonState: p.PersonState})
}

// spreading is what a write of the API makes of a directory user.
type spreading struct {
	dir   *Directory
	user  *User
	state events.UserState
}

// spread returns what the values make of the directory users that the person is.
func (d *decision) spread(p *Person, values map[string]string) (parts []spreading, err error) {
	for _, part := range p.Parts {
		u, ok, err := get[*User](d.view, Make(TableUser, part.Directory, part.User))
		if err != nil || !ok {
			return nil, err
		}
		dir, ok, err := get[*Directory](d.view, Make(TableDirectory, part.Directory))
		if err != nil {
			return nil, err
		}
		s, err := supersede(u.UserState, values)
		if err != nil {
			return nil, err
		}
		if ok && string(s.Attributes) != string(u.Attributes) {
			parts = append(parts, spreading{dir, u, s})
		}
	}
	return parts, nil
}

// joining returns the person as whom a new directory user comes: one whom the API
// had put into the organization with the same e-mail address, and whom no
// directory has there. What the directory does not say of the person stays as the
// API wrote it.
func (d *decision) joining(dir *Directory, s events.UserState) (string, events.UserState, error) {
	if s.Address == "" {
		return "", s, nil
	}
	p, err := awaited(d.view, dir.Organization, s.Address)
	if err != nil || p == nil {
		return "", s, err
	}
	r, err := scim.Decode(s.Attributes)
	if err != nil {
		return "", s, err
	}
	values := map[string]string{}
	for _, a := range sharedAttributes {
		if v := *a.field(&p.Profile); v != "" && a.text(r) == "" {
			values[a.name] = v
		}
	}
	s, err = supersede(s, values)
	return p.ID, s, err
}

// awaited returns the person with an address whom the API put into an
// organization and whom no directory has there, nil if there is none.
func awaited(v View, org, email string) (person *Person, err error) {
	var failed error
	err = v.Scan(Make(TableOrgMemberEmail, org, scim.Fold(email)), "", func(k Key, _ Row) bool {
		p, ok, err := get[*Person](v, Make(TablePerson, k.Last()))
		if failed = err; !ok {
			return failed == nil
		}
		if _, is := p.Part(org); !is {
			person = p
		}
		return person == nil
	})
	return person, firstOf(err, failed)
}

// written names the attributes in which two states differ.
func written(a, b events.PersonState) []string {
	var names []string
	add := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	add("email", a.Email == b.Email)
	add("external_id", a.ExternalID == b.ExternalID)
	add("metadata", maps.Equal(a.Metadata, b.Metadata))
	for _, s := range sharedAttributes {
		add(s.name, *s.field(&a.Profile) == *s.field(&b.Profile))
	}
	add("preferred_username", a.Profile.PreferredUsername == b.Profile.PreferredUsername)
	add("gender", a.Profile.Gender == b.Profile.Gender)
	add("groups", slices.Equal(a.Profile.Groups, b.Profile.Groups))
	add("custom_attributes", maps.Equal(a.Profile.CustomAttributes, b.Profile.CustomAttributes))
	add("profile_metadata", maps.Equal(a.Profile.Metadata, b.Profile.Metadata))
	return names
}

package directory

import (
	"maps"
	"slices"
	"strings"

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
	if _, taken, err := get[Ref](d.view, Make(TablePersonEmail, scim.Fold(c.Email))); err != nil {
		return err
	} else if taken {
		return fault.New(fault.Conflict, "A user with the e-mail address %q already exists.", c.Email)
	}
	if err := addressFree(d.view, org, c.Email); err != nil {
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
	id, ok, err := get[Ref](d.view, Make(TablePersonEmail, scim.Fold(s.Address)))
	if err != nil || !ok {
		return "", s, err
	}
	p, ok, err := get[*Person](d.view, Make(TablePerson, string(id)))
	if err != nil || !ok || !slices.Contains(p.Organizations, dir.Organization) {
		return "", s, err
	}
	if _, is := p.Part(dir.Organization); is {
		return "", s, nil
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

// addressFree refuses an address that a user of one of the organization's
// directories has.
func addressFree(v View, org, email string) error {
	var found, failed error
	err := v.Scan(Make(TableOrgDirectory, org), "", func(k Key, _ Row) bool {
		var u *User
		if u, failed = userAt(v, k.Last(), email); u != nil {
			found = fault.New(fault.Conflict, "A user with the e-mail address %q already exists in the organization: %s.", email, PersonIDOf(u))
		}
		return failed == nil && found == nil
	})
	return firstOf(err, failed, found)
}

// userAt returns a user of a directory who has the address, nil if there is none.
func userAt(v View, dir, email string) (user *User, err error) {
	folded := scim.Fold(email)
	var failed error
	has := func(id string) bool {
		u, ok, err := get[*User](v, Make(TableUser, dir, id))
		if failed = err; ok && scim.Fold(u.Address) == folded {
			user = u
		}
		return failed == nil && user == nil
	}
	if err := v.Scan(Make(TableUserEmail, dir, folded), "", func(k Key, _ Row) bool { return has(k.Last()) }); err != nil || failed != nil || user != nil {
		return user, firstOf(err, failed)
	}
	id, ok, err := get[Ref](v, Make(TableUserName, dir, folded)) // without e-mails, the userName may be the address
	if err == nil && ok {
		has(string(id))
	}
	return user, firstOf(err, failed)
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func personExternalFree(v View, externalID string) error {
	if externalID == "" {
		return nil
	}
	if _, taken, err := get[Ref](v, Make(TablePersonExternal, externalID)); err != nil {
		return err
	} else if taken {
		return fault.New(fault.Conflict, "A user with external id %q already exists.", externalID)
	}
	return nil
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

// checkPerson holds the limits of the wire reference, section 10. Where it names
// none, the limit is that of names.
func checkPerson(s events.PersonState) error {
	p := s.Profile
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"external_id", s.ExternalID, 200},
		{"given_name", p.GivenName, 255},
		{"family_name", p.FamilyName, 255},
		{"name", p.Name, MaxName},
		{"locale", p.Locale, 64},
		{"phone_number", p.PhoneNumber, 64},
		{"preferred_username", p.PreferredUsername, MaxName},
		{"picture", p.Picture, 2048},
		{"gender", p.Gender, 64},
	} {
		if err := length(f.name, f.value, 0, f.most); err != nil {
			return err
		}
	}
	if len(p.Groups) > 50 {
		return fault.New(fault.Invalid, "groups holds %d names; at most 50 are allowed.", len(p.Groups))
	}
	for _, g := range p.Groups {
		if err := length("a group's name", g, 1, MaxName); err != nil {
			return err
		}
	}
	return firstOf(checkPairs("metadata", s.Metadata), checkPairs("custom_attributes", p.CustomAttributes), checkPairs("user_profile.metadata", p.Metadata))
}

// checkPairs bounds what applications keep with persons and memberships.
func checkPairs(what string, m map[string]string) error {
	if len(m) > 20 {
		return fault.New(fault.Invalid, "%s holds %d pairs; at most 20 are allowed.", what, len(m))
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err := firstOf(length("a key of "+what, k, 3, 25), length(what+"."+k, m[k], 1, 256)); err != nil {
			return err
		}
	}
	return nil
}

// checkEmail refuses what is no address of 5 to 254 characters.
func checkEmail(field, s string) error {
	if err := length(field, s, 5, 254); err != nil {
		return err
	}
	at := strings.IndexByte(s, '@')
	if at <= 0 || at != strings.LastIndexByte(s, '@') || !strings.Contains(s[at+1:], ".") || strings.ContainsAny(s, " \t\r\n<>") {
		return fault.New(fault.Invalid, "%s is not an e-mail address.", field)
	}
	return nil
}

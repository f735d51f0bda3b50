package directory

import (
	"slices"
	"strings"
	"time"

	"github.com/rollcallhq/rollcall/events"
)

// A person is what the API calls a user: somebody in the environment, who is in
// any number of organizations. A directory user is a person, too: one that
// nobody has to store, because all that there is to say of it follows from the
// directory user, and its id from that one's id. A person has a row of its own
// once the API made or wrote it, and from then on the directory user's row names
// it.

// PrefixPerson begins the ids of persons.
const PrefixPerson = "usr_"

const (
	// MaxMemberships is in how many organizations a person is at most by way of
	// the API.
	MaxMemberships = 1000
	// MaxPersonWrites is how many writes of a person are remembered.
	MaxPersonWrites = 64
)

type (
	// Person is somebody whom the API made or wrote.
	Person struct {
		ID string `json:"id"`
		// Revision counts what the API wrote, memberships included.
		Revision uint64    `json:"revision"`
		Created  time.Time `json:"created"`
		Updated  time.Time `json:"updated"`
		// Made says that the API made the person. Others were a directory's first,
		// and end with that if the API put them into no organization.
		Made bool `json:"made,omitempty"`
		events.PersonState
		// Parts are the directory users that the person is, the first first: in
		// one organization one at most.
		Parts []PersonPart `json:"parts,omitempty"`
		// Organizations are those in which the API says something of the person,
		// by id.
		Organizations []string `json:"organizations,omitempty"`
		// Stamps say who wrote an attribute last. Those without a stamp are as a
		// directory had them when the API wrote the person for the first time.
		Stamps map[string]PersonStamp `json:"stamps,omitempty"`
	}
	// PersonPart is a directory user that is the person.
	PersonPart struct {
		Organization string `json:"organization"`
		Directory    string `json:"directory"`
		User         string `json:"user"`
	}
	// PersonStamp says when an attribute was written last, and by whom.
	PersonStamp struct {
		At    time.Time `json:"at"`
		Actor string    `json:"actor"`
	}
	// PersonTrail is what was written of a person, the oldest first: the last
	// MaxPersonWrites writes.
	PersonTrail struct {
		Writes []PersonWrite `json:"writes"`
	}
	// PersonWrite says who wrote what.
	PersonWrite struct {
		PersonStamp
		// Organization and Directory are set for what was written of the person
		// in one of them.
		Organization string   `json:"organization,omitempty"`
		Directory    string   `json:"directory,omitempty"`
		Attributes   []string `json:"attributes"`
	}
	// PersonCounts keeps totals, of an organization or of the environment.
	PersonCounts struct {
		// Alone is how many are there without a directory user.
		Alone int64 `json:"alone"`
		// Further is how many directory users persons are beyond their first, in
		// the environment.
		Further int64 `json:"further,omitempty"`
	}
	// OrgMember is what the API says of a person in an organization.
	OrgMember struct {
		Organization string `json:"organization"`
		Person       string `json:"person"`
		// Provisioned says that a directory put the person there: the row ends with
		// the directory's user.
		Provisioned bool      `json:"provisioned,omitempty"`
		Created     time.Time `json:"created"`
		Updated     time.Time `json:"updated"`
		// Joined is when an invitation was accepted, or when the person was put
		// there without one; zero as long as it is open.
		Joined time.Time `json:"joined,omitzero"`
		events.MembershipState
	}
)

func (*Person) row()       {}
func (*PersonTrail) row()  {}
func (*PersonCounts) row() {}
func (*OrgMember) row()    {}

// PersonIDOf returns the id of the person that a directory user is.
func PersonIDOf(u *User) string {
	if u.Person != "" {
		return u.Person
	}
	return PrefixPerson + strings.TrimPrefix(u.ID, PrefixUser)
}

// UserIDOf returns the id of the directory user that a person is who was never
// stored.
func UserIDOf(person string) string { return PrefixUser + strings.TrimPrefix(person, PrefixPerson) }

// PersonOf returns the person that a directory user is: the one that is stored,
// or what follows from the user.
func PersonOf(v View, u *User) (*Person, error) {
	if u.Person != "" {
		p, ok, err := get[*Person](v, Make(TablePerson, u.Person))
		if err != nil || ok {
			return p, err
		}
	}
	profile, err := profileOf(u)
	return &Person{
		ID: PersonIDOf(u), Created: u.Created, Updated: u.Updated, PersonState: events.PersonState{Email: u.Address, Profile: profile},
		Parts: []PersonPart{{u.Organization, u.Directory, u.ID}},
	}, err
}

// FindPerson returns a person by id. One that is not stored is looked for as the
// user of a directory; empty: only who is stored is found.
func FindPerson(v View, id, directory string) (*Person, bool, error) {
	p, ok, err := get[*Person](v, Make(TablePerson, id))
	if err != nil || ok || directory == "" {
		return p, ok, err
	}
	u, ok, err := get[*User](v, Make(TableUser, directory, UserIDOf(id)))
	if err != nil || !ok || u.Person != "" {
		return nil, false, err
	}
	p, err = PersonOf(v, u)
	return p, err == nil, err
}

// WritesOf returns the last writes of a person, the oldest first. Before the API
// wrote one, that is what its directory has written.
func WritesOf(v View, p *Person) ([]PersonWrite, error) {
	t, ok, err := get[*PersonTrail](v, Make(TablePersonTrail, p.ID))
	if err != nil {
		return nil, err
	}
	if ok {
		return t.Writes, nil
	}
	var writes []PersonWrite
	for _, part := range p.Parts {
		u, ok, err := get[*User](v, Make(TableUser, part.Directory, part.User))
		if err != nil {
			return nil, err
		}
		if ok {
			writes = append(writes, sofar(u, p.PersonState))
		}
	}
	return writes, nil
}

// Part returns the directory user that the person is in an organization.
func (p *Person) Part(org string) (PersonPart, bool) {
	for _, part := range p.Parts {
		if part.Organization == org {
			return part, true
		}
	}
	return PersonPart{}, false
}

// In returns the organizations that the person is in, by id.
func (p *Person) In() []string {
	in := slices.Clone(p.Organizations)
	for _, part := range p.Parts {
		in = append(in, part.Organization)
	}
	slices.Sort(in)
	return slices.Compact(in)
}

// Member is a person in an organization, with all that is known of that.
type Member struct {
	Organization string
	Person       *Person
	// API is what the API says of it, nil if nothing.
	API *OrgMember
	// User is the directory's part, nil if there is none.
	User *User
}

// The states of a membership (wire reference section 10, MembershipStatus). That
// an invitation is out of date depends on the time and is for whoever shows it.
const (
	MemberActive   = "ACTIVE"
	MemberInactive = "INACTIVE"
	MemberInvited  = "PENDING_INVITE"
)

// MemberOf returns a person in an organization; false if it is not in it.
func MemberOf(v View, p *Person, org string) (Member, bool, error) {
	m := Member{Organization: org, Person: p}
	var err error
	if slices.Contains(p.Organizations, org) {
		if m.API, _, err = get[*OrgMember](v, Make(TableOrgMember, org, p.ID)); err != nil {
			return m, false, err
		}
	}
	if part, ok := p.Part(org); ok {
		if m.User, _, err = get[*User](v, Make(TableUser, part.Directory, part.User)); err != nil {
			return m, false, err
		}
	}
	return m, m.API != nil || m.User != nil, nil
}

// Status returns the state of the membership. Where a directory knows the
// person, the directory says whether it is there.
func (m Member) Status() string {
	switch {
	case m.User != nil && m.User.Active:
		return MemberActive
	case m.User != nil:
		return MemberInactive
	case m.API != nil && m.API.Invitation != nil:
		return MemberInvited
	}
	return MemberActive
}

// Roles returns the roles of the member, the most important first: those that
// the API assigned, then those of its groups; if neither gives any, the default
// for members. One whom the directory deactivated has none.
func (m Member) Roles(v View) ([]*Role, error) {
	if m.User != nil {
		return RolesOf(v, m.User)
	}
	roles, err := m.API.roles(v)
	if err != nil || len(roles) > 0 {
		return roles, err
	}
	return defaultRole(v, m.Organization)
}

// roles returns what the API assigned, and is still there.
func (m *OrgMember) roles(v View) ([]*Role, error) {
	var roles []*Role
	for _, id := range m.Roles {
		r, ok, err := RoleOf(v, id)
		if err != nil {
			return nil, err
		}
		if ok && !slices.ContainsFunc(roles, func(o *Role) bool { return o.ID == r.ID }) {
			roles = append(roles, r)
		}
	}
	return roles, nil
}

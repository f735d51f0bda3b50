package directory

import (
	"bytes"
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
	"github.com/rollcallhq/rollcall/pkg/scim/patch"
)

type (
	// CreateUser adds a user to the scope's directory.
	CreateUser struct {
		Scope Scope            `json:"scope"`
		State events.UserState `json:"state"`
	}
	// ReplaceUser sets all attributes of a user (PUT). A missing `active` keeps
	// what was: leaving it out must not let somebody back in.
	ReplaceUser struct {
		Scope      Scope            `json:"scope"`
		ID         string           `json:"id"`
		State      events.UserState `json:"state"`
		KeepActive bool             `json:"keep_active,omitempty"`
		// IfMatch is what the sender expects of the user.
		IfMatch Precondition `json:"if_match,omitzero"`
	}
	// PatchUser changes attributes of a user as of when it is decided.
	PatchUser struct {
		Scope Scope         `json:"scope"`
		ID    string        `json:"id"`
		Patch patch.Request `json:"patch"`
		// IfMatch is what the sender expects of the user.
		IfMatch Precondition `json:"if_match,omitzero"`
	}
	// DeleteUser removes a user for good.
	DeleteUser struct {
		Scope Scope  `json:"scope"`
		ID    string `json:"id"`
		// IfMatch is what the sender expects of the user.
		IfMatch Precondition `json:"if_match,omitzero"`
	}
)

func (CreateUser) name() string  { return "CreateUser" }
func (ReplaceUser) name() string { return "ReplaceUser" }
func (PatchUser) name() string   { return "PatchUser" }
func (DeleteUser) name() string  { return "DeleteUser" }

// UserStateOf returns the state that a canonical SCIM user stands for.
func UserStateOf(r scim.Resource) (events.UserState, error) {
	body, err := scim.Canonical(r)
	if err != nil {
		return events.UserState{}, err
	}
	k := scim.Keys(r)
	return events.UserState{
		UserNames: events.UserNames{UserName: k.UserName, ExternalID: k.ExternalID, DisplayName: k.DisplayName, Emails: k.Emails},
		Active:    k.Active, Address: k.Address, Attributes: body,
	}, nil
}

func (c CreateUser) decide(d *decision) error {
	dir, err := c.Scope.live(d.view, d.stamp.At)
	if err != nil {
		return err
	}
	s := c.State
	s.Attributes, s.Superseded = rawJSON(s.Attributes), nil
	if err := checkUserNames(s.UserNames); err != nil {
		return err
	}
	if err := userNameFree(d.view, dir.ID, s.UserName, ""); err != nil {
		return err
	}
	if dir.Policy.DomainPolicy == DomainPolicyEnforce {
		if err := domainAllowed(d.view, dir.Organization, s.Address); err != nil {
			return err
		}
	}
	if err := roomForUser(d.view, dir.Organization); err != nil {
		return err
	}
	previous, err := predecessor(d.view, dir.ID, PrefixUser, s.ExternalID, s.UserName)
	if err != nil {
		return err
	}
	person, s, err := d.joining(dir, s)
	if err != nil {
		return err
	}
	id := d.mint(PrefixUser)
	d.resource = Make(TableUser, dir.ID, id)
	names, err := former(d.view, dir.ID, previous)
	if err != nil {
		return err
	}
	names = append(names, arrival{name: s.ExternalID}, arrival{name: s.UserName, folded: true})
	return d.arriveWith(dir, id, names, func(continues bool) error {
		return d.emit(events.Event{Organization: dir.Organization, Directory: dir.ID, Resource: id, Revision: 1},
			events.UserCreated{UserState: s, Previous: previous, Person: person, Continues: continues})
	})
}

func (c ReplaceUser) decide(d *decision) error {
	dir, u, err := c.Scope.user(d, c.ID, c.IfMatch)
	if err != nil {
		return err
	}
	s := c.State
	s.Attributes, s.Superseded = rawJSON(s.Attributes), nil
	if c.KeepActive {
		r, err := scim.Decode(s.Attributes)
		if err != nil {
			return err
		}
		r["active"] = u.Active
		if s, err = UserStateOf(r); err != nil {
			return err
		}
	}
	kind, _ := dir.Kinds()
	if s, err = keepImmutable(kind, u.Attributes, s, s.Attributes, UserStateOf); err != nil {
		return err
	}
	if s, err = keepNewer(u, s); err != nil {
		return err
	}
	return d.changeUser(dir, u, s)
}

func (c PatchUser) decide(d *decision) error {
	dir, u, err := c.Scope.user(d, c.ID, c.IfMatch)
	if err != nil {
		return err
	}
	r, err := scim.Decode(u.Attributes)
	if err != nil {
		return err
	}
	d.reading.Strict = dir.Strict()
	kind, _ := dir.Kinds()
	ops, err := c.Patch.For(&d.reading, kind)
	if err != nil {
		return err
	}
	if r, err = patch.Apply(&d.reading, kind, patch.Target{ID: u.ID, Created: u.Created, Groups: d.groupsOf(u), Attributes: r}, ops); err != nil {
		return err
	}
	s, err := UserStateOf(r)
	if err != nil {
		return err
	}
	if s.Superseded, err = stillSuperseded(u, r); err != nil {
		return err
	}
	return d.changeUser(dir, u, s)
}

func (c DeleteUser) decide(d *decision) error {
	_, u, err := c.Scope.user(d, c.ID, c.IfMatch)
	if err != nil {
		return err
	}
	return d.emit(u.event(), events.UserDeleted{UserNames: u.UserNames, Address: u.Address})
}

// changeUser emits the change from u to s, if it is one and allowed.
func (d *decision) changeUser(dir *Directory, u *User, s events.UserState) error {
	d.resource = Make(TableUser, dir.ID, u.ID)
	if bytes.Equal(s.Attributes, u.Attributes) && len(s.Superseded) == len(u.Superseded) { // they only ever go
		return nil
	}
	if err := checkUserNames(s.UserNames); err != nil {
		return err
	}
	if scim.Fold(s.UserName) != scim.Fold(u.UserName) {
		if err := userNameFree(d.view, dir.ID, s.UserName, u.ID); err != nil {
			return err
		}
	}
	if scim.Fold(s.Address) != scim.Fold(u.Address) {
		if err := addressMayChange(d.view, dir, u.Address, s.Address); err != nil {
			return err
		}
	}
	e := events.UserUpdated{UserState: s}
	if old := u.UserNames; old.UserName != s.UserName || old.ExternalID != s.ExternalID || old.DisplayName != s.DisplayName ||
		!slices.Equal(old.Emails, s.Emails) {
		e.Freed = &old
	}
	var names []arrival
	if s.ExternalID != u.ExternalID {
		names = append(names, arrival{name: s.ExternalID})
	}
	if scim.Fold(s.UserName) != scim.Fold(u.UserName) {
		names = append(names, arrival{name: s.UserName, folded: true})
	}
	return d.arriveWith(dir, u.ID, names, func(continues bool) error {
		e.Continues = continues
		return d.emit(u.event(), e)
	})
}

// addressMayChange holds the directory's e-mail and domain policies for a user
// that is already in. A user whose address stays as it is may always change, so
// that nobody is locked in by a domain that was taken away.
func addressMayChange(v View, dir *Directory, from, to string) error {
	if dir.Policy.EmailPolicy == EmailPolicyImmutable && from != "" {
		return fault.New(fault.Invalid, "The e-mail address of a user cannot change in this directory. "+
			"Set the directory's email_policy to FOLLOW_DIRECTORY to allow it.").Because(fault.Mutability)
	}
	if dir.Policy.DomainPolicy == DomainPolicyEnforce {
		return domainAllowed(v, dir.Organization, to)
	}
	return nil
}

func (u *User) event() events.Event {
	return events.Event{Organization: u.Organization, Directory: u.Directory, Resource: u.ID, Revision: u.Revision + 1}
}

// user finds one within the scope that is as the sender expects it.
func (s Scope) user(d *decision, id string, expect Precondition) (*Directory, *User, error) {
	dir, err := s.live(d.view, d.stamp.At)
	if err != nil {
		return nil, nil, err
	}
	u, ok, err := get[*User](d.view, Make(TableUser, dir.ID, id))
	switch {
	case err != nil:
	case !ok:
		err = fault.New(fault.NotFound, "There is no user %q in this directory.", id)
	default:
		err = expect.hold("user", u.Revision)
	}
	return dir, u, err
}

// checkUserNames bounds what becomes part of an index key.
func checkUserNames(n events.UserNames) error {
	if err := length("userName", n.UserName, 1, MaxName); err != nil {
		return err
	}
	if err := length("externalId", n.ExternalID, 0, MaxName); err != nil {
		return err
	}
	if err := length("displayName", n.DisplayName, 0, MaxName); err != nil {
		return err
	}
	for _, m := range n.Emails {
		if err := length("emails.value", m, 0, MaxName); err != nil {
			return err
		}
	}
	return nil
}

func userNameFree(v View, dir, name, but string) error {
	holder, taken, err := get[Ref](v, Make(TableUserName, dir, scim.Fold(name)))
	if err != nil {
		return err
	}
	if taken && string(holder) != but {
		return fault.New(fault.Conflict, "The userName %q is already taken in this directory.", name).Because(fault.Uniqueness)
	}
	return nil
}

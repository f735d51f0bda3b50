package directory

import (
	"maps"
	"slices"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

func foldPersonCreated(f *folding, p events.PersonCreated) error {
	row := &Person{ID: f.e.Resource, Revision: f.e.Revision, Created: f.e.At, Updated: f.e.At, Made: f.e.Directory == "", PersonState: p.PersonState}
	var failed error
	if !row.Made {
		user := UserIDOf(row.ID)
		row.Parts = []PersonPart{{f.e.Organization, f.e.Directory, user}}
		if err := f.before(row); err != nil {
			return err
		}
		failed = edit(f, Make(TableUser, f.e.Directory, user), func(u *User) { u.Person, row.Created = row.ID, u.Created })
	}
	k := Make(TablePerson, row.ID)
	f.mark(k)
	f.put(k, row)
	if row.ExternalID != "" {
		f.refer(row.ID, Make(TablePersonExternal, row.ExternalID))
	}
	return firstOf(failed, f.tallyPerson(nil, row), f.stamp(row.ID, "", p.Written), f.addressPerson(row.ID, "", row.Email))
}

func foldPersonUpdated(f *folding, p events.PersonUpdated) error {
	if p.FreedExternalID != "" {
		f.drop(Make(TablePersonExternal, p.FreedExternalID))
	}
	if err := f.person(f.e.Resource, func(row *Person) {
		if p.ExternalID != "" && p.ExternalID != row.ExternalID {
			f.refer(row.ID, Make(TablePersonExternal, p.ExternalID))
		}
		row.Revision, row.PersonState = f.e.Revision, p.PersonState
	}); err != nil {
		return err
	}
	return f.stamp(f.e.Resource, "", p.Written)
}

func foldPersonDeleted(f *folding) error {
	return f.person(f.e.Resource, func(p *Person) { p.Made, p.Parts, p.Organizations = false, nil, nil })
}

// link makes a new directory user a part of the person that it names.
func (f *folding) link(u *User) error {
	if u.Person == "" {
		return nil
	}
	if err := f.person(u.Person, func(p *Person) {
		p.Parts = append(slices.Clone(p.Parts), PersonPart{u.Organization, u.Directory, u.ID})
	}); err != nil {
		return err
	}
	k := Make(TableOrgMember, u.Organization, u.Person)
	old, ok, err := get[*OrgMember](f.view, k)
	if err != nil {
		return err
	}
	if ok && old.Invitation != nil { // they came
		m := *old
		m.Updated, m.Joined, m.Invitation = f.e.At, f.e.At, nil
		f.put(k, &m)
	}
	return f.hear(&User{UserState: events.UserState{Attributes: []byte("{}")}}, u)
}

// unlink ends the directory's part of a person, with what the API added to it.
func (f *folding) unlink(u *User) error {
	if u.Person == "" {
		return nil
	}
	m, ok, err := get[*OrgMember](f.view, Make(TableOrgMember, u.Organization, u.Person))
	if err != nil {
		return err
	}
	if ok && m.Provisioned {
		if err := f.leave(m); err != nil {
			return err
		}
	}
	return f.person(u.Person, func(p *Person) {
		p.Parts = slices.DeleteFunc(slices.Clone(p.Parts), func(part PersonPart) bool { return part.User == u.ID })
	})
}

// hear takes over into a stored person what a directory wrote of its user: what
// differs between two states of that.
func (f *folding) hear(before, after *User) error {
	if after.Person == "" {
		return nil
	}
	was, err := profileOf(before)
	if err != nil {
		return err
	}
	is, err := profileOf(after)
	if err != nil {
		return err
	}
	var names []string
	if err := f.person(after.Person, func(p *Person) {
		for _, a := range sharedAttributes {
			v := *a.field(&is)
			said := v != *a.field(&was)
			if before.ID == "" && after.Superseded[a.path] != nil {
				said = false // it is the person's own
			}
			if before.Superseded[a.path] != nil && after.Superseded[a.path] == nil {
				said = true // the directory says the same by now
			}
			if said {
				*a.field(&p.Profile) = v
				names = append(names, a.name)
			}
		}
		if is.PreferredUsername != was.PreferredUsername {
			p.Profile.PreferredUsername = is.PreferredUsername
			names = append(names, "preferred_username")
		}
	}); err != nil {
		return err
	}
	if scim.Fold(before.Address) != scim.Fold(after.Address) && before.ID != "" && after.Address != "" {
		taken, err := f.renamePerson(after.Person, after.Address)
		if err != nil {
			return err
		}
		if !taken {
			names = append(names, "email")
		}
	}
	if len(names) == 0 {
		return nil
	}
	return f.stamp(after.Person, after.Directory, names)
}

// renamePerson gives a person another e-mail address, unless the address leads to
// somebody else.
func (f *folding) renamePerson(id, email string) (taken bool, err error) {
	holder, ok, err := get[Ref](f.view, Make(TablePersonEmail, scim.Fold(email)))
	if err != nil || ok && string(holder) != id {
		return true, err
	}
	was := ""
	if err := f.person(id, func(p *Person) { was, p.Email = p.Email, email }); err != nil {
		return false, err
	}
	return false, f.addressPerson(id, was, email)
}

// addressPerson makes an e-mail address lead to a person, unless it leads to
// somebody else already, and another one no longer.
func (f *folding) addressPerson(id, from, to string) error {
	if scim.Fold(from) == scim.Fold(to) {
		return nil
	}
	for _, address := range []string{from, to} {
		if address == "" {
			continue
		}
		k := Make(TablePersonEmail, scim.Fold(address))
		holder, held, err := get[Ref](f.view, k)
		switch {
		case err != nil:
			return err
		case address == from && held && string(holder) == id:
			f.drop(k)
		case address == to && !held:
			f.refer(id, k)
		}
	}
	return nil
}

// addressMember keeps by which address a person is found in the organizations in
// which the API says something of it.
func (f *folding) addressMember(before, after *Person) {
	was, is := scim.Fold(before.Email), scim.Fold(after.Email)
	for _, org := range before.Organizations {
		if was != "" && (was != is || !slices.Contains(after.Organizations, org)) {
			f.drop(Make(TableOrgMemberEmail, org, was, before.ID))
		}
	}
	for _, org := range after.Organizations {
		if is != "" && (was != is || !slices.Contains(before.Organizations, org)) {
			f.refer("", Make(TableOrgMemberEmail, org, is, after.ID))
		}
	}
}

// stamp notes who wrote attributes of a person.
func (f *folding) stamp(id, dir string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	s := PersonStamp{f.e.At, f.e.Actor}
	if err := f.person(id, func(p *Person) {
		stamps := maps.Clone(p.Stamps)
		if stamps == nil {
			stamps = make(map[string]PersonStamp, len(names))
		}
		for _, name := range names {
			stamps[name] = s
		}
		p.Stamps, p.Updated = stamps, f.e.At
	}); err != nil {
		return err
	}
	return f.trail(id, PersonWrite{Directory: dir, Attributes: names})
}

// trail adds a write to those of a person, of which the last are kept. What
// the API wrote comes back from its directories in the same commit, and is one
// write.
func (f *folding) trail(id string, w PersonWrite) error {
	w.PersonStamp = PersonStamp{f.e.At, f.e.Actor}
	k := Make(TablePersonTrail, id)
	i := f.marked(k)
	var old []PersonWrite
	if i > 0 {
		if t, ok := f.changes[i-1].Row.(*PersonTrail); ok {
			old = t.Writes
		}
	} else if t, ok, err := get[*PersonTrail](f.view, k); err != nil {
		return err
	} else if ok {
		old = t.Writes
	}
	if n := len(old); n > 0 && old[n-1].PersonStamp == w.PersonStamp && old[n-1].Directory == "" && w.Directory != "" {
		same := func(name string) bool { return slices.Contains(old[n-1].Attributes, name) }
		if !slices.ContainsFunc(w.Attributes, func(name string) bool { return !same(name) }) {
			return nil
		}
	}
	writes := append(slices.Clone(old), w)
	f.mark(k)
	f.put(k, &PersonTrail{Writes: writes[max(0, len(writes)-MaxPersonWrites):]})
	return nil
}

// before begins the writes of a person with what its directory had written so far.
func (f *folding) before(p *Person) error {
	u, ok, err := get[*User](f.view, Make(TableUser, f.e.Directory, UserIDOf(p.ID)))
	if err != nil || !ok {
		return err
	}
	k := Make(TablePersonTrail, p.ID)
	f.mark(k)
	f.put(k, &PersonTrail{Writes: []PersonWrite{sofar(u, p.PersonState)}})
	return nil
}

// sofar is what a directory wrote of a user before the API did.
func sofar(u *User, s events.PersonState) PersonWrite {
	return PersonWrite{PersonStamp: PersonStamp{At: u.Updated}, Directory: u.Directory, Attributes: written(events.PersonState{}, s)}
}

// person changes a copy of a person's row, and the totals with it. One that
// nothing holds any more is gone.
func (f *folding) person(id string, change func(*Person)) (err error) {
	k := Make(TablePerson, id)
	gone := false
	failed := edit(f, k, func(p *Person) {
		was := *p
		change(p)
		f.addressMember(&was, p)
		if gone = !p.Made && len(p.Parts) == 0 && len(p.Organizations) == 0; gone {
			err = f.tallyPerson(&was, nil)
			return
		}
		err = f.tallyPerson(&was, p)
	})
	if err = firstOf(failed, err); err != nil || !gone {
		return err
	}
	p, _ := f.changes[f.marked(k)-1].Row.(*Person)
	f.remove(k)
	f.remove(Make(TablePersonTrail, id))
	if p.ExternalID != "" {
		f.drop(Make(TablePersonExternal, p.ExternalID))
	}
	return f.addressPerson(id, p.Email, "")
}

// tallyPerson changes the totals by what a change of a person means to them.
func (f *folding) tallyPerson(before, after *Person) error {
	type totals = map[string]PersonCounts
	count := func(p *Person, by int64, to totals) {
		if p == nil {
			return
		}
		all := to[""]
		if n := int64(len(p.Parts)); n == 0 {
			all.Alone += by
		} else {
			all.Further += by * (n - 1)
		}
		to[""] = all
		for _, org := range p.Organizations {
			if _, is := p.Part(org); !is {
				c := to[org]
				c.Alone += by
				to[org] = c
			}
		}
	}
	changes := totals{}
	count(before, -1, changes)
	count(after, 1, changes)
	for _, org := range slices.Sorted(maps.Keys(changes)) {
		if by := changes[org]; by != (PersonCounts{}) {
			if err := f.tally(org, by); err != nil {
				return err
			}
		}
	}
	return nil
}

// tally adds to the totals of an organization, or of the environment.
func (f *folding) tally(org string, by PersonCounts) error {
	k := Make(TablePersonCounts, org)
	var was PersonCounts
	if i := f.marked(k); i > 0 {
		if c, ok := f.changes[i-1].Row.(*PersonCounts); ok {
			was = *c
		}
	} else if c, ok, err := get[*PersonCounts](f.view, k); err != nil {
		return err
	} else if ok {
		was = *c
	}
	now := PersonCounts{Alone: was.Alone + by.Alone, Further: was.Further + by.Further}
	f.mark(k)
	if now == (PersonCounts{}) {
		f.drop(k)
	} else {
		f.put(k, &now)
	}
	return nil
}

// touchedPersons returns what receivers may see otherwise once a person or a
// membership is another.
func touchedPersons(v View, e events.Event) ([]Key, error) {
	if e.Type != events.TypePersonUpdated {
		return memberKeys(v, Make(TableOrgMember, e.Organization, e.Resource))
	}
	p, ok, err := get[*Person](v, Make(TablePerson, e.Resource))
	if err != nil || !ok {
		return nil, err
	}
	var keys []Key
	for _, org := range p.Organizations {
		keys = append(keys, Make(TableOrgMember, org, p.ID))
	}
	return keys, nil
}

package directory

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
	"github.com/rollcallhq/rollcall/pkg/scim"
)

// addressFree refuses an address that a user of one of the organization's
// directories has, or a member other than but.
func addressFree(v View, org, email, but string) error {
	var found, failed error
	taken := func(id string) error {
		return fault.New(fault.Conflict, "A user with the e-mail address %q already exists in the organization: %s.", email, id)
	}
	if err := v.Scan(Make(TableOrgMemberEmail, org, scim.Fold(email)), "", func(k Key, _ Row) bool {
		if k.Last() != but {
			found = taken(k.Last())
		}
		return found == nil
	}); err != nil || found != nil {
		return firstOf(err, found)
	}
	err := v.Scan(Make(TableOrgDirectory, org), "", func(k Key, _ Row) bool {
		var u *User
		if u, failed = userAt(v, k.Last(), email); u != nil {
			found = taken(PersonIDOf(u))
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

package announce

import (
	"slices"
	"strings"

	"github.com/rollcallhq/rollcall/events/public"
	"github.com/rollcallhq/rollcall/pkg/directory"
)

// User returns what receivers see of a user, except for its version. It is the
// one place where a SCIM user becomes a user as receivers know it, and the same
// for every provider: what they do differently is evened out before, when SCIM
// is read.
//
// The wire reference (section 11.3) names the attributes. Those that are not
// known are left out. Where the directory has several values, the primary one
// counts, else the first for work, else the first.
func User(u *directory.User, s Standing, m Mapped) (public.User, error) {
	p, err := m.standard(u)
	if err != nil {
		return public.User{}, err
	}
	if s.Groups != nil {
		p.Groups = s.Groups
	}
	if s.Roles != nil {
		p.Roles = s.Roles
	}
	m.apply(&p)
	return p, nil
}

// standard returns the payload without the mapping, to be changed.
func (m Mapped) standard(u *directory.User) (public.User, error) {
	if m.plain == nil {
		return standard(u)
	}
	p := *m.plain
	p.CustomAttributes = map[string]any{}
	return p, nil
}

// Shown returns what receivers see of a user as of the view, which is a
// projector's, with the version of the last public event.
func Shown(v directory.View, u *directory.User) (public.User, error) {
	var m Mapped
	dir, ok, err := directory.Get[*directory.Directory](v, directory.Make(directory.TableDirectory, u.Directory))
	if err != nil {
		return public.User{}, err
	}
	if ok {
		if m, err = Map(dir, u); err != nil {
			return public.User{}, err
		}
	}
	standing, err := StandingOf(v, u)
	if err != nil {
		return public.User{}, err
	}
	p, err := User(u, standing, m)
	if err != nil {
		return public.User{}, err
	}
	p.Version, err = Version(v, u.ID)
	return p, err
}

// Names returns a user's names as Shown does, without the cost of the rest.
func Names(v directory.View, u *directory.User) (given, family string, err error) {
	dir, ok, err := directory.Get[*directory.Directory](v, directory.Make(directory.TableDirectory, u.Directory))
	if err != nil {
		return "", "", err
	}
	if ok && slices.ContainsFunc(dir.Mapping(), namesPerson) {
		m, err := Map(dir, u)
		if err != nil {
			return "", "", err
		}
		p, err := User(u, Standing{}, m)
		return p.GivenName, p.FamilyName, err
	}
	a, err := attributesOf(u.Attributes)
	return a.Name.GivenName, a.Name.FamilyName, err
}

// namesPerson reports whether a mapping changes what Names returns.
func namesPerson(a directory.Mapped) bool {
	return a.Standard && (a.Key == "given_name" || a.Key == "family_name")
}

// standard returns what receivers see of a user that is in no group and whose
// directory maps nothing.
func standard(u *directory.User) (public.User, error) {
	a, err := attributesOf(u.Attributes)
	if err != nil {
		return public.User{}, err
	}
	return public.User{
		Head: head(u.ID, u.Organization, u.Directory, 0), PreviousID: u.Previous, DirectoryProviderID: u.ExternalID, PreferredUsername: u.UserName,
		Email: u.Address, Active: u.Active,
		Name: a.wholeName(), GivenName: a.Name.GivenName, FamilyName: a.Name.FamilyName, Nickname: a.NickName,
		Title: a.Title, UserType: a.UserType,
		Department: a.Enterprise.Department, Division: a.Enterprise.Division, CostCenter: a.Enterprise.CostCenter,
		EmployeeID: a.Enterprise.EmployeeNumber, Organization: a.Enterprise.Organization,
		PhoneNumber: preferred(a.PhoneNumbers, "work"), Picture: preferred(a.Photos, "photo"), Profile: a.ProfileURL,
		Language: a.PreferredLanguage, Locale: a.languageTag(), Zoneinfo: a.Timezone,
		Address: a.address(), Manager: a.manager(),
		Groups: []public.GroupRef{}, Roles: []public.RoleRef{}, CustomAttributes: map[string]any{}, RawAttributes: u.Attributes,
	}, nil
}

// wholeName is the name as it is shown; where the directory has none it is put
// together from its parts.
func (a attributes) wholeName() string {
	switch {
	case a.DisplayName != "":
		return a.DisplayName
	case a.Name.Formatted != "":
		return a.Name.Formatted
	}
	return strings.TrimSpace(a.Name.GivenName + " " + a.Name.FamilyName)
}

// languageTag is the locale as a language tag (RFC 5646), also where a provider
// sends the form of POSIX, en_US.
func (a attributes) languageTag() string { return strings.ReplaceAll(a.Locale, "_", "-") }

func (a attributes) manager() *public.ManagerRef {
	m := public.ManagerRef{ID: a.Enterprise.Manager.Value, Name: a.Enterprise.Manager.DisplayName}
	if m == (public.ManagerRef{}) {
		return nil
	}
	return &m
}

// address is one postal address. Where it has no form as on an envelope, that is
// put together from its parts.
func (a attributes) address() *public.Address {
	x, ok := postal(a.Addresses)
	if !ok {
		return nil
	}
	p := public.Address{
		Formatted: x.Formatted, StreetAddress: x.StreetAddress, Locality: x.Locality,
		Region: x.Region, State: x.Region, PostalCode: x.PostalCode, Country: x.Country,
	}
	if p.Formatted == "" {
		p.Formatted = lines(p.StreetAddress, words(p.Locality, p.Region, p.PostalCode), p.Country)
	}
	if p == (public.Address{}) {
		return nil
	}
	return &p
}

func lines(parts ...string) string { return join("\n", parts) }
func words(parts ...string) string { return join(" ", parts) }

// join puts the parts that are not empty together.
func join(between string, parts []string) string {
	out := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" {
			out += between
		}
		out += p
	}
	return out
}

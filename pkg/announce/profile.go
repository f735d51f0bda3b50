package announce

import (
	"encoding/json"
	"errors"
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
	var a struct {
		Name struct {
			GivenName  text `json:"givenName"`
			FamilyName text `json:"familyName"`
		} `json:"name"`
	}
	if err := lenient(u.Attributes, &a); err != nil {
		return "", "", err
	}
	return string(a.Name.GivenName), string(a.Name.FamilyName), nil
}

// namesPerson reports whether a mapping changes what Names returns.
func namesPerson(a directory.Mapped) bool {
	return a.Standard && (a.Key == "given_name" || a.Key == "family_name")
}

// lenient reads what has the expected shape; the rest is left out.
func lenient(attributes []byte, into any) error {
	err := json.Unmarshal(attributes, into)
	if _, shape := errors.AsType[*json.UnmarshalTypeError](err); shape {
		return nil
	}
	return err
}

// standard returns what receivers see of a user that is in no group and whose
// directory maps nothing.
func standard(u *directory.User) (public.User, error) {
	var a attributes
	if err := lenient(u.Attributes, &a); err != nil {
		return public.User{}, err
	}
	return public.User{
		Head: head(u.ID, u.Organization, u.Directory, 0), PreviousID: u.Previous, DirectoryProviderID: u.ExternalID, PreferredUsername: u.UserName,
		Email: u.Address, Active: u.Active,
		Name: a.wholeName(), GivenName: string(a.Name.GivenName), FamilyName: string(a.Name.FamilyName), Nickname: string(a.NickName),
		Title: string(a.Title), UserType: string(a.UserType),
		Department: string(a.Enterprise.Department), Division: string(a.Enterprise.Division), CostCenter: string(a.Enterprise.CostCenter),
		EmployeeID: string(a.Enterprise.EmployeeNumber), Organization: string(a.Enterprise.Organization),
		PhoneNumber: preferred(a.PhoneNumbers, "work"), Picture: preferred(a.Photos, "photo"), Profile: string(a.ProfileURL),
		Language: string(a.PreferredLanguage), Locale: a.locale(), Zoneinfo: string(a.Timezone),
		Address: a.address(), Manager: a.manager(),
		Groups: []public.GroupRef{}, Roles: []public.RoleRef{}, CustomAttributes: map[string]any{}, RawAttributes: u.Attributes,
	}, nil
}

// wholeName is the name as it is shown; where the directory has none it is put
// together from its parts.
func (a *attributes) wholeName() string {
	switch {
	case a.DisplayName != "":
		return string(a.DisplayName)
	case a.Name.Formatted != "":
		return string(a.Name.Formatted)
	}
	return strings.TrimSpace(string(a.Name.GivenName) + " " + string(a.Name.FamilyName))
}

// locale is a language tag (RFC 5646), also where a provider sends the form of
// POSIX, en_US.
func (a *attributes) locale() string { return strings.ReplaceAll(string(a.Locale), "_", "-") }

func (a *attributes) manager() *public.ManagerRef {
	m := public.ManagerRef{ID: string(a.Enterprise.Manager.Value), Name: string(a.Enterprise.Manager.DisplayName)}
	if m == (public.ManagerRef{}) {
		return nil
	}
	return &m
}

// address is one postal address. Where it has no form as on an envelope, that is
// put together from its parts.
func (a *attributes) address() *public.Address {
	x, ok := postal(a.Addresses)
	if !ok {
		return nil
	}
	p := public.Address{
		Formatted: string(x.Formatted), StreetAddress: string(x.StreetAddress), Locality: string(x.Locality),
		Region: string(x.Region), State: string(x.Region), PostalCode: string(x.PostalCode), Country: string(x.Country),
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

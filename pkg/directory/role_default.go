package directory

import (
	"github.com/rollcallhq/rollcall/events"
	"github.com/rollcallhq/rollcall/pkg/fault"
)

// ChangeDefaultRoles sets the defaults that are set, by name; empty is none.
// An organization has only a member's of its own.
type ChangeDefaultRoles struct {
	Organization string  `json:"organization,omitempty"`
	Creator      *string `json:"creator,omitempty"`
	Member       *string `json:"member,omitempty"`
}

func (ChangeDefaultRoles) name() string { return "ChangeDefaultRoles" }

func (c ChangeDefaultRoles) decide(d *decision) error {
	was, err := Defaults(d.view, c.Organization)
	if err != nil {
		return err
	}
	e := events.Event{Organization: c.Organization, Resource: defaultsOf(c.Organization), Revision: 1}
	if row, ok, err := get[*DefaultRoles](d.view, Make(TableDefaultRoles, c.Organization)); err != nil {
		return err
	} else if ok {
		e.Revision = row.Revision + 1
	}
	if c.Organization != "" {
		if _, err := organization(d.view, c.Organization); err != nil {
			return err
		}
		if c.Creator != nil {
			return fault.New(fault.Invalid, "An organization has no default creator role of its own.")
		}
	}
	now := was
	for _, f := range []struct {
		to   *string
		name *string
	}{{&now.Creator, c.Creator}, {&now.Member, c.Member}} {
		switch {
		case f.name == nil:
			continue
		case *f.name == "":
			*f.to = ""
			continue
		}
		r, ok, err := RoleNamed(d.view, c.Organization, *f.name)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.NotFound, "There is no role %q.", *f.name)
		}
		*f.to = r.ID
	}
	d.resource = Make(TableDefaultRoles, c.Organization)
	if now == was {
		return nil
	}
	return d.emit(e, now)
}

// defaultsOf is what events call the default roles of an organization, or of all.
func defaultsOf(org string) string {
	if org == "" {
		return "default_roles"
	}
	return "default_roles/" + org
}

// Defaults returns the default roles by id: those of all, or the member's of one
// organization, empty if it has none of its own.
func Defaults(v View, org string) (events.DefaultRolesChanged, error) {
	r, ok, err := get[*DefaultRoles](v, Make(TableDefaultRoles, org))
	if err != nil || !ok {
		return events.DefaultRolesChanged{}, err
	}
	return r.DefaultRolesChanged, nil
}

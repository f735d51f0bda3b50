package announce

import (
	"errors"
	"strings"

	"github.com/rollcallhq/rollcall/pkg/scim/jsonvalue"
	"github.com/rollcallhq/rollcall/pkg/scim/schema"
)

// attributes is the part of a SCIM user that has a place of its own in the
// payload. Values of an unexpected type are read as absent: what a provider
// sends beside its schema still reaches receivers in raw_attributes, and must
// never stop a projector.
type attributes struct {
	name struct{ formatted, givenName, familyName string }

	displayName, nickName, title, userType, profileURL string
	preferredLanguage, locale, timezone                string

	phoneNumbers, photos []value
	addresses            []address
	enterprise           struct {
		employeeNumber, costCenter, organization, division, department string

		manager struct{ value, displayName string }
	}
}

// value is an element of a multi-valued attribute.
type value struct {
	value, typ string
	primary    bool
}

type address struct {
	formatted, streetAddress, locality, region, postalCode, country, typ string

	primary bool
}

// attributesOf reads canonical attributes, in which names are spelled as their
// schema does. It passes over what it does not need without reading it, as this
// is done for every event of a user.
//
// Errors: the row is damaged.
func attributesOf(canonical []byte) (a attributes, err error) {
	if !jsonvalue.IsObject(canonical) {
		return a, errors.New("the attributes are not one JSON object")
	}
	for name, v := range jsonvalue.Members(canonical) {
		switch string(name) {
		case "name":
			for name, v := range jsonvalue.Members(v) {
				switch string(name) {
				case "formatted":
					a.name.formatted = text(v)
				case "givenName":
					a.name.givenName = text(v)
				case "familyName":
					a.name.familyName = text(v)
				}
			}
		case "displayName":
			a.displayName = text(v)
		case "nickName":
			a.nickName = text(v)
		case "title":
			a.title = text(v)
		case "userType":
			a.userType = text(v)
		case "profileUrl":
			a.profileURL = text(v)
		case "preferredLanguage":
			a.preferredLanguage = text(v)
		case "locale":
			a.locale = text(v)
		case "timezone":
			a.timezone = text(v)
		case "phoneNumbers":
			a.phoneNumbers = valuesOf(v)
		case "photos":
			a.photos = valuesOf(v)
		case "addresses":
			a.addresses = addressesOf(v)
		case schema.EnterpriseURN:
			a.readEnterprise(v)
		}
	}
	return a, nil
}

func (a *attributes) readEnterprise(extension []byte) {
	for name, v := range jsonvalue.Members(extension) {
		switch string(name) {
		case "employeeNumber":
			a.enterprise.employeeNumber = text(v)
		case "costCenter":
			a.enterprise.costCenter = text(v)
		case "organization":
			a.enterprise.organization = text(v)
		case "division":
			a.enterprise.division = text(v)
		case "department":
			a.enterprise.department = text(v)
		case "manager":
			for name, v := range jsonvalue.Members(v) {
				switch string(name) {
				case "value":
					a.enterprise.manager.value = text(v)
				case "displayName":
					a.enterprise.manager.displayName = text(v)
				}
			}
		}
	}
}

func valuesOf(list []byte) (out []value) {
	for element := range jsonvalue.Elements(list) {
		var x value
		for name, v := range jsonvalue.Members(element) {
			switch string(name) {
			case "value":
				x.value = text(v)
			case "type":
				x.typ = text(v)
			case "primary":
				x.primary = isTrue(v)
			}
		}
		out = append(out, x)
	}
	return out
}

func addressesOf(list []byte) (out []address) {
	for element := range jsonvalue.Elements(list) {
		var x address
		for name, v := range jsonvalue.Members(element) {
			switch string(name) {
			case "formatted":
				x.formatted = text(v)
			case "streetAddress":
				x.streetAddress = text(v)
			case "locality":
				x.locality = text(v)
			case "region":
				x.region = text(v)
			case "postalCode":
				x.postalCode = text(v)
			case "country":
				x.country = text(v)
			case "type":
				x.typ = text(v)
			case "primary":
				x.primary = isTrue(v)
			}
		}
		out = append(out, x)
	}
	return out
}

// text reads a string, and anything else as empty.
func text(v []byte) string {
	s, _ := jsonvalue.Text(v)
	return s
}

// isTrue reads a boolean, and anything else as false.
func isTrue(v []byte) bool { return string(v) == "true" }

// preferred returns the primary element's value, else the first of the type,
// else the first. Elements without a value do not count.
func preferred(vs []value, typ string) string {
	var ofType, first string
	for _, v := range vs {
		switch {
		case v.value == "":
			continue
		case v.primary:
			return v.value
		case ofType == "" && strings.EqualFold(v.typ, typ):
			ofType = v.value
		}
		if first == "" {
			first = v.value
		}
	}
	if ofType != "" {
		return ofType
	}
	return first
}

// postal returns the address that receivers see, by the same rule as preferred.
func postal(as []address) (best address, ok bool) {
	for _, a := range as {
		if a.primary {
			return a, true
		}
	}
	for _, a := range as {
		if strings.EqualFold(a.typ, "work") {
			return a, true
		}
	}
	if len(as) == 0 {
		return address{}, false
	}
	return as[0], true
}

package announce

import (
	"encoding/json"
	"strings"
)

// attributes is the part of a SCIM user that has a place of its own in the
// payload. Values of an unexpected type are read as absent: what a provider
// sends beside its schema still reaches receivers in raw_attributes, and must
// never stop a projector.
type attributes struct {
	Name struct {
		Formatted  text `json:"formatted"`
		GivenName  text `json:"givenName"`
		FamilyName text `json:"familyName"`
	} `json:"name"`
	DisplayName       text      `json:"displayName"`
	NickName          text      `json:"nickName"`
	Title             text      `json:"title"`
	UserType          text      `json:"userType"`
	ProfileURL        text      `json:"profileUrl"`
	PreferredLanguage text      `json:"preferredLanguage"`
	Locale            text      `json:"locale"`
	Timezone          text      `json:"timezone"`
	PhoneNumbers      []value   `json:"phoneNumbers"`
	Photos            []value   `json:"photos"`
	Addresses         []address `json:"addresses"`
	Enterprise        struct {
		EmployeeNumber text `json:"employeeNumber"`
		CostCenter     text `json:"costCenter"`
		Organization   text `json:"organization"`
		Division       text `json:"division"`
		Department     text `json:"department"`
		Manager        struct {
			Value       text `json:"value"`
			DisplayName text `json:"displayName"`
		} `json:"manager"`
	} `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

// value is an element of a multi-valued attribute.
type value struct {
	Value   text `json:"value"`
	Type    text `json:"type"`
	Primary flag `json:"primary"`
}

type address struct {
	Formatted     text `json:"formatted"`
	StreetAddress text `json:"streetAddress"`
	Locality      text `json:"locality"`
	Region        text `json:"region"`
	PostalCode    text `json:"postalCode"`
	Country       text `json:"country"`
	Type          text `json:"type"`
	Primary       flag `json:"primary"`
}

// text reads a JSON string, and anything else as empty.
type text string

// UnmarshalJSON implements json.Unmarshaler; it never fails.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
	}
	return nil
}

// flag reads a JSON boolean, and anything else as false.
type flag bool

// UnmarshalJSON implements json.Unmarshaler; it never fails.
func (f *flag) UnmarshalJSON(b []byte) error {
	*f = string(b) == "true"
	return nil
}

// preferred returns the primary element's value, else the first of the type,
// else the first. Elements without a value do not count.
func preferred(vs []value, typ string) string {
	var ofType, first text
	for _, v := range vs {
		switch {
		case v.Value == "":
			continue
		case bool(v.Primary):
			return string(v.Value)
		case ofType == "" && strings.EqualFold(string(v.Type), typ):
			ofType = v.Value
		}
		if first == "" {
			first = v.Value
		}
	}
	if ofType != "" {
		return string(ofType)
	}
	return string(first)
}

// postal returns the address that receivers see, by the same rule as preferred.
func postal(as []address) (best address, ok bool) {
	for _, a := range as {
		if a.Primary {
			return a, true
		}
	}
	for _, a := range as {
		if strings.EqualFold(string(a.Type), "work") {
			return a, true
		}
	}
	if len(as) == 0 {
		return address{}, false
	}
	return as[0], true
}

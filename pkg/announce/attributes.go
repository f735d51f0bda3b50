package announce

import "encoding/json"

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

// first returns the primary element's value, else the first of the type, else
// the first.
func first(vs []value, typ string) string {
	best := ""
	for _, v := range vs {
		if v.Primary {
			return string(v.Value)
		}
	}
	for _, v := range vs {
		if string(v.Type) == typ {
			return string(v.Value)
		}
		if best == "" {
			best = string(v.Value)
		}
	}
	return best
}

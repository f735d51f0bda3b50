package announce

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// attributes is the part of a SCIM user that has a place of its own in the
// payload. Values of an unexpected type are read as absent: what a provider
// sends beside its schema still reaches receivers in raw_attributes, and must
// never stop a projector.
type attributes struct {
	Name              personName `json:"name"`
	DisplayName       string     `json:"displayName"`
	NickName          string     `json:"nickName"`
	Title             string     `json:"title"`
	UserType          string     `json:"userType"`
	ProfileURL        string     `json:"profileUrl"`
	PreferredLanguage string     `json:"preferredLanguage"`
	Locale            string     `json:"locale"`
	Timezone          string     `json:"timezone"`
	PhoneNumbers      []value    `json:"phoneNumbers"`
	Photos            []value    `json:"photos"`
	Addresses         []address  `json:"addresses"`
	Enterprise        enterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
}

type personName struct {
	Formatted  string `json:"formatted"`
	GivenName  string `json:"givenName"`
	FamilyName string `json:"familyName"`
}

type enterprise struct {
	EmployeeNumber string  `json:"employeeNumber"`
	CostCenter     string  `json:"costCenter"`
	Organization   string  `json:"organization"`
	Division       string  `json:"division"`
	Department     string  `json:"department"`
	Manager        manager `json:"manager"`
}

type manager struct {
	Value       string `json:"value"`
	DisplayName string `json:"displayName"`
}

// value is an element of a multi-valued attribute.
type value struct {
	Value   string `json:"value"`
	Type    string `json:"type"`
	Primary bool   `json:"primary"`
}

type address struct {
	Formatted     string `json:"formatted"`
	StreetAddress string `json:"streetAddress"`
	Locality      string `json:"locality"`
	Region        string `json:"region"`
	PostalCode    string `json:"postalCode"`
	Country       string `json:"country"`
	Type          string `json:"type"`
	Primary       bool   `json:"primary"`
}

// lax reads values of an unexpected type as absent.
var lax = json.JoinOptions(
	json.WithUnmarshalers(json.JoinUnmarshalers(
		only[string](jsontext.KindString), only[bool](jsontext.KindTrue, jsontext.KindFalse),
		only[[]value](jsontext.KindBeginArray), only[value](jsontext.KindBeginObject),
		only[[]address](jsontext.KindBeginArray), only[address](jsontext.KindBeginObject),
		only[personName](jsontext.KindBeginObject), only[enterprise](jsontext.KindBeginObject), only[manager](jsontext.KindBeginObject),
	)),
	jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
)

// only reads a T from values of these kinds and passes over others.
func only[T any](kinds ...jsontext.Kind) *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(d *jsontext.Decoder, _ *T) error {
		if slices.Contains(kinds, d.PeekKind()) {
			return errors.ErrUnsupported // as usual, then
		}
		return d.SkipValue()
	})
}

// attributesOf reads canonical attributes, in which names are spelled as their
// schema does.
//
// Errors: the row is damaged.
func attributesOf(canonical []byte) (a attributes, err error) {
	if err := json.Unmarshal(canonical, &a, lax); err != nil {
		return a, errors.New("the attributes are not one JSON object")
	}
	return a, nil
}

// preferred returns the primary element's value, else the first of the type,
// else the first. Elements without a value do not count.
func preferred(vs []value, typ string) string {
	var ofType, first string
	for _, v := range vs {
		switch {
		case v.Value == "":
			continue
		case v.Primary:
			return v.Value
		case ofType == "" && strings.EqualFold(v.Type, typ):
			ofType = v.Value
		}
		if first == "" {
			first = v.Value
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
		if a.Primary {
			return a, true
		}
	}
	for _, a := range as {
		if strings.EqualFold(a.Type, "work") {
			return a, true
		}
	}
	if len(as) == 0 {
		return address{}, false
	}
	return as[0], true
}
